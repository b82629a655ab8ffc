"""`cnnkit sweep`: find the settings that train best, by validation accuracy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from cnnkit.cli.options import DataOption, JsonOption, QuietOption
from cnnkit.cli.output import emit_json, fail, list_files, stderr, stdout
from cnnkit.errors import EXIT_INTERRUPTED, InputError, VerdictError

if TYPE_CHECKING:
    from cnnkit.sweep.results import SweepResult

WIDTH = 120  # of a table written to a file or a pipe
EXTRA = {"allow_extra_args": True, "ignore_unknown_options": True}  # the axes


def sweep(
    context: typer.Context,
    seeds: Annotated[
        int, typer.Option(help="Runs per setting, with the seeds 0, 1, …: mean ± deviation.")
    ] = 1,
    random: Annotated[
        int | None,
        typer.Option(metavar="N", help="Try N random settings instead of every combination."),
    ] = None,
    data: DataOption = None,
    name: Annotated[
        str | None,
        typer.Option(
            show_default="derived from the settings that do not vary",
            help="The folder under runs/sweep; finished runs in it are not trained again.",
        ),
    ] = None,
    ray: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="Train on a Ray cluster: its address, 'auto' for the cluster that this machine "
            "belongs to, or 'local' to start one here. Needs cnnkit[ray].",
        ),
    ] = None,
    json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Train every combination of settings and rank them by validation accuracy.

    Any option of `cnnkit train` takes several values here, separated by commas:
    `cnnkit sweep --lr 1e-4,1e-3 --batch-size 16,64 --seeds 3 --epochs 5`. Give an option
    whose value is a list once per value: `--channels 16,4 --channels 32,8`. With --random,
    `--lr 1e-5..1e-2` is a range to sample from log-uniformly.

    Trains in one process per core. --val-split defaults to 0.1: the best setting is chosen on these
    images; test accuracy is only reported. After an interruption the same command continues; with
    more values or seeds it trains only the new runs. Exits with 1 if every setting diverged.
    """
    from dataclasses import replace

    from cnnkit.sweep.run import SweepConfig
    from cnnkit.sweep.run import sweep as run
    from cnnkit.train.jobs.ray_cluster import on_ray
    from cnnkit.train.loop import TrainingInterruptedError

    axes, fixed = read_choices(context.args)
    config = SweepConfig(axes, seeds, random, name=name)
    config = replace(config, base=replace(config.base, data=data, **fixed))
    messages = stderr(quiet)
    if not axes and seeds == 1:
        messages.print(
            "hint: nothing varies: give an option several values (`--lr 1e-4,1e-3`) or `--seeds 3`",
            soft_wrap=True,
        )
    try:
        result = run(config, messages, None if ray is None else on_ray(ray))
    except TrainingInterruptedError as stop:
        fail(str(stop))
        raise typer.Exit(EXIT_INTERRUPTED) from None
    if json:
        emit_json("sweep", result.to_json())
    else:
        show(result)
    if result.best is None:
        raise VerdictError(result.folder, "every setting diverged", "try lower learning rates")


def read_choices(arguments: list[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the axes, and the settings with one value, from options that typer does not know.

    Raises:
        InputError: an option is not a setting of a training, or has no value.
    """
    from cnnkit.sweep.axes import Range, parse_axis

    given: dict[str, list[str]] = {}
    remaining = iter(arguments)
    for argument in remaining:
        option, equals, text = argument.partition("=")
        if not option.startswith("--"):
            raise InputError(
                argument, "is not an option", "give options with values, as in --lr 0.001"
            )
        value = text if equals else next(remaining, "--")
        if value.startswith("--"):
            raise InputError(option, "has no value", "give one or more, separated by commas")
        given.setdefault(option, []).append(value)
    axes: dict[str, Any] = {}
    for option, texts in given.items():
        field, axis = parse_axis(option, texts)
        if field in axes:
            raise InputError(option, "is given twice", "give all its values at once")
        axes[field] = axis
    fixed = {f: a[0] for f, a in axes.items() if not isinstance(a, Range) and len(a) == 1}
    return {f: a for f, a in axes.items() if f not in fixed}, fixed


def show(result: SweepResult) -> None:
    """Print the settings, best first, the files written, and what to do next."""
    console = stdout()
    if not console.is_terminal:
        console.width = WIDTH
    console.print(result.table())
    list_files(console, "tables", [result.folder / name for name in ("settings.csv", "runs.csv")])
    list_files(console, "picture", [result.folder / "sweep.png"])
    if result.command:
        console.print(f"train it  {result.command}", soft_wrap=True, no_wrap=True)
