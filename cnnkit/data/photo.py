"""Convert a photo or drawing to an image like MNIST's: `prepare_picture(Path("my-digit.png"))`.

MNIST's images were made from black and white scans: scaled to fit 20x20 pixels with their aspect
ratio kept and anti-aliased, then placed in 28x28 with the centre of mass in the middle
(LeCun et al., http://yann.lecun.com/exdb/mnist/). `prepare_picture` lists the steps.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from cnnkit.data.pictures import open_picture
from cnnkit.errors import InputError
from cnnkit.system.files import read_bytes

WORKING_SIDE = 256  # pixels; enough for a digit that fills a tenth of the picture
FIT = 20 / 28  # of the output's sides, for the ink
PAPER_ROUNDS = 8
LEAST_CONTRAST = 12.0  # grey levels of 255
NOISE_FACTOR = 5.0  # standard deviations
FAINTEST = 0.25  # of the strongest ink: shadows and JPEG's ringing are fainter
SPECK = 0.04  # of the largest piece's ink
THINNEST = 0.08  # of the ink's longer side

Plane = NDArray[np.float64]  # [H, W]


def prepare_picture(path: Path, size: tuple[int, int] = (28, 28)) -> NDArray[np.uint8]:
    """Return a picture as the network expects it: uint8 [1, H, W], light ink on black.

    1. Read it, apply its EXIF orientation, and compute the luma (299 R + 587 G + 114 B) / 1000.
       Composite transparent pictures over white, or over black if nothing is visible on white.
       Rescale pixels of more than eight bits to 0..255.
    2. Downsample by area averaging to a longer side of at most 256 pixels.
    3. Fit the paper, that is, the background. Start from a frame one sixteenth of each side wide
       and from its median grey level as the surface. Then repeat eight times: compute the deviation
       of the paper from the surface (1.4826 times the median distance); let the paper be all pixels
       within three deviations, or six levels, of the surface (in the first round only those of the
       frame); fit a quadratic surface to the paper by least squares.
    4. The ink is the difference from the paper, towards black or towards white, whichever has the
       larger sum of squares, where it exceeds both 12 levels and 5 deviations. Its 98th percentile
       is full strength; discard ink below a quarter of that.
    5. Drop each connected component (8 neighbours) with less than 4 % of the ink of the largest.
    6. Crop to the ink. While its strokes (twice their area divided by their outline) are thinner
       than 8 % of the longer side, dilate it by one pixel (3x3 maximum).
    7. Resample by area averaging so that the longer side is 20/28 of the output's, scale the
       maximum to 255, round, and place it so that the pixel that contains the centre of mass
       becomes pixel (H // 2, W // 2), as in all of MNIST, or as close to that as it fits.

    Raises:
        StorageError: the file cannot be read.
        InputError: it is not a picture, or nothing stands out from its background.
    """
    for grey in read_grey(path):
        ink = drop_specks(find_ink(shrink(grey)))
        if ink.any():
            return place(thicken(crop(ink)), size)[None]
    raise InputError(
        path, "is blank: nothing stands out", "crop it to the drawing, or draw it darker"
    )


def read_grey(path: Path) -> Iterator[Plane]:
    """Yield the picture's luma, 0 to 255: on white and then, if it is transparent, on black."""
    with open_picture(path, read_bytes(path)) as picture:
        ImageOps.exif_transpose(picture, in_place=True)
        planes = list(flatten(picture))
    yield from planes


def flatten(picture: Image.Image) -> Iterator[Plane]:
    """Yield a picture's grey levels as `read_grey` does."""
    if picture.mode[0] in "IF":  # 16 or 32 bits, or float
        # In place: they are eight bytes a pixel.
        values = np.nan_to_num(np.array(picture, np.float64), copy=False, posinf=0.0, neginf=0.0)
        full = max(float(np.ptp(values)), 1e-9)
        values -= values.min()
        values *= 255.0 / full
        yield values
    elif "A" in picture.getbands() or "transparency" in picture.info:
        layer = picture if picture.mode == "RGBA" else picture.convert("RGBA")
        for colour in ("white", "black"):
            ground = Image.new("RGBA", picture.size, colour)
            yield luma(Image.alpha_composite(ground, layer))
    else:
        yield luma(picture)


def luma(picture: Image.Image) -> Plane:
    """Return 8-bit grey levels; a large picture is first reduced, to save memory."""
    factor = max(1, max(picture.size) // (4 * WORKING_SIDE))
    return np.asarray(picture.convert("L").reduce(factor), np.float64)


def average_areas(plane: Plane, height: int, width: int) -> Plane:
    """Resample to [height, width]: each output pixel is the mean of the area that it covers."""

    def weights(old: int, new: int) -> Plane:  # [new, old], rows sum to 1
        edges = np.arange(new + 1) * (old / new)
        left, right = np.arange(old), np.arange(1, old + 1)
        overlap = np.minimum(edges[1:, None], right) - np.maximum(edges[:-1, None], left)
        return np.asarray(np.maximum(overlap, 0) * (new / old))

    down, across = weights(plane.shape[0], height), weights(plane.shape[1], width)
    return down @ plane @ across.T


def shrink(grey: Plane) -> Plane:
    """Reduce to a longer side of at most WORKING_SIDE."""
    scale = WORKING_SIDE / max(grey.shape)
    if scale >= 1:
        return grey
    height, width = (max(1, round(side * scale)) for side in grey.shape)
    return average_areas(grey, height, width)


def fit_paper(grey: Plane) -> Plane:
    """Return the background as a quadratic surface, so that uneven light does not become ink."""
    height, width = grey.shape
    y, x = np.mgrid[0:height, 0:width]
    y, x = 2 * (y + 0.5) / height - 1, 2 * (x + 0.5) / width - 1  # -1..1
    terms = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=-1).reshape(-1, 6)
    levels = grey.ravel()
    frame = np.ones(grey.shape, bool)
    edge_y, edge_x = max(1, height // 16), max(1, width // 16)
    frame[edge_y : height - edge_y, edge_x : width - edge_x] = False
    paper = frame.ravel()
    surface = np.full_like(levels, np.median(levels[paper]))
    for step in range(PAPER_ROUNDS):
        distance = np.abs(levels - surface)
        deviation = 1.4826 * np.median(distance[paper])
        near = distance <= max(3 * deviation, LEAST_CONTRAST / 2)
        paper = near if step else near & paper
        chosen = terms[paper]
        # A small ridge term keeps the system solvable for pictures of a few pixels.
        normal = chosen.T @ chosen + 1e-6 * np.eye(6)
        surface = terms @ np.linalg.solve(normal, chosen.T @ levels[paper])
    return surface.reshape(grey.shape)


def find_ink(grey: Plane) -> Plane:
    """Return the strength of the ink, 0 to 1; all zero if nothing stands out."""
    difference = grey - fit_paper(grey)
    light, dark = np.maximum(difference, 0), np.maximum(-difference, 0)
    ink = light if (light**2).sum() > (dark**2).sum() else dark
    deviation = 1.4826 * float(np.median(np.abs(difference)))
    floor = max(LEAST_CONTRAST, NOISE_FACTOR * deviation)
    standing_out = np.sort(ink[ink > floor])
    if not standing_out.size:
        return np.zeros_like(ink)
    full = standing_out[int(0.98 * (standing_out.size - 1))]
    return np.where(ink > max(floor, FAINTEST * full), np.minimum(ink / full, 1), 0)


def drop_specks(ink: Plane) -> Plane:
    """Remove every connected component with less than SPECK of the ink of the largest."""
    todo = {(int(y), int(x)) for y, x in np.argwhere(ink)}
    pieces = []  # of (ink, row indices, column indices)
    while todo:
        piece = [todo.pop()]
        for y, x in piece:  # the list grows while the loop runs
            near = {(y + dy, x + dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)} & todo
            todo -= near
            piece += near
        rows, columns = np.array(piece).T
        pieces.append((float(ink[rows, columns].sum()), rows, columns))
    largest = max((mass for mass, _, _ in pieces), default=0.0)
    kept = np.zeros_like(ink)
    for mass, rows, columns in pieces:
        if mass >= SPECK * largest:
            kept[rows, columns] = ink[rows, columns]
    return kept


def crop(ink: Plane) -> Plane:
    """Return the bounding box of the ink."""
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    return ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def thicken(ink: Plane) -> Plane:
    """Dilate strokes that would be fainter than any in MNIST once they are scaled to 20 pixels."""
    while True:
        inside = np.pad(ink >= 0.5, 1)
        middle = inside[1:-1, 1:-1]
        inner = inside[:-2, 1:-1] & inside[2:, 1:-1] & inside[1:-1, :-2] & inside[1:-1, 2:]
        outline = (middle & ~inner).sum()
        if 2 * middle.sum() >= THINNEST * max(ink.shape) * outline:
            return ink
        padded = np.pad(ink, 2)
        near = np.lib.stride_tricks.sliding_window_view(padded, (3, 3))
        ink = near.max(axis=(2, 3))


def place(ink: Plane, size: tuple[int, int]) -> NDArray[np.uint8]:
    """Scale `ink` to fit and place its centre of mass in the middle of uint8 [H, W]."""
    scale = min(side * FIT / have for side, have in zip(size, ink.shape, strict=True))
    height, width = (max(1, round(side * scale)) for side in ink.shape)
    small = average_areas(ink, height, width)
    small *= 255 / small.max()
    result = np.zeros(size, np.uint8)
    corner = []
    for axis, (have, full) in enumerate(zip(small.shape, size, strict=True)):
        mass = small.sum(axis=1 - axis)
        centre = float((mass * (np.arange(have) + 0.5)).sum() / mass.sum())
        corner.append(min(max(full // 2 - int(centre), 0), full - have))
    top, left = corner
    result[top : top + height, left : left + width] = np.rint(small)
    return result
