"""`cnnkit bench`: verifies the outputs of cnnkit and its peers, then times them together."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

from cnnkit.cli.options import (
    MODEL_HELP,
    ImageSizeOption,
    JsonOption,
    ParametersOption,
    PreprocessOption,
    QuietOption,
    file_option,
)
from cnnkit.cli.output import emit_json, stderr, stdout
from cnnkit.errors import InputError, VerdictError

if TYPE_CHECKING:
    from rich.console import Console

    from cnnkit.bench.parity import Parity
    from cnnkit.bench.report.regressions import Change
    from cnnkit.bench.report.results import Results

WIDTH = 100  # of tables that go to a file or a pipe


def bench(
    model: Annotated[str | None, typer.Argument(help=MODEL_HELP)] = None,
    suite: Annotated[
        list[str] | None,
        typer.Option(
            help="kernel, infer, network, zoo, train, net or fuse; may be repeated. By default "
            "kernel and infer for the published network and its like, network for any other model."
        ),
    ] = None,
    peers: Annotated[
        str | None,
        typer.Option(metavar="A,B", help="Time only these peers; 'none' for cnnkit alone."),
    ] = None,
    preprocess: PreprocessOption = None,
    parameters: ParametersOption = None,
    size: ImageSizeOption = None,
    threads: Annotated[
        int, typer.Option(help="Threads of every peer; as many cores are pinned.")
    ] = 1,
    batch: Annotated[
        int | None, typer.Option(help="Images of a call, instead of each case's own number.")
    ] = None,
    isa: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="cnnkit's instruction set; `cnnkit doctor` lists them."),
    ] = None,
    rounds: Annotated[int, typer.Option(help="Interleaved rounds of each case.")] = 41,
    seconds: Annotated[
        float, typer.Option(help="Timed seconds of each peer in each case, over all rounds.")
    ] = 0.4,
    seed: Annotated[int, typer.Option(help="Seed for the random order within rounds.")] = 0,
    cold: Annotated[
        bool,
        typer.Option(
            "--cold",
            help="Measure fresh processes too: first outputs, start-up (infer), memory and 30 "
            "epochs (train); takes minutes.",
        ),
    ] = False,
    csv: Annotated[
        Path | None, file_option(metavar="FILE", help="Write a row for each case and peer.")
    ] = None,
    picture: Annotated[
        Path | None, file_option(metavar="FILE", help="Draw the times as bars, .png or .svg.")
    ] = None,
    roofline: Annotated[
        Path | None, file_option(metavar="FILE", help="Draw the speeds under the measured limits.")
    ] = None,
    parity: Annotated[
        Path | None,
        file_option(
            metavar="FILE",
            help="Train in both engines and draw how far their losses drift apart; takes minutes.",
        ),
    ] = None,
    compare: Annotated[
        Path | None,
        file_option(metavar="FILE", help="Compare with an earlier --json; exit 1 if slower."),
    ] = None,
    json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Time cnnkit beside other runtimes: operations, inference, training steps, fused models.

    kernel is conv + ReLU + max-pool alone; infer the whole network as cnnkit.load runs it, from raw
    pixels to labels; network any model, with the time of each of its layers; zoo nine small
    networks that are often measured, with random weights; train whole training steps; net the
    network block by block; fuse models of torchvision with random weights, before and after
    cnnkit.fuse.

    Every output is first compared with a float64 reference; a wrong one is reported, not timed. All
    peers run in one process on the same pinned cores, interleaved in random order. cnnkit is also
    timed against itself: a difference within that noise counts as none. A peer that is not
    installed is listed with the command that installs it.
    """
    if isa is not None:
        os.environ["CNNKIT_ISA"] = isa  # read when the extension is first used
    from cnnkit.bench.measure.environment import describe
    from cnnkit.bench.measure.timing import TimingPlan
    from cnnkit.bench.report.plots import check_picture, draw_bars, draw_roofline
    from cnnkit.bench.report.regressions import changes_since, read_baseline, slower_cases
    from cnnkit.bench.report.tables import csv_text
    from cnnkit.bench.run import BenchConfig, run_benchmark
    from cnnkit.bench.subject import Model
    from cnnkit.models.said import Said, parse_image_size
    from cnnkit.system.files import write_text

    sides = parse_image_size(size) if size else None
    said = Said(parameters, preprocess, size=sides)
    config = BenchConfig(
        threads=threads,
        batch=batch,
        model=Model(model, said),
        cold=cold,
        peers=None if peers is None else tuple(set(peers.split(",")) - {"none"}),
        plan=TimingPlan(rounds, seconds, seed),
    )
    if suite:
        config = replace(config, suites=tuple(suite))
    for path in filter(None, (picture, roofline, parity)):
        check_picture(path)
    here = describe(threads)
    if isa not in (None, here["isa"]):
        raise InputError(
            "--isa", f"is {isa}, but this process already uses {here['isa']}", "start a new process"
        )
    baseline = read_baseline(compare, here) if compare else None
    messages = stderr(quiet or json)
    with progress_bar(messages) as (on_start, on_round):
        results = run_benchmark(config, on_start, on_round)
    changes = changes_since(baseline, results) if baseline else []
    if csv:
        write_text(csv, csv_text(results))
    if picture:
        draw_bars(results, picture)
    if roofline:
        draw_roofline(results, roofline)
    drift = train_in_both(parity, messages) if parity else None
    if json:
        found = {"changes": [c.to_json() for c in changes], "parity": drift and drift.to_json()}
        emit_json("bench", {**results.to_json(), **found})
    else:
        show(results, changes)
        if drift:
            for row in str(drift).split("\n"):
                stdout().print(row)
    if results.wrong:
        raise VerdictError(
            ", ".join(results.wrong), "cnnkit's own output is wrong or missing", "report it"
        )
    if slower_cases(changes):
        raise VerdictError(
            ", ".join(slower_cases(changes)),
            f"slower than in {compare} by more than the noise",
            "find what changed, or measure again on a quiet machine",
        )


def train_in_both(path: Path, console: Console) -> Parity:
    """Train on MNIST in both engines and draw the drift between them."""
    from cnnkit.bench.parity import draw_parity, run_parity
    from cnnkit.data.load import load_dataset

    parity = run_parity(
        load_dataset("mnist", quiet=True).train,
        on_epoch=lambda name, epoch: console.print(f"{name}: epoch {epoch}"),
    )
    draw_parity(parity, path)
    return parity


def show(results: Results, changes: list[Change]) -> None:
    """Print the tables."""
    from cnnkit.bench.report.regressions import change_table
    from cnnkit.bench.report.tables import tables

    console = stdout()
    if not console.is_terminal:
        console.width = WIDTH
    console.print(tables(results))
    if changes:
        console.print(change_table(changes))


@contextmanager
def progress_bar(console: Console) -> Iterator[tuple[Callable[[int], None], Callable[[str], None]]]:
    """Show a progress bar on a terminal; yield its `on_start(rounds)` and `on_round(case)`."""
    bar = Progress(
        *(BarColumn(), TaskProgressColumn(), TextColumn("{task.description}")),
        console=console,
        transient=True,
        auto_refresh=False,  # its thread would disturb the timing
        disable=not console.is_terminal,
    )
    task = bar.add_task("preparing", total=None)

    def on_start(rounds: int) -> None:
        bar.update(task, total=rounds, refresh=True)

    def on_round(case: str) -> None:
        bar.update(task, advance=1, description=case, refresh=True)

    with bar:
        yield on_start, on_round
