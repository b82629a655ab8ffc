"""What a model sees in a person's pictures: `predict(cnnkit.load("mnist.onnx"), [path])`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cnnkit.data.photo import prepare_picture
from cnnkit.errors import CnnkitError, InputError

if TYPE_CHECKING:
    from cnnkit.runtimes.classifier import Classifier
    from cnnkit.runtimes.model import Model

SHADES = " .:-=+*#%@"


@dataclass(frozen=True)
class PicturePrediction:
    """What a model predicts for one picture.

    Attributes:
        path: the picture.
        seen: what the network was given, uint8 [1, H, W].
        top: the likeliest class names with their probabilities, likeliest first.
    """

    path: Path
    seen: NDArray[np.uint8]
    top: tuple[tuple[str, float], ...]

    def to_json(self) -> dict[str, Any]:
        """Return the prediction as JSON values."""
        top = [{"name": name, "probability": probability} for name, probability in self.top]
        return {"path": str(self.path), "name": self.top[0][0], "top": top}


def predict(
    model: Model | Classifier, paths: Sequence[Path], top: int = 3
) -> tuple[list[PicturePrediction], dict[Path, CnnkitError]]:
    """Classify pictures; one that cannot be read does not stop the others.

    Args:
        model: from `cnnkit.load`.
        paths: pictures of any size; see `cnnkit.data.photo.prepare_picture`.
        top: how many classes to name, at most all of them.

    Returns:
        The predictions in the order of `paths`, and for each picture without one the reason:
        an InputError (not a picture, or a blank one) or a StorageError (it cannot be read).

    Raises:
        InputError: the model takes several channels.
    """
    channels, height, width = model.architecture.input
    if channels != 1:
        raise InputError(
            model.path,
            f"takes {channels} channels, but pictures are prepared for one",
            "call the model from Python, with images of your own making",
        )
    seen: dict[Path, NDArray[np.uint8]] = {}
    failed: dict[Path, CnnkitError] = {}
    for path in paths:
        try:
            seen[path] = prepare_picture(path, (height, width))
        except CnnkitError as error:
            failed[path] = error
    if not seen:
        return [], failed
    predictions = []
    shares = model(np.stack(list(seen.values()))).probabilities  # [N, K]
    for (path, image), row in zip(seen.items(), shares, strict=True):
        likeliest = np.argsort(-row, kind="stable")[:top]
        top_names = tuple((model.names[k], float(row[k])) for k in likeliest)
        predictions.append(PicturePrediction(path, image, top_names))
    return predictions, failed


def sketch(image: NDArray[np.uint8]) -> str:
    """Return uint8 [1, H, W] as H lines of 2 W characters: a character is twice as high as wide."""
    levels = image[0].astype(int) * len(SHADES) // 256
    return "\n".join("".join(SHADES[level] * 2 for level in row).rstrip() for row in levels)
