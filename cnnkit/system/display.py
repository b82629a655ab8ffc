"""How results show themselves in a REPL and in Jupyter: `summary(self, "10 classes")`, `page(...)`.

A value's own `__repr__` is one line, whatever arrays it holds; `_repr_html_` is a small table.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path


def summary(value: object, *parts: str) -> str:
    """Return `Type(part, part)`, without parts that are empty."""
    return f"{type(value).__name__}({', '.join(filter(None, parts))})"


def page(title: str, head: Sequence[str], rows: Iterable[Sequence[object]], after: str = "") -> str:
    """Return a caption and a table as HTML; texts are escaped.

    Args:
        title: above the table.
        head: names of the columns; none if empty.
        rows: one value per column.
        after: HTML below the table, as it is.
    """
    import html

    top = "".join(f"<th>{html.escape(name)}</th>" for name in head)
    body = "".join(
        f"<tr>{''.join(f'<td>{html.escape(str(value))}</td>' for value in row)}</tr>"
        for row in rows
    )
    heading = f"<thead><tr>{top}</tr></thead>" if head else ""
    caption = f"<p><b>{html.escape(title)}</b></p>"
    return f"<div>{caption}<table>{heading}<tbody>{body}</tbody></table>{after}</div>"


def inline_svg(*paths: Path) -> str:
    """Return SVG files as images inside the HTML; a file that cannot be read is left out."""
    import base64
    import html

    images = []
    for path in paths:
        try:
            data = base64.b64encode(path.read_bytes()).decode()
        except OSError:
            continue
        images.append(
            f'<img alt="{html.escape(path.stem)}" src="data:image/svg+xml;base64,{data}">'
        )
    return "".join(images)
