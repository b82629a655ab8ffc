"""Every network of the family: one architecture drives both engines, runs and artefacts."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from support.training import all_losses, settings
from torch import nn

import cnnkit
from cnnkit import _core, ops
from cnnkit.data.dataset import Dataset, Split
from cnnkit.data.idx import write_idx
from cnnkit.data.load import load_dataset
from cnnkit.data.registry import FILES
from cnnkit.errors import InputError
from cnnkit.export.pipeline import export
from cnnkit.formats.checkpoint import read_weights
from cnnkit.formats.options import Options
from cnnkit.graph.architecture import PIXEL_SCALE, Architecture, Block
from cnnkit.nn.network import Network, network_from
from cnnkit.runs.state import read_state, write_state
from cnnkit.train.engines.native import NativeEngine
from cnnkit.train.engines.pytorch import TorchEngine, one_thread
from cnnkit.train.trainer import TrainConfig, TrainResult, resume, train

pytestmark = pytest.mark.usefixtures("no_pictures")

ISAS = ops.available_isas()
ON_EVERY_ISA = pytest.mark.parametrize("isa", ISAS)

MEMBERS = {
    "one block": Architecture(blocks=(Block(8),), classes=10),
    "sides that floor": Architecture((1, 29, 31), (Block(5, 3, 0, 2), Block(7, 3, 1, 3)), 10),
    "three channels": Architecture((3, 32, 32), (Block(16), Block(24), Block(8)), 12),
    "four blocks": Architecture((2, 28, 28), (Block(4), Block(6, 2), Block(3, 1, 0), Block(5)), 3),
    "wide kernels": Architecture((1, 28, 28), (Block(6, 11, 5, 2), Block(4, 5, 2, 2)), 10),
    "no pool": Architecture((1, 14, 10), (Block(3, 4, 1, 1), Block(17, 3, 1, 4)), 26),
    "many channels": Architecture((3, 12, 12), (Block(33), Block(40)), 10),
}  # fmt: skip
ON_EVERY_MEMBER = pytest.mark.parametrize("member", MEMBERS)


def drawn(architecture: Architecture, count: int, seed: int = 0) -> Split:
    """Random images with a brighter square whose place tells the class: there is much to learn."""
    generator = np.random.default_rng(seed)
    images = generator.integers(0, 120, (count, *architecture.input), np.uint8)
    labels = generator.integers(0, architecture.classes, count)
    _, height, width = architecture.input
    for image, label in zip(images, labels, strict=True):
        row, column = divmod(int(label) * 7, width - 3)
        image[:, row % (height - 3) :, column:][:, :4, :4] += 130
    return Split(images, labels)


def gradients(
    architecture: Architecture, split: Split, isa: str
) -> tuple[float, dict[str, NDArray[np.float32]], int]:
    """Return loss, gradients by name and number correct of all images as one batch."""
    start = architecture.join(architecture.initial_parameters(0))
    zero, labels = np.zeros_like(start), split.labels.astype(np.uint8)
    trainer = _core.NetworkTrainer(
        split.images, labels, start, zero, zero, 0, isa, architecture.sizes
    )
    loss, values, correct = trainer.gradients(np.arange(len(labels)))
    return loss, architecture.split(values), correct


def random_member(generator: np.random.Generator) -> Architecture:
    """Return a random network whose feature maps are not empty."""
    while True:
        blocks = []
        for _ in range(generator.integers(1, 5)):
            kernel = int(generator.integers(1, 12))
            channels = int(generator.choice([1, 2, 4, 8, 16, 17, 32]))
            padding = int(generator.integers(0, kernel // 2 + 1))
            blocks.append(Block(channels, kernel, padding, int(generator.integers(1, 4))))
        channels, classes = int(generator.choice([1, 2, 3])), int(generator.choice([2, 7, 10, 26]))
        height, width = (int(side) for side in generator.integers(8, 33, 2))
        architecture = Architecture((channels, height, width), tuple(blocks), classes)
        try:
            architecture.feature_shapes()
        except InputError:
            continue
        return architecture


@one_thread()
def check_against_float64(architecture: Architecture, split: Split, isa: str) -> None:
    exact = Network(architecture, seed=0).double()
    log_p = exact(torch.from_numpy(split.images).double() * PIXEL_SCALE)
    wanted = nn.NLLLoss()(log_p, torch.from_numpy(split.labels))
    wanted.backward()
    loss, found, correct = gradients(architecture, split, isa)
    assert loss == pytest.approx(wanted.item(), rel=1e-6)
    assert correct == int((log_p.argmax(1).numpy() == split.labels).sum())
    for name, parameter in exact.named_parameters():
        assert parameter.grad is not None
        expected = parameter.grad.numpy()
        error = float(np.abs(found[name] - expected).max())
        assert error <= 5e-6 * float(np.abs(expected).max()), (architecture, name)
    parameters = architecture.join(architecture.initial_parameters(0))
    network = _core.Network(parameters, isa, architecture.sizes)
    found_log_p = network.log_probabilities(split.images)
    assert float(np.abs(found_log_p - log_p.detach().numpy()).max()) <= 1e-6


# The same numbers as PyTorch's


@ON_EVERY_ISA
@ON_EVERY_MEMBER
def test_gradients_and_log_probabilities_are_those_of_float64(isa: str, member: str) -> None:
    check_against_float64(MEMBERS[member], drawn(MEMBERS[member], 21), isa)


@ON_EVERY_ISA
def test_gradients_of_random_members_are_those_of_float64(isa: str) -> None:
    generator = np.random.default_rng(4)
    for count in (1, 5, 16, 40) * 5:
        architecture = random_member(generator)
        images = generator.integers(0, 256, (count, *architecture.input), np.uint8)
        labels = generator.integers(0, architecture.classes, count)
        check_against_float64(architecture, Split(images, labels), isa)


# Of data without near ties: rounding would decide which pixel of a pool window gets a gradient.
SEEDS = {"three channels": 1, "many channels": 1}
TIES = {"three channels": 60}  # steps before the first near tie, which no seed lacks


@cache
@one_thread()  # small steps: on a busy machine, threads would wait for each other
def exact_losses(member: str) -> NDArray[np.float64]:
    """Return the losses of 200 steps of 8 images by PyTorch in float64."""
    architecture = MEMBERS[member]
    split = drawn(architecture, 1600, SEEDS.get(member, 0))
    network = Network(architecture, seed=0).double()
    adam = torch.optim.Adam(network.parameters(), lr=1e-4)
    losses = []
    for start in range(0, 1600, 8):
        adam.zero_grad()
        images = torch.from_numpy(split.images[start : start + 8]).double() * PIXEL_SCALE
        labels = torch.from_numpy(split.labels[start : start + 8])
        loss = nn.NLLLoss()(network(images), labels)
        loss.backward()
        adam.step()
        losses.append(loss.item())
    return np.array(losses)


@ON_EVERY_MEMBER
@ON_EVERY_ISA
def test_the_first_200_steps_have_the_losses_of_float64(isa: str, member: str) -> None:
    architecture = MEMBERS[member]
    split = drawn(architecture, 1600, SEEDS.get(member, 0))
    engine = NativeEngine(settings(split, 1e-4, architecture), isa)
    losses = all_losses(engine, np.arange(1600), 8)
    same = TIES.get(member, 200)
    np.testing.assert_allclose(losses[:same], exact_losses(member)[:same], rtol=1e-5)
    np.testing.assert_allclose(losses, exact_losses(member), rtol=2e-3)


# Repeatable


@ON_EVERY_ISA
def test_any_grouping_of_steps_gives_the_same_bits(isa: str) -> None:
    architecture = MEMBERS["sides that floor"]
    split, order = drawn(architecture, 167), np.arange(167)
    written = []
    for at_once in (1, 4, 50):
        engine = NativeEngine(settings(split, 1e-3, architecture), isa)
        losses: list[float] = []
        for start in range(0, len(order), 8 * at_once):
            losses += engine.trainer.train(order[start : start + 8 * at_once], 8, 1e-3)[0].tolist()
        written.append((losses, {k: v.tobytes() for k, v in engine.state().items()}))
    assert written[0] == written[1] == written[2]


def test_a_large_batch_is_one_step_in_little_memory() -> None:
    architecture = MEMBERS["one block"]
    split = drawn(architecture, 500)
    engine = NativeEngine(settings(split, 1e-3, architecture))
    other = TorchEngine(settings(split, 1e-3, architecture))
    np.testing.assert_allclose(
        all_losses(engine, np.arange(500), 10**6), all_losses(other, np.arange(500), 500), rtol=1e-6
    )
    for name, array in other.state().items():
        np.testing.assert_allclose(engine.state()[name], array, rtol=0, atol=2e-5, err_msg=name)


@ON_EVERY_ISA
def test_values_that_overflow_are_a_loss_that_is_not_finite(isa: str) -> None:
    architecture = MEMBERS["three channels"]
    split = drawn(architecture, 64)
    engine = NativeEngine(settings(split, 1e30, architecture), isa)
    losses = all_losses(engine, np.arange(64), 8)
    assert len(losses) <= 3
    assert not np.isfinite(losses[-1])


# From the command line


@pytest.fixture(scope="module")
def colours(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An IDX folder of 32x32 images in three channels and 12 classes, in files called idx4."""
    folder = tmp_path_factory.mktemp("colours")
    for split, (images, labels) in zip(
        (drawn(MEMBERS["three channels"], 600), drawn(MEMBERS["three channels"], 300, 1)),
        (FILES[:2], FILES[2:]),
        strict=True,
    ):
        write_idx(folder / images.replace("idx3", "idx4"), split.images)
        write_idx(folder / labels, split.labels.astype(np.uint8))
    return folder


