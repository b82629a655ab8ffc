"""Labels in a table: `metadata.csv` or `metadata.jsonl` with file_name, label[, split][, group]."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from cnnkit.data.own.class_folders import pictures_below
from cnnkit.data.own.listing import SPLITS, Listing, Names, counted, number_classes
from cnnkit.errors import InputError, StorageError
from cnnkit.system.files import read_bytes

TABLES = ("metadata.csv", "metadata.jsonl")
FORM = "write the columns file_name,label, and where wanted split and group"
KNOWN = ("file_name", "label", "split", "group")  # columns; others mean nothing here
DELIMITERS = (",", ";", "\t")
Row = dict[str, str]


def find_table(root: Path, classes: Names = None, manifest: Path | None = None) -> Listing | None:
    """Return the pictures that a table names; None if there is none.

    Args:
        root: the folder that file names are relative to.
        classes: the class names that the labels must have; None takes the labels.
        manifest: the table; None looks for one of TABLES in the folder.

    Raises:
        InputError: the table is damaged, or rows lack a file, a label or a known split.
        StorageError: it cannot be read.
    """
    path = manifest or next((root / name for name in TABLES if (root / name).is_file()), None)
    if path is None:
        return None
    rows = list(_rows(path))
    if not rows:
        raise InputError(path, "has no rows", FORM)
    _check(path, root, rows)
    names, numbers = number_classes(path, (row["label"] for _, row in rows), classes, root)
    groups = [row.get("group", "") for _, row in rows]
    splits = [SPLITS.get(row.get("split", "").lower(), "") for _, row in rows]
    paths = [str(PurePosixPath(row["file_name"])) for _, row in rows]
    return Listing(
        f"table {path.name}",
        root,
        names,
        np.array([numbers[row["label"]] for _, row in rows], np.int64),
        splits,
        paths,
        groups=groups if any(groups) else None,
        notes=_unlisted(root, path, paths),
    )


def _unlisted(root: Path, table: Path, listed: list[str]) -> tuple[str, ...]:
    """Return a note on pictures in the folder that have no row, if there are any."""
    try:
        others = sorted(set(pictures_below(root)[0]) - set(listed))
    except StorageError:  # in a folder that no row needs
        return ()
    if not others:
        return ()
    some = ", ".join(map(repr, others[:3])) + (", …" if len(others) > 3 else "")
    return (f"{counted(len(others), 'picture')} left out, not in {table.name}: {some}",)


def _rows(path: Path) -> Iterator[tuple[int, Row]]:
    """Yield each row's line and its values as text."""
    try:
        text = read_bytes(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(path, f"is not UTF-8 text ({error.reason})", "save it as UTF-8") from error
    if path.suffix.lower() in (".jsonl", ".json"):
        yield from _json_lines(path, text)
        return
    heading = text.splitlines()[0] if text else ""
    # Where the comma is the decimal separator, spreadsheets write semicolons.
    delimiter = max(DELIMITERS, key=heading.count)
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True, delimiter=delimiter)
    try:
        columns = [name.strip().lower() for name in reader.fieldnames or ()]
        found = ", ".join(columns) or "none"
        if missing := [name for name in ("file_name", "label") if name not in columns]:
            raise InputError(path, f"has no column {missing[0]}; its columns: {found}", FORM)
        if twice := [name for name in KNOWN if columns.count(name) > 1]:
            raise InputError(path, f"has the column {twice[0]} twice; its columns: {found}", FORM)
        reader.fieldnames = columns
        for row in reader:
            if None in row or None in row.values():
                what = "more" if None in row else "fewer"
                raise InputError(
                    path, f"has {what} values than columns in line {reader.line_num}", FORM
                )
            yield reader.line_num, {key: value.strip() for key, value in row.items()}
    except csv.Error as error:
        raise InputError(path, f"is damaged in line {reader.line_num} ({error})", FORM) from error


def _json_lines(path: Path, text: str) -> Iterator[tuple[int, Row]]:
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        if len(line) > csv.field_size_limit():
            raise InputError(path, f"has {len(line):,} characters in line {number}", FORM)
        try:
            values = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise InputError(path, f"is not JSON in line {number} ({error})", FORM) from error
        if not isinstance(values, dict) or "file_name" not in values:
            raise InputError(path, f"has no file_name in line {number}", FORM)
        row = {key: _text(values.get(key)) for key in KNOWN}
        if strange := [key for key, value in row.items() if value is None]:
            raise InputError(
                path,
                f"has {strange[0]} {json.dumps(values[strange[0]])[:40]} in line {number}",
                "give it as text or as a whole number",
            )
        yield number, {key: value or "" for key, value in row.items()}


def _text(value: Any) -> str | None:
    """Return a value as text; None if it is no single word or whole number."""
    if value is None or isinstance(value, str):
        return (value or "").strip()
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float) and value == value // 1:
        return str(int(value))
    return None


def _check(path: Path, root: Path, rows: list[tuple[int, Row]]) -> None:
    """Raise InputError with all rows that cannot be used."""
    bad: list[str] = []
    seen: dict[str, int] = {}
    for line, row in rows:
        name = row["file_name"]
        pure = PurePosixPath(name)
        same = str(pure)  # "./1.png" is "1.png"
        if not name or pure.is_absolute() or ".." in pure.parts:
            bad.append(f"line {line}: {name or 'no file_name'} is not a path inside the folder")
        elif same in seen:
            bad.append(f"line {line}: {name} already stands in line {seen[same]}")
        elif not row.get("label"):
            bad.append(f"line {line}: {name} has no label")
        elif row.get("split", "").lower() not in ("", *SPLITS):
            bad.append(f"line {line}: {row['split']} is not a split (train, validation, test)")
        elif not os.path.exists(root / name):
            bad.append(f"line {line}: {name} does not exist")
        seen.setdefault(same, line)
    if bad:
        raise InputError(
            path,
            f"has {len(bad):,} of {len(rows):,} rows that cannot be used",
            "correct these rows, or leave them out",
            bad,
        )
