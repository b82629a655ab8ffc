"""The suites `infer` and `train`: same answers, same losses, and what is really computed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cnnkit import _core, ops
from cnnkit.bench.case import check_peer
from cnnkit.bench.measure import breakdown as engine
from cnnkit.bench.measure.flop import executed_flop
from cnnkit.bench.measure.processes import measure, process_figures
from cnnkit.bench.peers.registry import RAW_PEERS, TRAINERS
from cnnkit.bench.suites import (
    NET_TOLERANCE,
    TRAIN_TOLERANCE,
    Material,
    infer_suite,
    initial_weights,
    make_suites,
    train_suite,
)
from cnnkit.bench.workloads.base import Layer
from cnnkit.bench.workloads.inference import RawWorkload, lit
from cnnkit.bench.workloads.training import STEPS, TrainWorkload
from cnnkit.data.dataset import Dataset
from cnnkit.errors import InputError
from cnnkit.graph.architecture import Architecture, Block
from cnnkit.graph.weights import Weights

VECTOR = pytest.mark.skipif(
    ops.isa() not in engine.VECTOR_ISAS, reason=f"the engine has no parts on {ops.isa()}"
)


@pytest.fixture(scope="module")
def material(trained: Weights, mnist: Dataset) -> Material:
    return Material(trained, mnist.test.images[:256], mnist.test.labels[:256], "trained, MNIST")


@pytest.fixture(scope="module")
def raw(material: Material) -> RawWorkload:
    (work,) = infer_suite(material, 16)
    assert isinstance(work, RawWorkload)
    return work


@pytest.fixture(scope="module")
def training(material: Material) -> TrainWorkload:
    (work,) = train_suite(material, None)
    assert isinstance(work, TrainWorkload)
    return work


# The same answers


# torch.compile takes many seconds a workload.
@pytest.mark.parametrize("name", [name for name in RAW_PEERS if name != "torch-compile"])
def test_a_peer_gives_the_logits_of_raw_pixels_or_is_missing(name: str, raw: RawWorkload) -> None:
    row = check_peer(name, RAW_PEERS[name], raw, threads=1).row
    if row.status == "missing":
        assert name in ("openvino", "jax", "onnxruntime-fused"), row.reason
    else:
        assert row.status == "timed", row.reason
        assert row.error is not None
        assert row.error <= NET_TOLERANCE


@pytest.mark.parametrize("name", [name for name in TRAINERS if name != "torch-compile"])
def test_a_peer_makes_the_steps_of_float64_and_begins_anew_each_time(
    name: str, training: TrainWorkload
) -> None:
    checked = check_peer(name, TRAINERS[name], training, threads=1)
    assert checked.row.status == "timed", checked.row.reason
    assert checked.ready is not None
    first, second = (checked.ready.read(checked.ready.call()) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert training.error_of(first) <= TRAIN_TOLERANCE
    assert first[-1] < first[0], "it learns"


def test_training_begins_at_the_initial_weights_whatever_was_trained(
    training: TrainWorkload, material: Material
) -> None:
    assert training.answer[0] == pytest.approx(np.log(10), abs=0.1)
    assert training.batch == 16
    assert training.images == 16 * STEPS
    assert train_suite(material, 4)[0].batch == 4


def test_another_network_is_timed_too_without_parts(material: Material) -> None:
    architecture = Architecture(blocks=(Block(8, 5, 2), Block(3)), classes=10)
    other = replace(material, weights=initial_weights(architecture))
    work = infer_suite(other, 2)[0]
    checked = check_peer("cnnkit", RAW_PEERS["cnnkit"], work, 1)
    assert checked.row.status == "timed", checked.row.reason
    assert checked.ready is not None
    assert checked.ready.flop is None
    assert work.parts() == ()
    assert check_peer("cnnkit", TRAINERS["cnnkit"], train_suite(other, 2)[0], 1).ready


def test_every_suite_that_is_documented_is_known() -> None:
    assert [work.batch for work in make_suites(["infer"])["infer"]] == [16, 1, 256]
    with pytest.raises(InputError, match="Choose among kernel, infer, net, train, fuse"):
        make_suites(["speed"])


# What is computed


def test_lit_tiles_and_windows_are_those_that_a_stroke_reaches() -> None:
    images = np.zeros((3, 1, 28, 28), np.uint8)
    images[1, 0, 13, 14] = 1  # one pixel is in the input of four tiles
    images[2] = 255
    tiles, windows = lit(images)
    assert tiles.sum((1, 2)).tolist() == [0, 4, 196]
    assert windows.sum((1, 2)).tolist() == [0, 9, 49]  # each tile is under two by two
    assert np.argwhere(tiles[1]).tolist() == [[6, 6], [6, 7], [7, 6], [7, 7]]


@VECTOR
def test_what_is_not_lit_is_answered_without_being_computed(raw: RawWorkload) -> None:
    """An image without a stroke costs what is left, and has the float64 answer all the same."""
    blank = replace(raw, x=np.zeros_like(raw.x))
    counts, ordinary = engine.inference_flop(blank), engine.inference_flop(raw)
    assert counts[engine.BLOCK2] == 0
    assert 0 < counts[engine.BLOCK1] < ordinary[engine.BLOCK1] / 2
    assert check_peer("cnnkit", RAW_PEERS["cnnkit"], blank, 1).row.status == "timed"


@VECTOR
def test_an_image_that_is_all_ink_executes_less_than_direct_convolution(raw: RawWorkload) -> None:
    inked = replace(raw, x=np.full_like(raw.x, 255))
    executed = sum(engine.inference_flop(inked).values())
    first, second = raw.layer_flop()
    assert 0.5 * first + second < executed * len(raw.x) < raw.flop


@VECTOR
def test_the_parts_of_a_step_are_all_timed_and_add_up(training: TrainWorkload) -> None:
    parts = training.parts()
    assert [part.name for part in parts] == [*engine.LEARNING, engine.STEP]
    assert all(part.seconds > 0 for part in parts)
    assert sum(part.executed_flop for part in parts) < training.flop / training.images


@VECTOR
def test_timing_parts_leaves_the_trainer_as_it_was(training: TrainWorkload) -> None:
    def trainer() -> _core.NetworkTrainer:
        return engine.new_trainer(training, training.labels.astype(np.uint8))

    order = np.arange(len(training.x))
    timed, other = trainer(), trainer()
    for learning in (False, True):
        for last in range(1, 7):
            timed.run_parts(order, last, learning)
    losses = [each.train(order, 16, 1e-3)[0].tobytes() for each in (timed, other)]
    assert losses[0] == losses[1]


def layer(cout: int, cin: int, kernel: int, stride: int = 1) -> Layer:
    weight = np.zeros((cout, cin, kernel, kernel), np.float32)
    return Layer(weight, None, (stride, stride), (kernel // 2, kernel // 2))


def test_executed_flop_are_those_of_the_algorithm() -> None:
    shape = (1, 64, 56, 56)
    direct = executed_flop("direct", layer(64, 64, 3), shape)
    assert direct == 2 * 56 * 56 * 64 * 64 * 9
    two, four = (
        executed_flop(name, layer(64, 64, 3), shape) for name in ("winograd-2x2", "winograd-4x4")
    )
    assert two is not None
    assert four is not None
    # The products fall to 16/36 and 36/144; the transforms add a little.
    assert 16 / 36 < two / direct < 16 / 36 + 0.05
    assert 36 / 144 < four / direct < 36 / 144 + 0.05
    stem = executed_flop("stem", layer(64, 3, 7, 2), (1, 3, 224, 224))
    assert stem == 2 * 112 * 112 * 64 * 3 * 49 * 9 / 14
    plain = executed_flop("stem", layer(64, 3, 5), (1, 3, 32, 32))
    assert plain == 2 * 32 * 32 * 64 * 3 * 25
    assert executed_flop("magic", layer(1, 1, 3), shape) is None


def test_every_algorithm_of_the_kernel_has_its_count() -> None:
    generator = np.random.default_rng(0)
    shapes = [((16, 1, 3, 3), 1), ((64, 64, 3, 3), 1), ((64, 3, 7, 7), 2), ((5, 64, 5, 5), 1)]
    found = set()
    for (shape, stride), precision in [(s, p) for s in shapes for p in ("default", "fast")]:
        weight = generator.random(shape, np.float32)
        algorithm = ops.ConvReLUPool(
            weight, stride=stride, padding=1, precision=precision
        ).algorithm
        found.add(algorithm)
        assert executed_flop(algorithm, layer(shape[0], shape[1], shape[2]), (1, shape[1], 32, 32))
    assert "direct" in found


# Whole processes


def test_a_process_is_measured_by_the_system() -> None:
    figure = measure("a second's work", ["-c", "x = bytearray(200_000_000)"], processes=1)
    assert figure is not None
    assert 200e6 < figure.resident_bytes < 400e6
    assert figure.processor_seconds > 0
    assert 0 < figure.seconds < 60
    assert "MB resident" in str(figure)
    assert measure("nothing", ["-c", "raise SystemExit(1)"], processes=1) is None


def test_starting_is_told_beside_onnx_runtimes_own_start() -> None:
    alone, ours, theirs = process_figures("infer", None, processes=1)
    assert "cnnkit" in ours.name
    assert "ONNX Runtime" in theirs.name
    assert min(figure.processor_seconds for figure in (alone, ours, theirs)) > 0
    assert process_figures("kernel", None) == []


def test_training_never_loads_pytorch_and_stays_below_400_megabytes(
    mnist: Dataset, tmp_path: Path
) -> None:
    code = (
        "import sys; from cnnkit.cli import main; "
        "code = main(['train', '--epochs', '1', '--quiet', '--output', sys.argv[1]]); "
        "sys.exit(code or int('torch' in sys.modules))"
    )
    figure = measure("one epoch", ["-c", code, str(tmp_path / "run")], processes=1)
    assert figure is not None, "it failed, or loaded PyTorch"
    assert figure.resident_bytes <= 400e6
