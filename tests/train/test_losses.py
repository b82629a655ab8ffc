"""Class weights and label smoothing are those of PyTorch's CrossEntropyLoss, in both engines."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from support.training import all_losses, open_engine, settings
from torch import distributed, nn

from cnnkit import ops
from cnnkit.data.dataset import Dataset, Split
from cnnkit.errors import InputError
from cnnkit.graph.architecture import PIXEL_SCALE, Architecture, Block
from cnnkit.nn.network import Network
from cnnkit.train.augmentation import PRESETS
from cnnkit.train.augmented import epoch_images
from cnnkit.train.engines.ddp import DistributedEngine
from cnnkit.train.engines.native import NativeEngine
from cnnkit.train.engines.pytorch import one_thread
from cnnkit.train.losses import class_weights
from cnnkit.train.trainer import TrainConfig, train

pytestmark = pytest.mark.usefixtures("no_pictures")

ENGINES = [*ops.available_isas(), "torch"]
NETWORKS = {"published": Architecture(), "of its own": Architecture(blocks=(Block(6), Block(5)))}
WEIGHTS = np.linspace(0.25, 4.0, 10, dtype=np.float32)
CHOICES: dict[str, dict[str, Any]] = {
    "weights": {"class_weights": WEIGHTS},
    "smoothing": {"label_smoothing": 0.1},
    "both": {"class_weights": WEIGHTS, "label_smoothing": 0.2},
}


def exact(
    architecture: Architecture, split: Split, order: NDArray[np.int64], steps: int, **choice: Any
) -> tuple[list[float], dict[str, NDArray[np.float64]]]:
    """Return the losses by torch.nn and Adam in float64, and the first step's gradients."""
    network = Network(architecture, seed=0).double()
    adam = torch.optim.Adam(network.parameters(), lr=1e-4)
    weights = choice.get("class_weights")
    loss_of = nn.CrossEntropyLoss(
        weight=None if weights is None else torch.from_numpy(weights).double(),
        label_smoothing=choice.get("label_smoothing", 0.0),
    )
    losses: list[float] = []
    first: dict[str, NDArray[np.float64]] = {}
    with one_thread():
        for batch in np.array_split(order, steps):
            adam.zero_grad()
            pixels = torch.from_numpy(split.images[batch]).double() * PIXEL_SCALE
            loss = loss_of(network.logits(pixels), torch.from_numpy(split.labels[batch]))
            loss.backward()
            for name, parameter in network.named_parameters():
                assert parameter.grad is not None
                first.setdefault(name, parameter.grad.numpy().copy())
            adam.step()
            losses.append(loss.item())
    return losses, first


@pytest.mark.parametrize("choice", CHOICES)
@pytest.mark.parametrize("network", NETWORKS)
def test_every_engine_has_the_losses_of_float64(network: str, choice: str, mnist: Dataset) -> None:
    architecture, order = NETWORKS[network], np.random.default_rng(1).permutation(60000)[:320]
    wanted, gradients = exact(architecture, mnist.train, order, 20, **CHOICES[choice])
    plain, _ = exact(architecture, mnist.train, order[:16], 1)
    assert abs(wanted[0] - plain[0]) > 1e-4
    chosen = settings(mnist.train, architecture=architecture, **CHOICES[choice])
    for name in ENGINES:
        engine = open_engine(name, chosen)
        if isinstance(engine, NativeEngine):
            _, values, _ = engine.trainer.gradients(order[:16])
            for key, found in architecture.split(values).items():
                limit = 5e-6 * float(np.abs(gradients[key]).max())
                assert float(np.abs(found - gradients[key]).max()) <= limit, (name, key)
        losses = all_losses(engine, order, 16)
        np.testing.assert_allclose(losses, wanted, rtol=0, atol=1e-5, err_msg=name)


def test_the_mean_is_over_the_weights_of_the_batch(mnist: Dataset) -> None:
    # A batch of one class has the plain loss, whatever the class's weight is.
    order = np.flatnonzero(mnist.train.labels == 7)[:16]
    for name in ENGINES:
        one, other = (
            all_losses(open_engine(name, settings(mnist.train, class_weights=weights)), order, 16)
            for weights in (None, WEIGHTS)
        )
        assert one == pytest.approx(other, rel=1e-6)


def test_processes_share_a_batchs_weights_and_its_changed_pixels(mnist: Dataset) -> None:
    order = np.random.default_rng(2).permutation(60000)[:37]
    pixels = epoch_images(PRESETS["digits"], mnist.train, order, 0, 1)
    chosen = settings(mnist.train, **CHOICES["both"])
    distributed.init_process_group("gloo", store=distributed.HashStore(), rank=0, world_size=1)
    try:
        alone = DistributedEngine(chosen)
        losses = all_losses(alone, order, 16, pixels)
    finally:
        distributed.destroy_process_group()
    wanted = all_losses(open_engine("torch", chosen), order, 16, pixels)
    np.testing.assert_allclose(losses, wanted, rtol=1e-6)


# Weights by name

NAMES = ("a", "a=b", "c,d")
LABELS = np.array([0, 0, 0, 1])


@pytest.mark.parametrize(
    ("text", "weights"),
    [
        ("none", None),
        ("auto", [4 / 9, 4 / 3, 1]),
        ("a=2", [2, 1, 1]),
        ("a=b=0.5,c,d=3", [1, 0.5, 3]),
        ("c,d=3,a=1e-3", [1e-3, 1, 3]),
    ],
)
def test_weights_are_given_by_name(text: str, weights: list[float] | None) -> None:
    found = class_weights(text, NAMES, LABELS)
    assert found is None if weights is None else found == pytest.approx(weights)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("b=2", "has no class and weight in 'b=2'.* the classes are a, a=b, c,d"),
        ("a", "has no class and weight in 'a'"),
        ("", "has no class and weight"),
        ("a=2;", "gives a the weight '2;'"),
        ("a=0", "gives a the weight '0'. Make it a number from 1e-06 to 1e.06"),
        ("a=1e300", "gives a the weight"),
        ("a=-1", "gives a the weight"),
        ("a=inf", "gives a the weight"),
        ("a=1,a=2", "names a twice"),
        ("a=1,x=2", "has no class and weight in 'x=2'"),
    ],
)
def test_weights_that_make_no_sense_are_refused(text: str, message: str) -> None:
    with pytest.raises(InputError, match=f"--class-weights: {message}"):
        class_weights(text, NAMES, LABELS)


@pytest.mark.parametrize("engine", ["native", "torch"])
def test_the_options_change_the_network_the_same_way_in_both_engines(
    engine: str, small_data: Path, tmp_path: Path, cli: Callable[..., Any]
) -> None:
    words = ("--data", small_data, "--epochs", 1, "--quiet", "--json", "--engine", engine)
    losses = []
    for number, more in enumerate(([], ["--class-weights", "3=9"], ["--label-smoothing", 0.2])):
        done = cli("train", *words, "--output", tmp_path / str(number), *more)
        assert done.exit_code == 0, done.stderr
        losses.append(done.stdout.count('"train_loss"') and done.stdout)
    assert len({text.partition('"train_loss":')[2][:12] for text in losses}) == 3


def test_unknown_classes_leave_no_run_folder(small_data: Path, tmp_path: Path) -> None:
    config = TrainConfig(data=small_data, class_weights="x=2", output=tmp_path / "run")
    with pytest.raises(InputError, match="the classes are 0, 1, 2"):
        train(config)
    assert not (tmp_path / "run").exists()
