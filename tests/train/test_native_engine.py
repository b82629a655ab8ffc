"""The native engine makes PyTorch's steps, on every instruction set, without PyTorch."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from cnnkit import _core, load, ops
from cnnkit.bench.measure.breakdown import VECTOR_ISAS
from cnnkit.data.dataset import Dataset, Split
from cnnkit.data.sampling import epoch_order
from cnnkit.errors import InputError
from cnnkit.graph.architecture import PIXEL_SCALE, Architecture, Block
from cnnkit.graph.weights import Weights
from cnnkit.nn.network import Network, network_from
from cnnkit.runs.state import read_state
from cnnkit.runs.training_state import fresh_state
from cnnkit.runtimes.native import network
from cnnkit.train.engines.base import choose_engine
from cnnkit.train.engines.native import NativeEngine
from cnnkit.train.engines.pytorch import TorchEngine

ISAS = ops.available_isas()
PUBLISHED = Architecture()
ON_EVERY_ISA = pytest.mark.parametrize("isa", ISAS)

Losses = tuple[list[float], list[int]]


def native(split: Split, rate: float = 1e-4, isa: str | None = None, seed: int = 0) -> NativeEngine:
    return NativeEngine(PUBLISHED, split, rate, "cpu", fresh_state(PUBLISHED, seed), isa)


def all_losses(engine: Any, order: NDArray[np.int64], batch_size: int) -> list[float]:
    return [loss for losses, _ in engine.steps(order, batch_size) for loss in losses]


def network64(seed: int) -> Network:
    exact = Network(seed=seed)
    return exact.double()


def pixels64(images: NDArray[np.uint8]) -> torch.Tensor:
    return torch.from_numpy(images).double() * PIXEL_SCALE


def losses64(split: Split, order: NDArray[np.int64], batch_size: int, rate: float) -> list[float]:
    """Train with PyTorch's Adam in float64; what it rounds does not show in float32."""
    exact, losses = network64(0), []
    adam = torch.optim.Adam(exact.parameters(), lr=rate)
    labels = torch.from_numpy(split.labels).long()
    for start in range(0, len(order), batch_size):
        batch = order[start : start + batch_size]
        adam.zero_grad()
        loss = nn.NLLLoss()(exact(pixels64(split.images[batch])), labels[batch])
        loss.backward()
        adam.step()
        losses.append(loss.item())
    return losses


# The same steps as PyTorch's, in float64: its float32 depends on the machine. Where two pixels of
# a pool window are equal but for rounding, that decides which one gets the gradient. With oneDNN
# on an AMD processor PyTorch's losses are 1.3e-4 off after 200 steps, without it 4e-7, ours 2e-7.


@ON_EVERY_ISA
def test_the_first_200_steps_have_the_losses_of_float64(isa: str, mnist: Dataset) -> None:
    order = epoch_order(np.arange(60000), seed=0, epoch=1)[: 16 * 200]
    losses = all_losses(native(mnist.train, isa=isa), order, 16)
    errors = np.abs(np.subtract(losses, losses64(mnist.train, order, 16, 1e-4)))
    assert len(errors) == 200
    same = 200 if isa in VECTOR_ISAS else 30  # the others may round to another pixel
    assert errors[:same].max() <= 1e-5
    assert errors.max() <= 1e-3


def test_the_first_200_steps_of_pytorchs_engine_are_near_float64(mnist: Dataset) -> None:
    order = epoch_order(np.arange(60000), seed=0, epoch=1)[: 16 * 200]
    other = TorchEngine(PUBLISHED, mnist.train, 1e-4, "cpu", fresh_state(PUBLISHED, 0))
    errors = np.abs(
        np.subtract(all_losses(other, order, 16), losses64(mnist.train, order, 16, 1e-4))
    )
    assert errors[:30].max() <= 1e-5
    assert errors.max() <= 1e-3


