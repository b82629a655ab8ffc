"""Verdicts follow from the numbers of all runs by the rules that the report states."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from cnnkit.reproduce.criteria import (
    SHARE,
    Verdict,
    evaluate_number,
    evaluate_runs,
    evaluate_spread,
)
from cnnkit.reproduce.model_selection import select_learning_rate
from cnnkit.reproduce.paper_claims import evaluate_claims
from cnnkit.reproduce.statistics import Sample, Spread, student_t
from cnnkit.reproduce.trained_run import TrainedRun

EPOCHS = 30
HOLDS, PARTLY, FAILS = Verdict.HOLDS, Verdict.PARTLY, Verdict.FAILS


def run(
    losses: Sequence[float],
    accuracy: float | Sequence[float] = 0.9,
    rate: float = 1e-4,
    seed: int = 0,
    validation: float | None = None,
    **changes: Any,
) -> TrainedRun:
    """Return a made-up run."""
    accuracies = np.broadcast_to(accuracy, len(losses)).tolist()
    history = [
        {"train_loss": loss, "test_accuracy": right, "validation_loss": validation, "seconds": 1.0}
        for loss, right in zip(losses, accuracies, strict=True)
    ]
    values: dict[str, Any] = {"epochs": EPOCHS, "kept_epoch": len(history), **changes}
    return TrainedRun(rate, seed, history, **values)


def ending(*values: float) -> list[TrainedRun]:
    return [run([value] * EPOCHS, seed=seed) for seed, value in enumerate(values)]


def number(*values: float, published: float = 1.0, known: float = 0.1) -> Any:
    def last(one: TrainedRun) -> float | None:
        return float(one.losses[-1]) if one.complete else None

    return evaluate_number("table 1", "a number", ending(*values), last, published, known)


# Numbers


@pytest.mark.parametrize(("freedom", "quantile"), [(2, 4.3027), (3, 3.1824), (9, 2.2622)])
def test_students_t_is_that_of_the_tables(freedom: int, quantile: float) -> None:
    assert student_t(freedom) == pytest.approx(quantile, abs=2e-4)


def test_the_prediction_interval_follows_its_formula() -> None:
    low, high = Sample([1.0, 2.0, 3.0]).next_run
    assert (low + high) / 2 == pytest.approx(2.0)
    assert (high - low) / 2 == pytest.approx(4.3027 * (4 / 3) ** 0.5, abs=1e-3)


@pytest.mark.parametrize(
    ("values", "verdict"),
    [
        ((0.95, 1.05, 1.09), HOLDS),
        ((0.5, 1.0, 1.5), HOLDS),  # the mean decides, however far the runs lie apart
        ((1.2, 1.1, 1.3), PARTLY),  # the mean is 0.2 off, one more run may lie 0.5 off
        ((1.20, 1.21, 1.22), FAILS),
        ((0.80, 0.79, 0.78), FAILS),
    ],
)
def test_a_number_is_evaluated_by_mean_and_next_run(
    values: tuple[float, ...], verdict: Verdict
) -> None:
    claim = number(*values)
    assert claim.verdict == verdict
    assert claim.ours.startswith(f"{np.mean(values):.3f} ± ")
    assert ("one more run" in claim.reason) == (verdict != HOLDS)


def test_more_runs_narrow_the_prediction_interval() -> None:
    assert number(1.2, 1.1, 1.3).verdict == PARTLY
    assert number(*([1.2, 1.1, 1.3] * 10)).verdict == FAILS


def test_a_run_without_the_number_makes_it_fail_by_name() -> None:
    runs = [*ending(1.0, 1.0), run([1.0] * 7, seed=2, diverged=True)]
    claim = evaluate_number(
        "table 1", "a number", runs, lambda one: 1.0 if one.complete else None, 1.0, 0.1
    )
    assert claim.verdict == FAILS
    assert "seed 2" in claim.reason


def test_a_predicted_accuracy_is_at_most_100_percent() -> None:
    runs = ending(0.7, 0.8, 0.99)
    claim = evaluate_number(
        "table 1", "right", runs, lambda one: float(one.losses[-1]), 0.5, 0.01, SHARE
    )
    assert "and 100.00%" in claim.reason
    assert "33.00 points higher" in claim.reason


# Statements about every run


@pytest.mark.parametrize(
    ("true", "verdict"),
    [(4, HOLDS), (3, PARTLY), (2, PARTLY), (1, FAILS), (0, FAILS)],
)
def test_a_statement_is_evaluated_by_its_share_of_the_runs(true: int, verdict: Verdict) -> None:
    runs = ending(1.0, 2.0, 3.0, 4.0)
    claim = evaluate_runs("figure 5", "low", runs, lambda one: one.losses[-1] <= true, "losses")
    assert (claim.verdict, claim.ours) == (verdict, f"true of {true} of 4 runs")


# The spread


def curves(
    early: Sequence[float], late: Sequence[float], start: float, end: float
) -> list[TrainedRun]:
    """Return runs that lie `early` off a falling curve at first and `late` off it at the end."""
    middle, share = np.linspace(start, end, EPOCHS), np.linspace(0, 1, EPOCHS)
    return [
        run(middle + first * (1 - share) + last * share, seed=seed)
        for seed, (first, last) in enumerate(zip(early, late, strict=True))
    ]


@pytest.mark.parametrize(
    ("early", "late", "end", "verdict"),
    [
        ((-1, 0, 1), (-3, 0, 3), 10, HOLDS),
        ((-3, 0, 3), (-1, 0, 1), 10, FAILS),
        ((-3, 0, 3), (-1, 0, 1), 2, PARTLY),  # smaller, but larger for the loss that is left
        ((-1, 0, 1), (0, 0, 3), 10, PARTLY),  # without the third run it shrinks
    ],
)
def test_the_spread_grows_only_if_no_run_decides_it(
    early: tuple[float, ...], late: tuple[float, ...], end: float, verdict: Verdict
) -> None:
    assert evaluate_spread(curves(early, late, 10, end)).verdict == verdict


def test_spread_is_the_mean_deviation_of_a_sixth_of_the_epochs() -> None:
    losses = np.ones((2, 12))
    losses[0, :2], losses[0, -2:] = 2.0, 4.0
    spread = Spread.of(losses)
    assert (spread.early, spread.late) == pytest.approx((0.5**0.5, 4.5**0.5))
    assert spread.growth == pytest.approx(3.0)
    assert (spread.relative_early, spread.relative_late) == pytest.approx(
        (0.5**0.5 / 1.5, 4.5**0.5 / 2.5)
    )


# All claims


def falling(start: float, end: float, seed: int) -> list[float]:
    """Return a curve like the published one, whose runs drift apart."""
    shape = np.exp(-np.arange(EPOCHS) / 5.0)
    losses = end + (start - end) * (shape - shape[-1]) / (1 - shape[-1])
    apart: list[float] = (losses + (seed - 1) * 1e-4 * np.arange(EPOCHS)).tolist()
    return apart


def as_published() -> list[TrainedRun]:
    runs = []
    for seed in range(3):
        runs.append(run(falling(0.75, 0.05, seed), 0.97, 1e-4, seed))
        noisy = np.array(falling(0.2, 0.135, seed)) + 0.002 * (np.arange(EPOCHS) % 2)
        runs.append(run(noisy.tolist(), 0.93, 0.01, seed))
        runs.append(run([2.31] * EPOCHS, 0.0892, 0.05, seed, constant="5"))
    return runs


def verdicts(runs: Sequence[TrainedRun]) -> dict[str, Verdict]:
    return {claim.claim: claim.verdict for claim in evaluate_claims(runs)}


def test_runs_as_published_make_every_claim_hold() -> None:
    found = verdicts(as_published())
    assert len(found) == 14
    assert set(found.values()) == {HOLDS}


def test_runs_that_do_the_opposite_make_every_claim_fail() -> None:
    runs = []
    for seed in range(3):
        apart = (seed - 1) * np.linspace(1.0, 0.01, EPOCHS)
        rising = (np.linspace(9, 8, EPOCHS) + apart).tolist()
        zigzag = (np.array(rising) - 3.0 * (np.arange(EPOCHS) % 2)).tolist()
        accuracy = np.linspace(0.4, 0.5, EPOCHS) + 0.001 * seed
        runs += [run(zigzag, accuracy.tolist(), rate, seed) for rate in (1e-4, 0.01)]
        runs.append(run(falling(0.3, 0.1, seed), 0.98, 0.05, seed))
    assert set(verdicts(runs).values()) == {FAILS}


def test_a_collapse_is_reported_with_its_class_and_that_classs_share() -> None:
    runs = as_published()
    runs[2] = run([2.31] * EPOCHS, 0.1135, 0.05, 0, constant="1")
    [claim] = [claim for claim in evaluate_claims(runs) if "does not learn" in claim.claim]
    assert claim.verdict == HOLDS
    assert "seed 0 “1” 11.35%, seed 1 “5” 8.92%" in claim.reason
    runs[2] = run(falling(0.5, 0.2, 0), 0.9, 0.05, 0)
    [claim] = [claim for claim in evaluate_claims(runs) if "does not learn" in claim.claim]
    assert (claim.verdict, claim.ours) == (PARTLY, "true of 2 of 3 runs")


@pytest.mark.parametrize("epochs", [0, 1, 26])
@pytest.mark.parametrize("rate", [0, 1, 2])
def test_a_run_that_diverged_counts_against_the_claims(rate: int, epochs: int) -> None:
    runs = as_published()
    whole = runs[rate]
    runs[rate] = run(
        whole.losses[:epochs].tolist(), 0.9, whole.learning_rate, whole.seed, diverged=True
    )
    changed = {claim.claim for claim in evaluate_claims(runs) if claim.verdict != HOLDS}
    assert changed
    assert all(claim.startswith(f"At {whole.learning_rate:g}") for claim in changed)


# Model selection


def test_validation_loss_selects_and_test_accuracy_does_not() -> None:
    runs = [
        run([0.5] * 5, accuracy, rate, seed, validation=loss)
        for rate, loss, accuracy in ((1e-4, 0.3, 0.99), (1e-3, 0.2, 0.95), (0.05, 2.3, 0.1))
        for seed in range(3)
    ]
    selection = select_learning_rate(runs)
    assert selection.best.rate == 1e-3
    assert selection.best.test_accuracy.mean == pytest.approx(0.95)
    assert [len(candidate.runs) for candidate in selection.candidates] == [3, 3, 3]


def test_a_candidate_that_diverges_is_never_selected() -> None:
    good = [run([0.5], 0.9, 1e-3, seed, validation=2.0) for seed in range(2)]
    bad = [run([0.5], 0.9, 1e-2, 0, validation=0.1), run([], 0.9, 1e-2, 1, diverged=True)]
    assert select_learning_rate([*good, *bad]).best.rate == 1e-3
