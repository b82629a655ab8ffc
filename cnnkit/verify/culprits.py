"""Which usual mistake explains a difference: `explain(case)`.

`CULPRITS` has a row for each: ways to make the network wrong in just that manner. One of them
counts only if the network with that mistake gives the logits that were found, within the limit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import islice

import numpy as np

from cnnkit.graph.types import Array
from cnnkit.verify.case import Case, Trial
from cnnkit.verify.pixel_faults import (
    layouts,
    other_pictures,
    other_scales,
    other_statistics,
    swapped_channels,
)
from cnnkit.verify.weight_faults import (
    batch_statistics,
    flattened_otherwise,
    permuted_labels,
    swapped_tensors,
    transposed_tensors,
)

FEW = 2  # images on which every way is tried; on all, one that fits these
MOST_WORK = 4_000_000_000  # multiply-adds of all ways together
MOST_TRIALS = 400
NONE = "none of the usual mistakes explains the difference ({names} were tried{more})"


@dataclass(frozen=True)
class Culprit:
    """A usual mistake.

    Attributes:
        name: in a few words.
        trials: each way to make it, in words and as what gives logits then.
        sentence: for the report; `{}` stands for the way.
    """

    name: str
    trials: Callable[[Case], Iterable[Trial]]
    sentence: str


CULPRITS = (
    Culprit("labels in another order", permuted_labels, "the classes are in another order: {}"),
    Culprit("colour channels", swapped_channels, "the colour channels are swapped: {}"),
    Culprit("mean and std", other_statistics, "the pixels are normalised differently: {}"),
    Culprit("scale of pixels", other_scales, "the pixels have another scale: {}"),
    Culprit("order of axes", layouts, "the axes of the images are in another order: {}"),
    Culprit("fitting of pictures", other_pictures, "pictures are fitted differently: {}"),
    Culprit("batch statistics", batch_statistics, "batch normalisation is in another mode: {}"),
    Culprit("order of flattening", flattened_otherwise, "values are flattened differently: {}"),
    Culprit("transposed weights", transposed_tensors, "a tensor is read in another layout: {}"),
    Culprit("weights of other layers", swapped_tensors, "weights are those of another layer: {}"),
)


def explain(*cases: Case, cut: dict[str, int] | None = None) -> str | None:
    """Return the mistake that explains the difference of two networks; None if none does.

    Args:
        cases: the difference, and the same seen from the other network where that is a graph, too.
        cut: gets the names of mistakes that can be made in more ways than a network of this size
            leaves time for, and how many were tried.
    """
    for case in cases:
        most = max(20, min(MOST_TRIALS, MOST_WORK // (FEW * max(1, case.work))))
        for culprit in CULPRITS:
            for number, (way, compute) in enumerate(islice(culprit.trials(case), most + 1)):
                if number == most:
                    if cut is not None:
                        cut[culprit.name] = most
                    break
                if _fits(case, compute(FEW), FEW) is not None:
                    error = _fits(case, compute(len(case.images)), len(case.images))
                    if error is not None:
                        found = culprit.sentence.format(way)
                        return f"{found}; with that, the largest error is {_said(error)}"
    return None


def _said(error: float) -> str:
    return f"{error:.2e}" if error else "0"


def nothing_explains(cut: Mapping[str, int] | None = None) -> str:
    """Return the sentence for the report where no mistake explains the difference.

    Args:
        cut: as `explain` filled it in.
    """
    names = ", ".join(culprit.name for culprit in CULPRITS)
    some = [f"of {name} the first {count} ways" for name, count in (cut or {}).items()]
    more = f"; the network is so large that {' and '.join(some)} were all" if some else ""
    return NONE.format(names=names, more=more)


def _fits(case: Case, logits: Array, count: int) -> float | None:
    """Return the largest error if these are the logits that were found, else None."""
    found = case.found[:count]
    if logits.shape != found.shape:
        return None
    with np.errstate(invalid="ignore", over="ignore"):
        error = float(np.abs(logits - found).max(initial=0.0))
        largest = float(np.abs(logits).max(initial=0.0))
    # The limit is a share of the largest logit, and a mistake may make logits larger.
    scale = largest / max(1e-30, float(np.abs(case.logits).max(initial=0.0)))
    return error if error <= case.limit * max(1.0, scale) else None
