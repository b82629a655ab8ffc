"""What is timed: `make_suites(["kernel"])`. A new suite is one function and one row of SUITES."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cnnkit.bench.workloads.base import Float32, Head, Layer, Pair, Workload
from cnnkit.bench.workloads.inference import RawWorkload
from cnnkit.bench.workloads.models import fuse_suite
from cnnkit.bench.workloads.training import STEPS, TrainWorkload
from cnnkit.data.dataset import load_dataset
from cnnkit.data.registry import DATASETS
from cnnkit.errors import InputError, MissingError, NetworkError
from cnnkit.formats.checkpoint import read_weights
from cnnkit.graph.architecture import PIXEL_SCALE, Architecture
from cnnkit.graph.weights import Weights
from cnnkit.ops.cases import CONV64, LARGE_CASES, REFERENCE_BLOCKS, Case
from cnnkit.ops.reference import conv_relu_pool_ref
from cnnkit.runs.find import find_weights

Key = tuple[tuple[int, ...], tuple[int, ...]]  # shapes of an image [C, H, W] and of the weight

NET_TOLERANCE = 1e-6  # of log-probabilities or logits, as a share of the largest
TRAIN_TOLERANCE = 1e-6  # of the losses
IMAGES = 1024


@dataclass(frozen=True)
class Material:
    """A network and images for it.

    Attributes:
        weights: trained if there are any, else drawn.
        images: raw pixels uint8 [n, C, H, W].
        labels: int64 [n].
        about: which weights and which images, in words.
    """

    weights: Weights
    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    about: str

    def raw(self, count: int) -> NDArray[np.uint8]:
        """Return the pixels of `count` images, from the start again where there are fewer."""
        return np.resize(self.images, (count, *self.images.shape[1:]))

    def batch(self, count: int) -> Float32:
        """Return `count` images as float32 in [0, 1]."""
        return self.raw(count).astype(np.float32) * np.float32(PIXEL_SCALE)

    def layers(self) -> tuple[Layer, ...]:
        """Return the network's blocks."""
        tensors = self.weights.tensors
        return tuple(
            Layer(
                tensors[f"convs.{i}.weight"],
                tensors[f"convs.{i}.bias"],
                padding=(block.padding, block.padding),
                pool_kernel=(block.pool, block.pool),
                pool_stride=(block.pool, block.pool),
            )
            for i, block in enumerate(self.weights.architecture.blocks)
        )

    def head(self) -> Head:
        """Return the network's classifier."""
        tensors = self.weights.tensors
        return Head(tensors["linear.weight"], tensors["linear.bias"])


def gather(path: Path | None) -> Material:
    """Find trained weights and real images; say so where something else has to do.

    Args:
        path: a weights file or run folder; None for the newest run, or drawn weights.

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
            raise InputError(name, f"has no images of {shape}", "name other weights")
        return Material(weights, images, labels, f"{about}, {name} test images")
    except (NetworkError, InputError):
        draw, classes = np.random.default_rng(0), weights.architecture.classes
        images = draw.integers(0, 256, (IMAGES, *shape), np.uint8)
        labels = draw.integers(0, classes, IMAGES)
        return Material(weights, images, labels, f"{about}, drawn images (no data set at hand)")


def initial_weights(architecture: Architecture) -> Weights:
    """Return a network before its first step, as seed 0 draws it."""
    return Weights(architecture, architecture.initial_parameters(seed=0))


def kernel_suite(material: Material, batch: int | None) -> list[Workload]:
    """The fused operation alone, on the cases that the tests use too."""
    real = real_blocks(material, max(16, batch or 0))
    works = []
    fast = replace(CONV64, name="conv64_fast", precision="fast", tolerance=5e-5)
    for case in (*REFERENCE_BLOCKS, *LARGE_CASES, fast):
        found = real.get((case.x[1:], case.weight))
        for size in dict.fromkeys((case.x[0], 1)) if batch is None else (batch,):
            if found:
                x, layer, about = found[0][:size], found[1], material.about
            else:
                x, weight, bias = replace(case, x=(size, *case.x[1:])).arrays()
                layer = Layer(weight, bias, *parameters(case), precision=case.precision)
                about = "drawn input and weights"
            works.append(Workload(case.name, x, (layer,), None, case.tolerance, about))
    return works


def real_blocks(material: Material, count: int) -> dict[Key, tuple[Float32, Layer]]:
    """Return each block of the network with its real input, by input and weight shape."""
    blocks: dict[Key, tuple[Float32, Layer]] = {}
    x = material.batch(count)
    for layer in material.layers():
        blocks[x.shape[1:], layer.weight.shape] = x, layer
        x = conv_relu_pool_ref(x, layer.weight, layer.bias, *layer.parameters).astype(np.float32)
    return blocks


def parameters(case: Case) -> tuple[Pair, ...]:
    """Return a case's parameters as pairs, in the order of `Layer`."""
    stride = case.pool_kernel if case.pool_stride is None else case.pool_stride
    sizes = (case.stride, case.padding, case.pool_kernel, stride, case.pool_padding)
    pairs = ((s, s) if isinstance(s, int) else tuple(s) for s in sizes)
    return tuple((rows, columns) for rows, columns in pairs)


