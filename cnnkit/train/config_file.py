"""A training's options as a TOML file: `TrainConfig(**read_config(Path("train.toml")))`.

A key is an option of `cnnkit train` without its dashes: `batch-size = 32`. A run folder has such a
file, `config.toml`, which repeats the run.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

from cnnkit.data.named.table import NAMED
from cnnkit.data.registry import DATASETS
from cnnkit.errors import InputError
from cnnkit.train.config import TrainConfig, option_name
from cnnkit.train.toml_file import check_keys, read_toml

CONFIG_TOML = "config.toml"


def read_config(path: Path) -> dict[str, Any]:
    """Return the fields of TrainConfig that a file gives.

    Names may have underscores in place of dashes; relative paths begin where the command runs.

    Raises:
        StorageError: the file cannot be read.
        InputError: it is not TOML, or an option is unknown, given twice or of another type.
    """
    known = {
        option_name(field.name).removeprefix("--"): field.name for field in fields(TrainConfig)
    }
    spelt = {**known, **{field.replace("_", "-"): field for field in known.values()}}
    given: dict[str, Any] = {}
    for key, value in read_toml(path).items():
        name = key.replace("_", "-")
        if name not in spelt:
            check_keys({name: value}, known, path, "option")
        field = spelt[name]
        if field in given:
            raise InputError(path, f"gives {name} twice", "leave one out")
        given[field] = _value(path, name, field, value)
    return given


def config_text(config: TrainConfig) -> str:
    """Return a file that repeats a run: all options but its folder, with absolute paths."""
    lines, tables = [], []
    for field in fields(TrainConfig):
        value = getattr(config, field.name)
        name = option_name(field.name).removeprefix("--")
        if value is None or field.name == "output":
            continue
        if isinstance(value, Mapping):
            tables += ["", f"[{name}]", *(f"{key} = {_toml(item)}" for key, item in value.items())]
        else:
            lines.append(f"{name} = {_toml(value)}")
    head = f"# Repeats this run: cnnkit train --config {CONFIG_TOML}"
    return "\n".join([head, *lines, *tables]) + "\n"


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_toml, value))}]"
    if isinstance(value, Path) and str(value) not in (*DATASETS, *NAMED):
        # What is not text in any encoding becomes a path that is not there.
        value = str(value.absolute()).encode(errors="replace").decode()
    if isinstance(value, str | Path):  # JSON escapes as TOML does, but for DEL
        return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")
    return repr(value)


def _value(path: Path, name: str, field: str, value: Any) -> Any:
    """Return a value of the field's type."""
    hint = get_type_hints(TrainConfig)[field]
    kinds = [hint] if get_origin(hint) is tuple else [*(get_args(hint) or (hint,))]
    for kind in kinds:
        accepts, convert, _ = KINDS[get_origin(kind) or kind]
        if accepts(value):
            return convert(value)
    wanted = " or ".join(KINDS[get_origin(kind) or kind][2] for kind in kinds if kind is not NONE)
    raise InputError(path, f"{name} is {value!r:.60}", f"make it {wanted}")


def _is_integer(value: Any) -> bool:
    # Of 64 bits: TOML promises no more, and larger ones become no float.
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63


def _is_list(value: Any) -> bool:
    return isinstance(value, list) and all(map(_is_integer, value))


NONE = type(None)
# Of each type of field: what a file may give for it, how that becomes a value, and its name.
KINDS: dict[Any, tuple[Callable[[Any], bool], Callable[[Any], Any], str]] = {
    bool: (lambda value: isinstance(value, bool), bool, "true or false"),
    int: (_is_integer, int, "a whole number"),
    float: (lambda value: _is_integer(value) or isinstance(value, float), float, "a number"),
    str: (lambda value: isinstance(value, str), str, "a text in quotes"),
    Path: (lambda value: isinstance(value, str), Path, "a path in quotes"),
    tuple: (_is_list, tuple, "whole numbers in brackets, such as [16, 4]"),
    dict: (lambda value: isinstance(value, dict), dict, "a table"),
    NONE: (lambda value: False, str, ""),
}
