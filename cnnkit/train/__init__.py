"""Training: from images to a run folder, `train(TrainConfig())`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnnkit.lazy import attach

if TYPE_CHECKING:
    from cnnkit.train.config import TrainConfig as TrainConfig
    from cnnkit.train.quantisation_aware import fine_tuning as fine_tuning
    from cnnkit.train.trainer import TrainResult as TrainResult
    from cnnkit.train.trainer import resume as resume
    from cnnkit.train.trainer import train as train

__all__ = ["TrainConfig", "TrainResult", "fine_tuning", "resume", "train"]

__getattr__, __dir__ = attach(
    __name__,
    {
        "TrainConfig": ".config",
        "TrainResult": ".trainer",
        "fine_tuning": ".quantisation_aware",
        "resume": ".trainer",
        "train": ".trainer",
    },
)
