"""The plot of a sweep: `plot_sweep(result, Path("runs/sweep/mnist/sweep"))`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
from matplotlib.ticker import FixedLocator, FuncFormatter

from cnnkit.plots import BLUE, GREEN, STYLE, VERMILION, new_figure, save
from cnnkit.sweep.axes import format_value

if TYPE_CHECKING:
    from cnnkit.sweep.results import Row, SweepResult

SPLITS = (("validation", BLUE, -0.13), ("test", GREEN, 0.13))
MAX_ROWS = 40  # of the ranking: more are not legible
MAX_TICKS = 8  # of an axis with one tick per value
FLOOR, CEILING = 0.01, 0.9999  # of plotted accuracies: the logit scale excludes 0 and 1
TICKS = (0.02, 0.05, 0.1, 0.2, 0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999)


def plot_sweep(result: SweepResult, path_stem: Path) -> None:
    """Plot the ranked settings (each run, and mean ± sd), and the accuracy along each axis.

    Args:
        result: a finished sweep.
        path_stem: path of the plots without suffix.

    Raises:
        StorageError: a plot cannot be written.
    """
    rows = result.ranked[:MAX_ROWS]
    height = max(3.2, 1.6 + 0.36 * len(rows))
    varied = [name for name in result.axes if len(_values(result, name)) > 1]
    with mpl.rc_context(STYLE):
        figure = new_figure(7.5 + (4.2 if varied else 0.0), max(height, 2.4 * len(varied)))
        parts: Any = figure.subfigures(1, 2, width_ratios=(7.5, 4.2)) if varied else [figure]
        _draw_ranking(parts[0].subplots(), rows, result)
        if varied:
            panels = parts[1].subplots(len(varied), 1, squeeze=False).ravel()
            for axes, name in zip(panels, varied, strict=True):
                _draw_axis(axes, result, name)
            panels[0].set_title("Mean of each setting; line: the best", loc="left")
        save(figure, path_stem)


def _draw_ranking(axes: Any, rows: list[Row], result: SweepResult) -> None:
    for split, colour, offset in SPLITS:
        measure = f"{split}_accuracy"
        for y, row in enumerate(rows):
            values, mean, sd = row.values(measure), row.mean(measure), row.sd(measure) or 0.0
            places = np.clip(values, FLOOR, CEILING)
            axes.plot(places, [y + offset] * len(values), "o", color=colour, alpha=0.35, ms=4)
            if mean is None:
                continue
            low, high = np.clip((mean - sd, mean + sd), FLOOR, CEILING)
            axes.plot([low, high], [y + offset] * 2, color=colour, linewidth=1.8)
            middle = np.clip([mean], FLOOR, CEILING)
            axes.plot(middle, [y + offset], "D", color=colour, markersize=4.5)
        axes.plot([], [], "D-", color=colour, label=split, markersize=5.5)
    for y, row in enumerate(rows):
        if row.diverged:
            axes.annotate(
                f"{row.diverged} of {len(row.outcomes)} diverged", (0.01, y), color=VERMILION,
                xycoords=("axes fraction", "data"), va="center", fontsize=9,
            )  # fmt: skip
    names = [
        "  ".join(format_value(value) for value in row.setting.values()) or "all" for row in rows
    ]
    axes.set_yticks(range(len(rows)), names)
    for tick, row in zip(axes.get_yticklabels(), rows, strict=True):
        tick.set_fontweight("bold" if row is result.best else "normal")
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_ylabel(", ".join(result.axes))
    drawn = [v for row in rows for split, *_ in SPLITS for v in row.values(f"{split}_accuracy")]
    _accuracy_scale(axes, "x", drawn)
    axes.set_xlabel("accuracy: each run, mean ± standard deviation over seeds")
    more = len(result.rows) - len(rows)
    title = "Ranked by validation accuracy" + (f"; {more} more in settings.csv" if more else "")
    axes.set_title(title, loc="left")
    axes.legend(loc="lower left", bbox_to_anchor=(0.62, 1.0), ncols=2)


def _draw_axis(axes: Any, result: SweepResult, name: str) -> None:
    """Plot the mean of every setting over one axis; with few values, join the best of each."""
    values = _values(result, name)
    numbers = all(isinstance(value, int | float) for value in values)
    if numbers:
        values.sort()
    if numbers and len(values) > MAX_TICKS:
        places = {format_value(value): value for value in values}
        many_orders = min(values) > 0 and max(values) > 5 * min(values)
        axes.set_xscale("log" if many_orders else "linear")
    else:
        places = {format_value(value): place for place, value in enumerate(values)}
        axes.set_xticks(list(places.values()), list(places))
        axes.set_xlim(-0.3, len(places) - 0.7)
    means: list[float] = []
    for split, colour, _ in SPLITS:
        drawn = [row for row in result.rows if row.values(f"{split}_accuracy")]
        x = [places[format_value(row.setting[name])] for row in drawn]
        y = np.clip(
            [row.mean(f"{split}_accuracy") or 0.0 for row in drawn], FLOOR, CEILING
        ).tolist()
        axes.plot(x, y, "o", color=colour, alpha=0.5, markersize=4)
        if len(values) <= MAX_TICKS:
            best = {place: max(v for p, v in zip(x, y, strict=True) if p == place) for place in x}
            axes.plot(*zip(*sorted(best.items()), strict=True), color=colour, linewidth=1.4)
        means += y
    _accuracy_scale(axes, "y", means)
    axes.set_xlabel(name)


def _values(result: SweepResult, name: str) -> list[Any]:
    """Return the different values of an axis, in the order tried."""
    values = [row.setting[name] for row in result.rows]
    return list({format_value(value): value for value in values}.values())


def _accuracy_scale(axes: Any, which: str, values: list[float]) -> None:
    """Use a logit scale, which spaces 10 %, 90 % and 99 % evenly, limited to the plotted values."""
    low, high = np.clip((min(values, default=0.5), max(values, default=0.99)), FLOOR, CEILING)

    def stretched(p: float, by: float) -> float:
        return float(1 / (1 + np.exp(-(np.log(p / (1 - p)) + by))))

    axis = axes.xaxis if which == "x" else axes.yaxis
    (axes.set_xscale if which == "x" else axes.set_yscale)("logit")
    margin = 0.05 * (np.log(high / (1 - high)) - np.log(low / (1 - low))) + 0.1
    limits = (stretched(low, -margin), stretched(high, margin))
    (axes.set_xlim if which == "x" else axes.set_ylim)(*limits)
    ticks = [tick for tick in TICKS if limits[0] <= tick <= limits[1]]
    if len(ticks) < 2:
        ticks = list(np.linspace(*limits, 5)[1:-1])
    axis.set_major_locator(FixedLocator(ticks))
    axis.set_minor_locator(FixedLocator([]))
    axis.set_major_formatter(FuncFormatter(lambda p, _: f"{100 * p:.4g} %"))
