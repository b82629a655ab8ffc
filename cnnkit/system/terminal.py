"""The one way to the terminal: `open_console().print(text)`.

Paths, class names and messages come from others: they are neither markup nor control characters
nor more than one line.
"""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.text import Text

JOINERS = "\u200c\u200d"  # which scripts and emoji need; they change nothing else


def visible(text: str) -> str:
    """Return a text with control characters, line breaks and their like as escapes."""
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() or char in JOINERS else char.encode("unicode_escape").decode()
        for char in text
    )


def line(*parts: str | tuple[str, str]) -> Text:
    """Return one line for a console, of texts and of (text, style)."""
    return Text.assemble(
        *(visible(part) if isinstance(part, str) else (visible(part[0]), part[1]) for part in parts)
    )


class _Console(Console):
    verbose = False

    def render_str(self, text: str, **options: Any) -> Text:  # every string passes here
        return super().render_str(visible(text), **options)


def open_console(stderr: bool = False, quiet: bool = False, verbose: bool = False) -> Console:
    """Return a console that prints strings as they are, each as one line."""
    console = _Console(stderr=stderr, quiet=quiet, highlight=False, markup=False, emoji=False)
    console.verbose = verbose
    return console


def is_verbose(console: Console) -> bool:
    """Return whether a console was opened for details, too."""
    return isinstance(console, _Console) and console.verbose
