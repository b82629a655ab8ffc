"""Many trainings in parallel: on the cores of this machine, or on a Ray cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnnkit.lazy import attach

if TYPE_CHECKING:
    from cnnkit.train.jobs.pool import Outcome as Outcome
    from cnnkit.train.jobs.pool import run_jobs as run_jobs
    from cnnkit.train.jobs.ray_cluster import on_ray as on_ray

__all__ = ["Outcome", "on_ray", "run_jobs"]

__getattr__, __dir__ = attach(
    __name__,
    {
        "Outcome": ".pool",
        "on_ray": ".ray_cluster",
        "run_jobs": ".pool",
    },
)
