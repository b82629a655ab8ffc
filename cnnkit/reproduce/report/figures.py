"""Figures 3 to 7, table 1 and the model selection: `draw_figures(runs, selection, folder)`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter, PercentFormatter
from numpy.typing import NDArray

from cnnkit.plots import BLUE, GREEN, STYLE, VERMILION, new_figure, save
from cnnkit.reproduce.model_selection import Candidate, ModelSelection
from cnnkit.reproduce.paper_claims import stop_epoch
from cnnkit.reproduce.plan import RATES
from cnnkit.reproduce.report.blocks import GRID, INK, PAPER
from cnnkit.reproduce.statistics import Sample
from cnnkit.reproduce.trained_run import TrainedRun

REPORT_STYLE: dict[Any, Any] = {
    **STYLE,
    **dict.fromkeys(("text.color", "axes.edgecolor", "axes.labelcolor"), INK),
    **dict.fromkeys(("xtick.color", "ytick.color"), INK),
    **{"grid.color": GRID, "figure.facecolor": PAPER, "axes.facecolor": PAPER},
}
DIAMOND: dict[str, Any] = {"color": VERMILION, "marker": "D", "markersize": 7, "clip_on": False}
# The published first and last loss, by learning rate.
ENDS = {1e-4: (0.75, 0.05), 0.01: (0.2, 0.135), 0.05: (2.31, 2.31)}
# The published test accuracies with their uncertainty, by learning rate.
ACCURACIES = {1e-4: (0.97, 0.005), 0.01: (0.93, 0.005), 0.05: (0.09, 0.005)}


def draw_figures(runs: Sequence[TrainedRun], selection: ModelSelection, folder: Path) -> None:
    """Draw every figure into `folder`, as PNG and SVG.

    Raises:
        StorageError: a figure cannot be written.
    """
    low, middle, high = (
        [run for run in runs if run.learning_rate == rate and run.history] for rate in RATES
    )
    with mpl.rc_context(REPORT_STYLE):
        _draw_curves(low[:1], folder / "figure-3", "Loss at learning rate 0.0001, one run")
        _draw_spread(low, folder / "figure-4")
        for number, some in ((5, low), (6, middle), (7, high)):
            title = f"Loss at learning rate {RATES[number - 5]:g}, every run"
            _draw_curves(some, folder / f"figure-{number}", title)
        _draw_accuracies(runs, folder / "table-1")
        _draw_selection(selection, folder / "choice")


def mean_curve(runs: Sequence[TrainedRun]) -> NDArray[np.float64]:
    """Return the mean loss of every epoch that all runs completed."""
    length = min(len(run.history) for run in runs)
    mean: NDArray[np.float64] = np.mean([run.losses[:length] for run in runs], axis=0)
    return mean


def _axes(figure: Any, *arguments: Any, **options: Any) -> Any:
    axes = figure.subplots(*arguments, **options)
    for one in np.ravel(axes):
        one.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1, steps=[1, 2, 5, 10]))
    return axes


def _draw_each(axes: Any, runs: Sequence[TrainedRun]) -> None:
    for number, run in enumerate(runs):
        label = f"each of {len(runs)} runs" if number == 0 and len(runs) > 1 else None
        epochs = np.arange(1, len(run.losses) + 1)
        axes.plot(epochs, run.losses, color=BLUE, alpha=0.6, linewidth=1.0, label=label)


def _draw_curves(runs: Sequence[TrainedRun], stem: Path, title: str) -> None:
    """Draw loss curves, their mean, and the published first and last loss."""
    figure = new_figure(7.0, 3.8)
    axes = _axes(figure)
    if runs:
        rate, epochs, mean = runs[0].learning_rate, runs[0].epochs, mean_curve(runs)
        _draw_each(axes, runs)
        axes.plot(
            np.arange(1, len(mean) + 1), mean, "o-", color=BLUE, markersize=3.5, linewidth=1.8,
            label="mean" if len(runs) > 1 else f"seed {runs[0].seed}",
        )  # fmt: skip
        axes.plot((1, epochs), ENDS[rate], linestyle="", label="published (read)", **DIAMOND)
        if rate == RATES[0]:
            _mark_stop(axes, stop_epoch(epochs))
        axes.set_xlim(0.5, epochs + 0.5)
        axes.legend(loc="upper center" if rate == RATES[0] else "best")
        drawn = np.concatenate([*(run.losses for run in runs), ENDS[rate]])
        if np.ptp(drawn) < 0.05:  # keep a flat line flat
            axes.set_ylim(drawn.min() - 0.05, drawn.max() + 0.05)
        else:
            axes.set_ylim(bottom=0)
    axes.set(xlabel="epoch", ylabel="mean training loss", title=title)
    save(figure, stem)


def _mark_stop(axes: Any, stop: int) -> None:
    """Mark the epoch after which the publication advises to stop."""
    axes.axvline(stop, color=INK, linestyle=":", linewidth=1.2)
    axes.annotate(
        f"published advice:\nstop after {stop}", (stop, 0.88), (-6, 0), fontsize=9,
        xycoords=axes.get_xaxis_transform(), textcoords="offset points", ha="right", va="center",
    )  # fmt: skip


def _draw_spread(runs: Sequence[TrainedRun], stem: Path) -> None:
    """Draw the mean with its standard deviation, and the deviation alone, absolute and relative."""
    figure = new_figure(7.0, 6.2)
    loss, absolute, relative = _axes(figure, 3, 1, sharex=True, height_ratios=(3, 1.4, 1.4))
    if len(runs) > 1:
        mean = mean_curve(runs)
        deviation = np.std([run.losses[: len(mean)] for run in runs], axis=0, ddof=1)
        epochs = np.arange(1, len(mean) + 1)
        loss.fill_between(epochs, mean - deviation, mean + deviation, color=BLUE, alpha=0.25,
                          linewidth=0, label="± standard deviation")  # fmt: skip
        _draw_each(loss, runs)
        loss.plot(epochs, mean, color=BLUE, linewidth=1.8, label="mean")
        absolute.plot(epochs, deviation, "o-", color=VERMILION, markersize=3.5)
        relative.plot(epochs, deviation / mean, "o-", color=GREEN, markersize=3.5)
        loss.legend()
    for axes in (loss, absolute, relative):
        axes.set_ylim(bottom=0)
    relative.set_xlim(left=0.5)
    loss.set(ylabel="training loss", title=f"Learning rate 0.0001: {len(runs)} runs")
    absolute.set(ylabel="standard\ndeviation")
    relative.set(ylabel="… of the\nmean loss", xlabel="epoch")
    relative.yaxis.set_major_formatter(PercentFormatter(1.0))
    figure.align_ylabels()
    save(figure, stem)


def _draw_accuracies(runs: Sequence[TrainedRun], stem: Path) -> None:
    """Draw each run's test accuracy beside the published one, one panel per learning rate."""
    figure = new_figure(7.0, 3.6)
    for axes, rate in zip(figure.subplots(1, len(RATES)), RATES, strict=True):
        values = [run.test_accuracy
                  for run in runs if run.learning_rate == rate]  # fmt: skip
        sample = Sample(values)
        axes.errorbar(0, ACCURACIES[rate][0], yerr=ACCURACIES[rate][1], capsize=4,
                      label="published", **DIAMOND)  # fmt: skip
        axes.plot(1 + 0.12 * np.linspace(-1, 1, len(values)), values, "o", color=BLUE, alpha=0.6,
                  label="each run")  # fmt: skip
        axes.errorbar(1.4, sample.mean, yerr=sample.deviation, color=GREEN, marker="s", capsize=4,
                      label="mean ± deviation")  # fmt: skip
        axes.set(xlim=(-0.5, 1.9), title=f"{rate:g}")
        axes.set_xticks((0, 1.2), ("published", "ours"))
        axes.grid(visible=False, axis="x")
        axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=None))
    figure.axes[0].set_ylabel("test images right")
    figure.suptitle("Test accuracy by learning rate", fontsize=12)
    figure.legend(*figure.axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    save(figure, stem)


def _draw_selection(selection: ModelSelection, stem: Path) -> None:
    """Draw validation loss, test error and number of epochs over the learning rates."""
    figure = new_figure(7.0, 6.2)
    loss, error, epochs = figure.subplots(3, 1, sharex=True, height_ratios=(2, 2, 1.4))
    candidates = selection.candidates

    def points(axes: Any, values_of: Callable[[Candidate], Sequence[float]], colour: str) -> None:
        for candidate in candidates:
            values = np.array(values_of(candidate))
            axes.plot(np.full(len(values), candidate.rate), values, "o", color=colour, alpha=0.6)
        means = [np.mean(values_of(candidate)) for candidate in candidates]
        axes.plot([candidate.rate for candidate in candidates], means, color=colour)
        axes.axvline(selection.best.rate, color=INK, linestyle=":", linewidth=1.2)

    points(loss, lambda candidate: candidate.validation_loss.values, VERMILION)
    points(error, lambda one: [1 - value for value in one.test_accuracy.values], GREEN)
    points(epochs, lambda candidate: candidate.epochs, BLUE)
    loss.set(ylabel="validation loss", yscale="log", title="Chosen on validation images: "
             f"learning rate {selection.best.rate:g}")  # fmt: skip
    error.set(ylabel="test images wrong", yscale="log")
    error.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    epochs.set(ylabel="epochs until\npatience ends", xlabel="learning rate", xscale="log")
    epochs.set_ylim(bottom=0)
    loss.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    for axes in (loss, error):
        axes.yaxis.set_minor_formatter(NullFormatter())
    epochs.set_xticks([candidate.rate for candidate in candidates])
    epochs.xaxis.set_major_formatter(FuncFormatter(lambda rate, _: f"{rate:g}"))
    epochs.xaxis.set_minor_formatter(NullFormatter())
    figure.align_ylabels()
    save(figure, stem)
