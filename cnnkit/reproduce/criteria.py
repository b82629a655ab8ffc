"""From the runs' numbers to one of three verdicts: `evaluate_number("table 1", ...).verdict`.

Every verdict follows from the numbers of all runs by one of RULES; no run is left out.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

import numpy as np

from cnnkit.reproduce.statistics import Sample, Spread
from cnnkit.reproduce.trained_run import TrainedRun


class Verdict(StrEnum):
    """Whether our runs confirm a claim."""

    HOLDS = "holds"
    PARTLY = "holds in part"
    FAILS = "does not hold"


RULES = (
    "**A number** holds if the mean of our runs differs from it by no more than what it is known "
    "to (curves are read by eye, accuracies are whole percents). It holds in part if our mean is "
    "further away, but one more run of ours could well give it: it lies in the 95% prediction "
    "interval of one more run (Student's t). Otherwise, or if a run lacks the number, it does not "
    "hold.",
    "**A statement about a curve** is tested on every run by itself. It holds if it is true of all "
    "runs, holds in part if it is true of at least half of them, and otherwise does not hold.",
    "**The spread** is the standard deviation of the training loss over the runs, averaged over "
    "the first and over the last sixth of the epochs. That it grows holds if the late one is "
    "larger than the early one, with all runs and whichever run is left out. It holds in part if "
    "this is true only of the spread relative to the mean loss, or not whichever run is left out.",
)


@dataclass(frozen=True)
class Claim:
    """A published statement and what our runs say about it.

    Attributes:
        place: where it was published.
        claim: the statement.
        ours: what our runs show.
        verdict: whether it holds.
        reason: the numbers that decide it.
    """

    place: str
    claim: str
    ours: str
    verdict: Verdict
    reason: str

    def to_json(self) -> dict[str, Any]:
        """Return the claim as JSON values."""
        return asdict(self)


def loss_text(value: float) -> str:
    """Return a loss as text for the report."""
    return f"{value:.3f}"


def share_text(value: float) -> str:
    """Return a fraction from 0 to 1 as a percentage."""
    return f"{value:.2%}"


def points_text(value: float) -> str:
    """Return the difference of two fractions in percentage points."""
    return f"{100 * value:.2f} points"


@dataclass(frozen=True)
class Quantity:
    """How a kind of number is formatted, and its largest possible value; the smallest is 0."""

    text: Callable[[float], str]
    difference: Callable[[float], str]
    highest: float


LOSS = Quantity(loss_text, loss_text, math.inf)
SHARE = Quantity(share_text, points_text, 1.0)


def evaluate_number(
    place: str,
    claim: str,
    runs: Sequence[TrainedRun],
    measure: Callable[[TrainedRun], float | None],
    published: float,
    known: float,
    quantity: Quantity = LOSS,
) -> Claim:
    """Compare a published number with ours by the first of RULES.

    Args:
        place: where it was published.
        claim: the statement.
        runs: all runs with the same settings.
        measure: returns the number of one run; None if the run has none.
        published: the published number.
        known: the uncertainty of the published number, ±.
        quantity: the kind of number.
    """
    measured = [measure(run) for run in runs]
    values = [value for value in measured if value is not None]
    if len(values) < len(runs):
        seeds = ", ".join(
            str(run.seed) for run, value in zip(runs, measured, strict=True) if value is None
        )
        ours = Sample(values).text(quantity.text) if len(values) > 1 else "unknown"
        return Claim(
            place, claim, ours, Verdict.FAILS, f"runs that ended before: those of seed {seeds}"
        )
    sample = Sample(values)
    apart, (low, high) = abs(sample.mean - published), sample.next_run
    low, high = max(low, 0.0), min(high, quantity.highest)
    reason = (
        f"ours is {quantity.difference(apart)} {'higher' if sample.mean > published else 'lower'}; "
        f"the published number is known to ± {quantity.difference(known)}"
    )
    if apart <= known:
        return Claim(place, claim, sample.text(quantity.text), Verdict.HOLDS, reason)
    verdict = Verdict.PARTLY if low <= published <= high else Verdict.FAILS
    reason += (
        f"; one more run of ours would lie between {quantity.text(low)} and {quantity.text(high)}"
    )
    return Claim(place, claim, sample.text(quantity.text), verdict, reason)


def evaluate_runs(
    place: str,
    claim: str,
    runs: Sequence[TrainedRun],
    is_true: Callable[[TrainedRun], bool],
    numbers: str,
) -> Claim:
    """Test a statement on every run by the second of RULES; `numbers` become the reason."""
    true = sum(map(is_true, runs))
    if true == len(runs):
        verdict = Verdict.HOLDS
    else:
        verdict = Verdict.PARTLY if 2 * true >= len(runs) else Verdict.FAILS
    return Claim(place, claim, f"true of {true} of {len(runs)} runs", verdict, numbers)


def evaluate_spread(runs: Sequence[TrainedRun]) -> Claim:
    """Test by the third of RULES the claim that the runs' spread grows towards the end."""
    place = "figure 4"
    claim = "At 0.0001 runs spread little early on, more towards the end"
    if not all(run.complete for run in runs):
        return Claim(place, claim, "unknown", Verdict.FAILS, "a run ended before its last epoch")
    losses = np.array([run.losses for run in runs])
    whole = Spread.of(losses)
    without = [Spread.of(np.delete(losses, left_out, axis=0)) for left_out in range(len(losses))]
    grows = whole.late > whole.early
    relative = all(part.relative_late > part.relative_early for part in (whole, *without))
    if grows and all(part.late > part.early for part in without):
        verdict = Verdict.HOLDS
    else:
        verdict = Verdict.PARTLY if grows or relative else Verdict.FAILS
    factors = [spread.growth for spread in without]
    reason = (
        f"late ÷ early {whole.growth:.2f}, with one run left out {min(factors):.2f} to "
        f"{max(factors):.2f}; relative to the mean loss {whole.relative_early:.1%} early, "
        f"{whole.relative_late:.1%} late"
    )
    ours = f"{loss_text(whole.early)} early, {loss_text(whole.late)} late"
    return Claim(place, claim, ours, verdict, reason)