@ON_EVERY_ISA
@pytest.mark.parametrize("batch", [1, 3, 16, 33, 100])
def test_gradients_are_those_of_float64(isa: str, batch: int, mnist: Dataset) -> None:
    order = epoch_order(np.arange(60000), seed=1, epoch=1)[:batch]
    start = PUBLISHED.join(PUBLISHED.initial_parameters(0))
    zero = np.zeros_like(start)
    trainer = _core.NetworkTrainer(
        mnist.train.images, mnist.train.labels.astype(np.uint8), start, zero, zero, 0, isa
    )
    loss, values, right = trainer.gradients(order)
    exact = network64(0)
    log_p = exact(pixels64(mnist.train.images[order]))
    wanted = nn.NLLLoss()(log_p, torch.from_numpy(mnist.train.labels[order]))
    wanted.backward()
    assert loss == pytest.approx(wanted.item(), rel=1e-6)
    assert right == int((log_p.argmax(1).numpy() == mnist.train.labels[order]).sum())
    gradients = PUBLISHED.split(values)
    for name, parameter in exact.named_parameters():
        assert parameter.grad is not None
        expected = parameter.grad.numpy()
        error = float(np.abs(gradients[name] - expected).max())
        assert error <= 5e-6 * float(np.abs(expected).max()), name


@ON_EVERY_ISA
def test_log_probabilities_are_those_of_float64(isa: str, mnist: Dataset) -> None:
    images = mnist.test.images if isa != "scalar" else mnist.test.images[:1000]
    answers = native(mnist.train, isa=isa).answer(images)
    with torch.inference_mode():
        expected = network64(0)(pixels64(images)).numpy()
    assert float(np.abs(answers - expected).max()) <= 1e-6


@ON_EVERY_ISA
def test_the_last_batch_takes_what_is_left_over(isa: str, mnist: Dataset) -> None:
    order = np.arange(16 * 20 + 5)
    losses = all_losses(native(mnist.train, 1e-3, isa), order, 16)
    assert len(losses) == 21
    np.testing.assert_allclose(losses, losses64(mnist.train, order, 16, 1e-3), rtol=0, atol=1e-5)


def test_an_engine_goes_on_where_the_other_stopped(mnist: Dataset) -> None:
    order = epoch_order(np.arange(60000), seed=0, epoch=1)[: 16 * 100]
    half = len(order) // 2
    whole = all_losses(native(mnist.train), order, 16)
    first = native(mnist.train)
    list(first.steps(order[:half], 16))
    second = TorchEngine(PUBLISHED, mnist.train, 1e-4, "cpu", first.state())
    np.testing.assert_allclose(all_losses(second, order[half:], 16), whole[50:], rtol=0, atol=1e-5)


# Repeatable


@ON_EVERY_ISA
def test_any_grouping_of_steps_gives_the_same_bits(isa: str, mnist: Dataset) -> None:
    order = epoch_order(np.arange(60000), seed=0, epoch=1)[: 16 * 60 + 7]
    written = []
    for at_once in (1, 7, 750):
        engine = native(mnist.train, 1e-3, isa)
        losses: list[float] = []
        for start in range(0, len(order), 16 * at_once):
            part = order[start : start + 16 * at_once]
            losses += engine.trainer.train(part, 16, 1e-3)[0].tolist()
        written.append((losses, {k: v.tobytes() for k, v in engine.state().items()}))
    assert written[0] == written[1] == written[2]


def test_state_goes_through_the_engine_unchanged(mnist: Dataset) -> None:
    engine = native(mnist.train)
    list(engine.steps(np.arange(320), 16))
    state = engine.state()
    again = NativeEngine(PUBLISHED, mnist.train, 1e-4, "cpu", state).state()
    assert list(again) == list(state)
    assert all(again[name].tobytes() == state[name].tobytes() for name in state)


# Without PyTorch, from the command line

WITHOUT_TORCH = """
import sys
sys.modules["torch"] = None
from cnnkit.cli import main
try:
    main(sys.argv[1:])
finally:
    assert not [name for name in sys.modules if name.startswith(("torch.", "torchvision"))]
"""


