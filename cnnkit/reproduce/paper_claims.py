"""The published claims and their verdicts: `evaluate_claims(runs)[0].verdict`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cnnkit.reproduce.criteria import (
    SHARE,
    Claim,
    evaluate_number,
    evaluate_runs,
    evaluate_spread,
    share_text,
)
from cnnkit.reproduce.trained_run import TrainedRun

STOP = 25 / 30  # the published advice: stop after this fraction of the epochs
# The largest late pace that is slow (of the average pace), the largest change that is small (of
# the loss before it), and the largest range that is flat (in nats).
SLOW, SMALL, FLAT = 0.25, 0.1, 0.05
GAIN = 0.002  # of the test accuracy: the standard error of 97% of 10,000 images is 0.0017


def loss_at(run: TrainedRun, epoch: int) -> float | None:
    """Return the training loss of an epoch (-1: the last planned one); None if not reached."""
    epoch = run.epochs if epoch == -1 else epoch
    return float(run.losses[epoch - 1]) if epoch <= len(run.history) else None


def last_accuracy(run: TrainedRun) -> float | None:
    """Return the test accuracy after the last planned epoch; None if not reached."""
    return float(run.history[-1]["test_accuracy"]) if run.complete else None


def stop_epoch(epochs: int) -> int:
    """Return the epoch after which the publication advises to stop: 25 of 30."""
    return round(STOP * epochs)


def evaluate_claims(runs: Sequence[TrainedRun]) -> list[Claim]:
    """Return every published claim with its verdict, given all runs with published settings."""
    low, middle, high = (
        [run for run in runs if run.learning_rate == rate] for rate in (1e-4, 0.01, 0.05)
    )
    return [*_claims_at_low_rate(low), *_claims_at_middle_rate(middle), *_claims_at_high_rate(high)]


def _claims_at_low_rate(runs: Sequence[TrainedRun]) -> list[Claim]:
    """Learning rate 0.0001: a smooth curve that flattens out, and 97%."""
    epochs = runs[0].epochs
    stop = stop_epoch(epochs)
    curve, paces = "figures 3 and 5", [_late_pace(run) for run in runs]
    rises = [int((np.diff(run.losses) > 0).sum()) for run in runs]
    gains = [_late_gain(run) for run in runs]
    return [
        evaluate_number(
            curve, "At 0.0001 the loss begins at about 0.75", runs,
            lambda run: loss_at(run, 1), 0.75, 0.02,
        ),
        evaluate_number(
            curve, "At 0.0001 the loss ends at about 0.05", runs,
            lambda run: loss_at(run, -1), 0.05, 0.01,
        ),
        evaluate_runs(
            curve, f"At 0.0001 the loss falls slowly after epoch {stop}", runs,
            lambda run: _late_pace(run) <= SLOW,
            f"pace after it, of the average pace: {_list(paces, '{:.1%}')}; "
            f"slow is at most {SLOW:.0%}",
        ),
        evaluate_runs(
            "figure 5", "At 0.0001 the curve is smooth", runs,
            lambda run: run.complete and not (np.diff(run.losses) > 0).any(),
            f"epochs in which the loss rose: {_list(rises, '{}')}",
        ),
        evaluate_spread(runs),
        evaluate_number(
            "table 1", "At 0.0001, 97% of the test images are right", runs,
            last_accuracy, 0.97, 0.005, SHARE,
        ),
        evaluate_runs(
            "advice", f"At 0.0001 one may stop after about {stop} epochs", runs,
            lambda run: _late_gain(run) <= GAIN,
            f"test accuracy gained after it, in points: {_list(gains, '{:+.2f}', 100)}; "
            f"up to {100 * GAIN:.1f} counts as nothing",
        ),
    ]  # fmt: skip


def _claims_at_middle_rate(runs: Sequence[TrainedRun]) -> list[Claim]:
    """Learning rate 0.01: worse, with small fluctuations."""
    late = max(2, runs[0].epochs // 3)
    rises = [int((np.diff(run.losses[-late:]) > 0).sum()) for run in runs]
    return [
        evaluate_number(
            "figure 6", "At 0.01 the loss begins at about 0.2", runs,
            lambda run: loss_at(run, 1), 0.2, 0.02,
        ),
        evaluate_number(
            "figure 6", "At 0.01 the loss ends at about 0.135", runs,
            lambda run: loss_at(run, -1), 0.135, 0.005,
        ),
        evaluate_runs(
            "figure 6", "At 0.01 the loss fluctuates a little late", runs,
            lambda run: _fluctuates(run, late),
            f"rises in the last {late} epochs: {_list(rises, '{}')}; largest change: "
            f"{_list([_largest_change(run, late) for run in runs], '{:.1%}')} (small is at most "
            f"{SMALL:.0%}); a run that always predicts one class does not count",
        ),
        evaluate_number(
            "table 1", "At 0.01, 93% of the test images are right", runs,
            last_accuracy, 0.93, 0.005, SHARE,
        ),
    ]  # fmt: skip


def _claims_at_high_rate(runs: Sequence[TrainedRun]) -> list[Claim]:
    """Learning rate 0.05: one class for every image, so the accuracy is that class's share."""
    predictions = ", ".join(map(_constant_text, runs))
    ranges = [float(np.ptp(run.losses)) if len(run.losses) else float("inf") for run in runs]
    return [
        evaluate_number(
            "figure 7", "At 0.05 the loss stays at about 2.31", runs, lambda run: loss_at(run, -1),
            2.31, 0.01,
        ),
        evaluate_runs(
            "figure 7", "At 0.05 the curve is flat", runs,
            lambda run: run.complete and float(np.ptp(run.losses)) <= FLAT,
            f"highest minus lowest epoch: {_list(ranges, '{:.3f}')}; flat is at most {FLAT}",
        ),
        evaluate_runs(
            "table 1", "At 0.05 it does not learn: 9% right", runs,
            lambda run: run.complete and run.constant is not None,
            f"one class for every test image, so the accuracy is its share: {predictions}",
        ),
    ]  # fmt: skip


def _late_pace(run: TrainedRun) -> float:
    """Return how fast the loss falls after the advised stop, relative to its average pace."""
    stop = stop_epoch(run.epochs)
    if not run.complete:
        return float("inf")
    first, at_stop, last = (float(run.losses[i]) for i in (0, stop - 1, -1))
    average = (first - last) / (run.epochs - 1)
    return (at_stop - last) / (run.epochs - stop) / average if average > 0 else float("inf")


def _late_gain(run: TrainedRun) -> float:
    """Return the test accuracy gained after the advised stop."""
    last = last_accuracy(run)
    if last is None:
        return float("inf")
    return last - float(run.history[stop_epoch(run.epochs) - 1]["test_accuracy"])


def _largest_change(run: TrainedRun, late: int) -> float:
    """Return the largest relative change of the loss between consecutive late epochs."""
    losses = run.losses[-late:]
    return float(np.abs(np.diff(losses) / losses[:-1]).max()) if len(losses) > 1 else float("inf")


def _fluctuates(run: TrainedRun, late: int) -> bool:
    """Return whether the loss rises at least once late, but changes only a little."""
    rises = bool((np.diff(run.losses[-late:]) > 0).any())
    return run.complete and run.constant is None and rises and _largest_change(run, late) <= SMALL


def _constant_text(run: TrainedRun) -> str:
    if run.constant is None:
        return f"seed {run.seed} none"
    return f"seed {run.seed} “{run.constant}” {share_text(run.test_accuracy)}"


def _list(values: Sequence[float], form: str, factor: float = 1) -> str:
    return ", ".join(form.format(factor * value) for value in values)
