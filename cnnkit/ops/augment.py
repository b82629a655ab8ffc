"""Augmented copies of raw images, in the extension's integers: `augment(images, order, table)`."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cnnkit import _core
from cnnkit.ops.fused import default_threads

ONE = 65536  # the table's numbers are in 1/65536
COLUMNS = 8


def augment(
    images: NDArray[np.uint8],
    order: NDArray[np.int64],
    table: NDArray[np.int32],
    border: str = "black",
    threads: int | None = None,
) -> NDArray[np.uint8]:
    """Return for each row of `table` a changed copy of an image, uint8 [N, C, H, W].

    With row m, pixel (x, y) of the copy shows its image at column m[0] x + m[1] y + m[4] and row
    m[2] x + m[3] y + m[5], bilinearly to 1/256 of a pixel; its value v then becomes m[6] v + m[7],
    within 0 to 255. All of that is integer arithmetic: every machine computes the same pixels, on
    any number of threads.

    Args:
        images: uint8 [M, C, H, W].
        order: int64 [N], which image each row changes.
        table: int32 [N, 8] in units of 1/65536.
        border: what lies outside an image: `black`, or `reflect`, its mirror image.
        threads: None means PyTorch's number if PyTorch is loaded, else the number of usable cores.

    Raises:
        InputError: an array of another type or shape, or an index out of range.
    """
    count = default_threads() if threads is None else threads
    return _core.augment(images, order, table, border, count)
