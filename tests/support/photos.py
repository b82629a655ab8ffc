"""Photos of many sizes and kinds, as cameras and programs write them: `write_photos(path, 20)`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

ORIENTATION = 0x0112  # the EXIF tag
KINDS = ("jpg", "turned.jpg", "gray.jpg", "png", "alpha.png", "palette.png", "gray.png")


def scene(seed: int, size: tuple[int, int]) -> Image.Image:
    """Return shapes on a sky, width x height, of which resampling keeps something."""
    random = np.random.default_rng(seed)
    width, height = size
    y, x = np.mgrid[:height, :width] / np.array([height, width]).reshape(2, 1, 1)
    pixels = random.integers(0, 200, 3) + 55 * y[..., None]
    for _ in range(6):
        middle, radius = random.random(2), 0.05 + 0.3 * random.random()
        inside = np.hypot(y - middle[0], x - middle[1]) < radius
        pixels[inside] = random.integers(0, 256, 3)
    pixels += random.normal(0, 6, pixels.shape)
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def write_photos(folder: Path, count: int, real: Path | None = None) -> list[Path]:
    """Write photos in turn of each kind, of sides from 8 to 400 pixels; the first is very narrow.

    Args:
        folder: where.
        count: how many.
        real: a folder of pictures that are taken for every other one.
    """
    random = np.random.default_rng(11)
    found = (
        sorted(path for path in real.rglob("*.*") if path.suffix.lower() == ".jpg") if real else []
    )
    written = []
    for i in range(count):
        width, height = random.integers(8, 400, 2).tolist() if i else (9, 398)
        size = (int(width), int(height))
        picture = scene(i, size)
        if found and i // len(KINDS) % 2:
            with Image.open(found[i * 37 % len(found)]) as photo:
                picture = photo.convert("RGB").resize(size)
        path = folder / f"photo{i}.{KINDS[i % len(KINDS)]}"
        _save(path, picture, i)
        written.append(path)
    return written


def _save(path: Path, picture: Image.Image, number: int) -> None:
    kind = path.name.split(".", 1)[1]
    exif = Image.Exif()
    if kind == "turned.jpg":
        exif[ORIENTATION] = number // len(KINDS) % 8 + 1
    if "gray" in kind:
        picture = picture.convert("L")
    if kind == "alpha.png":
        picture.putalpha(picture.convert("L").point(lambda level: 255 - level))
    if kind == "palette.png":
        picture = picture.quantize(64)
    if path.suffix == ".jpg":
        ways = {"quality": 60 + number % 39, "progressive": number % 3 == 0}
        picture.save(
            path, exif=exif, subsampling=number % 3 if picture.mode == "RGB" else 0, **ways
        )
    else:
        picture.save(path)
