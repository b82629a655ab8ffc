"""Digits in pictures: levels from colours, the ink, lines across it, its pieces, its strokes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnnkit.lazy import attach

if TYPE_CHECKING:
    from cnnkit.data.digit.colour import contrast as contrast
    from cnnkit.data.digit.find import find_digit as find_digit
    from cnnkit.data.digit.strokes import even_out as even_out
    from cnnkit.data.digit.strokes import place as place

__all__ = ["contrast", "even_out", "find_digit", "place"]

__getattr__, __dir__ = attach(
    __name__,
    {
        "contrast": ".colour",
        "even_out": ".strokes",
        "find_digit": ".find",
        "place": ".strokes",
    },
)
