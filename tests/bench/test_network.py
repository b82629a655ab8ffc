"""The suites `infer` and `train`: same outputs, same losses, and the FLOP that are executed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from cnnkit import _core, ops
from cnnkit.bench.case import verify_peer
from cnnkit.bench.measure import native_flop
from cnnkit.bench.measure.breakdown import new_trainer, time_parts
from cnnkit.bench.measure.flop import executed_flop
from cnnkit.bench.measure.processes import measure, process_figures
from cnnkit.bench.peers.onnx_graph import OPSET, onnx_model
from cnnkit.bench.peers.registry import INFERENCE_PEERS, TRAINING_PEERS
from cnnkit.bench.subject import BenchData, Model, initial_weights
from cnnkit.bench.suites import (
    LAYERS,
    NET_TOLERANCE,
    TRAIN_TOLERANCE,
    infer_suite,
    layers_work,
    make_suites,
    train_suite,
)
from cnnkit.bench.workloads.base import ConvBlock
from cnnkit.bench.workloads.inference import InferenceWorkload
from cnnkit.bench.workloads.training import STEPS, TrainingWorkload
from cnnkit.data.dataset import Dataset
from cnnkit.errors import InputError
from cnnkit.formats.onnx.writer import write_onnx
from cnnkit.formats.options import Options
from cnnkit.graph.architecture import Architecture, Block
from cnnkit.graph.weights import Weights

VECTOR = pytest.mark.skipif(
    ops.isa() not in native_flop.VECTOR_ISAS, reason=f"the engine has no parts on {ops.isa()}"
)


@pytest.fixture(scope="module")
def data(trained: Weights, mnist: Dataset) -> BenchData:
    return BenchData(trained, mnist.test.images[:256], mnist.test.labels[:256], "trained, MNIST")


@pytest.fixture(scope="module")
def inference(data: BenchData) -> InferenceWorkload:
    (work,) = infer_suite(data, 16)
    assert isinstance(work, InferenceWorkload)
    return work


@pytest.fixture(scope="module")
def training(data: BenchData) -> TrainingWorkload:
    work = train_suite(data, None)[0]
    assert isinstance(work, TrainingWorkload)
    return work


# The same outputs


# torch.compile takes many seconds a workload.
@pytest.mark.parametrize("name", [name for name in INFERENCE_PEERS if name != "torch-compile"])
def test_a_peer_returns_the_logits_of_raw_pixels_or_is_missing(
    name: str, inference: InferenceWorkload
) -> None:
    row = verify_peer(name, INFERENCE_PEERS[name], inference, threads=1).row
    if row.status == "missing":
        assert name in ("openvino", "jax", "onnxruntime-fused"), row.reason
    else:
        assert row.status == "timed", row.reason
        assert row.error is not None
        assert row.error <= NET_TOLERANCE


def graph_of(content: bytes) -> list[tuple[str, dict[str, object], list[bytes]]]:
    """Return each node's operator, attributes with their defaults, and parameters."""
    model = onnx.load_from_string(content)
    tensors = {t.name: numpy_helper.to_array(t).tobytes() for t in model.graph.initializer}
    nodes = []
    for node in model.graph.node:
        schema = onnx.defs.get_schema(node.op_type, OPSET)
        defaults = [a.default_value for a in schema.attributes.values() if a.default_value.name]
        values = {a.name: helper.get_attribute_value(a) for a in (*defaults, *node.attribute)}
        if node.op_type in ("Conv", "MaxPool"):  # defaults that the schema states in words
            values = {"strides": [1, 1], "pads": [0, 0, 0, 0], **values}
        nodes.append((node.op_type, values, [tensors[i] for i in node.input if i in tensors]))
    return nodes


def test_onnx_runtimes_run_the_graph_that_export_writes(
    inference: InferenceWorkload, trained: Weights, mnist: Dataset
) -> None:
    exported = graph_of(write_onnx(trained, Options(mnist))[".onnx"])
    assert graph_of(onnx_model(inference)) == exported
    assert len(exported) == 12


