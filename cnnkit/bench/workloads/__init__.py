"""What is timed: inputs, weights and the float64 reference that every output is compared with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnnkit.lazy import attach

if TYPE_CHECKING:
    from cnnkit.bench.workloads.base import Workload as Workload
    from cnnkit.bench.workloads.inference import InferenceWorkload as InferenceWorkload
    from cnnkit.bench.workloads.models import ModelWorkload as ModelWorkload
    from cnnkit.bench.workloads.training import TrainingWorkload as TrainingWorkload

__all__ = ["InferenceWorkload", "ModelWorkload", "TrainingWorkload", "Workload"]

__getattr__, __dir__ = attach(
    __name__,
    {
        "ModelWorkload": ".models",
        "InferenceWorkload": ".inference",
        "TrainingWorkload": ".training",
        "Workload": ".base",
    },
)
