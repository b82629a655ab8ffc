"""The suite `infer`: raw pixels in, logits, probabilities and labels out, as an app calls a model.

What `cnnkit.load` gives is timed here; the suite `net` is the same network block by block, on the
kernels that any other network runs on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cnnkit.bench.workloads.base import Float64, Part, Workload
from cnnkit.graph.architecture import PIXEL_SCALE

if TYPE_CHECKING:
    from cnnkit.bench.peers.registry import Peer


@dataclass(frozen=True)
class RawWorkload(Workload):
    """A network on raw pixels, x uint8 [N, C, H, W]; every peer scales them itself."""

    @cached_property
    def answer(self) -> Float64:
        """The logits [N, K] in float64."""
        return self.logits(self.features(self.x * PIXEL_SCALE))

    @property
    def peers(self) -> Mapping[str, Peer]:
        """Those that take uint8."""
        from cnnkit.bench.peers.registry import RAW_PEERS

        return RAW_PEERS

    def parts(self) -> tuple[Part, ...]:
        """Return what the engine spends on each block and on the head."""
        from cnnkit.bench.measure.breakdown import inference_parts

        return inference_parts(self)


def lit(images: NDArray[np.uint8]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return which tiles bool [N, 14, 14] and windows bool [N, 7, 7] of the engine are not blank.

    A tile is the 4x4 pixels under one max-pool of the first block, a window the 4x4 tiles under one
    of the second. What is blank has an answer that only the weights decide, and is left out.
    """
    tiles = _reached(images[:, 0] != 0)
    return tiles, _reached(tiles)


def _reached(marks: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return which 4x4 windows, two apart and hanging over by one, hold a mark."""
    ringed = np.pad(marks, ((0, 0), (1, 1), (1, 1)))
    windows = np.lib.stride_tricks.sliding_window_view(ringed, (4, 4), axis=(1, 2))
    return np.asarray(windows[:, ::2, ::2].any(axis=(3, 4)))
