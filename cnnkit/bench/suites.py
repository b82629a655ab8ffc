"""The suites: `make_suites(["kernel"])`. A new suite is one function and one row of SUITES."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cnnkit.bench.workloads.base import ConvBlock, Float32, Pair, Workload
from cnnkit.bench.workloads.inference import InferenceWorkload
from cnnkit.bench.workloads.models import fuse_suite
from cnnkit.bench.workloads.network import blocks_of, head_of
from cnnkit.bench.workloads.training import STEPS, TrainingWorkload
from cnnkit.data.load import load_dataset
from cnnkit.data.registry import DATASETS
from cnnkit.errors import InputError, MissingError, NetworkError
from cnnkit.formats.checkpoint import read_weights
from cnnkit.graph.architecture import PIXEL_SCALE, Architecture, Block
from cnnkit.graph.weights import Weights
from cnnkit.ops.cases import CONV64, LARGE_CASES, REFERENCE_BLOCKS, Case
from cnnkit.ops.reference import conv_relu_pool_ref
from cnnkit.runs.find import find_weights

Key = tuple[tuple[int, ...], tuple[int, ...]]  # shapes of an image [C, H, W] and of the weight

NET_TOLERANCE = 1e-6  # of log-probabilities or logits, as a share of the largest
TRAIN_TOLERANCE = 1e-6  # of the losses
IMAGES = 1024
# A stack of three blocks for pictures in colour, as people train them.
PICTURES, STACK = (3, 32, 32), (Block(16), Block(32), Block(64))


@dataclass(frozen=True)
class BenchData:
    """The network that is timed, and images for it.

    Attributes:
        weights: trained ones if there are any, else initial ones.
        images: raw pixels uint8 [n, C, H, W].
        labels: int64 [n].
        about: where weights and images come from, in words.
    """

    weights: Weights
    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    about: str

    def raw(self, count: int) -> NDArray[np.uint8]:
        """Return the pixels of `count` images, repeated from the first where there are fewer."""
        return np.resize(self.images, (count, *self.images.shape[1:]))

    def batch(self, count: int) -> Float32:
        """Return `count` images as float32 in [0, 1]."""
        return self.raw(count).astype(np.float32) * np.float32(PIXEL_SCALE)


def find_data(path: Path | None) -> BenchData:
    """Find trained weights and real images, or draw them and say so.

    Args:
        path: a weights file or run folder; None for the newest run, or initial weights.

    Raises:
        InputError, StorageError: `path` is given and cannot be used.
    """
    try:
        weights = read_weights(find_weights(path))
        about = "trained weights"
    except InputError:
        if path is not None:
            raise
        weights = initial_weights(Architecture())
        about = "no run found: initial weights, seed 0"
    shape = weights.architecture.input
    try:
        name = str(weights.metadata.get("dataset", "mnist"))
        name = name if name in DATASETS else "mnist"
        test = load_dataset(name, quiet=True).test
        images, labels = test.images[:IMAGES], test.labels[:IMAGES]
        if images.shape[1:] != shape:
            raise InputError(name, f"has no images of shape {shape}", "name other weights")
        return BenchData(weights, images, labels, f"{about}, {name} test images")
    except (NetworkError, InputError):
        draw, classes = np.random.default_rng(0), weights.architecture.classes
        images = draw.integers(0, 256, (IMAGES, *shape), np.uint8)
        labels = draw.integers(0, classes, IMAGES)
        return BenchData(weights, images, labels, f"{about}, random images (no data set found)")


def initial_weights(architecture: Architecture) -> Weights:
    """Return an untrained network with the initial parameters of seed 0."""
    return Weights.of(architecture, architecture.initial_parameters(seed=0))


def kernel_suite(data: BenchData, batch: int | None) -> list[Workload]:
    """The fused operation alone, on the cases that the tests also use."""
    real = real_blocks(data, max(16, batch or 0))
    works = []
    fast = replace(CONV64, name="conv64_fast", precision="fast", tolerance=5e-5)
    for case in (*REFERENCE_BLOCKS, *LARGE_CASES, fast):
        found = real.get((case.x[1:], case.weight))
        for size in dict.fromkeys((case.x[0], 1)) if batch is None else (batch,):
            if found:
                x, block, about = found[0][:size], found[1], data.about
            else:
                x, weight, bias = replace(case, x=(size, *case.x[1:])).arrays()
                block = ConvBlock(weight, bias, *sizes_of(case), precision=case.precision)
                about = "random input and weights"
            works.append(Workload(case.name, x, (block,), None, case.tolerance, about))
    return works


def real_blocks(data: BenchData, count: int) -> dict[Key, tuple[Float32, ConvBlock]]:
    """Return each block of the network and its real input, by the shapes of input and weight."""
    found: dict[Key, tuple[Float32, ConvBlock]] = {}
    x = data.batch(count)
    for block in blocks_of(data.weights):
        found[x.shape[1:], block.weight.shape] = x, block
        x = conv_relu_pool_ref(x, block.weight, block.bias, *block.parameters).astype(np.float32)
    return found


def sizes_of(case: Case) -> tuple[Pair, ...]:
    """Return a case's strides, paddings and pool sizes as pairs, in the order of `ConvBlock`."""
    stride = case.pool_kernel if case.pool_stride is None else case.pool_stride
    sizes = (case.stride, case.padding, case.pool_kernel, stride, case.pool_padding)
    pairs = ((s, s) if isinstance(s, int) else tuple(s) for s in sizes)
    return tuple((rows, columns) for rows, columns in pairs)