@pytest.mark.parametrize("name", [name for name in TRAINING_PEERS if name != "torch-compile"])
def test_a_peer_takes_the_steps_of_float64_and_starts_again_each_time(
    name: str, training: TrainingWorkload
) -> None:
    verified = verify_peer(name, TRAINING_PEERS[name], training, threads=1)
    assert verified.row.status == "timed", verified.row.reason
    prepared = verified.prepared
    assert prepared is not None
    first, second = (prepared.to_array(prepared.run()) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert training.error_of(first) <= TRAIN_TOLERANCE
    assert first[-1] < first[0], "it learns"


@pytest.mark.parametrize("name", ["cnnkit", "torch", "torch-loop"])
def test_a_stack_for_colours_is_trained_as_in_float64(name: str, data: BenchData) -> None:
    work = train_suite(data, 2)[1]
    assert work.x.shape == (2 * STEPS, 3, 32, 32)
    assert len(work.blocks) == 3
    verified = verify_peer(name, TRAINING_PEERS[name], work, threads=1)
    assert verified.row.status == "timed", verified.row.reason
    assert time_parts(work) == ()


def test_training_starts_from_the_initial_weights(
    training: TrainingWorkload, data: BenchData
) -> None:
    assert training.reference[0] == pytest.approx(np.log(10), abs=0.1)
    assert training.batch == 16
    assert training.images == 16 * STEPS
    assert train_suite(data, 4)[0].batch == 4


@pytest.mark.parametrize("name", ["cnnkit", "torch"])
@pytest.mark.parametrize("network", LAYERS)
def test_networks_of_several_linear_layers_take_the_steps_of_float64(
    network: str, name: str
) -> None:
    work = layers_work(network, 2)
    verified = verify_peer(name, TRAINING_PEERS[name], work, threads=1)
    assert verified.row.status == "timed", verified.row.reason
    assert work.flop > 0
    assert time_parts(work) == ()


def test_another_network_is_timed_too_without_parts(data: BenchData) -> None:
    architecture = Architecture(blocks=(Block(8, 5, 2), Block(3)), classes=10)
    other = replace(data, weights=initial_weights(architecture))
    work = infer_suite(other, 2)[0]
    verified = verify_peer("cnnkit", INFERENCE_PEERS["cnnkit"], work, 1)
    assert verified.row.status == "timed", verified.row.reason
    assert verified.prepared is not None
    assert verified.prepared.flop is None
    assert time_parts(work) == ()
    assert verify_peer("cnnkit", TRAINING_PEERS["cnnkit"], train_suite(other, 2)[0], 1).prepared


def test_every_suite_that_is_documented_is_known() -> None:
    assert [work.batch for work in make_suites(["infer"])["infer"]] == [16, 1, 256]
    with pytest.raises(InputError, match="kernel, infer, network, zoo, net, train, fuse"):
        make_suites(["speed"])


# What is executed


def test_tiles_and_windows_that_a_stroke_reaches_are_not_blank() -> None:
    images = np.zeros((3, 1, 28, 28), np.uint8)
    images[1, 0, 13, 14] = 1  # one pixel is in the input of four tiles
    images[2] = 255
    tiles, windows = native_flop.non_blank(images)
    assert tiles.sum((1, 2)).tolist() == [0, 4, 196]
    assert windows.sum((1, 2)).tolist() == [0, 9, 49]  # each tile is under two by two
    assert np.argwhere(tiles[1]).tolist() == [[6, 6], [6, 7], [7, 6], [7, 7]]


@VECTOR
def test_blank_images_execute_less_and_have_the_right_output(inference: InferenceWorkload) -> None:
    blank = replace(inference, x=np.zeros_like(inference.x))
    counts, ordinary = native_flop.inference_flop(blank), native_flop.inference_flop(inference)
    assert counts[native_flop.BLOCK2] == 0
    assert 0 < counts[native_flop.BLOCK1] < ordinary[native_flop.BLOCK1] / 2
    assert verify_peer("cnnkit", INFERENCE_PEERS["cnnkit"], blank, 1).row.status == "timed"


@VECTOR
def test_images_without_blank_tiles_execute_less_than_direct_convolution(
    inference: InferenceWorkload,
) -> None:
    white = replace(inference, x=np.full_like(inference.x, 255))
    executed = sum(native_flop.inference_flop(white).values())
    first, second = inference.block_flop()
    assert 0.5 * first + second < executed * len(inference.x) < inference.flop


@VECTOR
def test_the_parts_of_a_step_are_all_timed_and_add_up(training: TrainingWorkload) -> None:
    parts = time_parts(training)
    names = [*native_flop.FORWARD, *native_flop.BACKWARD, native_flop.STEP]
    assert [part.name for part in parts] == names
    assert all(part.seconds > 0 for part in parts)
    assert sum(part.executed_flop for part in parts) < training.flop / training.images


@VECTOR
def test_timing_parts_leaves_the_trainer_as_it_was(training: TrainingWorkload) -> None:
    def trainer() -> _core.NetworkTrainer:
        return new_trainer(training, training.labels.astype(np.uint8))

    order = np.arange(len(training.x))
    timed, other = trainer(), trainer()
    for learning in (False, True):
        for last in range(1, 7):
            timed.run_parts(order, last, learning)
    losses = [each.train(order, 16, 1e-3)[0].tobytes() for each in (timed, other)]
    assert losses[0] == losses[1]


def block(cout: int, cin: int, kernel: int, stride: int = 1) -> ConvBlock:
    weight = np.zeros((cout, cin, kernel, kernel), np.float32)
    return ConvBlock(weight, None, (stride, stride), (kernel // 2, kernel // 2))


def test_executed_flop_are_those_of_the_algorithm() -> None:
    shape = (1, 64, 56, 56)
    direct = executed_flop("direct", block(64, 64, 3), shape)
    assert direct == 2 * 56 * 56 * 64 * 64 * 9
    two, four = (
        executed_flop(name, block(64, 64, 3), shape) for name in ("winograd-2x2", "winograd-4x4")
    )
    assert two is not None
    assert four is not None
    # The products fall to 16/36 and 36/144; the transforms add a little.
    assert 16 / 36 < two / direct < 16 / 36 + 0.05
    assert 36 / 144 < four / direct < 36 / 144 + 0.05
    stem = executed_flop("stem", block(64, 3, 7, 2), (1, 3, 224, 224))
    assert stem == 2 * 112 * 112 * 64 * 3 * 49 * 9 / 14
    plain = executed_flop("stem", block(64, 3, 5), (1, 3, 32, 32))
    assert plain == 2 * 32 * 32 * 64 * 3 * 25
    assert executed_flop("magic", block(1, 1, 3), shape) is None


def test_every_algorithm_of_the_kernel_has_its_flop_count() -> None:
    generator = np.random.default_rng(0)
    shapes = [((16, 1, 3, 3), 1), ((64, 64, 3, 3), 1), ((64, 3, 7, 7), 2), ((5, 64, 5, 5), 1)]
    found = set()
    for (shape, stride), precision in [(s, p) for s in shapes for p in ("default", "fast")]:
        weight = generator.random(shape, np.float32)
        algorithm = ops.ConvReLUPool(
            weight, stride=stride, padding=1, precision=precision
        ).algorithm
        found.add(algorithm)
        assert executed_flop(algorithm, block(shape[0], shape[1], shape[2]), (1, shape[1], 32, 32))
    assert "direct" in found


# Whole processes


def test_a_process_is_measured_by_the_operating_system() -> None:
    figure = measure("an allocation", ["-c", "x = bytearray(200_000_000)"], processes=1)
    assert figure is not None
    assert 200e6 < figure.resident_bytes < 400e6
    assert figure.processor_seconds > 0
    assert 0 < figure.seconds < 60
    assert "MB resident" in str(figure)
    assert measure("nothing", ["-c", "raise SystemExit(1)"], processes=1) is None


def test_the_start_is_measured_beside_onnx_runtimes() -> None:
    alone, ours, theirs = process_figures("infer", Model(), processes=1)
    assert "cnnkit" in ours.name
    assert "ONNX Runtime" in theirs.name
    assert min(figure.processor_seconds for figure in (alone, ours, theirs)) > 0
    assert process_figures("kernel", Model()) == []


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
