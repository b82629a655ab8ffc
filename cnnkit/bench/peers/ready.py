"""What a peer's factory returns: a call that is ready to be timed, and how to read its answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from cnnkit.bench.workloads.base import Float32


@dataclass(frozen=True)
class Ready:
    """A prepared model.

    Attributes:
        call: what is timed; it returns the answer in whatever form the runtime gives it.
        read: turns that into float32 as the workload's answer is shaped; not timed.
        flop: what a call really computes, additions of transforms included; None if unknown.
    """

    call: Callable[[], Any]
    read: Callable[[Any], Float32] = np.asarray
    flop: float | None = None