def test_training_and_resuming_never_import_pytorch(small_data: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    for words in (
        ["--data", small_data, "--output", run, "--epochs", 1, "--engine", "native"],
        ["--resume", run, "--epochs", 2],
    ):
        command = [sys.executable, "-c", WITHOUT_TORCH, "train", *map(str, words)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    assert {"loss.png", "confusion.svg", "metrics.jsonl"} <= set(os.listdir(run))
    manifest = json.loads((run / "manifest.json").read_text())
    assert manifest["engine"] == json.loads((run / "config.json").read_text())["engine"] == "native"
    assert [session["engine"] for session in manifest["sessions"]] == ["native", "native"]
    assert 0 < manifest["test_accuracy"] < 1
    assert read_state(run).config["engine"] == "native"


# Which engine trains


def test_auto_is_native_on_the_cpu_where_it_can() -> None:
    assert choose_engine("auto", "auto", PUBLISHED) == "native"
    assert choose_engine("auto", "cpu", PUBLISHED) == "native"
    assert choose_engine("auto", "cuda", PUBLISHED) == "torch"
    assert choose_engine("auto", "cpu", Architecture(blocks=(Block(8),))) == "native"
    assert choose_engine("auto", "cpu", Architecture(blocks=(Block(8, pool=16),))) == "torch"
    assert choose_engine("torch", "cpu", PUBLISHED) == "torch"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--engine", "native", "--device", "cuda"), "CPU only"),
        (("--engine", "jax"), "--engine: is jax. Make it one of auto, native, torch."),
    ],
)
def test_an_engine_that_cannot_is_refused(
    words: tuple[str, ...], message: str, cli: Callable[..., Any], small_data: Path, tmp_path: Path
) -> None:
    result = cli("train", *words, "--data", small_data, "--output", tmp_path / "run")
    assert result.exit_code == 2
    assert message in result.stderr
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (Architecture(classes=257), "at most 256 classes apart, not 257"),
        (Architecture(blocks=(Block(4, pool=16),)), "at most 15 pixels, not 16"),
    ],
)
def test_an_architecture_beyond_the_engine_is_refused_by_name(
    other: Architecture, message: str, mnist: Dataset
) -> None:
    with pytest.raises(InputError, match=message):
        NativeEngine(other, mnist.train, 1e-4, "cpu", fresh_state(other, 0))


# Answers


def test_weights_answer_as_pytorch_does(trained: Weights, mnist: Dataset) -> None:
    images = mnist.test.images
    answer = network(trained)(images)
    with torch.inference_mode():
        logits = network_from(trained).logits(torch.from_numpy(images) * np.float32(PIXEL_SCALE))
    np.testing.assert_allclose(answer.logits, logits.numpy(), rtol=0, atol=2e-5)
    np.testing.assert_allclose(
        answer.probabilities, torch.softmax(logits, 1).numpy(), rtol=0, atol=2e-6
    )
    assert int((answer.label != logits.argmax(1).numpy()).sum()) <= 1  # a near tie


@ON_EVERY_ISA
def test_threads_batches_and_pixel_types_never_change_a_bit(
    isa: str, trained: Weights, mnist: Dataset
) -> None:
    engine = _core.Network(PUBLISHED.join(trained.tensors), isa)
    images = mnist.test.images[:100]
    whole = engine(images)
    floats = images.astype(np.float32) * np.float32(PIXEL_SCALE)
    outs = tuple(np.empty_like(array) for array in whole)
    results = [engine(images, threads=3), engine(floats), engine(images[:, 0]), outs]
    given = engine(images, out=outs)
    assert all(one is other for one, other in zip(given, outs, strict=True))
    for result in results:
        assert all(a.tobytes() == b.tobytes() for a, b in zip(result, whole, strict=True))
    single = engine(images[5, 0])
    assert all(a.tobytes() == b[5:6].tobytes() for a, b in zip(single, whole, strict=True))
    assert [len(array) for array in engine(images[:0])] == [0, 0, 0]


def test_one_network_answers_several_threads_at_once(trained: Weights, mnist: Dataset) -> None:
    engine = _core.Network(PUBLISHED.join(trained.tensors))
    images = mnist.test.images
    expected, found = engine(images)[0].tobytes(), []
    workers = [
        threading.Thread(target=lambda: found.append(engine(images)[0].tobytes())) for _ in range(4)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert found == [expected] * 4


@ON_EVERY_ISA
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e30])
def test_pixels_that_are_no_numbers_come_out_as_in_pytorch(isa: str, value: float) -> None:
    image = np.zeros((1, 1, 28, 28), np.float32)
    image[0, 0, 13, 14] = value
    logits = _core.Network(PUBLISHED.join(PUBLISHED.initial_parameters(0)), isa)(image)[0]
    with torch.inference_mode():
        expected = Network(seed=0).logits(torch.from_numpy(image)).numpy()
    np.testing.assert_allclose(logits, expected, rtol=1e-4, atol=1e-4)


