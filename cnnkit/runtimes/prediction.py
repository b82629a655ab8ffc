"""What a model computes for images: `Prediction(logits, probabilities, label)`."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Prediction(NamedTuple):
    """A model's outputs for N images and K classes."""

    logits: NDArray[np.float32]  # [N, K]
    probabilities: NDArray[np.float32]  # [N, K]
    label: NDArray[np.int64]  # [N]
