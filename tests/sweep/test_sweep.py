"""Sweeps: every combination is trained, validation accuracy decides, and a sweep can continue."""

from __future__ import annotations

import csv
import io
import json
import math
import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from support.pictures import noise, save

from cnnkit.errors import InputError
from cnnkit.runs.state import RECORD
from cnnkit.sweep.axes import (
    Range,
    grid,
    label,
    parse_axis,
    random_settings,
    to_options,
    value_parsers,
)
from cnnkit.sweep.results import Row, SweepResult
from cnnkit.sweep.run import SweepConfig, sweep
from cnnkit.system.signals import StopSignals
from cnnkit.train.config import option_name
from cnnkit.train.jobs.pool import Outcome
from cnnkit.train.jobs.worker import Event, Job
from cnnkit.train.trainer import TrainConfig, train

Cli = Callable[..., Any]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def nothing_left(jobs: Sequence[Job], stop: StopSignals) -> Iterator[tuple[int, Event]]:
    assert not jobs
    yield from ()


# Axes


def test_every_setting_is_an_axis_except_seeds_and_paths() -> None:
    names = {field.name for field in fields(TrainConfig)}
    paths = {"data", "manifest", "output", "qat", "weights"}
    assert set(value_parsers()) == names - {"seed", "tensorboard", *paths}
    for name in value_parsers():
        field, axis = parse_axis(option_name(name), ["1"])
        assert field == name
        assert isinstance(axis, tuple)


def test_values_have_the_type_of_their_field() -> None:
    assert parse_axis("--lr", ["1e-4, 0.01"]) == ("learning_rate", (1e-4, 0.01))
    assert parse_axis("--learning-rate", ["1"]) == ("learning_rate", (1.0,))
    assert parse_axis("--batch-size", ["16,64", "8"]) == ("batch_size", (16, 64, 8))
    assert parse_axis("--engine", ["native,torch"]) == ("engine", ("native", "torch"))
    assert parse_axis("--patience", ["2,3"]) == ("patience", (2, 3))
    assert parse_axis("--lr", ["1e-5..1e-2"]) == ("learning_rate", Range(1e-5, 1e-2, False))


def test_a_grid_has_every_combination_once_in_order() -> None:
    settings = grid({"learning_rate": (0.1, 0.2), "batch_size": (1, 2, 3)})
    assert len(settings) == 6
    assert settings[:2] == [
        {"learning_rate": 0.1, "batch_size": 1},
        {"learning_rate": 0.1, "batch_size": 2},
    ]
    assert grid({}) == [{}]


def test_random_settings_differ_and_are_reproducible() -> None:
    axes = {"learning_rate": Range(1e-5, 1e-1, False), "batch_size": Range(4, 64, True)}
    many = random_settings(axes, 200)
    assert random_settings(axes, 10) == many[:10]
    assert len({label(setting) for setting in many}) == 200
    assert all(1e-5 <= s["learning_rate"] <= 1e-1 and 4 <= s["batch_size"] <= 64 for s in many)
    assert all(isinstance(s["batch_size"], int) for s in many)
    for low in (1e-5, 1e-4, 1e-3, 1e-2):  # every order of magnitude is as likely
        assert 25 <= sum(low <= s["learning_rate"] < 10 * low for s in many) <= 75
    lists = {"learning_rate": (0.1, 0.2), "batch_size": (1, 2, 3)}
    assert {label(s) for s in random_settings(lists, 6)} == {label(s) for s in grid(lists)}


