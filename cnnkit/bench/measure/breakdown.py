"""Where cnnkit's time goes: `time_parts(work)`, for networks whose engine can run part by part."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnkit import _core
from cnnkit.bench.measure.native_flop import (
    BACKWARD,
    FORWARD,
    STEP,
    inference_flop,
    training_flop,
)
from cnnkit.bench.measure.statistics import median_interval
from cnnkit.bench.measure.timing import PartTime, TimingPlan, time_interleaved
from cnnkit.bench.workloads.base import Workload
from cnnkit.bench.workloads.graph import GraphWorkload
from cnnkit.bench.workloads.inference import InferenceWorkload
from cnnkit.bench.workloads.integers import IntegerWorkload
from cnnkit.bench.workloads.network import weights_of
from cnnkit.bench.workloads.training import LEARNING_RATE, TrainingWorkload
from cnnkit.graph.program.steps import Program, Step
from cnnkit.runtimes.integers import IntegerEngine
from cnnkit.runtimes.native import open_engine, prepare
from cnnkit.runtimes.program import lower_network

FEWEST_IMAGES = 16  # with fewer, the call itself would be timed
SHORTEST = 1e-10  # seconds; noise must not make a part's time zero or negative
RUNS = 101  # of a whole network whose steps are timed
# The share of a convolution's products that an algorithm makes.
EXECUTED = {
    "winograd-4x4": 36 / 144,
    "winograd-4x2": 24 / 72,
    "winograd-2x2": 16 / 36,
    "winograd-4x1": 8 / 20,
    "winograd-4x1-pixels": 8 / 20,
    "int8-winograd-4x4": 36 / 144,
}
MOST_SPREAD = 0.5  # of a part's interval, as a share of its time
PLAN = TimingPlan(rounds=21, seconds=0.1)


def time_parts(work: Workload) -> tuple[PartTime, ...]:
    """Return the time and FLOP of each part of cnnkit's work; empty where the engine has none."""
    timer = TIMERS.get(type(work))
    return timer(work) if timer else ()


def inference_parts(work: InferenceWorkload) -> tuple[PartTime, ...]:
    """Time the parts of inference; none for few images."""
    flop = inference_flop(work)
    if not flop or len(work.x) < FEWEST_IMAGES:
        return ()
    trainer = new_trainer(work, np.zeros(len(work.x), np.uint8))
    order = np.arange(len(work.x))
    calls = {
        name: lambda last=last: trainer.run_parts(order, last, False)
        for last, name in enumerate(FORWARD, 1)
    }
    return _differences(calls, flop, len(work.x))


def training_parts(work: TrainingWorkload) -> tuple[PartTime, ...]:
    """Time the parts of a training step."""
    flop = training_flop(work)
    if not flop:
        return ()
    labels = work.labels.astype(np.uint8)
    in_parts, whole = new_trainer(work, labels), new_trainer(work, labels)
    order = np.arange(len(work.x))
    calls: dict[str, Any] = {
        name: lambda last=last: in_parts.run_parts(order, last, True)
        for last, name in enumerate((*FORWARD, *BACKWARD), 1)
    }
    calls[STEP] = lambda: whole.train(order, work.batch, LEARNING_RATE)
    return _differences(calls, flop, len(work.x))


def new_trainer(work: Workload, labels: NDArray[np.uint8]) -> _core.NetworkTrainer:
    """Return the engine before its first step from the workload's weights, on its images."""
    weights = weights_of(work)
    start = weights.architecture.join(weights.tensors)
    zeros = np.zeros_like(start)
    sizes = weights.architecture.sizes
    return _core.NetworkTrainer(work.x, labels, start, zeros, zeros, 0, None, sizes)


def _differences(
    calls: dict[str, Any], flop: dict[str, float], images: int
) -> tuple[PartTime, ...]:
    """Return each part's time: by how much a call that ends with it is longer than the last."""
    samples = time_interleaved(calls, PLAN)
    ends = [np.zeros(PLAN.rounds), *(samples[name] / images for name in calls)]
    return tuple(
        part_time(name, end - start, float(np.median(end) - np.median(start)), flop[name])
        for name, (start, end) in zip(calls, pairwise(ends), strict=True)
    )


def part_time(name: str, differences: NDArray[np.float64], seconds: float, flop: float) -> PartTime:
    """Return a part whose time is a difference, measured in every round."""
    interval = median_interval(differences)
    certain = interval.low > 0.0 and interval.high - interval.low <= MOST_SPREAD * seconds
    return PartTime(name, max(seconds, SHORTEST), flop, certain)


def graph_parts(work: GraphWorkload) -> tuple[PartTime, ...]:
    """Time the steps of a network on one image; none where an engine runs it as a whole."""
    if work.batch > 1:
        return ()
    engine: object = open_engine(work.graph, work.name)
    if isinstance(engine, IntegerEngine) and engine.takes_bytes:
        program, engine, size = engine.program, engine.network, 1
    elif isinstance(engine, _core.ProgramNetwork):
        program, size = lower_network(prepare(work.graph), work.name), 4
    else:
        return ()
    seconds = np.median(engine.time_steps(work.x, RUNS), 0) * 1e-9
    return tuple(
        PartTime(
            f"{step.node} [{algorithm}]",
            max(float(time), SHORTEST),
            2.0 * step.macc * EXECUTED.get(algorithm, 1.0),
            bytes=_bytes(program, step, size),
        )
        for step, algorithm, time in zip(program.steps, engine.algorithms, seconds, strict=True)
    )


def _bytes(program: Program, step: Step, size: int) -> float:
    """Return the bytes of what a step reads and writes; `size` is that of a buffer's element."""
    buffers = sum(program.sizes[index] for index in step.buffers)
    constants = (program.constants[name].nbytes for name in step.inputs if isinstance(name, str))
    return float(buffers * size + sum(constants))


TIMERS: dict[type[Workload], Callable[[Any], tuple[PartTime, ...]]] = {
    InferenceWorkload: inference_parts,
    GraphWorkload: graph_parts,
    IntegerWorkload: graph_parts,
    TrainingWorkload: training_parts,
}
