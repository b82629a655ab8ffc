"""What a person says of a model of others: its preprocessing, and the names of its classes."""

from __future__ import annotations

import ast
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

from cnnkit.errors import InputError
from cnnkit.graph.preprocessing import (
    COLOURS,
    RESIZE_FILTERS,
    RESIZE_MODES,
    Preprocessing,
    Resize,
)
from cnnkit.system.files import read_bytes

Size = tuple[int, int, int]
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # torchvision's
REMEDY = "use the values of its training"
KEYS = tuple(field.name for field in fields(Preprocessing) if field.name != "recipe")
DERIVED = ("colours", "range", "scaled_inside")  # what an artefact's record says beside these


def read_record(text: str, size: Size) -> Preprocessing:
    """Return the preprocessing that a person names.

    Args:
        text: "unit" (pixels / 255), "imagenet" (torchvision's mean and std as well), "none" (0 to
            255 as they are), or a file with the record, or a part of it, as JSON.
        size: C, H, W of the model's images.

    Raises:
        StorageError: the file cannot be read.
        InputError: it is no record, or not for these images.
    """
    unit = Preprocessing.of(size)
    if text == "unit":
        return unit
    if text == "none":
        return replace(unit, scale=1.0)
    if text == "imagenet":
        if size[0] != 3:
            raise InputError(
                "--preprocess imagenet",
                f"is for 3 channels; the model takes {size[0]}",
                "name a file with its own mean and std",
            )
        crop = Resize("crop", "bilinear", True)
        unit = replace(unit, mean=IMAGENET_MEAN, std=IMAGENET_STD)
        return replace(unit, resize=crop, orientation="exif")
    path = Path(text)
    try:
        values = json.loads(read_bytes(path))
    except (ValueError, RecursionError) as error:
        raise InputError(path, f"is not JSON ({error})", REMEDY) from error
    return record_of_values(path, values, unit)


def record_of_values(source: object, values: Any, unit: Preprocessing) -> Preprocessing:
    """Return a record of which JSON values say a part.

    Args:
        source: where they are from, for messages.
        values: by the names of the record's attributes.
        unit: the record that has the rest, that of pixels / 255.

    Raises:
        InputError: they are no record, or not for these images.
    """
    if not isinstance(values, Mapping):
        raise InputError(source, "is not a JSON object", REMEDY)
    unknown = sorted(values.keys() - {*KEYS, *DERIVED})
    if unknown:
        known = ", ".join(KEYS)
        raise InputError(source, f"has the unknown key {unknown[0]!r:.60}", f"use {known}")
    channels = unit.size[0]
    stated = {key: values[key] for key in KEYS if key in values}
    for key in ("mean", "std"):
        if isinstance(stated.get(key), int | float):
            stated[key] = [stated[key]] * channels
    try:
        resize = {**asdict(unit.resize), **stated.pop("resize", {})}
        record = Preprocessing.from_json(
            {**unit.to_json(True), **asdict(unit), **stated, "resize": resize}
        )
    except (TypeError, ValueError, AttributeError) as error:
        raise InputError(source, f"is not a preprocessing record ({error})", REMEDY) from error
    problem = _problem(record, channels)
    if problem:
        raise InputError(source, problem, REMEDY)
    return record


def _problem(record: Preprocessing, channels: int) -> str:
    numbers = (record.scale, *record.mean, *record.std)
    if not all(map(math.isfinite, numbers)) or not record.scale or 0 in record.std:
        return "has a scale or std of 0, or a number that is not finite"
    for key in ("mean", "std"):
        if len(getattr(record, key)) != channels:
            return f"has {len(getattr(record, key))} numbers in {key}, not {channels}"
    resize = record.resize
    if record.colour not in COLOURS or resize.mode not in RESIZE_MODES:
        known = ", ".join(RESIZE_MODES)
        return f"has the resize mode {resize.mode!r:.40}, which is not one of {known}"
    if resize.mode != "none" and resize.filter not in RESIZE_FILTERS:
        known = ", ".join(RESIZE_FILTERS)
        return f"has the filter {resize.filter!r:.40}, which is not one of {known}"
    return ""


def read_names(path: Path, classes: int) -> list[str]:
    """Return the class names in a text file, one a line.

    Raises:
        StorageError: it cannot be read.
        InputError: there are more or fewer than classes, or they are no text.
    """
    names = listed_names(path)
    if len(names) != classes:
        reason = f"has {len(names)} names, and the model has {classes} classes"
        raise InputError(path, reason, "write one name per line, in the order of its outputs")
    return names


def listed_names(path: Path) -> list[str]:
    """Return the lines of a text file, without empty ones at its end.

    Raises:
        StorageError: it cannot be read.
        InputError: it is no text.
    """
    try:
        names = read_bytes(path).decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise InputError(path, f"is not text in UTF-8 ({error})", "save it as UTF-8") from error
    while names and not names[-1].strip():
        names.pop()
    return [name.strip() for name in names]


def names_in(metadata: Mapping[str, str], classes: int) -> list[str] | None:
    """Return the class names in another tool's metadata; None if there are none that fit.

    They are a list, or a table by number, in JSON or as Python writes it.
    """
    for key in ("names", "labels", "classes"):
        try:
            values = ast.literal_eval(metadata[key])
        except (KeyError, ValueError, SyntaxError, RecursionError, MemoryError):
            continue
        if isinstance(values, dict):
            try:
                values = [values[number] for number in sorted(values, key=int)]
            except (TypeError, ValueError):
                continue
        if isinstance(values, list) and len(values) == classes:
            return [str(value) for value in values]
    return None