def trained(folder: Path, colours: Path, **changes: Any) -> TrainResult:
    given = {"channels": (6, 9), "kernel": 5, "epochs": 4, "learning_rate": 1e-3, **changes}
    return train(TrainConfig(data=colours, output=folder, **given), pictures=False)


def test_a_custom_network_trains_exports_and_predicts(
    cli: Callable[..., Any], colours: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    words = ("--channels", "6,9", "--kernel", 5, "--pool", 3, "--epochs", 4, "--lr", 0.003)
    result = cli("train", "--data", colours, *words, "-o", run, "--json")
    assert result.exit_code == 0, result.stderr
    document = json.loads(result.stdout)
    assert document["config"]["engine"] == "native"
    assert (document["config"]["channels"], document["config"]["kernel"]) == ([6, 9], 5)
    assert document["test_accuracy"] > 0.5  # of 12 classes
    weights = read_weights(run / "weights.safetensors")
    blocks = (Block(6, 5, 2, 3), Block(9, 5, 2, 3))
    assert weights.architecture == Architecture((3, 32, 32), blocks, 12)
    data = load_dataset("mnist", colours)
    right = (cnnkit.load(run)(data.test.images).label == data.test.labels).mean()
    assert right == document["test_accuracy"]
    with torch.inference_mode():
        expected = network_from(weights.graph)(
            torch.from_numpy(data.test.images) * PIXEL_SCALE
        ).numpy()
    for name, file in (("onnx", "net.onnx"), ("torchscript", "net.pt")):
        assert export(weights, name, tmp_path / file, Options(data)).passed
    found = cnnkit.load(tmp_path / "net.onnx")(data.test.images)
    most = 1e-6 * np.abs(expected).max()  # the tolerance of the bench
    np.testing.assert_allclose(np.log(found.probabilities), expected, rtol=0, atol=most)


def test_both_engines_train_the_same_network(colours: Path, tmp_path: Path) -> None:
    results = [trained(tmp_path / engine, colours, engine=engine) for engine in ("native", "torch")]
    ours, theirs = ([record["train_loss"] for record in result.history] for result in results)
    np.testing.assert_allclose(ours, theirs, rtol=1e-3)


def test_resuming_gives_the_bytes_of_a_run_without_a_stop(colours: Path, tmp_path: Path) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    trained(whole, colours)
    trained(parts, colours, epochs=2)
    resume(parts, epochs=4, pictures=False)
    assert (whole / "weights.safetensors").read_bytes() == (
        parts / "weights.safetensors"
    ).read_bytes()
    again, theirs = read_state(parts).engine, read_state(whole).engine
    assert all(again[name].tobytes() == theirs[name].tobytes() for name in theirs)


def test_a_loss_that_is_not_finite_keeps_the_last_good_epoch(
    cli: Callable[..., Any], colours: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    trained(run, colours, epochs=1)
    before = read_weights(run / "weights.safetensors").sha256
    state = read_state(run)
    state.config["learning_rate"] = 1e30
    write_state(run, state)
    result = cli("train", "--resume", run, "--epochs", 3)
    assert result.exit_code == 1
    assert "1 complete epoch of 3 kept. Train again with a lower --lr." in result.stderr
    assert read_weights(run / "weights.safetensors").sha256 == before
    assert len(read_state(run).history) == 1


def test_a_rate_at_which_learning_collapses_ends_with_finite_weights(
    colours: Path, tmp_path: Path
) -> None:
    result = trained(tmp_path / "run", colours, learning_rate=0.05)
    assert len(result.history) == 4
    assert all(np.isfinite(record["train_loss"]) for record in result.history)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--channels", "16,"), "--channels: is 16,. Give whole numbers, such as 16,4"),
        (("--channels", "0"), "--channels: is 0. Make it 1 to 4 numbers between 1 and 1024"),
        (("--channels", "1,2,3,4,5"), "--channels: is 1,2,3,4,5. Make it 1 to 4 numbers"),
        (("--kernel", "12"), "--kernel: is 12. Make it 1 to 11"),
        (("--pool", "0"), "--pool: is 0. Make it 1 or more"),
        (("--pool", "6"), "of its 5x5 input"),
        (
            ("--pool", "16", "--channels", "4", "--engine", "native"),
            "of at most 15, not 16",
        ),
    ],
)
def test_an_impossible_network_is_refused(
    words: tuple[str, ...], message: str, cli: Callable[..., Any], colours: Path, tmp_path: Path
) -> None:
    result = cli("train", "--data", colours, *words, "-o", tmp_path / "run")
    assert result.exit_code == 2
    assert message in result.stderr
    assert not (tmp_path / "run").exists()


