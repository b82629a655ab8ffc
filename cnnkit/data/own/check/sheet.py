"""The contact sheet of a report, one page that needs no other file: `draw_sheet(report)`."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Iterable
from html import escape

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from cnnkit.data.fitting import to_colour
from cnnkit.data.own.check.finding import Finding
from cnnkit.data.own.check.findings import class_counts
from cnnkit.data.own.check.run import Report
from cnnkit.data.pictures import open_picture, read_file
from cnnkit.errors import CnnkitError
from cnnkit.system.terminal import visible

GROUPS, MEMBERS = 24, 6  # shown of each finding, and of each group
CLASSES, EXAMPLES = 60, 4  # whose pictures are shown
LINES = 200
THUMBNAIL = 96
MARKS = {True: "✗", False: "!"}
STYLE = """
:root{color-scheme:light dark}
body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem;
background:Canvas;color:CanvasText}
h1{font-size:1.5rem;overflow-wrap:anywhere}h2{font-size:1.1rem;margin:2rem 0 .3rem}
p{margin:.3rem 0}.group{display:flex;flex-wrap:wrap;gap:.6rem;margin:.5rem 0;padding:.5rem;
border:1px solid color-mix(in srgb,CanvasText 20%,Canvas);border-radius:6px}
figure{margin:0;max-width:13rem}figure img{width:96px;height:96px;object-fit:contain;
margin-right:4px;background:color-mix(in srgb,CanvasText 12%,Canvas)}
img.seen{image-rendering:pixelated}figcaption{font-size:.75rem;overflow-wrap:anywhere}
.spoils h2{color:light-dark(#b3261e,#ff8a80)}table{border-collapse:collapse}
td,th{padding:.1rem .6rem;text-align:left}td.number{text-align:right}
.bar{height:.8rem;background:light-dark(#3367d6,#8ab4f8);min-width:1px;border-radius:2px}
td.bars{width:24rem}li{overflow-wrap:anywhere}.more{opacity:.75}
"""


def draw_sheet(report: Report) -> str:
    """Return the page: counts of classes, every finding with its pictures, examples."""
    listing = report.pictures.listing
    channels, height, width = report.pictures.size
    colour = {1: "gray", 3: "colour"}.get(channels, f"{channels} channels")
    title = f"{listing.root}: {listing.layout}"
    body = [
        f"<h1>{_text(title)}</h1>",
        f"<p>{len(report.pictures):,} pictures in {len(listing.names):,} classes. Each is shown as "
        f"it is in its file, and as the network sees it: {width}x{height}, {colour}.</p>",
        _counts(report),
        *(_section(report, finding) for finding in report.findings),
        "" if report.findings else "<p>Nothing was found that is wrong or worth knowing.</p>",
        _examples(report),
    ]
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>{_text(title)}</title><style>{STYLE}</style></head>\n<body>\n"
        + "\n".join(part for part in body if part)
        + "\n</body></html>\n"
    )


def _text(text: str) -> str:
    return escape(visible(text))


def _counts(report: Report) -> str:
    counts = class_counts(report.pictures)
    total = np.sum(list(counts.values()), axis=0)
    head = "".join(f"<th>{side or 'pictures'}</th>" for side in counts)
    rows = []
    for k, name in enumerate(report.pictures.listing.names[:LINES]):
        numbers = "".join(f'<td class="number">{side[k]:,}</td>' for side in counts.values())
        share = 100 * total[k] / max(total.max(), 1)
        bar = f'<td class="bars"><div class="bar" style="width:{share:.1f}%"></div></td>'
        rows.append(f"<tr><td>{_text(name)}</td>{numbers}{bar}</tr>")
    more = _more(len(report.pictures.listing.names), LINES, "classes")
    return f"<table><tr><th>class</th>{head}<th></th></tr>{''.join(rows)}</table>{more}"


def _more(number: int, shown: int, what: str) -> str:
    return f'<p class="more">and {number - shown:,} more {what}</p>' if number > shown else ""


def _with_code(text: str) -> str:
    """Return HTML of a text in which commands stand between backticks."""
    return re.sub("`([^`]*)`", r"<code>\1</code>", _text(text))


def _section(report: Report, finding: Finding) -> str:
    parts = [
        f'<section class="{"spoils" if finding.spoils else "remark"}">',
        f"<h2>{MARKS[finding.spoils]} {_text(finding.title)}</h2>",
        f"<p>{_with_code(finding.remedy[:1].upper() + finding.remedy[1:])}.</p>",
    ]
    if finding.groups:
        single = all(len(group) == 1 for group in finding.groups)
        figures = [
            "".join(_figure(report, index, line if single else "") for index in group[:MEMBERS])
            + _more(len(group), MEMBERS, "pictures")
            for group, line in zip(finding.groups[:GROUPS], finding.lines, strict=False)
        ]
        boxes = ["".join(figures)] if single else figures
        parts += [f'<div class="group">{box}</div>' for box in boxes]
        parts.append(_more(len(finding.groups), GROUPS, "pictures" if single else "groups"))
    else:
        items = "".join(f"<li>{_text(line)}</li>" for line in finding.lines[:LINES])
        parts.append(f"<ul>{items}</ul>" + _more(len(finding.lines), LINES, "lines"))
    return "".join([*parts, "</section>"])


def _examples(report: Report) -> str:
    listing = report.pictures.listing
    usable = np.array([not fact.problem for fact in report.pictures.facts])
    parts = ["<section><h2>Examples of each class</h2>"]
    for k, name in enumerate(listing.names[:CLASSES]):
        members = np.flatnonzero((listing.labels == k) & usable)
        some = members[np.linspace(0, len(members) - 1, min(EXAMPLES, len(members))).astype(int)]
        figures = "".join(_figure(report, index, "") for index in some.tolist())
        parts.append(f'<p>{_text(name)}</p><div class="group">{figures}</div>')
    parts.append(_more(len(listing.names), CLASSES, "classes"))
    return "".join([*parts, "</section>"])


def _figure(report: Report, index: int, line: str) -> str:
    """Return a picture as it is in its file, as the network sees it, and what it is."""
    listing = report.pictures.listing
    images = []
    original = _original(report, index)
    if original is not None:
        images.append(f'<img alt="" src="{original}">')
    if not report.pictures.facts[index].problem:
        row = report.pictures.take(np.array([index]))[0]
        images.append(f'<img class="seen" alt="" src="{_png(row)}">')
    about: Iterable[str] = (listing.splits[index], listing.names[listing.labels[index]])
    caption = f"{line or listing.paths[index]} ({', '.join(name for name in about if name)})"
    return f"<figure>{''.join(images)}<figcaption>{_text(caption)}</figcaption></figure>"


def _original(report: Report, index: int) -> str | None:
    """Return a small copy of a file's picture as a data URL; None if there is none."""
    listing = report.pictures.listing
    if report.pictures.record is None or report.pictures.facts[index].problem:
        return None
    path = listing.root / listing.paths[index]
    try:
        with open_picture(path, read_file(path)[0]) as picture:
            picture.draft("RGB", (2 * THUMBNAIL, 2 * THUMBNAIL))
            small = to_colour(ImageOps.exif_transpose(picture), "RGB")
            small.thumbnail((THUMBNAIL, THUMBNAIL))
    except (CnnkitError, OSError):  # it is gone since
        return None
    stream = io.BytesIO()
    small.save(stream, "JPEG", quality=80)
    return _url("jpeg", stream)


def _png(row: NDArray[np.uint8]) -> str:
    """Return pixels [C, H, W] as a data URL; of other numbers of channels the first is shown."""
    shown = row.transpose(1, 2, 0) if len(row) == 3 else row[0]
    stream = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(shown)).save(stream, "PNG")
    return _url("png", stream)


def _url(kind: str, stream: io.BytesIO) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(stream.getvalue()).decode()}"
