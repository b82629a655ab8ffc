"""The order of the training images and the validation split: `epoch_order(indices, 0, epoch=1)`.

Every random choice comes from NumPy's PCG64 with a seed of its own: [seed, 0] for the initial
parameters (`cnnkit.graph.architecture`), [seed, e] for the order of epoch e = 1, 2, …,
[seed, e, 2] for how its images are changed (`cnnkit.train.augmented`), and [seed, 0, 1] for the
validation split. So no generator state has to be saved, and every engine sees the same batches.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cnnkit.data.dataset import Dataset, Split
from cnnkit.errors import InputError

SEEDS = 2**32  # one 32-bit word of NumPy's seed: larger seeds could share a stream


def epoch_order(indices: NDArray[np.int64], seed: int, epoch: int) -> NDArray[np.int64]:
    """Return `indices`, int64 [N], shuffled for epoch 1, 2, …."""
    return np.random.default_rng([seed, epoch]).permutation(indices)


def validation_split(data: Dataset, share: float, seed: int) -> tuple[NDArray[np.int64], Split]:
    """Return the ascending indices of the training images, and the validation images.

    The latter are the data's own, or else a share of the training images.

    Raises:
        InputError: one side would be empty.
    """
    if data.validation is not None:
        return np.arange(len(data.train.labels)), data.validation
    if data.samples:  # `share` was drawn when they were loaded
        share = 0.0
    chosen, held = split_validation(data.train.labels, share, seed)
    return chosen, Split(data.train.images[held], data.train.labels[held])


def split_validation(
    labels: NDArray[np.int64], share: float, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the ascending indices of the training images and of the validation images.

    The split is stratified: every class contributes the same fraction, rounded to whole images.

    Args:
        labels: int64 [N].
        share: the fraction for validation, at least 0 and below 1.
        seed: the run's seed.

    Raises:
        InputError: one side would be empty.
    """
    generator = np.random.default_rng([seed, 0, 1])
    held_out = np.zeros(len(labels), bool)
    for label in np.unique(labels):
        members = generator.permutation(np.flatnonzero(labels == label))
        held_out[members[: round(share * len(members))]] = True
    if held_out.all() or (share and not held_out.any()):
        raise InputError(
            f"--val-split {share}",
            f"leaves no {'training' if held_out.all() else 'validation'} image of {len(labels)}",
            "choose another share, or use more images",
        )
    return np.flatnonzero(~held_out), np.flatnonzero(held_out)
