"""The one way to the terminal: `open_console().print(text, soft_wrap=True)`.

On a terminal a sentence is broken between words, and a command in backticks is one word;
`no_wrap=True` is for what is copied, such as a command. Elsewhere a line stays a line.

Paths, class names and messages come from others: they are neither markup nor control characters
nor more than one line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

# What stays in one line: a command or a name in backticks, or what has no space.
WORD = re.compile(r"(?:`[^`]*`|\S)+")
# The rest of a line hangs below its text: after a title, else to the right of its indentation.
TITLE = re.compile(r"\S+(?: \S+)* {2,}")
LONGEST_TITLE, HANG = 20, 2
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

    def print(self, *objects: Any, **options: Any) -> None:
        whole = options.pop("no_wrap", None)
        if options.get("soft_wrap") and self.is_terminal and not whole and len(objects) == 1:
            text = objects[0] if isinstance(objects[0], Text) else self.render_str(str(objects[0]))
            objects = (Text("\n").join(between_words(text, self.width)),)
        super().print(*objects, **options)


def between_words(text: Text, width: int) -> list[Text]:
    """Return a line as lines of at most `width` columns, unless a word is longer."""
    plain, starts, start = text.plain, [], 0
    indent = len(plain) - len(plain.lstrip())
    title = TITLE.match(plain)
    hang = indent + HANG if indent else 0
    if title and title.end() <= LONGEST_TITLE:
        hang = title.end()
    room = width
    for word in WORD.finditer(plain):
        if cell_len(plain[start : word.end()]) > room and word.start() > max(start, indent):
            start, room = word.start(), width - hang
            starts.append(start)
    lines = text.divide(starts)
    for line in lines[1:]:
        line.pad_left(hang)
    for line in lines:
        line.rstrip()
    return list(lines)


def open_console(stderr: bool = False, quiet: bool = False, verbose: bool = False) -> Console:
    """Return a console that prints strings as they are, each as one line."""
    console = _Console(stderr=stderr, quiet=quiet, highlight=False, markup=False, emoji=False)
    console.verbose = verbose
    return console


def is_verbose(console: Console) -> bool:
    """Return whether a console was opened for details, too."""
    return isinstance(console, _Console) and console.verbose


@contextmanager
def working(console: Console, text: str) -> Iterator[None]:
    """Show on a terminal that something is going on, and for how long; the line then vanishes."""
    if console.quiet or not console.is_terminal:
        yield
        return
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        progress.add_task(visible(text), total=None)
        yield
