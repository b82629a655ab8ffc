"""The outputs of two runtimes side by side: `compare(reference, outputs).difference`.

Runtimes name outputs as they like (tract by the node, OpenVINO by any name of the value), so they
are paired by position unless all names are the same.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cnnkit.runtimes.third_party import Outputs

TOLERANCE = 1e-4  # relative to max(1, largest output)


class Comparison(NamedTuple):
    """How far outputs are from those of a reference.

    Attributes:
        difference: the largest, relative to max(1, largest value); infinite if they cannot be
            compared.
        remarks: what else is different.
    """

    difference: float
    remarks: tuple[str, ...] = ()

    @property
    def comparable(self) -> bool:
        """Whether there is a number for the difference."""
        return self.difference < np.inf

    @property
    def equal(self) -> bool:
        """Whether they are the same outputs."""
        return self.difference <= TOLERANCE


def compare(reference: Outputs, outputs: Outputs) -> Comparison:
    """Compare outputs with those of a reference."""
    if len(outputs) != len(reference):
        return Comparison(np.inf, (f"it has {len(outputs)} outputs, not {len(reference)}",))
    expected, names = [name for name, _ in reference], [name for name, _ in outputs]
    by_name = dict(outputs)
    renamed = set(names) != set(expected)
    paired = [by_name[name] for name in expected] if not renamed else [x for _, x in outputs]
    remarks = [f"under other names ({', '.join(names)})"] if renamed else []
    worst = 0.0
    for (name, a), b in zip(reference, paired, strict=True):
        if a.shape != b.shape:
            if [n for n in a.shape if n != 1] != [n for n in b.shape if n != 1]:
                reason = f"{name} has the shape {list(b.shape)}, not {list(a.shape)}"
                return Comparison(np.inf, (*remarks, reason))
            remarks.append(f"{name} in the shape {list(b.shape)} instead of {list(a.shape)}")
        difference = _difference(a, b.reshape(a.shape))
        if np.isinf(difference):
            remarks.append(f"{name} is not finite, or no number, where the other one is")
        worst = max(worst, difference)
    return Comparison(worst, tuple(remarks))


def is_finite(outputs: Outputs) -> bool:
    """Tell whether outputs are free of NaN and infinity."""
    return all(bool(np.isfinite(x).all()) for _, x in outputs if x.dtype.kind in "biufc")


def _difference(a: NDArray[Any], b: NDArray[Any]) -> float:
    """Return the largest difference; NaN equals NaN, and infinity infinity."""
    if not {a.dtype.kind, b.dtype.kind} <= set("biufc"):
        return 0.0 if np.array_equal(a, b) else np.inf
    wide = np.complex128 if "c" in (a.dtype.kind, b.dtype.kind) else np.float64
    a, b = a.astype(wide), b.astype(wide)
    same = (a == b) | (np.isnan(a) & np.isnan(b))
    with np.errstate(invalid="ignore", over="ignore"):
        errors = np.where(same, 0.0, np.abs(a - b))
    largest = float(np.abs(a[np.isfinite(a)]).max(initial=1.0))
    worst = float(errors.max(initial=0.0)) / largest
    return worst if np.isfinite(worst) else np.inf
