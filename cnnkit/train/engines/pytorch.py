"""The PyTorch engine: training steps and predictions by PyTorch on one device."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from cnnkit.errors import InputError, MissingError
from cnnkit.graph.architecture import PIXEL_SCALE
from cnnkit.graph.convnet import match, with_contract
from cnnkit.graph.graph import Graph
from cnnkit.graph.learning import learnt, trains_only
from cnnkit.graph.quantised.scales import Scale
from cnnkit.graph.weights import Weights
from cnnkit.nn.graphs.classifier import GraphClassifier
from cnnkit.nn.graphs.quantised import QuantisedClassifier
from cnnkit.nn.network import Network
from cnnkit.runs.training_state import MEAN, PARAMETERS, SQUARE, STEP, parameters
from cnnkit.train.engines.adamw import FusedAdamW
from cnnkit.train.engines.base import PROBLEM, EngineSettings, Pixels

INFERENCE_BATCH = 1000  # images per forward pass outside of training: bounds the memory


def find_device(name: str) -> torch.device:
    """Return PyTorch's device for `auto`, `cpu`, `cuda` or `mps`.

    `auto` is always the CPU: runs are bit-reproducible there, and a batch of 16 small images is too
    little work for a GPU to pay for its kernel launches.

    Raises:
        MissingError: this machine or this build of PyTorch does not have the device.
    """
    available: dict[str, Callable[[], bool]] = {
        "cuda": torch.cuda.is_available,
        "mps": torch.backends.mps.is_available,
    }
    if name in available and not available[name]():
        raise MissingError(
            f"--device {name}", "PyTorch finds no such device here", "use --device cpu"
        )
    return torch.device("cpu" if name == "auto" else name)


@contextmanager
def one_thread() -> Iterator[None]:
    """Run PyTorch on one thread: sums are then the same whatever the number of cores."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


