"""Which images, in which order: `epoch_order(indices, seed=0, epoch=1)`.

Every random choice is a function of a few numbers given to NumPy's PCG64: [seed, 0] draws the
parameters (`cnnkit.graph.architecture`), [seed, e] the order of epoch e = 1, 2, …, and [seed, 0, 1]
the validation split. So nothing random needs saving, and every engine sees the same batches.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cnnkit.errors import InputError

SEEDS = 2**32  # one word of NumPy's seed: more would let different seeds share a stream


def epoch_order(indices: NDArray[np.int64], seed: int, epoch: int) -> NDArray[np.int64]:
    """Return `indices` int64 [N] in the order in which epoch 1, 2, … takes them."""
    return np.random.default_rng([seed, epoch]).permutation(indices)


def split_validation(
    labels: NDArray[np.int64], share: float, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the indices, ascending, of the images for training and of those for validation.

    Every class gives the same share of its images, rounded to whole images.

    Args:
        labels: int64 [N].
        share: how much is for validation, 0 to below 1.
        seed: the run's.

    Raises:
        InputError: one side would get no image.
    """
    generator = np.random.default_rng([seed, 0, 1])
    held = np.zeros(len(labels), bool)
    for label in np.unique(labels):
        members = generator.permutation(np.flatnonzero(labels == label))
        held[members[: round(share * len(members))]] = True
    if held.all() or (share and not held.any()):
        raise InputError(
            f"--val-split {share}",
            f"leaves no {'training' if held.all() else 'validation'} image of {len(labels)}",
            "choose another share, or give more images",
        )
    return np.flatnonzero(~held), np.flatnonzero(held)