def net_suite(material: Material, batch: int | None) -> list[Workload]:
    """The whole network block by block: float32 images in, log-probabilities out."""
    layers, head, about = material.layers(), material.head(), material.about
    return [
        Workload("mnist", material.batch(n), layers, head, NET_TOLERANCE, about)
        for n in ((16, 1) if batch is None else (batch,))
    ]


def infer_suite(material: Material, batch: int | None) -> list[Workload]:
    """The whole network as `cnnkit.load` gives it: raw pixels in, an app's answers out."""
    layers, head, about = material.layers(), material.head(), material.about
    return [
        RawWorkload("mnist", material.raw(n), layers, head, NET_TOLERANCE, about)
        for n in ((16, 1, 256) if batch is None else (batch,))
    ]


def train_suite(material: Material, batch: int | None) -> list[Workload]:
    """Training steps from the network's initial weights, whatever has been trained since.

    Raises:
        MissingError: PyTorch is not installed: its autograd in float64 is what is right.
    """
    if find_spec("torch") is None:
        raise MissingError.package("torch", "the suite train, which is held against it,")
    material = replace(material, weights=initial_weights(material.weights.architecture))
    size = batch or 16
    labels = np.resize(material.labels, STEPS * size)
    about = f"{STEPS} steps from initial weights, {material.about.split(', ')[-1]}"
    return [
        TrainWorkload(
            "mnist",
            material.raw(STEPS * size),
            material.layers(),
            material.head(),
            TRAIN_TOLERANCE,
            about,
            labels=labels,
        )
    ]


SUITES: dict[str, Callable[[Material, int | None], list[Workload]]] = {
    "kernel": kernel_suite,
    "infer": infer_suite,
}
# Only when asked for: they need PyTorch, take minutes, or tell less of the network than `infer`.
MORE_SUITES: dict[str, Callable[[Material, int | None], list[Workload]]] = {
    "net": net_suite,
    "train": train_suite,
    "fuse": lambda material, batch: fuse_suite(batch),
}


def make_suites(
    names: Sequence[str], weights: Path | None = None, batch: int | None = None
) -> dict[str, list[Workload]]:
    """Return the cases of suites.

    Args:
        names: keys of SUITES or MORE_SUITES.
        weights: a weights file or run folder; None for the newest run.
        batch: N of every case; None for each case's own.

    Raises:
        InputError: no such suite, a batch below 1, or weights that cannot be used.
        StorageError: weights that cannot be read.
    """
    known = {**SUITES, **MORE_SUITES}
    for name in names:
        if name not in known:
            remedy = f"choose among {', '.join(known)}"
            raise InputError("--suite", f"{name!r} is no suite", remedy)
    if batch is not None and batch < 1:
        raise InputError("--batch", f"{batch} is below 1", "ask for 1 image or more")
    material = gather(weights)
    return {name: known[name](material, batch) for name in names}
