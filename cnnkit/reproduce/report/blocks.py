"""A report as a list of blocks, and as Markdown: `markdown([Heading("Title"), Text("…")])`.

In every text, `code` is marked by backticks and **strong text** by double asterisks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

# The figures use these three colours, which the HTML page replaces by those of its theme.
INK, PAPER, GRID = "#222222", "#ffffff", "#e3e3e3"


@dataclass(frozen=True)
class Heading:
    """A section's heading; level 1 is the title."""

    text: str
    level: int = 2


@dataclass(frozen=True)
class Text:
    """A paragraph."""

    text: str


@dataclass(frozen=True)
class Items:
    """A list."""

    texts: Sequence[str]


@dataclass(frozen=True)
class Table:
    """A table; the first cell of a row names it.

    Attributes:
        caption: what it shows.
        columns: the column headings.
        rows: one cell per column.
    """

    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Picture:
    """A figure in a file beside the report.

    Attributes:
        stem: its file name without .png or .svg.
        caption: what the reader should see in it.
        description: alternative text for readers who cannot see it.
    """

    stem: str
    caption: str
    description: str


Block = Heading | Text | Items | Table | Picture


def markdown(blocks: Sequence[Block]) -> str:
    """Return the report as GitHub's Markdown; pictures are links to the PNG files beside it."""
    return "\n\n".join(map(_markdown, blocks)) + "\n"


def _markdown(block: Block) -> str:
    match block:
        case Heading():
            return f"{'#' * block.level} {block.text}"
        case Text():
            return block.text
        case Items():
            return "\n".join(f"- {text}" for text in block.texts)
        case Picture():
            return f"![{block.description}]({block.stem}.png)\n\n*{block.caption}*"
        case Table():
            lines = [block.columns, ["---"] * len(block.columns), *block.rows]
            table = "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
            return f"**{block.caption}**\n\n{table}"