def net_suite(data: BenchData, batch: int | None) -> list[Workload]:
    """The whole network block by block: float32 images in, log-probabilities out."""
    blocks, head, about = blocks_of(data.weights), head_of(data.weights), data.about
    return [
        Workload("mnist", data.batch(n), blocks, head, NET_TOLERANCE, about)
        for n in ((16, 1) if batch is None else (batch,))
    ]


def infer_suite(data: BenchData, batch: int | None) -> list[Workload]:
    """The whole network as `cnnkit.load` gives it: raw pixels in, outputs for an app out."""
    blocks, head, about = blocks_of(data.weights), head_of(data.weights), data.about
    return [
        InferenceWorkload("mnist", data.raw(n), blocks, head, NET_TOLERANCE, about)
        for n in ((16, 1, 256) if batch is None else (batch,))
    ]


def train_suite(data: BenchData, batch: int | None) -> list[Workload]:
    """Training steps from the network's initial weights, even where trained ones were found.

    Raises:
        MissingError: PyTorch is not installed; its autograd in float64 computes the reference.
    """
    if find_spec("torch") is None:
        raise MissingError.package("torch", "the reference of the suite train")
    size = batch or 16
    pictures = np.random.default_rng(0).integers(0, 256, (STEPS * size, *PICTURES), np.uint8)
    stack = Architecture(PICTURES, STACK, data.weights.architecture.classes)
    works: list[Workload] = []
    for name, architecture, images, about in (
        ("mnist", data.weights.architecture, data.raw(STEPS * size), data.about.split(", ")[-1]),
        ("stack_3x32x32", stack, pictures, "random images"),
    ):
        weights = initial_weights(architecture)
        works.append(
            TrainingWorkload(
                name,
                images,
                blocks_of(weights),
                head_of(weights),
                TRAIN_TOLERANCE,
                f"{STEPS} steps from initial weights, {about}",
                labels=np.resize(data.labels, STEPS * size),
            )
        )
    return works


SUITES: dict[str, Callable[[BenchData, int | None], list[Workload]]] = {
    "kernel": kernel_suite,
    "infer": infer_suite,
}
# Only on request: they need PyTorch, take minutes, or say less about the network than `infer`.
MORE_SUITES: dict[str, Callable[[BenchData, int | None], list[Workload]]] = {
    "net": net_suite,
    "train": train_suite,
    "fuse": lambda data, batch: fuse_suite(batch),
}


def make_suites(
    names: Sequence[str], weights: Path | None = None, batch: int | None = None
) -> dict[str, list[Workload]]:
    """Return the workloads of each suite.

    Args:
        names: keys of SUITES or MORE_SUITES.
        weights: a weights file or run folder; None for the newest run.
        batch: N of every case; None for each case's own.

    Raises:
        InputError: an unknown suite, a batch below 1, or weights that cannot be used.
        StorageError: weights that cannot be read.
    """
    known = {**SUITES, **MORE_SUITES}
    for name in names:
        if name not in known:
            remedy = f"choose among {', '.join(known)}"
            raise InputError("--suite", f"{name!r} is not a suite", remedy)
    if batch is not None and batch < 1:
        raise InputError("--batch", f"{batch} is below 1", "ask for 1 image or more")
    data = find_data(weights)
    return {name: known[name](data, batch) for name in names}
