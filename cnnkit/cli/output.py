"""Output of the commands: the two streams and the JSON document."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import typer
from rich.console import Console

from cnnkit.system.terminal import open_console

SCHEMA_VERSION = 1


def stdout() -> Console:
    """Return the console for results."""
    return open_console()


def stderr(quiet: bool = False, verbose: bool = False) -> Console:
    """Return the console for progress and messages; `quiet` silences it, `verbose` wants more."""
    return open_console(stderr=True, quiet=quiet, verbose=verbose)


def list_files(console: Console, title: str, paths: Sequence[object]) -> None:
    """Print paths below each other, each in one line, with a title before the first."""
    for path in paths:
        console.print(f"{title:<10}{path}", soft_wrap=True, no_wrap=True)
        title = ""


def on_all(kind: str) -> str:
    """Return on what a file is verified: all of what a person has, or random images."""
    return kind if kind == "random images" else f"all {kind}"


def emit_json(command: str, document: dict[str, Any]) -> None:
    """Print a command's JSON document."""
    typer.echo(
        json.dumps({"schema_version": SCHEMA_VERSION, "command": command, **document}, indent=2)
    )


def fail(message: str, details: Sequence[str] = ()) -> None:
    """Print an error on stderr, with details on lines of their own; the caller exits."""
    console = stderr()
    console.print(f"cnnkit: {message}", style="red", soft_wrap=True)
    for detail in details:
        console.print(f"  {detail}", soft_wrap=True)


def in_columns(rows: Sequence[Sequence[str]], sides: str) -> list[str]:
    """Return rows in columns, each aligned to the left or right, as lines."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.ljust(width) if side == "l" else cell.rjust(width)
            for cell, width, side in zip(row, widths, sides, strict=True)
        ).rstrip()
        for row in rows
    ]
