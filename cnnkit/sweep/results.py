"""What a sweep found: `result.best`, `result.command`, and its tables as text."""

from __future__ import annotations

import csv
import io
import json
import shlex
import statistics
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.table import Table

from cnnkit.sweep.axes import Setting, readers, show, words
from cnnkit.system.files import write_text
from cnnkit.train.config import TrainConfig
from cnnkit.train.jobs.pool import Outcome

MEASURES = ("validation_accuracy", "validation_loss", "test_accuracy", "train_loss")
PICTURES = ("sweep.png", "sweep.svg")


@dataclass(frozen=True)
class Row:
    """A setting and its runs, one a seed."""

    setting: Setting
    outcomes: tuple[Outcome, ...]

    def values(self, measure: str) -> list[float]:
        """Return one of MEASURES of every run that ended well, at the epoch that it kept."""
        return [o.kept[measure] for o in self.outcomes if o.kept and not o.diverged]

    def mean(self, measure: str) -> float | None:
        """Return the mean over the runs that ended well; None without any."""
        values = self.values(measure)
        return statistics.fmean(values) if values else None

    def spread(self, measure: str) -> float | None:
        """Return the sample standard deviation; None for fewer than two runs."""
        values = self.values(measure)
        return statistics.stdev(values) if len(values) > 1 else None

    @property
    def diverged(self) -> int:
        """How many runs diverged."""
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
        summary = {m: {"mean": self.mean(m), "sd": self.spread(m)} for m in MEASURES}
        return {"setting": self.setting, "diverged": self.diverged, **summary, "runs": runs}


@dataclass(frozen=True)
class SweepResult:
    """A finished sweep.

    Attributes:
        folder: where its runs, tables and pictures are.
        axes: the fields that vary, in the order given.
        base: the choices that do not.
        rows: one a setting, in the order tried.
    """

    folder: Path
    axes: tuple[str, ...]
    base: TrainConfig
    rows: list[Row]

    @property
    def ranked(self) -> list[Row]:
        """The rows from the highest mean validation accuracy down; then those with a diverged run.

        The test set has no say. Between equals the lower validation loss decides.
        """

        def key(row: Row) -> tuple[bool, float, float]:
            accuracy, loss = row.mean("validation_accuracy"), row.mean("validation_loss")
            return row.diverged > 0, -(accuracy or 0.0), loss or 0.0

        return sorted(self.rows, key=key)

    @property
    def best(self) -> Row | None:
        """The first of the ranked ones; None if every setting had a run that diverged."""
        first = self.ranked[0]
        return None if first.diverged else first

    @property
    def command(self) -> str | None:
        """What trains the best setting on all training images, for as long as `train` does."""
        if self.best is None:
            return None
        default = TrainConfig()
        fixed = {
            name: getattr(self.base, name)
            for name in readers()
            if name not in (*self.axes, "epochs", "val_split", "patience")
            and getattr(self.base, name) != getattr(default, name)
        }
        data = [] if self.base.data is None else [f"--data {shlex.quote(str(self.base.data))}"]
        chosen = {k: v for k, v in self.best.setting.items() if k not in ("val_split", "patience")}
        return " ".join(filter(None, ["cnnkit train", words({**fixed, **chosen}), *data]))

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

    def write(self) -> None:
        """Write settings.csv, runs.csv, sweep.json and the pictures into the folder.

        Raises:
            StorageError: one of them cannot be written.
        """
        from cnnkit.sweep.plots import draw_sweep

        write_text(self.folder / "settings.csv", self.settings_csv())
        write_text(self.folder / "runs.csv", self.runs_csv())
        write_text(self.folder / "sweep.json", json.dumps(self.to_json(), indent=2) + "\n")
        draw_sweep(self, self.folder / "sweep")

    def settings_csv(self) -> str:
        """Return a line a setting, best first, with means and standard deviations."""
        head = [f"{measure}_{what}" for measure in MEASURES for what in ("mean", "sd")]
        lines = [
            [
                *map(show, row.setting.values()),
                *(len(row.outcomes), row.diverged),
                *(v for m in MEASURES for v in (row.mean(m), row.spread(m))),
            ]
            for row in self.ranked
        ]
        return _csv([*self.axes, "runs", "diverged", *head], lines)

    def runs_csv(self) -> str:
        """Return a line a run, in the order tried."""
        lines = []
        for row in self.rows:
            for run in row.to_json()["runs"]:
                lines.append([*map(show, row.setting.values()), *list(run.values())[1:]])
        head = ("seed", "diverged", "kept_epoch", *MEASURES, "seconds")
        return _csv([*self.axes, *head], lines)

    def table(self) -> Table:
        """Return the settings, best first, for a terminal."""
        table = Table(box=None, pad_edge=False, header_style="bold")
        for name in (*self.axes, "validation", "test", "loss", "runs"):
            table.add_column(name, justify="right", no_wrap=True)
        for row in self.ranked:
            runs = f"{len(row.outcomes)}"
            if row.diverged:
                runs = f"{row.diverged} of {runs} diverged"
            table.add_row(
                *map(show, row.setting.values()),
                *(_percent(row, f"{split}_accuracy") for split in ("validation", "test")),
                "-" if (loss := row.mean("train_loss")) is None else f"{loss:.4f}",
                runs,
                style="bold" if row is self.best else "",
            )
        return table


def _percent(row: Row, measure: str) -> str:
    mean, spread = row.mean(measure), row.spread(measure)
    if mean is None:
        return "-"
    return f"{mean:.2%}" if spread is None else f"{mean:.2%} ± {100 * spread:.2f}"


def _csv(head: list[str], lines: list[list[Any]]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerows([head, *lines])
    return out.getvalue()
