"""What a model computes for images: `Prediction(logits, probabilities, label)`."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from cnnkit.system.display import page, summary

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SHOWN = 10  # images of a table or a line


class Prediction(NamedTuple):
    """A model's outputs for N images and K classes."""

    logits: NDArray[np.float32]  # [N, K]
    probabilities: NDArray[np.float32]  # [N, K]
    label: NDArray[np.int64]  # [N]

    def __repr__(self) -> str:
        images, classes = self.logits.shape
        labels = " ".join(map(str, self.label[:SHOWN])) + (" ..." if images > SHOWN else "")
        return summary(self, f"{images} x {classes} logits", f"label=[{labels}]")

    def _repr_html_(self) -> str:
        images, classes = self.logits.shape
        rows = [
            (index, int(label), f"{self.probabilities[index, label]:.2%}")
            for index, label in enumerate(self.label[:SHOWN])
        ]
        title = f"{images:,} predictions, {classes} classes"
        after = f"<p>and {images - SHOWN:,} more</p>" if images > SHOWN else ""
        return page(title, ("image", "label", "probability"), rows, after)
