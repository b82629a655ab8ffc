"""Output of the commands: the two streams and the JSON document."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.text import Text

from cnnkit.system.terminal import open_console, visible

SCHEMA_VERSION = 1


def stdout() -> Console:
    """Return the console for results."""
    return open_console()


def stderr(quiet: bool = False, verbose: bool = False) -> Console:
    """Return the console for progress and messages; `quiet` silences it, `verbose` wants more."""
    return open_console(stderr=True, quiet=quiet, verbose=verbose)


def prose(console: Console, text: str | Text) -> None:
    """Print a sentence: broken between words on a terminal, else one line for other programs."""
    console.print(text, soft_wrap=not console.is_terminal)


def on_all(kind: str) -> str:
    """Return on what a file is verified: all of what a person has, or random images."""
    return kind if kind == "random images" else f"all {kind}"


@contextmanager
def working(console: Console, text: str) -> Iterator[None]:
    """Show on a terminal that something is going on, and for how long; the line then vanishes."""
    if console.quiet or not console.is_terminal:
        yield
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        progress.add_task(visible(text), total=None)
        yield


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
