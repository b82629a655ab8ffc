"""Golden vectors: 16 real images with the outputs that any runtime must give for them.

A host app runs them when it starts, and so tests its runtime, in whatever language and on whatever
processor it is. `cnnkit.formats.golden_vectors` computes them.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

COUNT = 16
KEY = "cnnkit.golden."


@dataclass(frozen=True)
class Golden:
    """Images and the outputs for them.

    Attributes:
        images: uint8 [16, C, H, W], raw pixels.
        labels: int64 [16].
        logits: float32 [16, K].
        probabilities: float32 [16, K].
        tolerance: the largest absolute error of a logit that a runtime may have.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    logits: NDArray[np.float32]
    probabilities: NDArray[np.float32]
    tolerance: float

    def to_json(self) -> dict[str, Any]:
        """Return metadata values by key; floats have the fewest digits that give the same bits."""
        return {
            f"{KEY}images": base64.b64encode(self.images.tobytes()).decode(),
            f"{KEY}labels": self.labels.tolist(),
            f"{KEY}logits": _shortest(self.logits),
            f"{KEY}probabilities": _shortest(self.probabilities),
            f"{KEY}tolerance": self.tolerance,
        }

    @classmethod
    def from_json(
        cls, values: Mapping[str, Any], size: tuple[int, ...], classes: int
    ) -> Golden | None:
        """Read what `to_json` wrote for images [C, H, W] and K classes; None if there are none.

        Raises:
            ValueError: they are damaged.
        """
        if not any(key.startswith(KEY) for key in values):
            return None
        try:
            pixels = base64.b64decode(values[f"{KEY}images"], validate=True)
            images = np.frombuffer(pixels, np.uint8).reshape(COUNT, *size).copy()
            labels = np.array(values[f"{KEY}labels"], np.int64)
            logits, probabilities = (
                np.array(values[f"{KEY}{name}"], np.float32) for name in ("logits", "probabilities")
            )
            tolerance = float(values[f"{KEY}tolerance"])
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise ValueError(f"damaged golden vectors ({error!r})") from error
        shapes = labels.shape, logits.shape, probabilities.shape
        if shapes != ((COUNT,), (COUNT, classes), (COUNT, classes)):
            raise ValueError("golden vectors of shapes that do not fit")
        return cls(images, labels, logits, probabilities, tolerance)


def _shortest(array: NDArray[np.float32]) -> list[list[float]]:
    return [[float(str(value)) for value in row] for row in array]
