"""What an artefact's outputs are compared with: `reference_of(weights, images).logits`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cnnkit.data.dataset import Split
from cnnkit.errors import InputError
from cnnkit.formats.golden import Golden
from cnnkit.formats.golden_vectors import chosen
from cnnkit.graph.convnet import INPUT, LOGITS, with_contract
from cnnkit.graph.reference import evaluate
from cnnkit.graph.rounding import in_float32, limit_of
from cnnkit.graph.weights import Weights
from cnnkit.graph.work import multiply_adds
from cnnkit.models.network import Outputs
from cnnkit.runtimes.native import network

MOST_WORK = 6_000_000_000  # multiply-adds that are computed in float64 and once more in float32
PART = 32  # images at once, so that activations of small ones fit in the caches


@dataclass(frozen=True)
class Reference:
    """The reference's logits.

    Attributes:
        logits: [N, K].
        name: what computed them.
        limit: the largest error of a logit that rounding explains; None where that is a share of
            the largest logit.
    """

    logits: NDArray[np.floating]
    name: str
    limit: float | None = None


def reference_of(weights: Weights, images: NDArray[np.uint8], spared: int = 0) -> Reference:
    """Return the reference for these images.

    Of the family that is PyTorch, or else cnnkit's own kernels. Of any other network it is the
    graph in float64, and float32's own error tells how far off an artefact may be. If the images
    are too many for that, float64 computes some of them, and PyTorch all.

    Args:
        weights: the network.
        images: uint8 [N, C, H, W].
        spared: as `reference_logits` has it.
    """
    if weights.is_family:
        return Reference(*reference_logits(weights, images, spared))
    return of_graph(weights, images, spared)


def of_outputs(found: Outputs) -> Reference:
    """Return what another runtime computed as the reference; it tells how it rounds itself."""
    return Reference(found.logits, found.name, limit_of(found.rounded, found.logits))


def vectors_of(reference: Reference, test: Split) -> Golden:
    """Return golden vectors out of the logits for all test images."""
    rows = chosen(test)
    logits = reference.logits[rows].astype(np.float64)
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares = powers / powers.sum(axis=1, keepdims=True)
    return Golden(
        test.images[rows],
        logits.argmax(axis=1),
        logits.astype(np.float32),
        shares.astype(np.float32),
        float(np.float32(reference.limit or 0.0)),
    )


def of_graph(weights: Weights, images: NDArray[np.uint8], spared: int = 0) -> Reference:
    """Return the graph's logits in float64, of very many images only the first ones.

    `spared` is as `reference_logits` has it.
    """
    work = max(1, multiply_adds(weights.graph))
    count = min(len(images), max(16, MOST_WORK // work))
    if count == len(images):
        exact = in_float64(weights, images)
        limit = limit_of(_in_float32(weights, images), exact)
        return Reference(exact, "the graph in float64", limit)
    try:  # first, since BLAS, which float64 needs, spares no core
        logits, name = reference_logits(weights, images, spared)
    except InputError:  # without PyTorch, and no engine takes it
        exact = in_float64(weights, images)
        limit = limit_of(_in_float32(weights, images[:count]), exact[:count])
        return Reference(exact, "the graph in float64", limit)
    exact = in_float64(weights, images[:count])
    first = f"{name}, whose first {count} are the graph's in float64"
    limit = limit_of(logits[:count], exact)
    return Reference(np.concatenate([exact, logits[count:]]), first, limit)


def in_float64(weights: Weights, images: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return logits [N, K] by the reference."""
    graph = with_contract(weights.graph, "uint8")
    return np.concatenate(
        [
            evaluate(graph, {INPUT: part}, [LOGITS], reproducible=False)[LOGITS]
            for part in _parts(images)
        ]
    )


def _in_float32(weights: Weights, images: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return logits [N, K] as runtimes may round them."""
    graph = with_contract(weights.graph, "uint8")
    return np.concatenate([in_float32(graph, part) for part in _parts(images)])


def _parts(images: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
    return [images[at : at + PART] for at in range(0, len(images), PART)]


def reference_logits(
    weights: Weights, images: NDArray[np.uint8], spared: int = 0
) -> tuple[NDArray[np.float32], str]:
    """Return logits float32 [N, K] of uint8 [N, C, H, W], and what computed them.

    That is PyTorch where it is installed, else cnnkit's own kernels. PyTorch leaves `spared` cores
    to other processes: where two have threads on all cores, each waits for threads that the other
    keeps from running, which takes twice the time.
    """
    parts = np.array_split(images, max(1, len(images) // PART))
    try:
        import torch
    except ImportError:
        run = network(weights.graph)
        logits = [run(part).logits for part in parts]
        return np.concatenate(logits), "cnnkit's own kernels (PyTorch is not installed)"
    from cnnkit.nn.graphs.module import GraphModule

    model = GraphModule(with_contract(weights.graph, "uint8")).eval()
    last = torch.channels_last  # oneDNN's convolutions compute in it: no value is moved for them
    with torch.inference_mode(), _threads(torch.get_num_threads() - spared):
        outputs = [
            model.values(torch.from_numpy(part).contiguous(memory_format=last), wanted=(LOGITS,))
            for part in parts
        ]
    logits = [found.numpy() for (found,) in outputs]
    return np.concatenate(logits), f"PyTorch {torch.__version__}"


@contextmanager
def _threads(count: int) -> Iterator[None]:
    """Let PyTorch compute on so many threads, at least one."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(max(1, count))
    try:
        yield
    finally:
        torch.set_num_threads(before)
