"""Find the ink of a digit in a grey picture: `find_digit(grey)`.

The paper behind dark ink is the morphological closing of the picture: the maximum of a square
around each pixel, then the minimum. It follows shading and the edges of shadows, also where the
digit touches the edge of the picture, and is wrong where a stroke is wider than the square, and
beside the edge: so what it finds must have the outline of ink. A drawing in two levels needs none
of it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from cnnkit.data.digit.lines import erase_lines
from cnnkit.data.digit.pieces import choose_pieces
from cnnkit.data.digit.planes import Box, Mask, Plane, box_of, highest, lowest, smooth
from cnnkit.data.digit.shadow import relit
from cnnkit.data.digit.strokes import crop, soften, stroke_width

LEAST_CONTRAST = 12.0  # grey levels of 255
NOISE_FACTOR = 5.0  # standard deviations
FAINTEST = 0.25  # of the strongest ink: shadows and JPEG's ringing are fainter
REACHES = (0.06, 0.12, 0.25, 0.5)  # of the longer side: half the window of the paper
MORE = 1.2  # ink that a wider window may add to a digit that is complete
SMOOTHED = 1.06  # what the mean of nine pixels takes away from the noise
BENDS = 16  # of the longer side: how near the pixels are that a pixel is compared with
SHARP = 0.12  # of the ink's depth within five pixels, somewhere
CHANGE = 0.5  # of a pixel's own depth within five pixels, along the outline
MOSTLY, SHARPEST = 0.6, 0.85  # of the outline
BLURRED = 3.0  # of a score
SLENDER = 3  # times as high as wide: a stroke
STEP, HOLE = 0.15, 0.2  # of a score
DOUBTFUL = 0.35  # of a score: ink and paper that are so close may be each other
SMALLER = 0.75  # of a digit's box: the boxes of its holes
LEVEL = 4.0  # grey levels: what differs less is one level
BETWEEN = 0.15  # of a drawing's pixels: those at the edges of its strokes
AROUND = 0.9  # of the picture's border: the paper's, where ink touches it in places at most
DARKEST = 64.0  # levels of paper: what is darker does not make ink stronger


@dataclass(frozen=True)
class Digit:
    """The ink of a digit.

    Attributes:
        ink: its strength, 0 to 1, in its bounding box.
        box: that box.
        score: how much it looks like a digit rather than paper between the ink: a digit is few
            pieces of strong ink with sharp edges. The factors were fitted on digits of both
            polarities in margins, frames and tight crops.
        solid: what counts against it: a digit covers little of its box's outline and not most of
            its box.
        bar: whether that may be since it is the stroke of a 1.
        several: whether there are two or more digits side by side.
        step: of REACHES, the window of the paper.
    """

    ink: Plane
    box: Box
    score: float
    solid: float
    bar: bool
    several: bool
    step: int = 0

    def likelihood(self, other: Digit) -> float:
        """Return how likely this is the ink, where `other` may be as well.

        Ink is thinner than the paper between it, and holes in a digit are inside of it. A bar is a
        hole of the other or the stroke of a 1.
        """
        solid = 0.0 if self.bar and not other.surrounds(self) else self.solid
        return self.score - solid - STEP * self.step + HOLE * self.surrounds(other)

    def surrounds(self, other: Digit) -> bool:
        """Return whether another's box is inside of this one's, and clearly smaller."""
        return (
            self.box[0] < other.box[0]
            and self.box[1] > other.box[1]
            and self.box[2] < other.box[2]
            and self.box[3] > other.box[3]
            and other.ink.size < SMALLER * self.ink.size
        )

    def completed(self, wider: Digit) -> Digit | None:
        """Return this digit with the ink that a wider window has found in its place.

        Return None if that is much more: then this one was only a part.
        """
        top, bottom, left, right = self.box
        above, before = wider.box[0], wider.box[2]
        down, across = (bottom - top) // 8, (right - left) // 8
        rows = slice(max(0, top - down - above), max(0, bottom + down - above))
        columns = slice(max(0, left - across - before), max(0, right + across - before))
        ink = wider.ink[rows, columns]
        if not ink.any() or ink.sum() >= MORE * self.ink.sum():
            return None
        above, before = above + rows.start, before + columns.start
        inner = box_of(ink > 0)
        box = (above + inner[0], above + inner[1], before + inner[2], before + inner[3])
        return replace(self, ink=crop(ink), box=box)

    def softened(self, shape: tuple[int, ...]) -> Digit:
        """Return this digit with a soft outline also where a picture of `shape` cuts it off."""
        top, bottom, left, right = self.box
        cut = (top == 0, bottom == shape[0], left == 0, right == shape[1])
        return replace(self, ink=soften(self.ink, cut))


def find_digit(grey: Plane) -> Digit | None:
    """Return the digit on a picture, dark on light or light on dark; None if it is blank."""
    if has_two_levels(grey):
        return drawn_digit(grey)
    grey = relit(grey)
    if is_smooth(grey):
        return None
    digit, lead = either_digit(grey)
    if digit and lead < DOUBTFUL:
        again, other = either_digit(smooth(grey))  # without the grain of a pencil
        digit = again if other > lead else digit
    return digit and digit.softened(grey.shape)


def either_digit(grey: Plane) -> tuple[Digit | None, float]:
    """Return the digit in dark or in light ink, and by how much it is likelier than the other."""
    dark, light = dark_digit(grey), dark_digit(255 - grey)
    if dark is None or light is None:
        return dark or light, math.inf if dark or light else 0.0
    return likelier(dark, light), abs(dark.likelihood(light) - light.likelihood(dark))


def likelier(dark: Digit | None, light: Digit | None) -> Digit | None:
    """Return the one that is the ink; the other is the paper around it."""
    if dark is None or light is None:
        return dark or light
    return dark if dark.likelihood(light) >= light.likelihood(dark) else light


def has_two_levels(grey: Plane) -> bool:
    """Return whether a picture is a drawing: nearly every pixel is the ink or the paper."""
    low, high = grey.min(), grey.max()
    between = (grey > low + LEVEL) & (grey < high - LEVEL)
    return bool(high - low > 2 * LEAST_CONTRAST and between.mean() <= BETWEEN)


def drawn_digit(grey: Plane) -> Digit | None:
    """Return the digit of a drawing: the paper is one level, that all around where there is one."""
    dark = digit_on(grey, np.full_like(grey, grey.max()), known=True)
    light = digit_on(255 - grey, np.full_like(grey, 255 - grey.min()), known=True)
    border = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    if (border >= grey.max() - LEVEL).mean() >= AROUND:
        return dark or light
    if (border <= grey.min() + LEVEL).mean() >= AROUND:
        return light or dark
    return likelier(dark, light)


def is_smooth(grey: Plane) -> bool:
    """Return whether levels only drift across the picture: no pixel is off the middle of others."""
    calm = smooth(grey)
    step = max(1, max(grey.shape) // BENDS)
    floor = noise_floor(grey, calm)
    for plane in (calm, calm.T):
        if plane.shape[0] > 2 * step:
            bend = np.abs(plane[: -2 * step] + plane[2 * step :] - 2 * plane[step:-step])
            if np.quantile(bend, 0.998) > floor:
                return False
    return True


def noise_floor(grey: Plane, calm: Plane) -> float:
    """Return the levels by which ink stands out at least."""
    deviation = 1.4826 * float(np.median(np.abs(grey - calm))) * SMOOTHED
    return max(LEAST_CONTRAST, NOISE_FACTOR * deviation)


def dark_digit(grey: Plane) -> Digit | None:
    """Return what may be a digit in dark ink.

    The window of the paper grows until it is wider than the strokes, that is, until a wider one
    finds no more ink in the digit's place.
    """
    side = max(grey.shape)
    found = None
    for step, share in enumerate(REACHES):
        digit = digit_on(grey, paper_of(grey, max(2, round(share * side))))
        if digit and found and (complete := found.completed(digit)):
            return complete
        found = replace(digit, step=step) if digit else found
    return found


def paper_of(grey: Plane, reach: int) -> Plane:
    """Return the closing of a picture by squares of `reach`."""
    # Noise lifts it less once it is averaged, but that puts an outline around sharp ink.
    papers = [lowest(highest(levels, reach), reach) for levels in (smooth(grey), grey)]
    return np.asarray(np.minimum(*papers))


def digit_on(grey: Plane, paper: Plane, known: bool = False) -> Digit | None:
    """Return the digit in dark ink on `paper`, which is `known` or else only estimated."""
    calm = smooth(grey)
    darker = paper - grey
    floor = noise_floor(grey, calm)
    blank = darker < floor
    if blank.all():
        return None
    if blank.any():
        darker = darker - np.median(darker[blank])  # noise lifts the maximum above the paper
    ink = np.maximum(darker, 0) * (255 / np.maximum(paper, DARKEST))
    seen = darker > floor
    for _ in range(3):
        if not seen.any():
            return None
        full = float(np.quantile(ink[seen], 0.98))
        mask = seen & (ink > FAINTEST * full)
        digit = choose_pieces(erase_lines(mask), ink)
        if digit is not None:
            sharp = 1.0 if known else sharpness(calm, darker, digit[0], mask)
            return measure(ink, darker, sharp, *digit) if sharp >= MOSTLY else None
        near = highest(mask.astype(np.float64), 2) > 0
        seen &= ~near  # what is left may be fainter than lines and edges
    return None


def sharpness(calm: Plane, darker: Plane, digit: Mask, mask: Mask) -> float:
    """Return on how much of a digit's outline levels change within a few pixels, as around ink.

    They do not where a shadow ends, nor where the closing has only made paper of the light between
    strokes, or of that between a stroke and the edge of the picture.
    """
    change = highest(calm, 2) - lowest(calm, 2)
    depth = float(np.quantile(darker[digit], 0.98))
    if float(np.quantile(change[digit], 0.97)) < SHARP * depth:
        return 0.0
    outline = digit & ~(lowest(mask.astype(np.float64), 1) > 0)
    if not outline.any():
        return 1.0
    # Of a line of one pixel the mean of nine has a third.
    share = CHANGE if (digit & ~outline).any() else CHANGE / 3
    return float((change >= share * darker)[outline].mean())


def measure(
    ink: Plane, darker: Plane, sharp: float, mask: Mask, pieces: int, several: bool
) -> Digit | None:
    """Return the ink in `mask` as a digit with its score; None if it is a filled box."""
    full = float(np.quantile(ink[mask], 0.98))
    top, bottom, left, right = box = box_of(mask)
    inside = mask[top:bottom, left:right]
    strength = np.where(inside, np.minimum(ink[top:bottom, left:right] / full, 1), 0)
    outline = inside[0].sum() + inside[-1].sum() + inside[:, 0].sum() + inside[:, -1].sum()
    filled = float(inside.mean())
    covered = float(outline / (2 * sum(inside.shape)))
    if covered > 0.85 and filled > 0.8 and 2 * min(inside.shape) > max(inside.shape):
        return None  # it is paper between lines
    score = (
        0.75 * math.log(max(1.0, float(np.quantile(darker[mask], 0.98))))
        - BLURRED * max(0.0, SHARPEST - sharp)
        - 0.2 * min(pieces, 4)
        - 0.6 * max(0.0, stroke_width(strength) - 0.27)
    )
    solid = max(0.0, covered - 0.35) + max(0.0, filled - 0.6) + max(0.0, filled - 0.75)
    bar = bottom - top >= SLENDER * (right - left) and (top > 0 or bottom < mask.shape[0])
    return Digit(strength, box, score, solid, bar, several)
