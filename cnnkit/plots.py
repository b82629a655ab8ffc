"""Plots of a run, byte-identical for identical numbers: `plot_loss(history, path_stem)`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter
from numpy.typing import NDArray

from cnnkit.errors import InputError
from cnnkit.system.files import replacing
from cnnkit.system.terminal import visible

# From Okabe and Ito's palette: distinguishable with any colour vision, and in greyscale.
BLUE, VERMILION, GREEN = "#0072B2", "#D55E00", "#009E73"
STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",  # ships with Matplotlib: the same text on every machine
    "font.size": 10.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e3e3e3",
    "grid.linewidth": 0.8,
    "axes.axisbelow": True,
    "legend.frameon": False,
    "svg.hashsalt": "cnnkit",  # otherwise the ids inside an SVG are random
    "svg.fonttype": "path",
}
DOTS_PER_INCH = 150
# Up to so many classes, a confusion matrix grows with their names and counts.
MOST_NAMED, UNNAMED_SIDE = 64, 12.0  # inches
METADATA: dict[str, dict[str, Any]] = {".png": {"Software": None}, ".svg": {"Date": None}}


def save(figure: Figure, stem: Path) -> None:
    """Write `stem`.png and `stem`.svg, without dates."""
    for suffix in METADATA:
        save_as(figure, stem.with_name(stem.name + suffix))


def save_as(figure: Figure, path: Path) -> None:
    """Write one picture, .png or .svg, without a date.

    Raises:
        InputError: the suffix is another one.
        StorageError: it cannot be written.
    """
    suffix = path.suffix.lower()
    if suffix not in METADATA:
        raise InputError(path, "is neither .png nor .svg", "give the picture one of these suffixes")
    lay_out(figure)
    with replacing(path) as beside:
        figure.savefig(beside, format=suffix[1:], dpi=DOTS_PER_INCH, metadata=METADATA[suffix])


def lay_out(figure: Figure) -> None:
    """Give everything its final place, once.

    Matplotlib would do so twice for each file, and draw everything once more each time.
    """
    engine = figure.get_layout_engine()
    if engine is not None:
        figure.set_dpi(DOTS_PER_INCH)
        engine.execute(figure)
        figure.set_layout_engine(None)


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure of a size in inches; it needs no display."""
    figure = Figure((width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def plot_loss(history: Sequence[Mapping[str, Any]], path_stem: Path) -> None:
    """Plot the loss per epoch and, beneath it, the accuracies.

    Args:
        history: one record per epoch, as in metrics.jsonl.
        path_stem: path of the plots without suffix.

    Raises:
        StorageError: a plot cannot be written.
    """
    with mpl.rc_context(STYLE):
        figure = new_figure(7.0, 6.0)
        loss, accuracy = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
        draw_curve(loss, history, "train_loss", "training", BLUE)
        draw_curve(loss, history, "validation_loss", "validation", VERMILION)
        draw_curve(accuracy, history, "train_accuracy", "training", BLUE)
        draw_curve(accuracy, history, "validation_accuracy", "validation", VERMILION)
        draw_curve(accuracy, history, "test_accuracy", "test", GREEN)
        loss.set(ylabel="negative log-likelihood", title="Loss and accuracy per epoch")
        loss.set_ylim(0, 1.05 * loss.get_ylim()[1])
        accuracy.set(xlabel="epoch", ylabel="accuracy")
        accuracy.yaxis.set_major_formatter(PercentFormatter(1.0))
        accuracy.xaxis.set_major_locator(
            MaxNLocator(integer=True, min_n_ticks=1, steps=[1, 2, 5, 10])
        )
        accuracy.set_xlim(0.5, len(history) + 0.5)
        loss.legend()
        accuracy.legend(loc="lower right")
        save(figure, path_stem)


def plot_runs(histories: Mapping[str, Sequence[Mapping[str, Any]]], path: Path) -> None:
    """Plot training losses and test accuracies of several runs, a colour each.

    Args:
        histories: of each run's name one record per epoch, as in metrics.jsonl.
        path: the picture, .png or .svg.

    Raises:
        InputError: the suffix is another one.
        StorageError: it cannot be written.
    """
    with mpl.rc_context(STYLE):
        figure = new_figure(8.0, 6.0)
        loss, accuracy = figure.subplots(2, 1, sharex=True)
        for index, (name, history) in enumerate(histories.items()):
            colour, label = f"C{index % 10}", visible(name).replace("$", r"\$")
            draw_curve(loss, history, "train_loss", label, colour)
            draw_curve(accuracy, history, "test_accuracy", label, colour)
        loss.set(ylabel="training loss", title="Runs beside each other")
        accuracy.set(xlabel="epoch", ylabel="test accuracy")
        accuracy.yaxis.set_major_formatter(PercentFormatter(1.0))
        accuracy.xaxis.set_major_locator(
            MaxNLocator(integer=True, min_n_ticks=1, steps=[1, 2, 5, 10])
        )
        loss.legend(fontsize=8)
        save_as(figure, path)


def draw_curve(
    axes: Any, history: Sequence[Mapping[str, Any]], key: str, label: str, colour: str
) -> None:
    """Plot one metric over the epochs; nothing if it was never measured."""
    points = [(row["epoch"], row[key]) for row in history if row.get(key) is not None]
    if points:
        epochs, values = zip(*points, strict=True)
        axes.plot(epochs, values, "o-", color=colour, label=label, markersize=3.5, linewidth=1.6)


def plot_confusion(matrix: NDArray[np.int64], names: Sequence[str], path_stem: Path) -> None:
    """Plot a confusion matrix, with its counts where there are not too many classes to read them.

    Args:
        matrix: int64 [K, K], a row per true class, a column per predicted class.
        names: the K class names.
        path_stem: path of the plots without suffix.

    Raises:
        StorageError: a plot cannot be written.
    """
    classes = len(names)
    named = classes <= MOST_NAMED
    side = 3.0 + 0.5 * classes if named else UNNAMED_SIDE
    total = int(matrix.sum())
    share = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    with mpl.rc_context({**STYLE, "axes.grid": False}):
        figure = new_figure(side, side)
        axes = figure.subplots()
        # The square root makes rare mistakes, which are of most interest, visible.
        # As colours of the classes: those of all pixels would take a hundred times as long.
        shades = mpl.colormaps["Blues"](np.sqrt(share), bytes=True)
        axes.imshow(shades, interpolation="nearest")
        for row, column in np.argwhere(matrix) if named else ():
            dark = share[row, column] > 0.3
            axes.text(
                column, row, f"{matrix[row, column]}", ha="center", va="center",
                color="white" if dark else "#222222", fontsize=9,
            )  # fmt: skip
        if named:
            names = [visible(name).replace("$", r"\$") for name in names]  # or a formula begins
            axes.set_xticks(range(classes), names, rotation=45 if max(map(len, names)) > 2 else 0)
            axes.set_yticks(range(classes), names)
        axes.spines[:].set_visible(False)
        axes.tick_params(length=0)
        accuracy = np.trace(matrix) / max(total, 1)
        axes.set(
            xlabel="predicted", ylabel="true",
            title=f"Test set: {accuracy:.2%} of {total:,} right",
        )  # fmt: skip
        save(figure, path_stem)
