"""What a network's input takes, and what becomes of it: `PixelInput("uint8", (1 / 255,))`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cnnkit.graph.architecture import PIXEL_SCALE
from cnnkit.graph.preprocessing import Preprocessing
from cnnkit.graph.types import Array


@dataclass(frozen=True)
class PixelInput:
    """The input of a network; its first layer gets `x * scale + shift`.

    Attributes:
        dtype: NumPy's name of the type of x.
        scale: one number for all channels, or one for each.
        shift: likewise.
    """

    dtype: str = "uint8"
    scale: tuple[float, ...] = (PIXEL_SCALE,)
    shift: tuple[float, ...] = (0.0,)

    @property
    def as_is(self) -> bool:
        """Whether the first layer gets x itself."""
        return set(self.scale) == {1.0} and set(self.shift) == {0.0}

    @property
    def scales_bytes(self) -> bool:
        """Whether x is from 0 to 255, which becomes 0 to 1: the engines do that themselves."""
        close = all(abs(scale / PIXEL_SCALE - 1) <= 1e-6 for scale in self.scale)
        return close and set(self.shift) == {0.0}

    def of_raw(self, raw: Preprocessing) -> PixelInput:
        """Return the input of the same network behind a preprocessing of raw pixels."""
        mean, std = np.array(raw.mean), np.array(raw.std)
        scale, shift = raw.scale / std, -mean / std
        return PixelInput(
            "uint8",
            tuple((scale * self.scale).tolist()),
            tuple((shift * self.scale + self.shift).tolist()),
        )

    def first(self, images: Array) -> Array:
        """Return x * scale + shift as float32, for x [..., C, H, W], or [..., H, W] of a channel.

        Of another number of channels, it is x itself.
        """
        x = images.astype(np.float32)
        if max(len(self.scale), len(self.shift)) > 1:
            channels = max(len(self.scale), len(self.shift))
            if x.ndim < 3 or x.shape[-3] != channels:
                return x  # which the engine refuses
        scale, shift = (
            np.array(numbers, np.float32).reshape(-1, 1, 1) for numbers in (self.scale, self.shift)
        )
        y: Array = (x * scale + shift).reshape(x.shape)
        return y


RAW = PixelInput()  # of cnnkit's own networks
