"""Grey levels from colours, along the axis on which a picture has its contrast: `contrast(rgb)`."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cnnkit.data.digit.planes import Plane

LUMA = np.array([0.299, 0.587, 0.114])
BETTER = 2.0  # times luma's contrast: an axis with less is not worth its noise
STEP = 0.02  # of the longer side: over which colours differ
ROUNDS = 30  # of the power iteration


def contrast(rgb: NDArray[np.uint8]) -> Plane:
    """Return the levels 0 to 255, [H, W], of a picture uint8 [H, W, 3].

    They are the luma, unless another sum of the channels has at least twice its contrast, as for
    red ink on a green of the same luma: then those along the first principal axis of the
    differences between nearby pixels.
    """
    colours = rgb.astype(np.float64)
    step = max(1, round(STEP * max(rgb.shape[:2])))
    pairs = (colours[step:] - colours[:-step], colours[:, step:] - colours[:, :-step])
    spread = np.zeros((3, 3))
    for differences in pairs:
        flat = differences.reshape(-1, 3)
        spread += flat.T @ flat
    axis = principal_axis(spread)
    if axis @ spread @ axis < BETTER**2 * (LUMA @ spread @ LUMA):
        axis = LUMA
    return np.asarray(colours @ axis - 255 * np.minimum(axis, 0).sum())


def principal_axis(spread: Plane) -> NDArray[np.float64]:
    """Return the eigenvector of the largest eigenvalue [3]; its absolute values sum to 1."""
    axis = spread[int(np.argmax(np.diag(spread)))]
    if not axis.any():
        return LUMA
    for _ in range(ROUNDS):
        axis = spread @ (axis / np.abs(axis).sum())
    return np.asarray(axis / np.abs(axis).sum())
