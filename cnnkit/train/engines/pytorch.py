"""Training steps and answers by PyTorch: one of the engines that can train a run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from cnnkit.data.dataset import Split
from cnnkit.errors import MissingError
from cnnkit.graph.architecture import PIXEL_SCALE, Architecture
from cnnkit.nn.network import Network
from cnnkit.runs.training_state import MEAN, PARAMETERS, SQUARE, STEP, State, parameters

ANSWER_BATCH = 1000  # images at a time when only answers are wanted: bounds the memory


def find_device(name: str) -> torch.device:
    """Return PyTorch's device for `auto`, `cpu`, `cuda` or `mps`.

    `auto` is the CPU everywhere: it is there that runs repeat to the bit, and a batch of 16 small
    images gives a GPU too little to do to pay for its kernel launches.

    Raises:
        MissingError: this machine, or this build of PyTorch, has no such device.
    """
    present: dict[str, Callable[[], bool]] = {
        "cuda": torch.cuda.is_available,
        "mps": torch.backends.mps.is_available,
    }
    if name in present and not present[name]():
        raise MissingError(
            f"--device {name}", "PyTorch finds no such device here", "use --device cpu"
        )
    return torch.device("cpu" if name == "auto" else name)


@contextmanager
def one_thread() -> Iterator[None]:
    """Keep PyTorch on one thread: the sums are then the same on any number of cores."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


class TorchEngine:
    """The network, PyTorch's Adam and the training images on one device.

    Adam is PyTorch's fused AdamW: the same rule in one pass over each parameter, and without weight
    decay the same bits as its Adam.

    Args:
        architecture: the network.
        split: the training images; all stay in memory as uint8.
        learning_rate: Adam's; the attribute may be set between epochs. Betas and epsilon are
            PyTorch's defaults.
        device: `auto`, `cpu`, `cuda` or `mps`.
        state: where to begin: what `fresh_state` or `TorchEngine.state` returned.
        weight_decay: AdamW's; 0 is plain Adam.

    Raises:
        MissingError: there is no such device.
    """

    processes = 1

    def __init__(
        self,
        architecture: Architecture,
        split: Split,
        learning_rate: float,
        device: str,
        state: State,
        weight_decay: float = 0.0,
    ) -> None:
        self.device = find_device(device)
        self.network = Network(architecture).to(self.device)
        self.network.load_arrays(parameters(state))
        self.loss = nn.NLLLoss()
        self.images = torch.from_numpy(split.images).to(self.device)
        self.labels = torch.from_numpy(split.labels).to(self.device)
        self.adam = torch.optim.AdamW(
            self.network.parameters(), lr=learning_rate, weight_decay=weight_decay, fused=True
        )
        for name, parameter in self.network.named_parameters():
            self.adam.state[parameter] = {
                "step": torch.tensor(float(state[STEP][0]), device=self.device),
                "exp_avg": torch.from_numpy(state[MEAN + name].copy()).to(self.device),
                "exp_avg_sq": torch.from_numpy(state[SQUARE + name].copy()).to(self.device),
            }

    @property
    def learning_rate(self) -> float:
        """Adam's, from the next step on."""
        return float(self.adam.param_groups[0]["lr"])

    @learning_rate.setter
    def learning_rate(self, value: float) -> None:
        self.adam.param_groups[0]["lr"] = value

    def state(self) -> dict[str, NDArray[np.float32]]:
        """Return copies of parameters, Adam's moments and the number of steps."""
        arrays: dict[str, NDArray[np.float32]] = {}
        for name, parameter in self.network.named_parameters():
            adam = self.adam.state[parameter]
            arrays[STEP] = adam["step"].cpu().numpy().reshape(1).copy()
            arrays[PARAMETERS + name] = parameter.detach().cpu().numpy().copy()
            arrays[MEAN + name] = adam["exp_avg"].cpu().numpy().copy()
            arrays[SQUARE + name] = adam["exp_avg_sq"].cpu().numpy().copy()
        return arrays

    def steps(self, order: NDArray[np.int64], batch_size: int) -> Iterator[tuple[list[float], int]]:
        """Train on the images in `order` int64 [N], yielding each step's loss and number right.

        The last batch holds what is left over, as PyTorch's DataLoader does. The loss and the
        answers are those before the step.
        """
        self.network.train()
        indices = torch.from_numpy(order).to(self.device)
        with one_thread():
            for start in range(0, len(order), batch_size):
                loss, right = self.step(indices[start : start + batch_size])
                yield [loss], right

    def step(self, batch: Tensor) -> tuple[float, int]:
        """Make one step on the images with the indices `batch` int64 [N]; see `steps`."""
        labels = self.labels[batch]
        self.adam.zero_grad()
        log_p = self.network(to_pixels(self.images[batch]))
        loss = self.loss(log_p, labels)
        loss.backward()
        self.adam.step()
        return loss.item(), int((log_p.detach().argmax(1) == labels).sum())

    def agree(self, asked: bool) -> bool:
        """Return `asked`: nobody else has a say."""
        return asked

    def answer(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return log-probabilities float32 [N, K] of raw images uint8 [N, C, H, W]."""
        self.network.eval()
        pixels = torch.from_numpy(images)
        with one_thread(), torch.inference_mode():
            parts = [
                self.network(to_pixels(pixels[i : i + ANSWER_BATCH].to(self.device))).cpu()
                for i in range(0, len(pixels), ANSWER_BATCH)
            ]
        answers: NDArray[np.float32] = torch.cat(parts).numpy()
        return answers


def to_pixels(images: Tensor) -> Tensor:
    """Return uint8 images [N, C, H, W] as float32 in [0, 1].

    Channels last in memory: PyTorch pools much faster so, and a step takes two thirds of the time.
    """
    scaled = images.to(torch.float32).mul_(PIXEL_SCALE)
    return scaled.contiguous(memory_format=torch.channels_last)
