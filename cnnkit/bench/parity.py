"""The losses of both engines from the same weights, step by step: `cnnkit bench --parity FILE`.

Rounding differs between any two programs, and training amplifies it: where a max-pool's two largest
values are equal but for rounding, either may get the gradient. The drift of PyTorch from itself,
with oneDNN's convolutions and without, shows how much drift is normal.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cnnkit.bench.report.plots import COLOURS, DARK, OURS, save_picture
from cnnkit.bench.workloads.training import LEARNING_RATE
from cnnkit.data.dataset import Split
from cnnkit.data.sampling import epoch_order
from cnnkit.errors import MissingError
from cnnkit.graph.architecture import Architecture
from cnnkit.graph.convnet import draw
from cnnkit.runs.training_state import fresh_state
from cnnkit.system.cpu import cpu_name
from cnnkit.train.engines.base import EngineSettings
from cnnkit.train.engines.native import NativeEngine

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BATCH, EPOCHS = 16, 5  # the published batch; PyTorch takes minutes for so many epochs
FIRST = 200  # steps in which rounding has not yet sent a gradient elsewhere
BINS = 150  # of steps, evenly spaced on a logarithmic axis
Losses = NDArray[np.float64]  # [steps]


@dataclass(frozen=True)
class Parity:
    """The losses float64 [steps] of the same training in three implementations.

    Attributes:
        native: cnnkit's native engine.
        torch: cnnkit's PyTorch engine.
        plain: the PyTorch engine without oneDNN.
        epoch: the number of steps in an epoch.
    """

    native: Losses
    torch: Losses
    plain: Losses
    epoch: int

    def drift(self, losses: Losses) -> Losses:
        """Return the relative difference of losses to PyTorch's, step by step."""
        return np.asarray(np.abs(losses - self.torch) / self.torch)

    def epoch_drift(self, losses: Losses) -> Losses:
        """Return the relative difference of the mean loss of each epoch [epochs]."""
        ours, theirs = (self.means(x) for x in (losses, self.torch))
        return np.asarray(np.abs(ours - theirs) / theirs)

    def means(self, losses: Losses) -> Losses:
        """Return the mean loss of each epoch [epochs]."""
        return np.asarray(losses.reshape(-1, self.epoch).mean(1))

    def to_json(self) -> dict[str, Any]:
        """Return the epochs' mean losses and the largest drifts from PyTorch, as JSON values."""
        return {
            "losses": {
                "torch": self.means(self.torch).tolist(),
                "native": self.means(self.native).tolist(),
                "torch_without_onednn": self.means(self.plain).tolist(),
            },
            "first_steps": FIRST,
            "drift": {
                name: {
                    "first_steps": float(self.drift(losses)[:FIRST].max()),
                    "epochs": float(self.epoch_drift(losses).max()),
                }
                for name, losses in (("native", self.native), ("torch_without_onednn", self.plain))
            },
        }

    def __str__(self) -> str:
        """Describe the largest drifts in words."""
        return "\n".join(
            f"Losses of {name} against PyTorch's: the first {FIRST} steps within "
            f"{drift['first_steps']:.1e}, the means of epochs within {drift['epochs']:.1e}"
            for name, drift in self.to_json()["drift"].items()
        )


def run_parity(
    split: Split, epochs: int = EPOCHS, on_epoch: Callable[[str, int], None] = lambda name, n: None
) -> Parity:
    """Train the published network three times, on the full batches of `split`.

    Args:
        split: the training images.
        epochs: the number of epochs.
        on_epoch: called before each epoch with the engine's name and the epoch's number.

    Raises:
        MissingError: PyTorch is not installed.
    """
    try:
        import torch

        from cnnkit.train.engines.pytorch import TorchEngine
    except ImportError as error:
        raise MissingError.package("torch", "comparing the engines") from error
    steps = len(split.images) // BATCH
    graph = draw(Architecture())
    settings = EngineSettings(graph, split, fresh_state(graph), LEARNING_RATE)

    def losses(name: str, engine: Any) -> Losses:
        found: list[float] = []
        for epoch in range(1, epochs + 1):
            on_epoch(name, epoch)
            order = epoch_order(np.arange(len(split.images)), 0, epoch)[: steps * BATCH]
            for some, _ in engine.steps(order, BATCH):
                found += some
        return np.array(found)

    native = losses("native", NativeEngine(settings))
    ordinary = losses("PyTorch", TorchEngine(settings))
    switch: Any = torch.backends.mkldnn.set_flags
    enabled = switch(_enabled=False)[0]
    try:
        plain = losses("PyTorch without oneDNN", TorchEngine(settings))
    finally:
        switch(_enabled=enabled)
    return Parity(native, ordinary, plain, steps)


def draw_parity(parity: Parity, path: Path) -> None:
    """Draw the mean loss of every epoch, and the drift of the steps from PyTorch's.

    Raises:
        InputError, MissingError, StorageError: as `cnnkit.bench.report.plots` raises them.
    """
    save_picture(path, (8.0, 6.5), lambda figure: _draw(figure, parity))


def _draw(figure: Figure, parity: Parity) -> None:
    curves, drifts = figure.subplots(2, 1, height_ratios=[1, 1.3])
    epochs = np.arange(1, len(parity.native) // parity.epoch + 1)
    curves.plot(epochs, parity.means(parity.torch), color=DARK, lw=4, alpha=0.35, label="PyTorch")
    curves.plot(epochs, parity.means(parity.native), "o-", color=OURS, ms=4, label="native engine")
    curves.set(xlabel="epoch", ylabel="mean loss", xticks=epochs)
    curves.legend()
    edges = np.unique(np.geomspace(1, len(parity.native) + 1, BINS).astype(int))
    named = (
        ("PyTorch without oneDNN", parity.plain, COLOURS[0]),
        ("native engine", parity.native, OURS),
    )
    for name, losses, colour in named:
        drift = parity.drift(losses)
        largest = np.array([drift[start - 1 : end - 1].max() for start, end in pairwise(edges)])
        seen = largest > 0  # 0 has no place on a logarithmic axis
        drifts.plot(
            edges[:-1][seen], largest[seen], ".-", color=colour, lw=1.2, ms=3,
            label=f"{name}, step",
        )  # fmt: skip
        drifts.plot(
            epochs * parity.epoch, parity.epoch_drift(losses), "s", color=colour, ms=5,
            markeredgecolor="white", label=f"{name}, mean of epoch",
        )  # fmt: skip
    drifts.set(
        xscale="log", yscale="log", xlabel="step", ylabel="relative difference to PyTorch's loss"
    )
    drifts.grid(which="major", alpha=0.25)
    drifts.legend(fontsize=8, loc="upper left")
    figure.suptitle(
        f"The same training in both engines: learning rate {LEARNING_RATE:g}, batch {BATCH}\n"
        f"{cpu_name()}",
        fontsize=11,
    )
