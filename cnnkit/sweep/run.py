"""A whole sweep: `result = sweep(SweepConfig(axes={"learning_rate": (1e-4, 1e-3)}, seeds=3))`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path

from rich.console import Console

from cnnkit.data.sampling import SEEDS
from cnnkit.errors import InputError, MissingError
from cnnkit.runs.find import RUNS
from cnnkit.sweep.axes import Axis, Setting, draw, grid, label, readers
from cnnkit.sweep.results import Row, SweepResult
from cnnkit.train.config import TrainConfig
from cnnkit.train.jobs.pool import Runner, run_jobs

VAL_SPLIT = 0.1


@dataclass(frozen=True)
class SweepConfig:
    """What to try.

    Attributes:
        axes: the values to try, by field of TrainConfig.
        seeds: how many runs each setting gets, with the seeds 0, 1, ….
        random: how many settings to draw; None means every combination.
        base: all other choices; its `seed` and `output` are not used.
        name: the folder's name under runs/sweep; None makes one of the base's own choices, so that
            other values of the axes join those that are there.
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
        own = {
            name: getattr(self.base, name)
            for name in readers()
            if getattr(self.base, name) != getattr(default, name)
        }
        made = ",".join(filter(None, (self.base.dataset, label(own))))
        return RUNS / "sweep" / (self.name or made)

    def settings(self) -> list[Setting]:
        """Return every setting, in order.

        Raises:
            InputError: the axes have no such number of settings.
        """
        return grid(self.axes) if self.random is None else draw(self.axes, self.random)

    def configs(self, setting: Setting) -> list[TrainConfig]:
        """Return a setting's trainings, one a seed, each with its run folder."""
        made = []
        for seed in range(self.seeds):
            folder = self.folder / label({**setting, "seed": seed})
            made.append(replace(self.base, **setting, seed=seed, output=folder))
        return made

    def check(self) -> None:
        """Raise InputError for what makes no sweep, a setting that is no training included."""
        if not 1 <= self.seeds <= SEEDS:
            raise InputError("--seeds", f"is {self.seeds}", f"make it between 1 and {SEEDS}")
        if self.name is not None and (self.name in ("", "..") or Path(self.name).name != self.name):
            raise InputError("--name", f"is {self.name}", "give a folder's name without a path")
        for setting in self.settings():
            config = replace(self.base, **setting)
            config.check()
            if not config.val_split:
                raise InputError(
                    "--val-split",
                    "is 0, and the best setting is chosen on validation images",
                    f"leave it out: it is {VAL_SPLIT} by default",
                )


def sweep(
    config: SweepConfig, console: Console | None = None, runner: Runner | None = None
) -> SweepResult:
    """Train every setting with every seed, and write tables and pictures; interrupted, go on.

    Args:
        config: what to try.
        console: where to show progress; None shows nothing.
        runner: where the trainings run; None means processes of this machine.

    Raises:
        InputError: what makes no sweep, or a run folder that holds another run.
        MissingError: Matplotlib is not installed, or PyTorch where it has to train.
        TrainingInterruptedError: SIGINT or SIGTERM came; complete epochs are kept.
        CnnkitError: as `cnnkit.train.jobs.pool.run_jobs`.
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
    result.write()
    return result
