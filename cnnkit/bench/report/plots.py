"""Results as PNG or SVG images: `draw_bars(results, path)` and `draw_roofline(results, path)`."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cnnkit.bench.peers.registry import SUBJECT
from cnnkit.bench.report.results import CaseResult, Results
from cnnkit.errors import InputError, MissingError
from cnnkit.system.files import replacing

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SUFFIXES = (".png", ".svg")
# Okabe and Ito's colours, distinguishable with any colour vision and in grey.
OURS, PEER, DARK = "#0072B2", "#BBBBBB", "#333333"
COLOURS = ("#D55E00", "#009E73", "#CC79A7", "#56B4E9")


def check_picture(path: Path) -> None:
    """Refuse a picture that could not be drawn, before anything is timed.

    Raises:
        InputError: the suffix is not one of `SUFFIXES`.
        MissingError: Matplotlib is not installed.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise InputError(path, "is neither .png nor .svg", "give the picture one of these suffixes")
    if find_spec("matplotlib") is None:
        raise MissingError.package("matplotlib", "drawing a picture")


def save_picture(path: Path, size: tuple[float, float], draw: Callable[[Figure], None]) -> None:
    """Let `draw` fill a figure of `size` inches, and write it whole or not at all.

    Raises:
        InputError, MissingError: as `check_picture`.
        StorageError: the picture cannot be written.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    check_picture(path)
    style: dict[Any, Any] = {
        "font.size": 10.0,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "legend.frameon": False,
        "svg.hashsalt": "cnnkit",  # else the ids inside an SVG are random
        "svg.fonttype": "none",  # text as text: a fifth of the size, and searchable
    }
    with mpl.rc_context(style), replacing(path) as beside:
        figure = Figure(size, layout="constrained")
        draw(figure)
        png = path.suffix.lower() == ".png"
        figure.savefig(beside, dpi=150, metadata={"Software" if png else "Date": None})


def _title(results: Results, what: str) -> str:
    about = results.environment
    return f"{what}\n{about['cpu']}, {about['isa']}, threads: {about['threads']}"


def draw_bars(results: Results, path: Path) -> None:
    """Draw a panel for each case and a bar for each peer: µs per image, with interval and error.

    Raises:
        InputError, MissingError: as `check_picture`.
        StorageError: the picture cannot be written.
    """
    cases = results.cases
    columns = 1 if len(cases) < 3 else 2
    rows = -(-len(cases) // columns)
    bars = max((sum(row.seconds is not None for row in case.rows) for case in cases), default=1)

    def draw(figure: Figure) -> None:
        panels = figure.subplots(rows, columns, squeeze=False).ravel()
        for axes, case in zip(panels, cases, strict=False):
            _draw_case(axes, case)
        for axes in panels[len(cases) :]:
            axes.set_axis_off()
        figure.supxlabel(
            "µs per image (less is better): median with 95% interval, who is faster, "
            "(error against float64)",
            fontsize=9,
        )
        figure.suptitle(_title(results, "cnnkit and its peers: verified, then timed"), fontsize=11)

    save_picture(path, (7.5 * columns, 1.2 + rows * (0.6 + 0.25 * bars)), draw)


def _draw_case(axes: Any, case: CaseResult) -> None:
    rows = sorted(
        (row for row in case.rows if row.seconds), key=lambda row: row.seconds or (0,), reverse=True
    )
    for y, row in enumerate(rows):
        assert row.seconds is not None
        median, low, high = row.seconds.scaled(1e6)
        ours = row.peer == SUBJECT
        axes.barh(
            y, median, color=OURS if ours else PEER, height=0.7, ecolor=DARK,
            xerr=[[median - low], [high - median]], capsize=2,
        )  # fmt: skip
        time = f"{median:,.0f}" if median >= 100 else f"{median:.3g}"
        words = f"  {row.conclusion}" if row.conclusion else ""
        axes.annotate(
            f"{time}{words}  ({row.error:.0e})", (high, y), (5, 0),
            textcoords="offset points", va="center", fontsize=8,
        )  # fmt: skip
    axes.set_yticks(range(len(rows)), [row.peer for row in rows])
    right = max((row.seconds.high for row in rows if row.seconds), default=1e-6)
    axes.set_xlim(0, right * 1.6e6)  # room for the words behind the longest bar
    axes.set_title(case.key, loc="left", fontsize=10, fontweight="bold")


def draw_roofline(results: Results, path: Path) -> None:
    """Draw speed over arithmetic intensity, under the limits measured in the same run.

    Raises:
        InputError, MissingError: as `check_picture`.
        StorageError: the picture cannot be written.
    """
    save_picture(path, (8.0, 5.5), lambda figure: _draw_roofs(figure, results))


def _draw_roofs(figure: Figure, results: Results) -> None:
    axes, peak = figure.subplots(), results.limits.fma_gflops
    intensities = [case.flop / case.bytes for case in results.cases]
    fastest = max(results.limits.bandwidth.values())
    left, right = min(*intensities, peak / fastest) / 2, max(intensities) * 4
    speeds = [peak]
    for colour, (name, rate) in zip(COLOURS, results.limits.bandwidth.items(), strict=False):
        ridge = peak / rate
        axes.plot(
            [left, min(ridge, right)],
            [left * rate, min(ridge, right) * rate],
            color=colour,
            label=f"{name}: {rate:.3g} GB/s",
        )
    axes.plot([left, right], [peak, peak], color=DARK, label=f"FMA peak: {peak:.4g} GFLOP/s")
    for number, case in enumerate(results.cases, 1):
        for row in filter(None, (case.best_peer, case.subject)):
            speed, ours = case.gflops(row), row.peer == SUBJECT
            if speed is None:
                continue
            speeds.append(speed)
            place = (intensities[number - 1], speed)
            mark, colour, ink = ("o", OURS, "white") if ours else ("D", PEER, DARK)
            axes.plot(*place, mark, color=colour, markeredgecolor="white", markersize=12)
            axes.annotate(f"{number}", place, ha="center", va="center", fontsize=8, color=ink)
    axes.plot([], [], "o", color=OURS, markersize=10, label="cnnkit")
    axes.plot([], [], "D", color=PEER, markersize=10, label="best peer")
    axes.set(
        xscale="log",
        yscale="log",
        xlim=(left, right),
        ylim=(min(speeds) / 4, max(speeds) * 4),
        xlabel="nominal FLOP per byte that must be moved",
        ylabel="nominal GFLOP/s",
    )
    axes.grid(which="both", alpha=0.25)
    axes.set_title(
        _title(results, "Roofline (a fast algorithm may pass the peak: FLOP are nominal)"),
        fontsize=10,
    )
    names = "\n".join(f"{i} {case.key}" for i, case in enumerate(results.cases, 1))
    axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1.0), fontsize=8, labelspacing=0.9)
    axes.annotate(names, (1.03, 0.0), xycoords="axes fraction", fontsize=8, va="bottom")