def test_a_loaded_run_answers_with_its_own_test_accuracy(trained_run: Path, mnist: Dataset) -> None:
    model = load(trained_run)
    right = float((model(mnist.test.images).label == mnist.test.labels).mean())
    assert right == model.weights.metadata["test_accuracy"]


# Bad arguments

SMALL = np.zeros((4, 1, 28, 28), np.uint8)
LABELS = np.zeros(4, np.uint8)
VECTOR = np.zeros(2710, np.float32)


def trainer(**changes: Any) -> Any:
    given = {
        "images": SMALL, "labels": LABELS, "parameters": VECTOR, "mean": VECTOR, "square": VECTOR,
        "steps": 0,
    }  # fmt: skip
    return _core.NetworkTrainer(**{**given, **changes})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("images", SMALL.astype(np.float32)),
        ("images", SMALL[:, 0]),
        ("images", np.zeros((4, 1, 28, 32), np.uint8)[..., :28]),
        ("images", [1]),
        ("labels", LABELS[:3]),
        ("labels", LABELS.astype(np.int64)),
        ("labels", np.array([0, 1, 10, 2], np.uint8)),
        ("parameters", VECTOR[:-1]),
        ("mean", VECTOR.astype(np.float64)),
        ("square", np.zeros(5420, np.float32)[::2]),
        ("steps", -1),
    ],
)
def test_a_trainer_refuses_by_name(name: str, value: Any) -> None:
    with pytest.raises(InputError, match=f"^{name}: "):
        trainer(**{name: value})


@pytest.mark.parametrize(
    ("order", "batch_size", "name"),
    [
        (np.array([0, 4]), 1, "order"),
        (np.array([-1]), 1, "order"),
        (np.array([0], np.int32), 1, "order"),
        (np.zeros((1, 1), np.int64), 1, "order"),
        (np.arange(4)[::2], 1, "order"),
        (np.arange(4), 0, "batch_size"),
        (np.arange(4), -16, "batch_size"),
    ],
)
def test_steps_refuse_by_name(order: NDArray[Any], batch_size: int, name: str) -> None:
    with pytest.raises(InputError, match=f"^{name}: "):
        trainer().train(order, batch_size, 1e-3)


def test_the_largest_batch_size_is_one_step_and_no_image_is_none() -> None:
    losses, right = trainer().train(np.arange(4), 2**63 - 1, 1e-3)
    assert losses.tolist() == pytest.approx([np.log(10)])
    assert right == 4  # all logits are equal: the first class is the answer
    assert trainer().train(np.arange(0), 16, 1e-3)[0].shape == (0,)


@pytest.mark.parametrize(
    "images",
    [SMALL.astype(np.float64), SMALL.reshape(4, 784), SMALL[:, :, ::2], np.zeros((4, 2, 28, 28))],
)
def test_a_network_refuses_images_by_name(images: NDArray[Any]) -> None:
    with pytest.raises(InputError, match=r"^images: "):
        _core.Network(VECTOR)(images)


@pytest.mark.parametrize("broken", [0, 1, 2])
def test_a_network_refuses_outputs_that_do_not_fit(broken: int) -> None:
    engine = _core.Network(VECTOR)
    outs = [*engine(SMALL)]
    outs[broken] = outs[broken][:3]
    with pytest.raises(InputError, match=f"^out\\[{broken}\\]: "):
        engine(SMALL, out=tuple(outs))
    with pytest.raises(InputError, match=r"^out: "):
        engine(SMALL, out=outs[0])
    with pytest.raises(InputError, match=r"^threads: "):
        engine(SMALL, threads=0)
    with pytest.raises(InputError, match="sse9"):
        _core.Network(VECTOR, "sse9")