def test_photos_get_the_size_of_a_network_of_colour_images(
    cli: Callable[..., Any], colours: Path, tmp_path: Path
) -> None:
    trained(tmp_path / "run", colours, epochs=1)
    Image.new("RGB", (50, 40), (200, 30, 30)).save(tmp_path / "x.png")
    result = cli("predict", tmp_path / "run", tmp_path / "x.png")
    assert result.exit_code == 0
    assert "resized to 32x32 RGB" in result.stderr


def test_channels_of_other_images_are_named(colours: Path, tmp_path: Path, mnist: Dataset) -> None:
    for file in colours.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    write_idx(tmp_path / FILES[2].replace("idx3", "idx4"), mnist.test.images[:300])
    with pytest.raises(InputError, match=r"has images of 28x28, .* of 3x32x32"):
        load_dataset("mnist", tmp_path)


# Bad arguments


@pytest.mark.parametrize(
    "sizes",
    [
        (),
        ((1, 28, 28), (), 10),
        ((1, 28, 28), ((16, 3, 1),), 10),
        ((1, 28, 28), ((16, 3, 1, 29),), 10),
        ((1, 28, 28), ((16, 3, 1, 16),), 10),
        ((1, 28, 28), ((0, 3, 1, 2),), 10),
        ((1, 28, 28), ((16, 3, -1, 2),), 10),
        ((1, 28, 28), ((16, 31, 1, 2),), 10),
        ((1, 28, 28), ((16, 3, 1, 2),), 257),
        ((4096, 4096, 4096), ((16, 3, 1, 2),), 10),
    ],
)
def test_sizes_that_make_no_network_are_refused(sizes: Any) -> None:
    with pytest.raises(InputError, match=r"^architecture: is \("):
        _core.Network(np.zeros(2710, np.float32), None, sizes)


def test_parameters_of_another_network_are_refused() -> None:
    sizes = replace(Architecture(), classes=9).sizes
    with pytest.raises(InputError, match=r"^parameters: is .* float32 \[2513\]"):
        _core.Network(np.zeros(2710, np.float32), None, sizes)