def test_a_setting_becomes_options_and_a_folder_name() -> None:
    setting = {"learning_rate": 1e-3, "batch_size": 64}
    assert to_options(setting) == "--lr 0.001 --batch-size 64"
    assert to_options({"channels": (16, 4)}) == "--channels 16,4"
    assert label({"channels": (16, 4), "seed": 0}) == "channels=16-4,seed=0"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--lr", ""), "--lr: has no value"),
        (("--lr", "0.1,,0.2"), "--lr: has no value"),
        (("--lr",), "--lr: has no value"),
        (("--lr", "--json"), "--lr: has no value"),
        (("--lr", "1e-3,0.001"), "--lr: lists 0.001 twice"),
        (("--lr", "0.1", "--learning-rate", "0.2"), "--learning-rate: is given twice"),
        (("--lr", "fast"), "--lr: is fast"),
        (("--lr", "0.1,0"), "--lr: is 0.0. Make it a number above 0"),
        (("--lr", "0.1,nan"), "--lr: is nan"),
        (("--batch-size", "16,0"), "--batch-size: is 0"),
        (("--batch-size", "1.5"), "--batch-size: is 1.5"),
        (("--epochs", "0"), "--epochs: is 0"),
        (("--momentum", "0.9"), "--momentum: cannot be varied in a sweep"),
        (("--seed", "1,2"), "use --seeds"),
        (("--output", "x"), "--output: cannot be varied in a sweep"),
        (("0.1",), "0.1: is not an option"),
        (("--val-split", "0"), "chosen on validation images"),
        (("--val-split", "0.1,0"), "chosen on validation images"),
        (("--seeds", "0"), "--seeds: is 0"),
        (("--lr", "1e-4..1e-2"), "add --random N"),
        (("--lr", "0..1", "--random", "3"), "two numbers above 0"),
        (("--lr", "1..0.1", "--random", "3"), "two numbers above 0"),
        (("--engine", "a..b", "--random", "3"), "two numbers above 0"),
        (("--lr", "0.1,0.2", "--random", "3"), "--random: is 3. Make it between 1 and the 2"),
        (("--lr", "1e-4..1e-2", "--random", "0"), "--random: is 0"),
        (("--name", "../x"), "--name: is ../x"),
        (("--name", ".."), "--name: is .."),
        (("--data", "absent"), "absent: "),
    ],
)
def test_an_invalid_sweep_is_refused_before_anything_runs(
    arguments: tuple[str, ...], message: str, cli: Cli, home: Path
) -> None:
    result = cli("sweep", *arguments)
    assert result.exit_code == 2, result.stderr
    assert message.lower() in result.stderr.lower()
    assert result.stdout == ""
    assert list(home.iterdir()) == []


# A whole sweep


def test_a_sweep_trains_ranks_writes_and_continues(cli: Cli, home: Path, small_data: Path) -> None:
    command = ("sweep", "--lr", "1e-4,3e-3", "--batch-size", "16", "--epochs", "1", "--data")
    result = cli(*command, small_data, "--seeds", 2)
    assert result.exit_code == 0, result.stderr
    folder = home / "runs" / "sweep" / "mnist,epochs=1"
    names = [f"learning_rate={lr},seed={seed}" for lr in ("0.0001", "0.003") for seed in (0, 1)]
    tables = ["runs.csv", "settings.csv", "sweep.json", "sweep.png", "sweep.svg"]
    assert sorted(path.name for path in folder.iterdir()) == sorted(names + tables)
    assert "cnnkit train --epochs 1 --lr 0.003 --data" in result.stdout
    assert "[4/4] learning_rate=" in result.stderr
    assert ": 1 epoch, loss " in result.stderr
    assert "hint" not in result.stderr
    assert "Traceback" not in result.stderr

    document = json.loads((folder / "sweep.json").read_text())
    assert document["best"] == {"learning_rate": 0.003}
    assert [s["setting"]["learning_rate"] for s in document["settings"]] == [0.003, 1e-4]
    for setting in document["settings"]:
        values = [run["validation_accuracy"] for run in setting["runs"]]
        assert len(values) == 2
        assert math.isclose(setting["validation_accuracy"]["mean"], statistics.fmean(values))
        assert math.isclose(setting["validation_accuracy"]["sd"], statistics.stdev(values))
    rows = list(csv.DictReader((folder / "settings.csv").read_text().splitlines()))
    assert [row["learning_rate"] for row in rows] == ["0.003", "0.0001"]
    runs = list(csv.DictReader((folder / "runs.csv").read_text().splitlines()))
    assert [(run["learning_rate"], run["seed"]) for run in runs] == [
        ("0.0001", "0"), ("0.0001", "1"), ("0.003", "0"), ("0.003", "1"),
    ]  # fmt: skip
    alone = TrainConfig(
        data=small_data, epochs=1, learning_rate=0.003, seed=1, val_split=0.1, output=home / "alone"
    )
    assert (
        train(alone, pictures=False).weights.read_bytes()
        == (folder / names[3] / "weights.safetensors").read_bytes()
    )

    # The same command has nothing left to do; another value trains only the new runs.
    before = {p: p.read_bytes() for p in folder.rglob("*") if p.name not in tables and p.is_file()}
    again = cli(*command, small_data, "--seeds", 2, "--json")
    assert "4 of 4 runs are done already" in again.stderr
    document = json.loads(again.stdout)
    assert (document["schema_version"], document["command"]) == (1, "sweep")
    assert document["train_command"].startswith("cnnkit train --epochs 1 --lr 0.003")
    assert len(document["settings"]) == 2
    more = cli("sweep", "--lr", "1e-4,3e-3,0.01", *command[3:], small_data, "--seeds", 2)
    assert more.exit_code == 0
    assert "4 of 6 runs are done already" in more.stderr
    assert all(path.read_bytes() == content for path, content in before.items())


