"""What is tried: `read_axis("--lr", ["1e-4,1e-3"])`, then `grid(axes)` or `draw(axes, 20)`.

An axis is a field of TrainConfig, by its own name, with the values to try.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import numpy as np

from cnnkit.errors import InputError
from cnnkit.train.config import TrainConfig

SHORT = {"learning_rate": "--lr"}  # every other option has its field's name
DIGITS = 3  # of a drawn number: nobody needs to type more of it


@dataclass(frozen=True)
class Range:
    """Numbers from `low` to `high`, of which all orders of magnitude are equally likely."""

    low: float
    high: float
    whole: bool

    def draw(self, generator: np.random.Generator) -> float:
        """Return one number, rounded to DIGITS digits or to a whole number."""
        number = math.exp(generator.uniform(math.log(self.low), math.log(self.high)))
        return round(number) if self.whole else float(f"{number:.{DIGITS}g}")


Axis = tuple[Any, ...] | Range
Setting = dict[str, Any]


def option(field: str) -> str:
    """Return the command-line option of a field of TrainConfig."""
    return SHORT.get(field, f"--{field.replace('_', '-')}")


@functools.cache
def readers() -> dict[str, Callable[[str], Any]]:
    """Return what reads one value from text, by the fields of TrainConfig that can be an axis."""
    hints = get_type_hints(TrainConfig)
    found: dict[str, Callable[[str], Any]] = {}
    for field in fields(TrainConfig):
        kind = hints[field.name]
        if field.name == "seed" or Path in (kind, *get_args(kind)):
            continue  # seeds have an option of their own; a path is no choice of the training
        if get_origin(kind) is tuple:
            found[field.name] = _whole_numbers
        else:
            found[field.name] = next(k for k in (int, float, str) if k in (kind, *get_args(kind)))
    return found


def read_axis(name: str, texts: Sequence[str]) -> tuple[str, Axis]:
    """Return the field and the values of an option such as --lr with the texts given to it.

    Values stand between commas; a field that takes a list of numbers itself takes one value a text.
    `LOW..HIGH` is a range to draw from.

    Raises:
        InputError: no such field, no value, a value twice, or one that is none of the field's.
    """
    field = {short: field for field, short in SHORT.items()}.get(
        name, name.removeprefix("--").replace("-", "_")
    )
    if field not in readers():
        known = ", ".join(option(field) for field in readers())
        raise InputError(name, "is no choice of a training", f"use --seeds, or one of {known}")
    read = readers()[field]
    try:
        if len(texts) == 1 and ".." in texts[0]:
            return field, _read_range(name, read, texts[0])
        listed = texts if read is _whole_numbers else [w for t in texts for w in t.split(",")]
        values = [read(word.strip()) for word in listed if word.strip()]
    except ValueError as error:
        if isinstance(error, InputError):
            raise
        raise InputError(name, f"is {', '.join(texts)}", "give numbers with commas") from None
    if not values or len(values) < len(listed):
        raise InputError(name, f"has no value in '{','.join(texts)}'", "give one or more")
    for value in values:
        if values.count(value) > 1:
            raise InputError(name, f"names {show(value)} twice", "name each value once")
    return field, tuple(values)


def grid(axes: Mapping[str, Axis]) -> list[Setting]:
    """Return every combination of the axes' values, the last axis fastest.

    Raises:
        InputError: an axis is a range.
    """
    for field, axis in axes.items():
        if isinstance(axis, Range):
            raise InputError(option(field), "is a range", "add --random N to draw from it")
    lists = [axis for axis in axes.values() if isinstance(axis, tuple)]
    return [dict(zip(axes, values, strict=True)) for values in itertools.product(*lists)]


def draw(axes: Mapping[str, Axis], count: int) -> list[Setting]:
    """Return `count` different combinations, drawn; a larger count begins with the same ones.

    Raises:
        InputError: there are not so many.
    """
    possible = math.prod(
        (int(axis.high - axis.low + 1) if axis.whole else math.inf)
        if isinstance(axis, Range)
        else len(axis)
        for axis in axes.values()
    )
    if not 1 <= count <= possible:
        most = f"between 1 and the {possible} of the grid" if possible < math.inf else "1 or more"
        raise InputError("--random", f"is {count}", f"make it {most}")
    generator = np.random.default_rng(0)
    found: list[Setting] = []
    while len(found) < count:
        setting = {
            field: axis.draw(generator)
            if isinstance(axis, Range)
            else axis[generator.integers(len(axis))]
            for field, axis in axes.items()
        }
        if setting not in found:
            found.append(setting)
    return found


def show(value: Any) -> str:
    """Return a value as it stands in tables and in folder names."""
    return "-".join(map(str, value)) if isinstance(value, tuple) else str(value)


def label(setting: Mapping[str, Any]) -> str:
    """Return a setting's name: `learning_rate=0.001,batch_size=16`."""
    return ",".join(f"{field}={show(value)}" for field, value in setting.items())


def words(setting: Mapping[str, Any]) -> str:
    """Return a setting as options of `cnnkit train`."""
    values = {
        field: ",".join(map(str, value)) if isinstance(value, tuple) else value
        for field, value in setting.items()
    }
    return " ".join(f"{option(field)} {value}" for field, value in values.items())


def _whole_numbers(text: str) -> tuple[int, ...]:
    return tuple(int(word) for word in text.split(","))


def _read_range(name: str, read: Callable[[str], Any], text: str) -> Range:
    low, _, high = text.partition("..")
    if read not in (int, float) or not 0 < read(low) < read(high) < math.inf:
        raise InputError(name, f"is {text}", "make a range of two numbers above 0, LOW..HIGH")
    return Range(read(low), read(high), read is int)
