"""The published experiments, repeated with several seeds and compared with the publication.

    plan → trainings (`train.jobs`) → trained_run → criteria, paper_claims, model_selection → report

`reproduce(ReproduceConfig())` does all of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnnkit.lazy import attach

if TYPE_CHECKING:
    from cnnkit.reproduce.findings import Findings as Findings
    from cnnkit.reproduce.plan import ReproduceConfig as ReproduceConfig
    from cnnkit.reproduce.run import reproduce as reproduce

__all__ = ["Findings", "ReproduceConfig", "reproduce"]

__getattr__, __dir__ = attach(
    __name__,
    {
        "Findings": ".findings",
        "ReproduceConfig": ".plan",
        "reproduce": ".run",
    },
)
