"""Run a sweep: `result = sweep(SweepConfig(axes={"learning_rate": (1e-4, 1e-3)}, seeds=3))`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path

from rich.console import Console

from cnnkit.data.load import has_idx, name_of
from cnnkit.data.sampling import SEEDS
from cnnkit.errors import InputError, MissingError
from cnnkit.runs.find import RUNS
from cnnkit.sweep.axes import Axis, Setting, grid, label, random_settings, value_parsers
from cnnkit.sweep.results import Row, SweepResult
from cnnkit.system.files import write_text
from cnnkit.train.config import TrainConfig
from cnnkit.train.jobs.pool import Runner, run_jobs

VAL_SPLIT = 0.1


@dataclass(frozen=True)
class SweepConfig:
    """What to try.

    Attributes:
        axes: the values to try, by field of TrainConfig.
        seeds: number of runs per setting, with the seeds 0, 1, ….
        random: number of random settings; None means every combination.
        base: all other settings; its `seed` and `output` are not used.
        name: the folder's name under runs/sweep; None derives it from the settings in `base` that
            are not defaults, so that sweeps over other values of the axes share a folder.
    """

    axes: Mapping[str, Axis] = field(default_factory=dict)
    seeds: int = 1
    random: int | None = None
    base: TrainConfig = field(default_factory=lambda: TrainConfig(val_split=VAL_SPLIT))
    name: str | None = None

    @property
    def folder(self) -> Path:
        """The sweep's folder."""
        default = TrainConfig(dataset=self.base.dataset, val_split=VAL_SPLIT)
        changed = {
            name: getattr(self.base, name)
            for name in value_parsers()
            if getattr(self.base, name) != getattr(default, name)
        }
        derived = ",".join(filter(None, (self._data_name(), label(changed))))
        return RUNS / "sweep" / (self.name or derived)

    def _data_name(self) -> str:
        data = self.base.data
        named = data is not None and name_of(data) is not None
        if data is None or (not named and (not data.exists() or has_idx(data))):
            return self.base.dataset
        return data.resolve().stem

    def settings(self) -> list[Setting]:
        """Return every setting, in order.

        Raises:
            InputError: there are fewer settings than `random`, or a range without it.
        """
        return grid(self.axes) if self.random is None else random_settings(self.axes, self.random)

    def configs(self, setting: Setting) -> list[TrainConfig]:
        """Return the configs of a setting, one per seed, each with its run folder."""
        configs = []
        for seed in range(self.seeds):
            folder = self.folder / label({**setting, "seed": seed})
            configs.append(replace(self.base, **setting, seed=seed, output=folder))
        return configs

    def check(self) -> None:
        """Raise InputError for an invalid sweep, including one with an invalid setting."""
        if not 1 <= self.seeds <= SEEDS:
            raise InputError("--seeds", f"is {self.seeds}", f"make it between 1 and {SEEDS}")
        if self.name is not None and (self.name in ("", "..") or Path(self.name).name != self.name):
            raise InputError("--name", f"is {self.name}", "give a folder name without a path")
        for setting in self.settings():
            config = replace(self.base, **setting)
            config.check()
            if not config.val_split:
                raise InputError(
                    "--val-split",
                    "is 0, but the best setting is chosen on validation images",
                    f"leave it out: the default is {VAL_SPLIT}",
                )


def sweep(
    config: SweepConfig, console: Console | None = None, runner: Runner | None = None
) -> SweepResult:
    """Train every setting with every seed, and write tables and plots.

    Repeating the call after an interruption continues the sweep.

    Args:
        config: what to try.
        console: where to show progress; None shows nothing.
        runner: where the trainings run; None means in processes on this machine.

    Raises:
        InputError: an invalid sweep, or a run folder that holds another run.
        MissingError: Matplotlib is not installed, or PyTorch if it is the engine.
        TrainingInterruptedError: SIGINT or SIGTERM was received; complete epochs are kept.
        CnnkitError: as in `cnnkit.train.jobs.pool.run_jobs`.
    """
    config.check()
    if find_spec("matplotlib") is None:
        raise MissingError.package("matplotlib", "drawing a sweep")
    settings = config.settings()
    configs = [config.configs(setting) for setting in settings]
    outcomes = run_jobs([one for seeds in configs for one in seeds], console, runner)
    rows = [
        Row(setting, tuple(outcomes[i * config.seeds : (i + 1) * config.seeds]))
        for i, setting in enumerate(settings)
    ]
    result = SweepResult(config.folder, tuple(config.axes), config.base, rows)
    write_results(result)
    return result


def write_results(result: SweepResult) -> None:
    """Write settings.csv, runs.csv, sweep.json and the plots into the sweep's folder.

    Raises:
        StorageError: a file cannot be written.
    """
    from cnnkit.sweep.plots import plot_sweep  # it needs Matplotlib

    folder = result.folder
    write_text(folder / "settings.csv", result.settings_csv())
    write_text(folder / "runs.csv", result.runs_csv())
    write_text(folder / "sweep.json", json.dumps(result.to_json(), indent=2) + "\n")
    plot_sweep(result, folder / "sweep")
