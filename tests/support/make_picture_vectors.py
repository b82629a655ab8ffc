"""Write export/onnx/web/vectors.json: pictures and what `prepare_digit` makes of them.

The page prepares pictures in JavaScript; these hold it to Python's answers. Run this when
cnnkit/data/photo.py or cnnkit/data/digit changes on purpose:
`python tests/support/make_picture_vectors.py`.
"""

from __future__ import annotations

import base64
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from cnnkit.data.photo import PreparedDigit, prepare_digit

VECTORS = Path(__file__).parents[2] / "export" / "onnx" / "web" / "vectors.json"
SEVEN = [(0.2, 0.2), (0.8, 0.2), (0.45, 0.85)]  # x, y as shares of the picture
ONE = [(0.5, 0.15), (0.5, 0.85)]
FOUR = [(0.6, 0.9), (0.6, 0.1), (0.2, 0.6), (0.85, 0.6)]

Grey = NDArray[np.uint8]


def drawn(stroke: list[tuple[float, float]], height: int, width: int, pen: int) -> Grey:
    """White strokes on black, uint8 [H, W]."""
    picture = Image.new("L", (4 * width, 4 * height))
    points = [(x * 4 * width, y * 4 * height) for x, y in stroke]
    ImageDraw.Draw(picture).line(points, fill=255, width=4 * pen, joint="curve")
    return np.asarray(picture.resize((width, height), Image.Resampling.BOX))


def single(stroke: list[tuple[float, float]], height: int, width: int) -> Grey:
    """White strokes of one pixel on black, uint8 [H, W]."""
    picture = Image.new("L", (width, height))
    points = [(round(x * width), round(y * height)) for x, y in stroke]
    ImageDraw.Draw(picture).line(points, fill=255)
    return np.asarray(picture)


def photographed(ink: Grey, noise: float, seed: int) -> Grey:
    """Dark ink on paper that is lit from one side, with noise and a speck."""
    y, x = np.mgrid[: ink.shape[0], : ink.shape[1]] / max(ink.shape)
    paper = 200 + 40 * x - 30 * y * y
    levels = paper * (1 - 0.7 * ink / 255.0)
    levels += np.random.default_rng(seed).normal(0, noise, ink.shape)
    levels[2:4, 2:4] = 90
    return np.clip(np.rint(levels), 0, 255).astype(np.uint8)


def tight(grey: Grey) -> Grey:
    """Crop dark ink on white to its bounding box."""
    rows, columns = np.nonzero(grey < 255)
    return grey[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]


def soft_crop(ink: Grey) -> Grey:
    """Dark ink with soft outlines on grey, cropped to its bounding box."""
    soft = np.asarray(Image.fromarray(ink).filter(ImageFilter.GaussianBlur(2)))
    rows, columns = np.nonzero(soft > 100)
    cut = soft[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    return 230 - (cut * 0.8).astype(np.uint8)


def pencilled(ink: Grey) -> Grey:
    """Grey strokes with grain and soft outlines on light paper."""
    generator = np.random.default_rng(3)
    soft = np.asarray(Image.fromarray(ink).filter(ImageFilter.GaussianBlur(3)), float) / 255
    grain = np.clip(generator.normal(0.7, 0.3, ink.shape), 0, 1)
    levels = 235 - 90 * soft * grain + generator.normal(0, 2, ink.shape)
    return np.clip(np.rint(levels), 0, 255).astype(np.uint8)


def ruled(ink: Grey) -> Grey:
    """Dark ink on ruled paper with a margin line, whose lines cross the digit."""
    lines = np.zeros_like(ink)
    lines[3::16] = lines[:, 4] = 150
    return 255 - np.maximum(ink, lines)


def scanned(ink: Grey) -> Grey:
    """Dark ink on a page whose scan has two dark edges."""
    page = 240 - (ink * 0.8).astype(np.uint8)
    page[:4], page[:, -5:] = 20, 20
    return page


def shadowed(ink: Grey, blur: float) -> Grey:
    """Dark ink on a page with the straight edge of a shadow across the digit."""
    y, x = np.mgrid[: ink.shape[0], : ink.shape[1]]
    light = np.where(x + 0.4 * y > 0.75 * ink.shape[1], 115, 255).astype(np.uint8)
    soft = np.asarray(Image.fromarray(light).filter(ImageFilter.GaussianBlur(blur)), float) / 255
    return np.asarray((240 - ink * 0.8) * soft).astype(np.uint8)


def pictures() -> dict[str, Grey]:
    """Return the pictures by what they are for."""
    four = drawn(FOUR, 70, 56, 7)
    return {
        "light on dark": drawn(SEVEN, 56, 56, 5),
        "dark on light": 255 - four,
        "a stroke": drawn(ONE, 56, 56, 4),
        "a stroke that ends at the edge": drawn([(0.7, 0.5), (0.7, 1)], 56, 56, 4),
        "a stroke in a photograph": photographed(drawn(ONE, 64, 64, 5), 4, 1),
        "pale": 225 - four // 6,
        "photograph": photographed(four, 4, 0),
        "lines of one pixel in a photograph": photographed(single(SEVEN, 72, 60), 3, 2),
        "thin strokes": drawn(SEVEN, 90, 70, 1),
        "larger than the working size": drawn(SEVEN, 290, 24, 3),
        "tiny": drawn(FOUR, 9, 7, 1),
        "cropped tightly": tight(255 - four),
        "soft strokes cropped tightly": soft_crop(drawn(SEVEN, 72, 60, 8)),
        "pencil": pencilled(drawn(SEVEN, 96, 90, 9)),
        "ruled": ruled(four),
        "edges of a scan": scanned(four),
        "a shadow": shadowed(four, 0),
        "the soft edge of a shadow": shadowed(four, 2),
        "two digits": np.hstack([255 - four, 255 - four]),
        "bold": drawn(FOUR, 80, 80, 16),
        "a gradient": np.add.outer(np.arange(60, 120), np.arange(50)).astype(np.uint8),
        "blank": np.full((20, 30), 128, np.uint8),
    }


def vector(name: str, grey: Grey, expected: PreparedDigit | None) -> dict[str, Any]:
    """Return one picture and its answer as JSON values; bytes are in base64."""

    def text(array: Grey) -> str:
        return base64.b64encode(array.tobytes()).decode()

    row = {"name": name, "shape": list(grey.shape), "grey": text(grey)}
    if expected is None:
        return {**row, "expected": None}
    return {**row, "expected": text(expected.image), "several": expected.several}


def prepared(grey: Grey) -> PreparedDigit | None:
    """Return what `prepare_digit` makes of a grey picture; None if it is refused as blank."""
    from cnnkit.errors import InputError

    with tempfile.TemporaryDirectory() as folder:
        Image.fromarray(grey).save(Path(folder, "grey.png"))
        try:
            return prepare_digit(Path(folder, "grey.png"))
        except InputError:
            return None


if __name__ == "__main__":
    rows = [vector(name, grey, prepared(grey)) for name, grey in pictures().items()]
    VECTORS.write_text("[\n" + ",\n".join(map(json.dumps, rows)) + "\n]\n")