def test_a_sweep_in_which_every_setting_diverges_exits_with_1(
    cli: Cli, home: Path, small_data: Path
) -> None:
    result = cli("sweep", "--lr", "1e30,1e31", "--epochs", 1, "--data", small_data)
    assert result.exit_code == 1
    assert "every setting diverged" in result.stderr
    assert "1 of 1 diverged" in result.stdout
    assert "cnnkit train" not in result.stdout
    folder = home / "runs" / "sweep" / "mnist,epochs=1"
    assert json.loads((folder / "sweep.json").read_text())["best"] is None
    assert (folder / "sweep.png").exists()


def test_the_default_folder_names_the_fixed_settings() -> None:
    config = SweepConfig({"learning_rate": (0.1,)})
    assert config.folder == Path("runs/sweep/mnist")
    base = replace(config.base, epochs=5, val_split=0.2, data=Path("/x"), dataset="fashion-mnist")
    assert replace(config, base=base).folder.name == "fashion-mnist,epochs=5,val_split=0.2"
    assert replace(config, base=base, name="mine").folder == Path("runs/sweep/mine")


# Choosing the best setting


def outcome(validation: float, test: float, diverged: bool = False, seed: int = 0) -> Outcome:
    record = {**dict.fromkeys(RECORD, 0.0), "validation_accuracy": validation}
    record |= {"test_accuracy": test, "validation_loss": 1 - validation, "epoch": 1}
    config = TrainConfig(seed=seed, val_split=0.1)
    return Outcome(Path(f"r{seed}"), config, [record], 1, test, diverged)


def make_result(*rows: tuple[float, list[Outcome]]) -> SweepResult:
    settings = [Row({"learning_rate": lr}, tuple(outcomes)) for lr, outcomes in rows]
    return SweepResult(Path("x"), ("learning_rate",), TrainConfig(val_split=0.1), settings)


def test_the_best_is_chosen_on_validation_images_only() -> None:
    result = make_result((0.1, [outcome(0.8, 0.99)]), (0.2, [outcome(0.9, 0.5)]))
    assert result.best is result.rows[1]
    assert result.command == "cnnkit train --lr 0.2"


def test_a_setting_with_a_diverged_run_is_never_the_best() -> None:
    result = make_result(
        (0.1, [outcome(0.99, 0.99), outcome(0.9, 0.9, diverged=True, seed=1)]),
        (0.2, [outcome(0.5, 0.5), outcome(0.6, 0.6, seed=1)]),
    )
    assert result.best is result.rows[1]
    assert result.rows[0].values("test_accuracy") == [0.99]
    assert result.rows[0].sd("test_accuracy") is None
    assert result.ranked == [result.rows[1], result.rows[0]]


