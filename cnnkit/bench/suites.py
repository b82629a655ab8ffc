"""What is timed: `make_suites(["kernel"])`. A new suite is one function and one row of SUITES."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from cnnkit.architecture import PIXEL_SCALE, Architecture
from cnnkit.bench.models import fuse_suite
from cnnkit.bench.workload import Float32, Head, Layer, Pair, Workload
from cnnkit.cases import LARGE_CASES, REFERENCE_BLOCKS, Case
from cnnkit.checkpoint import Weights, find_weights, read_weights
from cnnkit.data import DATASETS, load_dataset
from cnnkit.errors import InputError, NetworkError
from cnnkit.ops import conv_relu_pool_ref

Key = tuple[tuple[int, ...], tuple[int, ...]]  # shapes of an image [C, H, W] and of the weight

NET_TOLERANCE = 1e-6  # of log-probabilities, as a share of the largest


@dataclass(frozen=True)
class Material:
    """A network and images for it.

    Attributes:
        weights: trained if there are any, else drawn.
        images: float32 [n, C, H, W] in [0, 1].
        about: which weights and which images, in words.
    """

    weights: Weights
    images: Float32
    about: str

    def batch(self, count: int) -> Float32:
        """Return `count` images, from the start again where there are fewer."""
        return np.resize(self.images, (count, *self.images.shape[1:]))

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
        architecture = Architecture()
        weights = Weights(architecture, architecture.initial_parameters(seed=0))
        about = "no run found: initial weights, seed 0"
    shape = weights.architecture.input
    try:
        name = str(weights.metadata.get("dataset", "mnist"))
        images = load_dataset(name if name in DATASETS else "mnist", quiet=True).test.images[:1024]
        if images.shape[1:] != shape:
            raise InputError(name, f"has no images of {shape}", "name other weights")
        pixels = images.astype(np.float32) * np.float32(PIXEL_SCALE)
        return Material(weights, pixels, f"{about}, {name} test images")
    except (NetworkError, InputError):
        drawn = np.random.default_rng(0).random((1024, *shape), np.float32)
        return Material(weights, drawn, f"{about}, drawn images (no data set at hand)")


def kernel_suite(material: Material, batch: int | None) -> list[Workload]:
    """The fused operation alone, on the cases that the tests use too."""
    real = real_blocks(material, max(16, batch or 0))
    works = []
    for case in (*REFERENCE_BLOCKS, *LARGE_CASES):
        found = real.get((case.x[1:], case.weight))
        for size in dict.fromkeys((case.x[0], 1)) if batch is None else (batch,):
            if found:
                x, layer, about = found[0][:size], found[1], material.about
            else:
                x, weight, bias = replace(case, x=(size, *case.x[1:])).arrays()
                layer, about = Layer(weight, bias, *parameters(case)), "drawn input and weights"
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
    """The whole network: float32 images in, log-probabilities out."""
    tensors = material.weights.tensors
    head = Head(tensors["linear.weight"], tensors["linear.bias"])
    return [
        Workload("mnist", material.batch(n), material.layers(), head, NET_TOLERANCE, material.about)
        for n in ((16, 1) if batch is None else (batch,))
    ]


SUITES: dict[str, Callable[[Material, int | None], list[Workload]]] = {
    "kernel": kernel_suite,
    "net": net_suite,
}
# Only when asked for: it takes minutes and gigabytes.
MORE_SUITES: dict[str, Callable[[Material, int | None], list[Workload]]] = {
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
