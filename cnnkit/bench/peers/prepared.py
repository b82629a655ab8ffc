"""What a peer's factory returns: the call to time, and how to read its output."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from cnnkit.bench.workloads.base import Float32


@dataclass(frozen=True)
class PreparedCall:
    """A workload loaded into a runtime.

    Attributes:
        run: the call that is timed; it returns the output in the runtime's own form.
        to_array: converts that to float32 in the reference's shape; not timed.
        flop: FLOP that a call executes, additions of transforms included; None if unknown.
    """

    run: Callable[[], Any]
    to_array: Callable[[Any], Float32] = np.asarray
    flop: float | None = None