def test_the_command_keeps_fixed_settings_but_those_of_the_search() -> None:
    base = TrainConfig(
        val_split=0.2, patience=2, epochs=3, batch_size=64, engine="torch", data=Path("my data"),
        monitor="accuracy", augment="my own.toml",
    )  # fmt: skip
    result = replace(make_result((0.1, [outcome(0.8, 0.9)])), base=base)
    assert result.command == (
        "cnnkit train --epochs 3 --batch-size 64 --engine torch --augment 'my own.toml' --lr 0.1 "
        "--data 'my data'"
    )


def test_a_mean_over_a_run_that_learnt_nothing_says_so() -> None:
    stuck = [outcome(0.1135, 0.1135), outcome(0.96, 0.96, seed=1)]
    text = io.StringIO()
    result = make_result((0.1, stuck), (0.2, [outcome(0.95, 0.95), outcome(0.96, 0.96, seed=1)]))
    Console(file=text, width=80).print(result.table())
    (marked,) = [line for line in text.getvalue().splitlines() if "from" in line]
    assert "2 from 11% to 96%" in marked


@pytest.mark.parametrize(("settings", "times"), [(1, 1), (3, 2), (45, 1)])
def test_the_plot_works_for_any_number_of_settings(
    settings: int, times: int, tmp_path: Path
) -> None:
    from cnnkit.sweep.plots import plot_sweep

    rows = [
        Row(
            {"learning_rate": 0.001 * i, "batch_size": 16 * (1 + i % 3), "engine": "native"},
            (outcome(i / settings, 1.0), outcome(0.3, 0.0, seed=1), outcome(0.2, 0.9, i % 2 > 0)),
        )
        for i in range(1, settings + 1)
    ]
    result = SweepResult(tmp_path, ("learning_rate", "batch_size", "engine"), TrainConfig(), rows)
    for number in range(times):
        plot_sweep(result, tmp_path / str(number))
    for suffix in (".png", ".svg"):
        [content] = {path.read_bytes() for path in tmp_path.glob(f"*{suffix}")}
        assert len(content) > 10_000


def test_missing_matplotlib_is_reported_before_anything_runs(
    cli: Cli, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cnnkit.sweep.run.find_spec", lambda name: None)
    result = cli("sweep", "--lr", "0.1")
    assert "hint: nothing varies" in result.stderr
    assert result.exit_code == 3
    assert "cnnkit[train]" in result.stderr
    assert list(home.iterdir()) == []


def test_a_run_with_other_settings_in_a_named_sweep_is_refused(
    home: Path, small_data: Path
) -> None:
    base = TrainConfig(data=small_data, epochs=1, val_split=0.1)
    config = SweepConfig({"learning_rate": (0.01,)}, base=base, name="mine")
    sweep(config)
    with pytest.raises(InputError, match=r"learning_rate=0.01,seed=0: holds .* epochs 1, not 2"):
        sweep(replace(config, base=replace(base, epochs=2)))
    assert sweep(config, runner=nothing_left).best is not None


def train_here(jobs: Sequence[Job], stop: StopSignals) -> Iterator[tuple[int, Event]]:
    for index, job in enumerate(jobs):
        train(TrainConfig.from_json(dict(job.config)), pictures=False)
        yield index, {"event": "finished"}


def test_own_pictures_are_swept_drawn_and_never_trained_twice(home: Path) -> None:
    for number, (name, level) in enumerate((("dark", 20), ("light", 200))):
        for index in range(12):
            pixels = noise(40 * number + index).point(lambda value, level=level: value // 5 + level)
            save(Path("pictures", name, f"{index}.png"), pixels)
    base = TrainConfig(data=Path("pictures"), channels=(2,), epochs=6, val_split=0.3, batch_size=4)
    config = SweepConfig({"learning_rate": (0.02, 0.03)}, base=base)
    first = sweep(config, runner=train_here)
    assert first.folder == Path(
        "runs/sweep/pictures,channels=2,epochs=6,batch_size=4,val_split=0.3"
    )
    assert {row.mean("test_accuracy") for row in first.rows} == {1.0}  # which no logit scale has
    assert (first.folder / "sweep.png").is_file()
    again = sweep(config, runner=nothing_left)
    assert [row.mean("test_accuracy") for row in again.rows] == [
        row.mean("test_accuracy") for row in first.rows
    ]
