"""The results of a sweep: `result.best`, `result.command`, and its tables as text."""

from __future__ import annotations

import csv
import io
import shlex
import statistics
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.table import Table

from cnnkit.sweep.axes import Setting, format_value, to_options, value_parsers
from cnnkit.system.display import inline_svg, page, summary
from cnnkit.train.config import TrainConfig
from cnnkit.train.jobs.pool import Outcome

WATCHING = ("val_split", "patience", "monitor")  # settings that need validation images
MEASURES = ("validation_accuracy", "validation_loss", "test_accuracy", "train_loss")
PICTURES = ("sweep.png", "sweep.svg")
SPREAD = 0.2  # of the validation accuracies of a setting's runs


@dataclass(frozen=True)
class Row:
    """A setting and its runs, one per seed."""

    setting: Setting
    outcomes: tuple[Outcome, ...]

    def values(self, measure: str) -> list[float]:
        """Return one of MEASURES at the kept epoch of every run that did not diverge."""
        return [o.kept[measure] for o in self.outcomes if o.kept and not o.diverged]

    def mean(self, measure: str) -> float | None:
        """Return the mean over the runs that did not diverge; None if all did."""
        values = self.values(measure)
        return statistics.fmean(values) if values else None

    def sd(self, measure: str) -> float | None:
        """Return the sample standard deviation; None for fewer than two runs."""
        values = self.values(measure)
        return statistics.stdev(values) if len(values) > 1 else None

    @property
    def diverged(self) -> int:
        """Number of runs that diverged."""
        return sum(outcome.diverged for outcome in self.outcomes)

    def to_json(self) -> dict[str, Any]:
        """Return the row as JSON values."""
        runs = [
            {
                "run": str(outcome.folder),
                "seed": outcome.config.seed,
                "diverged": outcome.diverged,
                "kept_epoch": outcome.kept_epoch,
                **{measure: (outcome.kept or {}).get(measure) for measure in MEASURES},
                "seconds": round(outcome.seconds, 3),
            }
            for outcome in self.outcomes
        ]
        summary = {m: {"mean": self.mean(m), "sd": self.sd(m)} for m in MEASURES}
        return {"setting": self.setting, "diverged": self.diverged, **summary, "runs": runs}


@dataclass(frozen=True)
class SweepResult:
    """A finished sweep.

    Attributes:
        folder: the folder of its runs, tables and plots.
        axes: the fields that vary, in the order given.
        base: the settings that do not vary.
        rows: one per setting, in the order tried.
    """

    folder: Path
    axes: tuple[str, ...]
    base: TrainConfig
    rows: list[Row]

    def __repr__(self) -> str:
        best = f"best {to_options(self.best.setting)}" if self.best else "all diverged"
        return summary(self, repr(str(self.folder)), f"{len(self.rows)} settings", best)

    def _repr_html_(self) -> str:
        rows = [
            (
                *map(format_value, row.setting.values()),
                *(_percent(row, f"{split}_accuracy") for split in ("validation", "test")),
            )
            for row in self.ranked
        ]
        drawn = [self.folder / name for name in PICTURES if name.endswith(".svg")]
        head = (*self.axes, "validation", "test")
        return page(str(self.folder), head, rows, inline_svg(*drawn))

    @property
    def ranked(self) -> list[Row]:
        """The rows by falling mean validation accuracy; those with a diverged run come last.

        The lower validation loss breaks ties. The test set plays no part.
        """

        def key(row: Row) -> tuple[bool, float, float]:
            accuracy, loss = row.mean("validation_accuracy"), row.mean("validation_loss")
            return row.diverged > 0, -(accuracy or 0.0), loss or 0.0

        return sorted(self.rows, key=key)

    @property
    def best(self) -> Row | None:
        """The first of the ranked rows; None if every setting had a run that diverged."""
        first = self.ranked[0]
        return None if first.diverged else first

    @property
    def command(self) -> str | None:
        """The command that trains the best setting on all images, for the epochs of the sweep."""
        if self.best is None:
            return None
        default = TrainConfig()
        fixed = {
            name: getattr(self.base, name)
            for name in value_parsers()
            if name not in (*self.axes, *WATCHING)
            and getattr(self.base, name) != getattr(default, name)
        }
        data = [] if self.base.data is None else [f"--data {shlex.quote(str(self.base.data))}"]
        chosen = {k: v for k, v in self.best.setting.items() if k not in WATCHING}
        return " ".join(filter(None, ["cnnkit train", to_options({**fixed, **chosen}), *data]))

    def to_json(self) -> dict[str, Any]:
        """Return the result as JSON values."""
        base = self.base.to_json()
        return {
            "sweep": str(self.folder),
            "axes": list(self.axes),
            "base": {k: v for k, v in base.items() if k not in (*self.axes, "seed", "output")},
            "best": self.best and self.best.setting,
            "train_command": self.command,
            "settings": [row.to_json() for row in self.ranked],
            "pictures": [str(self.folder / name) for name in PICTURES],
        }

    def settings_csv(self) -> str:
        """Return one line per setting, best first, with means and standard deviations."""
        head = [f"{measure}_{what}" for measure in MEASURES for what in ("mean", "sd")]
        lines = [
            [
                *map(format_value, row.setting.values()),
                *(len(row.outcomes), row.diverged),
                *(v for m in MEASURES for v in (row.mean(m), row.sd(m))),
            ]
            for row in self.ranked
        ]
        return _csv([*self.axes, "runs", "diverged", *head], lines)

    def runs_csv(self) -> str:
        """Return one line per run, in the order tried."""
        lines = []
        for row in self.rows:
            for run in row.to_json()["runs"]:
                lines.append([*map(format_value, row.setting.values()), *list(run.values())[1:]])
        head = ("seed", "diverged", "kept_epoch", *MEASURES, "seconds")
        return _csv([*self.axes, *head], lines)

    def table(self) -> Table:
        """Return the settings, best first, for a terminal."""
        table = Table(box=None, pad_edge=False, header_style="bold")
        for name in (*self.axes, "validation", "test", "loss", "runs"):
            table.add_column(name, justify="right", no_wrap=True)
        for row in self.ranked:
            runs = f"{len(row.outcomes)}{_spread(row)}"
            if row.diverged:
                runs = f"{row.diverged} of {runs} diverged"
            table.add_row(
                *map(format_value, row.setting.values()),
                *(_percent(row, f"{split}_accuracy") for split in ("validation", "test")),
                "-" if (loss := row.mean("train_loss")) is None else f"{loss:.4f}",
                runs,
                style="bold" if row is self.best else "",
            )
        return table


def _spread(row: Row) -> str:
    """Return the range of a setting's runs if a mean would hide that one learnt nothing."""
    values = row.values("validation_accuracy")
    if not values or max(values) - min(values) < SPREAD:
        return ""
    return f" from {min(values):.0%} to {max(values):.0%}"


def _percent(row: Row, measure: str) -> str:
    mean, sd = row.mean(measure), row.sd(measure)
    if mean is None:
        return "-"
    return f"{mean:.2%}" if sd is None else f"{mean:.2%} ± {100 * sd:.2f}"


def _csv(head: list[str], lines: list[list[Any]]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerows([head, *lines])
    return out.getvalue()
