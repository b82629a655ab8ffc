"""Defaults of options from a file: `[train]`, `epochs = 20` in cnnkit.toml or pyproject.toml.

They become words of the command line, `--epochs=20`, so that they are checked like any others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import typer

from cnnkit.errors import InputError
from cnnkit.train.config import TrainConfig, option_name
from cnnkit.train.toml_file import check_keys, read_toml

OWN_FILE = "cnnkit.toml"
PROJECT_FILE = "pyproject.toml"
HELP = ("-h", "--help")
# Where a training has its options from, if one of these is given.
OTHER_SOURCES = ("--config", "--resume", "--qat")


@dataclass(frozen=True)
class DefaultsFile:
    """The file in force, and its tables of options by command."""

    path: Path
    tables: Mapping[str, Any]


def find_defaults() -> DefaultsFile | None:
    """Return the nearest file from this folder upwards, else the user's own, else None.

    Raises:
        StorageError: it cannot be read.
        InputError: it is not TOML.
    """
    import platformdirs

    try:
        here = Path.cwd()
    except FileNotFoundError:  # somebody removed it
        here = Path("/")
    for folder in (here, *here.parents):
        if (own := folder / OWN_FILE).is_file():
            return DefaultsFile(own, read_toml(own))
        project = folder / PROJECT_FILE
        if _mentions_cnnkit(project):
            tool = read_toml(project).get("tool", {})
            if isinstance(tool, dict) and isinstance(tool.get("cnnkit"), dict):
                return DefaultsFile(project, tool["cnnkit"])
    try:
        own = platformdirs.user_config_path("cnnkit") / OWN_FILE
    except RuntimeError:  # a user without a home
        return None
    return DefaultsFile(own, read_toml(own)) if own.is_file() else None


def with_defaults(app: typer.Typer, words: Sequence[str]) -> tuple[list[str], str]:
    """Return the words of a command line with those of the file, and a message that names them.

    Options that are given win. `train --config`, `--resume` and `--qat` have others.

    Raises:
        StorageError: the file cannot be read.
        InputError: it is not TOML, or names no command, no option, or a value that none has.
    """
    words = list(words)
    at = next((i for i, word in enumerate(words) if not word.startswith("-")), None)
    if at is None or any(word in HELP for word in words):
        return words, ""
    file = find_defaults()
    if file is None:
        return words, ""
    group: Any = typer.main.get_command(app)
    commands = {
        name: each for name, each in group.commands.items() if not hasattr(each, "commands")
    }
    check_keys(file.tables, commands, file.path, "command")
    added: dict[str, list[str]] = {}
    for command, table in file.tables.items():
        new = _words(file.path, command, table, commands[command].params, words[at + 1 :])
        if command == words[at]:
            added = new
    if words[at] == "train" and any(_is_given(option, words) for option in OTHER_SOURCES):
        added = {}
    extra = [word for each in added.values() for word in each]
    shown = f"defaults of {file.path}: {' '.join(extra)}" if extra else ""
    if any(word in ("--quiet", "--json") for word in (*words, *extra)):
        shown = ""
    return [*words[: at + 1], *extra, *words[at + 1 :]], shown


def _words(
    path: Path, command: str, table: Any, params: Sequence[Any], given: Sequence[str]
) -> dict[str, list[str]]:
    """Return the words of a command's table by option, but for options that are given."""
    if not isinstance(table, dict):
        raise InputError(path, f"has no table [{command}]", f"write [{command}] above its options")
    known = {_name(param): param for param in params if _name(param)}
    also = (
        {option_name(f.name)[2:]: None for f in fields(TrainConfig)} if command == "sweep" else {}
    )
    table = {key.replace("_", "-"): value for key, value in table.items()}
    check_keys(table, {**also, **known}, path, f"option of cnnkit {command}")
    found = {}
    for key, value in table.items():
        param = known.get(key)
        spelt = [f"--{key}"] if param is None else [*param.opts, *param.secondary_opts]
        made = _option(path, key, value, param)
        if not any(_is_given(option, given) for option in spelt):
            found[key] = made
    return found


def _name(param: Any) -> str:
    return next((option[2:] for option in param.opts if option.startswith("--")), "")


def _option(path: Path, key: str, value: Any, param: Any) -> list[str]:
    """Return an option as words."""
    if isinstance(value, bool) and getattr(param, "is_flag", False):
        off = [option for option in param.secondary_opts if option.startswith("--")][:1]
        return [f"--{key}"] if value else off
    values = value if isinstance(value, list) else [value]
    if getattr(param, "is_flag", False) or not all(map(_is_plain, values)):
        wanted = "true or false" if getattr(param, "is_flag", False) else "a text, number or list"
        raise InputError(path, f"{key} is {value!r:.60}", f"make it {wanted}")
    if getattr(param, "multiple", False):
        return [f"--{key}={each}" for each in values]
    return [f"--{key}={','.join(map(str, values))}"]


def _is_plain(value: Any) -> bool:
    return isinstance(value, (str, int, float)) and not isinstance(value, bool)


def _is_given(option: str, words: Sequence[str]) -> bool:
    if option.startswith("--"):
        return any(word == option or word.startswith(f"{option}=") for word in words)
    return any(word.startswith(option) and not word.startswith("--") for word in words)


def _mentions_cnnkit(path: Path) -> bool:
    """Whether a project's file may have a table of ours: others' need not even be TOML."""
    try:
        return b"tool.cnnkit" in path.read_bytes()
    except OSError:
        return False
