"""What a model sees in a person's pictures: `predict(cnnkit.load("mnist.onnx"), [path])`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cnnkit.data.preparation import Prepared, prepare
from cnnkit.errors import CnnkitError
from cnnkit.formats.description import preprocessing
from cnnkit.graph.preprocessing import Preprocessing

if TYPE_CHECKING:
    from cnnkit.runtimes.classifier import Classifier
    from cnnkit.runtimes.model import Model

SHADES = " .:-=+*#%@"
UNSURE = 0.5  # of the likeliest class: below, another reading is as likely as this one
SURE, NOT_SURE, SEVERAL = "sure", "not sure", "several digits"  # the verdicts


@dataclass(frozen=True)
class PicturePrediction:
    """What a model predicts for one picture.

    Attributes:
        path: the picture.
        seen: what the network was given, uint8 [C, H, W].
        top: the likeliest class names with their probabilities, likeliest first.
        verdict: "sure", "not sure" where no class has half of the probability, or "several
            digits": then the classes are those of no single one of them.
    """

    path: Path
    seen: NDArray[np.uint8]
    top: tuple[tuple[str, float], ...]
    verdict: str = SURE

    def to_json(self) -> dict[str, Any]:
        """Return the prediction as JSON values."""
        top = [{"name": name, "probability": probability} for name, probability in self.top]
        name = self.top[0][0]
        return {"path": str(self.path), "name": name, "verdict": self.verdict, "top": top}


def preparation(model: Model | Classifier) -> Preprocessing:
    """Return the record by which a model's pictures are prepared."""
    return preprocessing(model.weights)


def predict(
    model: Model | Classifier, paths: Sequence[Path], top: int = 3
) -> tuple[list[PicturePrediction], list[tuple[Path, CnnkitError]]]:
    """Classify pictures; one that cannot be read does not stop the others.

    Args:
        model: from `cnnkit.load`.
        paths: pictures of any size, which `cnnkit.data.preparation.prepare` prepares: as MNIST's
            images for a network trained on MNIST, for any other only resized.
        top: how many classes to name, at most all of them.

    Returns:
        The predictions in the order of `paths`, and each picture without one with the reason: an
        InputError (not a picture, a blank one, other channels) or a StorageError (it cannot be
        read). A path that is given twice has two predictions.
    """
    record = preparation(model)
    prepared: list[tuple[Path, Prepared]] = []
    failed: list[tuple[Path, CnnkitError]] = []
    for path in paths:
        try:
            prepared.append((path, prepare(path, record)))
        except CnnkitError as error:
            failed.append((path, error))
    if not prepared:
        return [], failed
    predictions = []
    shares = model(np.stack([picture.image for _, picture in prepared])).probabilities  # [N, K]
    for (path, picture), row in zip(prepared, shares, strict=True):
        likeliest = np.argsort(-row, kind="stable")[:top]
        top_names = tuple((model.names[k], float(row[k])) for k in likeliest)
        verdict = SEVERAL if picture.several else SURE if top_names[0][1] >= UNSURE else NOT_SURE
        predictions.append(PicturePrediction(path, picture.image, top_names, verdict))
    return predictions, failed


def sketch(image: NDArray[np.uint8]) -> str:
    """Return the mean of the channels of uint8 [C, H, W] as H lines of 2 W characters.

    A character is twice as high as wide.
    """
    levels = image.mean(axis=0).astype(int) * len(SHADES) // 256
    return "\n".join("".join(SHADES[level] * 2 for level in row).rstrip() for row in levels)
