"""The published network's engine under the lens: executed FLOP and time of each of its parts.

The counts are those of the vector engine's algorithms (`csrc/mnist/`): Winograd F(2x2, 3x3) on the
tiles that hold a stroke, a direct convolution under the windows that do, gradients that visit only
the winners of max-pools. So they depend on the images, and are means over those of the workload.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnkit import _core
from cnnkit.bench.measure.timing import Plan, time_interleaved
from cnnkit.bench.workloads.base import Part, Workload
from cnnkit.bench.workloads.inference import RawWorkload, lit
from cnnkit.bench.workloads.training import (
    LEARNING_RATE,
    TrainWorkload,
    parameter_count,
    passing_features,
)
from cnnkit.graph.architecture import Architecture
from cnnkit.ops.fused import isa

VECTOR_ISAS = ("amx", "avx512", "avx2")
BLOCK1, BLOCK2, HEAD = "block 1", "block 2", "linear, softmax"
BACK_HEAD, BACK_BLOCK2, BACK_BLOCK1 = "linear backward", "block 2 backward", "block 1 backward"
STEP = "Adam, weights"
FORWARD = (BLOCK1, BLOCK2, HEAD)
LEARNING = (*FORWARD, BACK_HEAD, BACK_BLOCK2, BACK_BLOCK1)
# FLOP of one output channel of a tile: 16 products, most of them summed by FMA, and 8 additions.
TILE = 45
# Of a tile's input: the two rows that it does not share, along x, and four columns along y.
TILE_INPUT = 24
FEWEST_IMAGES = 16  # below, the call itself would be timed
ADAM = 14  # FLOP of a parameter
SHORTEST = 1e-10  # seconds: noise must not make a part take none
PLAN = Plan(rounds=21, seconds=0.1)


def parameter_vector(work: Workload) -> NDArray[np.float32]:
    """Return a workload's parameters one after another, as the engine takes them."""
    assert work.head is not None
    arrays = [a for layer in work.layers for a in (layer.weight, layer.bias) if a is not None]
    arrays += [work.head.weight, work.head.bias]
    return np.concatenate([array.ravel() for array in arrays])


def sizes(work: Workload) -> tuple[Any, ...]:
    """Return a workload's network as `Architecture.sizes` has it."""
    assert work.head is not None
    blocks = tuple(
        (len(layer.weight), layer.weight.shape[2], layer.padding[0], layer.pool_kernel[0])
        for layer in work.layers
    )
    return tuple(work.x.shape[1:]), blocks, len(work.head.weight)


def inference_flop(work: Workload) -> dict[str, float]:
    """Return the executed FLOP of an image by part; nothing unless the vector engine answers."""
    if isa() not in VECTOR_ISAS or sizes(work) != Architecture().sizes:
        return {}
    assert work.head is not None
    tiles, windows = (marks.sum() / len(work.x) for marks in lit(work.x))
    first, second = (layer.weight for layer in work.layers)
    taps = second[0].size
    return {
        BLOCK1: work.x[0].size + 14 * 14 * TILE_INPUT + tiles * len(first) * TILE,
        # Four outputs of each channel, and the sums over the four lanes that each is left in.
        BLOCK2: windows * len(second) * 4 * (2 * taps + 3),
        HEAD: 2.0 * work.head.weight.size,
    }


def training_flop(work: TrainWorkload) -> dict[str, float]:
    """Return the executed FLOP of an image of a training step by part."""
    forward = inference_flop(work)
    if not forward:
        return {}
    assert work.head is not None
    tiles = lit(work.x)[0].sum() / len(work.x)
    first, second = (layer.weight for layer in work.layers)
    return {
        **forward,
        BACK_HEAD: 4.0 * work.head.weight.size,
        # Every winner's 3x3 input, times its gradient to the weights' and the weights to its own.
        BACK_BLOCK2: passing_features(work) * 4 * second[0].size,
        BACK_BLOCK1: tiles * len(first) * 32 + 14 * 14 * len(first),
        STEP: ADAM * parameter_count(work) / work.batch,
    }


def inference_parts(work: RawWorkload) -> tuple[Part, ...]:
    """Time the parts of an answer; nothing where the engine has none, or of few images."""
    flop = inference_flop(work)
    if not flop or len(work.x) < FEWEST_IMAGES:
        return ()
    trainer = new_trainer(work, np.zeros(len(work.x), np.uint8))
    order = np.arange(len(work.x))
    calls = {
        name: lambda last=last: trainer.run_parts(order, last, False)
        for last, name in enumerate(FORWARD, 1)
    }
    return _parts(calls, flop, len(work.x))


def training_parts(work: TrainWorkload) -> tuple[Part, ...]:
    """Time the parts of a step; nothing where the engine has none."""
    flop = training_flop(work)
    if not flop:
        return ()
    labels = work.labels.astype(np.uint8)
    trainer, learner = new_trainer(work, labels), new_trainer(work, labels)
    order = np.arange(len(work.x))
    calls: dict[str, Any] = {
        name: lambda last=last: trainer.run_parts(order, last, True)
        for last, name in enumerate(LEARNING, 1)
    }
    calls[STEP] = lambda: learner.train(order, work.batch, LEARNING_RATE)
    return _parts(calls, flop, len(work.x))


def new_trainer(work: Workload, labels: NDArray[np.uint8]) -> _core.NetworkTrainer:
    """Return the engine before its first step from the workload's weights, on its images."""
    start = parameter_vector(work)
    zeros = np.zeros_like(start)
    return _core.NetworkTrainer(work.x, labels, start, zeros, zeros, 0, None, sizes(work))


def _parts(calls: dict[str, Any], flop: dict[str, float], images: int) -> tuple[Part, ...]:
    """Return each part's time: what a call that ends with it takes longer than the one before."""
    samples = time_interleaved(calls, PLAN)
    ends = [0.0, *(float(np.median(samples[name])) / images for name in calls)]
    return tuple(
        Part(name, max(end - start, SHORTEST), flop[name])
        for name, (start, end) in zip(calls, pairwise(ends), strict=True)
    )