class TorchEngine:
    """The network, PyTorch's optimizer and the training images on one device.

    The optimizer is the fused AdamW: the same update in one pass over each parameter, and without
    weight decay bit-identical to PyTorch's Adam.

    Args:
        settings: network, training images, initial state, hyperparameters and device.

    Raises:
        MissingError: the device is not available.
    """

    processes = 1

    def __init__(self, settings: EngineSettings) -> None:
        split, state = settings.split, settings.state
        self.device = find_device(settings.device)
        self.network, self.feed = open_network(settings.graph, settings.scales)
        self.classes = Weights(settings.graph).classes
        self.network.load_arrays(parameters(state))
        self.network.to(self.device)
        weights = settings.class_weights
        self.plain = weights is None and not settings.label_smoothing
        self.class_weights = torch.ones(self.classes, device=self.device)
        if weights is not None:
            self.class_weights = torch.from_numpy(weights).to(self.device)
        self.smoothing = settings.label_smoothing
        self.seed, self.drops = settings.seed, any(map(trains_only, settings.graph.nodes))
        self.images = torch.from_numpy(split.images).to(self.device)
        self.labels = torch.from_numpy(split.labels).to(self.device)
        self.optimizer = FusedAdamW(
            self.network.parameters(), settings.learning_rate, settings.weight_decay
        )
        for name in learnt(settings.graph):
            self.optimizer.state[self.network.named()[name]] = {
                "step": torch.tensor(float(state[STEP][0]), device=self.device),
                "exp_avg": torch.from_numpy(state[MEAN + name].copy()).to(self.device),
                "exp_avg_sq": torch.from_numpy(state[SQUARE + name].copy()).to(self.device),
            }

    @property
    def learning_rate(self) -> float:
        """Adam's, from the next step on."""
        return self.optimizer.learning_rate

    @learning_rate.setter
    def learning_rate(self, value: float) -> None:
        self.optimizer.learning_rate = value

    def state(self) -> dict[str, NDArray[np.float32]]:
        """Return copies of the parameters, Adam's moments and the number of steps."""
        arrays: dict[str, NDArray[np.float32]] = {}
        for name, tensor in self.network.named().items():
            arrays[PARAMETERS + name] = tensor.detach().cpu().contiguous().numpy().copy()
            if not isinstance(tensor, torch.nn.Parameter):
                continue  # a running statistic, which has no gradient
            moments = self.optimizer.state[tensor]
            arrays[STEP] = moments["step"].cpu().numpy().reshape(1).copy()
            arrays[MEAN + name] = moments["exp_avg"].cpu().numpy().copy()
            arrays[SQUARE + name] = moments["exp_avg_sq"].cpu().numpy().copy()
        return arrays

    def steps(
        self, order: NDArray[np.int64], batch_size: int, pixels: Pixels | None = None
    ) -> Iterator[tuple[list[float], int]]:
        """Train on the images in `order` int64 [N], one step at a time; see `Engine.steps`.

        The last batch may be smaller, as with PyTorch's DataLoader and `drop_last=False`.
        """
        self.network.train()
        indices = torch.from_numpy(order).to(self.device)
        with one_thread():
            for start in range(0, len(order), batch_size):
                end = min(start + batch_size, len(order))
                with self.draws():
                    loss, correct = self.step(indices[start:end], start, pixels)
                yield [loss], correct

    @contextmanager
    def draws(self) -> Iterator[None]:
        """Let what a step drops depend on nothing but the run's seed and the step's number."""
        if not self.drops:
            yield
            return
        number = int(next(iter(self.optimizer.state.values()))["step"])
        devices = [self.device] if self.device.type == "cuda" else []
        with torch.random.fork_rng(devices):
            torch.manual_seed((self.seed << 32) + number)
            yield

    def step(self, batch: Tensor, start: int, pixels: Pixels | None) -> tuple[float, int]:
        """Train on the images with indices `batch` int64 [N]; return loss and number correct.

        `start` is the batch's place in the epoch's order, where `pixels` has what is shown.
        """
        labels = self.labels[batch]
        self.optimizer.zero_grad()
        shown = self.shown(batch, pixels, slice(start, start + len(batch)))
        log_p = self.network(self.feed(shown))
        loss = F.nll_loss(log_p, labels) if self.plain else self.loss(log_p, labels, labels)
        torch.autograd.backward(loss)
        self.optimizer.step()
        return loss.item(), int((log_p.detach().argmax(1) == labels).sum())

    def shown(self, batch: Tensor, pixels: Pixels | None, part: slice) -> Tensor:
        """Return the images with indices `batch`, or what `pixels` has for this part instead."""
        if pixels is None:
            return self.images[batch]
        return torch.from_numpy(pixels(part)).to(self.device)

    def loss(self, log_p: Tensor, labels: Tensor, whole_batch: Tensor) -> Tensor:
        """Return the share of the images with these `labels` in their batch's loss.

        Its reference is PyTorch's CrossEntropyLoss, for which log-probabilities are logits too.
        """
        total = F.cross_entropy(
            log_p, labels, self.class_weights, reduction="sum", label_smoothing=self.smoothing
        )
        return total / self.class_weights[whole_batch].sum()

    def should_stop(self, requested: bool) -> bool:
        """Return `requested`: this is the only process."""
        return requested

    def log_probabilities(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return log-probabilities float32 [N, K] of raw images uint8 [N, C, H, W]."""
        self.network.eval()
        pixels = torch.from_numpy(images)
        with one_thread(), torch.inference_mode():
            parts = [
                self.network(self.feed(pixels[i : i + INFERENCE_BATCH].to(self.device))).cpu()
                for i in range(0, len(pixels), INFERENCE_BATCH)
            ]
        log_p: NDArray[np.float32] = torch.cat(parts).numpy()
        return log_p


def open_network(
    graph: Graph, scales: Mapping[str, Scale] | None = None
) -> tuple[Network | GraphClassifier, Callable[[Tensor], Tensor]]:
    """Return a network's module, and what makes its input of raw images.

    Args:
        graph: the network.
        scales: of its values, where it shall compute as its 8-bit form does.
    """
    if scales is not None:
        return QuantisedClassifier(with_contract(graph, "uint8", PROBLEM), scales), _same
    try:
        return Network(match(graph).architecture), to_pixels
    except InputError:  # beyond the family; its graph scales the pixels itself
        return GraphClassifier(with_contract(graph, "uint8", PROBLEM)), _same


def _same(images: Tensor) -> Tensor:
    return images


def to_pixels(images: Tensor) -> Tensor:
    """Return uint8 images [N, C, H, W] as float32 in [0, 1].

    In channels-last memory format PyTorch pools much faster: a step takes two thirds of the time.
    """
    scaled = images.to(torch.float32).mul_(PIXEL_SCALE)
    return scaled.contiguous(memory_format=torch.channels_last)
