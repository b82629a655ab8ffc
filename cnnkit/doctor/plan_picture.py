"""A picture of a C program's memory over time: `draw_plan(program, Path("plan.svg"))`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from cnnkit.graph.program import Program
from cnnkit.graph.program.steps import FLOAT

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOURS = ("#0072B2", "#56B4E9", "#009E73", "#E69F00", "#CC79A7")  # Okabe and Ito's


def draw_plan(program: Program, path: Path) -> None:
    """Draw each buffer as a rectangle: its steps from left to right, its bytes upwards.

    Raises:
        InputError: the suffix is neither .png nor .svg.
        MissingError: Matplotlib is not installed.
        StorageError: the picture cannot be written.
    """
    from cnnkit.plots import new_figure, save_as

    steps = range(len(program.steps))
    figure = new_figure(max(6.0, 0.35 * len(steps) + 2.5), 4.8)
    axes = figure.add_subplot()
    live = [program.live(index) for index in steps]
    for buffer in sorted(set().union(*live)):
        during = [index for index in steps if buffer in live[index]]
        _draw_buffer(axes, program, buffer, during[0], during[-1])
    arena = program.arena * FLOAT / 1024
    axes.axhline(arena, color="#333333", linewidth=0.8, linestyle="--")
    axes.annotate(f"{arena:,.1f} KiB", (0.0, arena), (2, 3), textcoords="offset points")
    axes.set_xlim(-0.5, len(steps) - 0.5)
    axes.set_ylim(0, arena * 1.1)
    axes.set_xticks(list(steps))
    labels = [step.node.split(" ", 1)[-1][:24] for step in program.steps]
    axes.set_xticklabels(labels, rotation=90, fontsize=7)
    axes.set_ylabel("KiB of the arena")
    axes.set_title("Memory of the C program, layer by layer")
    axes.grid(visible=False)
    save_as(figure, path)


def _draw_buffer(axes: Axes, program: Program, buffer: int, first: int, last: int) -> None:
    at, size = (FLOAT * n[buffer] / 1024 for n in (program.offsets, program.sizes))
    axes.bar(
        (first + last) / 2,
        size,
        width=last - first + 1,
        bottom=at,
        color=COLOURS[buffer % len(COLOURS)],
        edgecolor="white",
        linewidth=0.8,
    )
