"""Training steps and answers by PyTorch: what `cnnkit.train` drives.

An engine takes its images once, then yields (loss, number right) per step and gives its whole state
as NumPy arrays, so that an engine in another language can stand in its place.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from cnnkit.architecture import PIXEL_SCALE, Architecture
from cnnkit.data import Split
from cnnkit.errors import MissingError
from cnnkit.model import Network

ANSWER_BATCH = 1000  # images at a time when only answers are wanted: large, yet small in memory
PARAMETERS, MEAN, SQUARE, STEP = "parameters/", "adam.mean/", "adam.square/", "adam.step"


def fresh_state(architecture: Architecture, seed: int) -> dict[str, NDArray[np.float32]]:
    """Return the state before the first step: drawn parameters, Adam's moments at zero."""
    state: dict[str, NDArray[np.float32]] = {STEP: np.zeros((), np.float32)}
    for name, values in architecture.initial_parameters(seed).items():
        state[PARAMETERS + name] = values
        state[MEAN + name] = np.zeros_like(values)
        state[SQUARE + name] = np.zeros_like(values)
    return state


def find_device(name: str) -> torch.device:
    """Return PyTorch's device for `auto`, `cpu`, `cuda` or `mps`.

    `auto` is the CPU: a step of this network is too small to pay for a GPU's kernel launches, and
    bit-exact repetition is promised there.

    Raises:
        MissingError: this machine, or this build of PyTorch, has no such device.
    """
    present = {
        "auto": True,
        "cpu": True,
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
    }
    if not present[name]:
        raise MissingError(
            f"--device {name}", "PyTorch finds no such device here", "use --device cpu"
        )
    return torch.device("cpu" if name == "auto" else name)


@contextmanager
def one_thread() -> Iterator[None]:
    """Run PyTorch on one thread: fastest at this size, and the same sums on any number of cores."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


class TorchEngine:
    """The network, PyTorch's Adam and the training images on one device.

    Args:
        architecture: the network.
        split: the training images; all stay in memory as uint8.
        learning_rate: Adam's; its other hyperparameters are PyTorch's defaults.
        device: `auto`, `cpu`, `cuda` or `mps`.
        state: what `fresh_state` or `state` returned.
    """

    def __init__(
        self,
        architecture: Architecture,
        split: Split,
        learning_rate: float,
        device: str,
        state: Mapping[str, NDArray[np.float32]],
    ) -> None:
        self.device = find_device(device)
        self.network = Network(architecture).to(self.device)
        self.network.load_arrays({name: state[PARAMETERS + name] for name in self._names()})
        self.adam = torch.optim.Adam(self.network.parameters(), lr=learning_rate, fused=True)
        self.loss = nn.NLLLoss()
        self.images = torch.from_numpy(split.images).to(self.device)
        self.labels = torch.from_numpy(split.labels).to(self.device)
        self._load_adam(state)

    def _names(self) -> list[str]:
        return [name for name, _ in self.network.named_parameters()]

    def _load_adam(self, state: Mapping[str, NDArray[np.float32]]) -> None:
        for name, parameter in self.network.named_parameters():
            self.adam.state[parameter] = {
                "step": torch.tensor(float(state[STEP]), device=self.device),
                "exp_avg": torch.from_numpy(state[MEAN + name].copy()).to(self.device),
                "exp_avg_sq": torch.from_numpy(state[SQUARE + name].copy()).to(self.device),
            }

    def state(self) -> dict[str, NDArray[np.float32]]:
        """Return copies of everything that the next step depends on, except the order of images."""
        arrays: dict[str, NDArray[np.float32]] = {}
        for name, parameter in self.network.named_parameters():
            moments = self.adam.state[parameter]
            arrays[STEP] = moments["step"].cpu().numpy().copy()
            arrays[PARAMETERS + name] = parameter.detach().cpu().contiguous().numpy().copy()
            arrays[MEAN + name] = moments["exp_avg"].cpu().contiguous().numpy().copy()
            arrays[SQUARE + name] = moments["exp_avg_sq"].cpu().contiguous().numpy().copy()
        return arrays

    def _pixels(self, images: Tensor) -> Tensor:
        """Return float32 [N, C, H, W] in [0, 1]; channels last, where PyTorch's pool is faster."""
        scaled = images.to(torch.float32).mul_(PIXEL_SCALE)
        return scaled.contiguous(memory_format=torch.channels_last)

    def steps(self, order: NDArray[np.int64], batch_size: int) -> Iterator[tuple[float, int]]:
        """Train on the images in `order` int64 [N], yielding each step's loss and number right.

        The last batch holds what is left over, as PyTorch's DataLoader does.
        """
        self.network.train()
        for batch in torch.from_numpy(order).to(self.device).split(batch_size):
            labels = self.labels[batch]
            self.adam.zero_grad()
            log_p = self.network(self._pixels(self.images[batch]))
            loss = self.loss(log_p, labels)
            loss.backward()
            self.adam.step()
            right = (log_p.detach().argmax(1) == labels).sum()
            yield float(loss.detach()), int(right)

    def answer(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return log-probabilities float32 [N, K] of raw images uint8 [N, C, H, W]."""
        self.network.eval()
        with torch.inference_mode():
            parts = [
                self.network(self._pixels(part.to(self.device))).cpu()
                for part in torch.from_numpy(images).split(ANSWER_BATCH)
            ]
        answers: NDArray[np.float32] = torch.cat(parts).numpy()
        return answers
