"""The suite `infer`: raw pixels in; logits, probabilities and labels out, as an app calls a model.

It times what `cnnkit.load` returns. The suite `net` runs the same network block by block, on the
kernels that any other network runs on.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from cnnkit.bench.workloads.base import Float64, Workload
from cnnkit.graph.architecture import PIXEL_SCALE


@dataclass(frozen=True)
class InferenceWorkload(Workload):
    """A network on raw pixels, x uint8 [N, C, H, W]; every peer scales them itself."""

    @cached_property
    def reference(self) -> Float64:
        """The logits [N, K] in float64."""
        return self.logits(self.features(self.x * PIXEL_SCALE))
