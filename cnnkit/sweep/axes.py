"""The search space: `parse_axis("--lr", ["1e-4,1e-3"])`, then `grid` or `random_settings`.

An axis is a field of TrainConfig with the values to try; a setting is one value of every axis.
"""

from __future__ import annotations

import functools
import itertools
import math
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import numpy as np

from cnnkit.errors import InputError
from cnnkit.train.config import SHORT_OPTIONS, TrainConfig, option_name

DIGITS = 3  # significant digits of a random number: few enough to type it again


@dataclass(frozen=True)
class Range:
    """Numbers between `low` and `high`, sampled log-uniformly; only integers if `integer`."""

    low: float
    high: float
    integer: bool

    def sample(self, generator: np.random.Generator) -> float:
        """Return a random number, rounded to DIGITS significant digits or to an integer."""
        number = math.exp(generator.uniform(math.log(self.low), math.log(self.high)))
        return round(number) if self.integer else float(f"{number:.{DIGITS}g}")


Axis = tuple[Any, ...] | Range
Setting = dict[str, Any]


@functools.cache
def value_parsers() -> dict[str, Callable[[str], Any]]:
    """Return a parser of one value for every field of TrainConfig that can be an axis."""
    hints = get_type_hints(TrainConfig)
    found: dict[str, Callable[[str], Any]] = {}
    for field in fields(TrainConfig):
        kind = hints[field.name]
        if field.name == "seed" or kind is bool or Path in (kind, *get_args(kind)):
            continue  # --seeds sets the seeds; a path or a flag is no choice to compare
        if get_origin(kind) is tuple:
            found[field.name] = _integers
        else:
            found[field.name] = next(k for k in (int, float, str) if k in (kind, *get_args(kind)))
    return found


def parse_axis(name: str, texts: Sequence[str]) -> tuple[str, Axis]:
    """Return the field that an option such as --lr stands for, and the values in its arguments.

    Values are separated by commas, except for a field that is itself a list: there, each argument
    is one value. `LOW..HIGH` is a range to sample from.

    Raises:
        InputError: there is no such field, no value, a repeated value, or one of the wrong type.
    """
    field = {short: field for field, short in SHORT_OPTIONS.items()}.get(
        name, name.removeprefix("--").replace("-", "_")
    )
    if field not in value_parsers():
        known = ", ".join(map(option_name, value_parsers()))
        raise InputError(name, "cannot be varied in a sweep", f"use --seeds, or one of {known}")
    parse = value_parsers()[field]
    try:
        if len(texts) == 1 and ".." in texts[0]:
            return field, _parse_range(name, parse, texts[0])
        listed = texts if parse is _integers else [part for t in texts for part in t.split(",")]
        values = [parse(part.strip()) for part in listed if part.strip()]
    except ValueError as error:
        if isinstance(error, InputError):
            raise
        raise InputError(name, f"is {', '.join(texts)}", "separate numbers by commas") from None
    if not values or len(values) < len(listed):
        raise InputError(name, f"has no value in '{','.join(texts)}'", "give one or more")
    for value in values:
        if values.count(value) > 1:
            raise InputError(name, f"lists {format_value(value)} twice", "list each value once")
    return field, tuple(values)


def grid(axes: Mapping[str, Axis]) -> list[Setting]:
    """Return every combination of the axes' values, the last axis fastest.

    Raises:
        InputError: an axis is a range.
    """
    for field, axis in axes.items():
        if isinstance(axis, Range):
            raise InputError(option_name(field), "is a range", "add --random N to sample from it")
    lists = [axis for axis in axes.values() if isinstance(axis, tuple)]
    return [dict(zip(axes, values, strict=True)) for values in itertools.product(*lists)]


def random_settings(axes: Mapping[str, Axis], count: int) -> list[Setting]:
    """Return `count` different random settings; a larger count starts with the same ones.

    Raises:
        InputError: there are fewer different settings.
    """
    possible = math.prod(
        (int(axis.high - axis.low + 1) if axis.integer else math.inf)
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
            field: axis.sample(generator)
            if isinstance(axis, Range)
            else axis[generator.integers(len(axis))]
            for field, axis in axes.items()
        }
        if setting not in found:
            found.append(setting)
    return found


def format_value(value: Any) -> str:
    """Return a value as text for tables and folder names."""
    return "-".join(map(str, value)) if isinstance(value, tuple) else str(value)


def label(setting: Mapping[str, Any]) -> str:
    """Return the name of a setting: `learning_rate=0.001,batch_size=16`."""
    return ",".join(f"{field}={format_value(value)}" for field, value in setting.items())


def to_options(setting: Mapping[str, Any]) -> str:
    """Return a setting as command-line options of `cnnkit train`."""
    values = {
        field: ",".join(map(str, value)) if isinstance(value, tuple) else value
        for field, value in setting.items()
    }
    return " ".join(f"{option_name(k)} {shlex.quote(str(v))}" for k, v in values.items())


def _integers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(","))


def _parse_range(name: str, parse: Callable[[str], Any], text: str) -> Range:
    low, _, high = text.partition("..")
    if parse not in (int, float) or not 0 < parse(low) < parse(high) < math.inf:
        raise InputError(name, f"is {text}", "give a range of two numbers above 0, LOW..HIGH")
    return Range(parse(low), parse(high), parse is int)
