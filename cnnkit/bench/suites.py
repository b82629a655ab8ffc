"""The suites: `make_suites(["kernel"])`. A new suite is one function and one row of SUITES."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from cnnkit.bench.subject import BenchData, Model, initial_weights
from cnnkit.bench.workloads.base import ConvBlock, Float32, Pair, Workload
from cnnkit.bench.workloads.inference import InferenceWorkload
from cnnkit.bench.workloads.integers import network_work
from cnnkit.bench.workloads.layers import LayersWorkload
from cnnkit.bench.workloads.models import fuse_suite
from cnnkit.bench.workloads.network import blocks_of, head_of
from cnnkit.bench.workloads.training import STEPS, TrainingWorkload
from cnnkit.bench.workloads.zoo import ZOO, zoo_suite
from cnnkit.errors import InputError, MissingError
from cnnkit.graph.architecture import Architecture, Block
from cnnkit.graph.builder import Builder
from cnnkit.ops.cases import CONV64, LARGE_CASES, REFERENCE_BLOCKS, Case
from cnnkit.ops.reference import conv_relu_pool_ref

Key = tuple[tuple[int, ...], tuple[int, ...]]  # shapes of an image [C, H, W] and of the weight

NET_TOLERANCE = 1e-6  # of log-probabilities or logits, as a share of the largest
TRAIN_TOLERANCE = 1e-6  # of the losses
# A stack of three blocks for pictures in colour, as people train them.
LAYERS = ("lenet5", "mnist-example")  # of the zoo, which train layer by layer
PICTURES, STACK = (3, 32, 32), (Block(16), Block(32), Block(64))


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
    for name in LAYERS:
        works += [layers_work(name, size) for size in ((16, 64) if batch is None else (batch,))]
    return works


def layers_work(name: str, batch: int) -> LayersWorkload:
    """Return steps of a network of the zoo on random images."""
    build, size, classes = ZOO[name]
    graph = build(Builder(size), classes)
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (STEPS * batch, *size), np.uint8)
    labels = random.integers(0, classes, len(images))
    about = f"{STEPS} steps from initial weights, random images"
    return LayersWorkload(
        name, images, (), None, TRAIN_TOLERANCE, about, labels=labels, graph=graph
    )


def network_suite(model: Model, batch: int | None) -> list[Workload]:
    """Any network on random pixels, with 1 and 16 images."""
    network = model.network
    size = network.weights.size
    works: list[Workload] = []
    for count in (1, 16) if batch is None else (batch,):
        images = np.random.default_rng(0).integers(0, 256, (count, *size), np.uint8)
        name = Path(network.source).name
        works.append(network_work(name, network.weights.graph, images, "random images"))
    return works


def of_data(
    suite: Callable[[BenchData, int | None], list[Workload]],
) -> Callable[[Model, int | None], list[Workload]]:
    """Return a suite of networks of the family as one of models."""
    return lambda model, batch: suite(model.data, batch)


NETWORK = "network"
SUITES: dict[str, Callable[[Model, int | None], list[Workload]]] = {
    "kernel": of_data(kernel_suite),
    "infer": of_data(infer_suite),
}
# Only on request: they need PyTorch, take minutes, or say less about the network than `infer`.
# What has other layers than the published network's family is timed by `network` alone.
MORE_SUITES: dict[str, Callable[[Model, int | None], list[Workload]]] = {
    NETWORK: network_suite,
    "zoo": lambda model, batch: zoo_suite(batch),
    "net": of_data(net_suite),
    "train": of_data(train_suite),
    "fuse": lambda model, batch: fuse_suite(batch),
}


def default_suites(model: Model) -> tuple[str, ...]:
    """Return what is timed of a model where no suites are named."""
    return tuple(SUITES) if model.is_of_family else (NETWORK,)


def make_suites(
    names: Sequence[str] | None = None, model: Model | None = None, batch: int | None = None
) -> dict[str, list[Workload]]:
    """Return the workloads of each suite.

    Args:
        names: keys of SUITES or MORE_SUITES; None for what fits the model.
        model: what is timed; None for the newest run.
        batch: N of every case; None for each case's own.

    Raises:
        InputError: an unknown suite, a batch below 1, or a model that cannot be used.
        StorageError: a model that cannot be read.
    """
    model = model or Model()
    known = {**SUITES, **MORE_SUITES}
    for name in names or ():
        if name not in known:
            remedy = f"choose among {', '.join(known)}"
            raise InputError("--suite", f"{name!r} is not a suite", remedy)
    if batch is not None and batch < 1:
        raise InputError("--batch", f"{batch} is below 1", "ask for 1 image or more")
    return {name: known[name](model, batch) for name in names or default_suites(model)}
