"""Models made callable: in cnnkit's own engine, or in the runtime that the users of a file have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnnkit.lazy import attach

if TYPE_CHECKING:
    from cnnkit.runtimes.classifier import Classifier as Classifier
    from cnnkit.runtimes.loader import load as load
    from cnnkit.runtimes.loader import open_model as open_model
    from cnnkit.runtimes.model import Model as Model
    from cnnkit.runtimes.prediction import Prediction as Prediction

__all__ = ["Classifier", "Model", "Prediction", "load", "open_model"]

__getattr__, __dir__ = attach(
    __name__,
    {
        "Classifier": ".classifier",
        "Model": ".model",
        "Prediction": ".prediction",
        "load": ".loader",
        "open_model": ".loader",
    },
)
