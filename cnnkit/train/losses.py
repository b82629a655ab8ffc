"""Class weights of the loss: `class_weights("auto", names, labels)`."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from cnnkit.errors import InputError

OPTION = "--class-weights"
MOST = 1e6  # the largest weight, and the reciprocal of the smallest: within what float32 sums
FORM = "give none, auto, or weights such as"


def class_weights(
    text: str, names: Sequence[str], labels: NDArray[np.int64]
) -> NDArray[np.float32] | None:
    """Return the weight of each class in the loss, float32 [K]; None if all have the same.

    Args:
        text: `none`; `auto`, N / (K n) for a class with n of the N images; or NAME=WEIGHT,… with
            1 for the classes that are not named.
        names: the K classes.
        labels: of the images that are trained on, int64 [N].

    Raises:
        InputError: the text is neither, a class is unknown or named twice, or a weight is not above
            0.
    """
    if text == "none":
        return None
    if text == "auto":
        counts = np.bincount(labels, minlength=len(names))
        balanced = len(labels) / (len(names) * np.maximum(counts, 1))
        return np.where(counts > 0, balanced, 1.0).astype(np.float32)
    weights = np.ones(len(names), np.float32)
    for name, weight in _parse(text, names).items():
        weights[list(names).index(name)] = weight
    return weights


def _parse(text: str, names: Sequence[str]) -> dict[str, float]:
    # A name may hold commas and equals signs itself: the longest that fits is meant.
    longest_first = sorted(names, key=len, reverse=True)
    known = re.compile(f"({'|'.join(map(re.escape, longest_first))})=([^,=]*)(,|$)")
    found: dict[str, float] = {}
    at = 0
    while at < len(text) or not found:
        match = known.match(text, at)
        if not match:
            raise InputError(
                OPTION,
                f"has no class and weight in {text[at:]!r:.60}",
                f"{FORM} {names[0]}=2; the classes are {', '.join(names):.200}",
            )
        name, number, _ = match.groups()
        weight = _number(number)
        if not 1 / MOST <= weight <= MOST:
            allowed = f"make it a number from {1 / MOST:g} to {MOST:g}"
            raise InputError(OPTION, f"gives {name} the weight {number!r:.30}", allowed)
        if name in found:
            raise InputError(OPTION, f"names {name} twice", "give each class one weight")
        found[name] = weight
        at = match.end()
    return found


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
