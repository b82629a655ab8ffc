"""What is timed, with its float64 reference."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnnkit.lazy import attach

if TYPE_CHECKING:
    from cnnkit.bench.workloads.base import Workload as Workload
    from cnnkit.bench.workloads.inference import RawWorkload as RawWorkload
    from cnnkit.bench.workloads.models import ModelWorkload as ModelWorkload
    from cnnkit.bench.workloads.training import TrainWorkload as TrainWorkload

__all__ = ["ModelWorkload", "RawWorkload", "TrainWorkload", "Workload"]

__getattr__, __dir__ = attach(
    __name__,
    {
        "ModelWorkload": ".models",
        "RawWorkload": ".inference",
        "TrainWorkload": ".training",
        "Workload": ".base",
    },
)
