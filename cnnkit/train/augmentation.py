"""Which operations change the training images: `read_policy("digits")`.

`cnnkit.train.augmented` makes the images.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cnnkit.errors import InputError
from cnnkit.train.toml_file import check_keys, read_toml

Policy = Mapping[str, Any]

NONE, DIGITS, NATURAL = "none", "digits", "natural"
PRESETS: dict[str, dict[str, Any]] = {
    NONE: {},
    DIGITS: {
        **{"rotate": [-10.0, 10.0], "shear": [-10.0, 10.0], "scale": [0.9, 1.1]},
        **{"translate": [-0.08, 0.08], "border": "black"},
    },
    NATURAL: {
        **{"flip": 0.5, "translate": [-0.125, 0.125], "rotate": [-5.0, 5.0]},
        **{"brightness": [-0.1, 0.1], "contrast": [0.8, 1.2], "border": "reflect"},
    },
}
# Of each operation: the value that changes nothing, and between which values it may be drawn.
OPERATIONS = {
    "rotate": (0.0, -180.0, 180.0),  # degrees
    "shear": (0.0, -45.0, 45.0),  # degrees
    "scale": (1.0, 0.5, 2.0),
    "translate": (0.0, -0.5, 0.5),  # of the width, and again of the height
    "brightness": (0.0, -1.0, 1.0),  # of the largest value, added
    "contrast": (1.0, 0.0, 4.0),  # times the distance from the middle grey
}
BORDERS = ("black", "reflect")
LARGEST = 1e9  # of any number in a file
KEYS = (*OPERATIONS, "flip", "border")


def read_policy(source: str | Path | Policy, subject: object = "--augment") -> dict[str, Any]:
    """Return the operations of a preset, a TOML file or a table, each with its lowest and highest.

    A number m in a file is the range from m below to m above what changes nothing.

    Raises:
        InputError: there is no such file, an operation is unknown, or a range is not allowed.
        StorageError: the file cannot be read.
    """
    if isinstance(source, str) and source in PRESETS:
        return PRESETS[source]
    if isinstance(source, (str, Path)):
        path = Path(source)
        if not os.path.isfile(path):  # unlike Path.is_file, false for one that cannot be looked at
            names = ", ".join(PRESETS)
            raise InputError(
                subject,
                f"is {source}, which is neither one of {names} nor a file",
                f"make it one of {names}, or a TOML file",
            )
        return read_policy(read_toml(path), path)
    check_keys(source, KEYS, subject, "operation")
    policy: dict[str, Any] = {}
    for key, value in source.items():
        if key == "border":
            if value not in BORDERS:
                raise _refused(subject, key, value, f"one of {', '.join(BORDERS)}")
            policy[key] = value
        elif key == "flip":
            if not _is_number(value) or not 0 <= value <= 1:
                raise _refused(subject, key, value, "a probability from 0 to 1")
            policy[key] = float(value)
        else:
            policy[key] = _range(subject, key, value)
    return policy


def _range(subject: object, key: str, value: Any) -> list[float]:
    neutral, lowest, highest = OPERATIONS[key]
    ends = [neutral - abs(value), neutral + abs(value)] if _is_number(value) else value
    if not (isinstance(ends, (list, tuple)) and len(ends) == 2 and all(map(_is_number, ends))):
        raise _refused(subject, key, value, "a number, or the lowest and the highest in brackets")
    low, high = map(float, ends)
    if not lowest <= low <= high <= highest:
        raise _refused(subject, key, value, f"a range between {lowest:g} and {highest:g}")
    return [low, high]


def _is_number(value: Any) -> bool:
    # Beyond that, integers become no float.
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < LARGEST


def _refused(subject: object, key: str, value: Any, allowed: str) -> InputError:
    return InputError(subject, f"{key} is {value!r:.60}", f"make it {allowed}")
