"""Pictures from a Python object: `dataset_of(torchvision.datasets.CIFAR10("cifar"))`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from cnnkit.data.dataset import Dataset
from cnnkit.data.fitting import fit_picture
from cnnkit.data.own.decoder import GRAY_MODES
from cnnkit.data.own.listing import TEST, TRAIN, Listing
from cnnkit.data.own.load import load_own
from cnnkit.data.own.options import PictureOptions
from cnnkit.data.own.pixels import choose_record
from cnnkit.errors import InputError
from cnnkit.system.terminal import open_console

REMEDY = (
    "each item must be (picture, label): a PIL image, or uint8 pixels [H, W], [H, W, 3] or "
    "[3, H, W], and a whole number from 0"
)


class Pairs(Protocol):
    """What data sets of PyTorch, torchvision and others have in common."""

    def __len__(self) -> int:
        """Return the number of pictures."""

    def __getitem__(self, index: int) -> Any:
        """Return a picture and its label."""


def dataset_of(
    train: Pairs,
    test: Pairs | None = None,
    names: Sequence[str] | None = None,
    options: PictureOptions | None = None,
    quiet: bool = True,
) -> Dataset:
    """Return a data set of objects with a length and items (picture, label).

    `cnnkit.train.train(config, data=...)` trains on it, and `resume(run, data=...)` goes on.

    Args:
        train: the training pictures, as PIL images or uint8 pixels [H, W], [H, W, 3] or [3, H, W].
        test: likewise for the test; None holds out a share of the others.
        names: the K class names; None takes `train.classes`, or else the labels' numbers.
        options: how pictures are prepared and split.
        quiet: print no summary.

    Raises:
        InputError: an item is something else, or there are too few.
    """
    options = options or PictureOptions()
    options.check()
    parts = [(TRAIN, train)] + ([] if test is None else [(TEST, test)])
    places = [(split, pairs, index) for split, pairs in parts for index in range(len(pairs))]
    sizes, gray, labels = Counter[tuple[int, int]](), True, []
    for split, pairs, index in places:
        picture, label = _item(split, pairs, index)
        sizes[picture.size[::-1]] += 1
        gray = gray and picture.mode in GRAY_MODES
        labels.append(label)
    if not labels:
        raise InputError("train", "has no items", REMEDY)
    record = choose_record(sizes, gray, options)
    channels, height, width = record.size
    rows = np.empty((len(places), height, width, channels), np.uint8)
    for row, (split, pairs, index) in enumerate(places):
        rows[row] = fit_picture(_item(split, pairs, index)[0], record).transpose(1, 2, 0)
    known = names or getattr(train, "classes", None) or range(max(labels) + 1)
    listing = Listing(
        type(train).__name__,
        Path(type(train).__name__),
        _names(known, labels),
        np.array(labels, np.int64),
        [split if test is not None else "" for split, _, _ in places],
        [f"{split}[{index}]" for split, _, index in places],
        rows,
    )
    fixed = replace(options, size=(height, width), color=record.colour)
    return load_own(listing, fixed, open_console(stderr=True, quiet=quiet))


def _names(known: Any, labels: list[int]) -> tuple[str, ...]:
    names = tuple(str(name) for name in known)
    if max(labels) >= len(names):
        raise InputError(
            "names", f"are {len(names)}, but labels go up to {max(labels)}", "name every class"
        )
    return names


def _item(split: str, pairs: Pairs, index: int) -> tuple[Image.Image, int]:
    subject = f"{split}[{index}]"
    try:
        picture, label = pairs[index]
        number = int(label)
    except (TypeError, ValueError) as error:
        raise InputError(subject, f"is not a picture with a label ({error})", REMEDY) from error
    if number < 0 or number != label:
        raise InputError(subject, f"has the label {label}", REMEDY)
    if isinstance(picture, Image.Image):
        return picture, number
    return Image.fromarray(_pixels(subject, np.asarray(picture))), number


def _pixels(subject: str, pixels: NDArray[Any]) -> NDArray[np.uint8]:
    """Return pixels as [H, W] or [H, W, 3]."""
    if pixels.dtype != np.uint8:
        raise InputError(
            subject,
            f"has pixels as {pixels.dtype}",
            "give raw pixels from 0 to 255 as uint8: leave out transforms such as ToTensor, since "
            "the model scales them itself",
        )
    if pixels.ndim == 3 and pixels.shape[0] in (1, 3) and pixels.shape[2] not in (1, 3):
        pixels = pixels.transpose(1, 2, 0)
    if pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = pixels[..., 0]
    if pixels.ndim not in (2, 3) or pixels.shape[2:] not in ((), (3,)) or not pixels.size:
        raise InputError(subject, f"has pixels of shape {list(pixels.shape)}", REMEDY)
    return np.ascontiguousarray(pixels)
