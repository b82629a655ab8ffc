"""A report as one self-contained page: `html(blocks, folder_of_figures)`.

Figures are embedded, there are no scripts, and the theme follows the reader's system. A
Content-Security-Policy guarantees that nothing is loaded.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from html import escape
from pathlib import Path

from cnnkit.plots import BLUE
from cnnkit.reproduce.criteria import Verdict
from cnnkit.reproduce.report.blocks import (
    GRID,
    INK,
    PAPER,
    Block,
    Heading,
    Items,
    Picture,
    Table,
    Text,
)
from cnnkit.system.files import read_bytes

NAMES = ("ink", "paper", "grid", "line")
LIGHT = (INK, PAPER, GRID, BLUE.lower())
DARK = ("#e4e4e4", "#16181c", "#33373e", "#56b4e9")
MARKS = {Verdict.HOLDS: "✓", Verdict.PARTLY: "◐", Verdict.FAILS: "✗"}
LONG = 40  # characters: longer cells get a minimum width, to be legible on a phone
PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
      content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<style>
{variables}
* {{ box-sizing: border-box }}
body {{ margin: 0; background: var(--paper); color: var(--ink);
       font: 1rem/1.5 system-ui, sans-serif }}
main {{ max-width: 62rem; margin: 0 auto; padding: 1rem }}
h1 {{ font-size: 1.7rem; line-height: 1.2 }}
h2 {{ font-size: 1.3rem; margin: 2.5rem 0 .5rem; border-bottom: 1px solid var(--grid) }}
h3 {{ font-size: 1.1rem; margin: 2rem 0 .5rem }}
p, li {{ max-width: 46rem }}
code {{ font-size: .9em; background: var(--grid); padding: .1em .3em; border-radius: .2em }}
figure {{ margin: 1rem 0; max-width: 46rem }}
figure img {{ width: 100%; height: auto; display: block }}
figcaption, caption {{ font-size: .9rem; text-align: left; padding: .4rem 0 }}
caption {{ font-weight: 600 }}
.wide {{ overflow-x: auto; margin: 1rem 0 }}
.wide:focus-visible {{ outline: 2px solid currentColor }}
table {{ border-collapse: collapse; font-size: .9rem; font-variant-numeric: tabular-nums }}
th, td {{ text-align: left; vertical-align: top; padding: .4rem .6rem; min-width: 5.5rem;
         border-bottom: 1px solid var(--grid) }}
caption div {{ max-width: min(46rem, 90vw) }}
.long {{ min-width: 17rem }}
tbody th {{ font-weight: 400 }}
.verdict {{ white-space: nowrap; font-weight: 600 }}
.holds {{ color: var(--holds) }} .part {{ color: var(--part) }} .fails {{ color: var(--fails) }}
</style>
</head>
<body>
<main>
{body}
</main>
</body>
</html>
"""
CLASSES = {Verdict.HOLDS: "holds", Verdict.PARTLY: "part", Verdict.FAILS: "fails"}
# Green, amber and red with a contrast of at least 4.5 to their theme's background.
VERDICT_COLOURS = (("#00694a", "#805000", "#b3261e"), ("#4cc9a0", "#f0b24c", "#ff8a80"))


def html(blocks: Sequence[Block], folder: Path) -> str:
    """Return the page, with the figures in `folder` embedded.

    Raises:
        StorageError: a figure cannot be read.
    """
    title = next(block.text for block in blocks if isinstance(block, Heading))
    body = "\n".join(_html(block, folder) for block in blocks)
    return PAGE.format(title=escape(title), variables=_variables(), body=body)


def _variables() -> str:
    """Return the colours of both themes as CSS."""
    names = (*NAMES, *CLASSES.values())
    light, dark = (
        "; ".join(f"--{name}: {colour}" for name, colour in zip(names, colours, strict=True))
        for colours in (LIGHT + VERDICT_COLOURS[0], DARK + VERDICT_COLOURS[1])
    )
    return f":root {{ {light} }}\n@media (prefers-color-scheme: dark) {{ :root {{ {dark} }} }}"


def _html(block: Block, folder: Path) -> str:
    match block:
        case Heading():
            return f"<h{block.level}>{_inline(block.text)}</h{block.level}>"
        case Text():
            return f"<p>{_inline(block.text)}</p>"
        case Items():
            return "<ul>" + "".join(f"<li>{_inline(text)}</li>" for text in block.texts) + "</ul>"
        case Picture():
            image = themed((read_bytes(folder / f"{block.stem}.svg")).decode())
            data = base64.b64encode(image.encode()).decode()
            return (
                f'<figure><img alt="{escape(block.description)}" '
                f'src="data:image/svg+xml;base64,{data}">'
                f"<figcaption>{_inline(block.caption)}</figcaption></figure>"
            )
        case Table():
            return _table(block)


def _table(table: Table) -> str:
    head = "".join(f'<th scope="col">{_inline(cell)}</th>' for cell in table.columns)
    rows = "".join(
        f'<tr><th scope="row">{_inline(row[0])}</th>{"".join(map(_cell, row[1:]))}</tr>\n'
        for row in table.rows
    )
    # On a phone a wide table scrolls inside its own box, also by keyboard.
    return (
        f'<div class="wide" tabindex="0" role="region" aria-label="{escape(table.caption)}">\n'
        f"<table><caption><div>{_inline(table.caption)}</div></caption>\n"
        f"<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}</tbody></table></div>"
    )


def _cell(text: str) -> str:
    for verdict in Verdict:
        if text == verdict:
            mark = f'<span aria-hidden="true">{MARKS[verdict]} </span>'
            return f'<td class="verdict {CLASSES[verdict]}">{mark}{text}</td>'
    return f"<td{' class=long' if len(text) > LONG else ''}>{_inline(text)}</td>"


def _inline(text: str) -> str:
    text = re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text, quote=False))
    return re.sub(r"\*\*([^*]+)\*\*", r"<strong>\1</strong>", text)


def themed(svg: str) -> str:
    """Return a figure in the reader's theme, without any URLs but XML namespaces."""
    svg = re.sub(r"<metadata>.*?</metadata>|<!DOCTYPE[^>]*>", "", svg, flags=re.DOTALL)
    for name, colour in zip(NAMES, LIGHT, strict=True):
        svg = svg.replace(colour, f"var(--{name})")
    style = f"<style>{_variables()}</style>"
    return re.sub(r"(<svg[^>]*>)", lambda found: found[0] + style, svg, count=1)
