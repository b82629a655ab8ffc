"""`cnnkit runs`: what it lists, compares, draws and removes; and what it never removes."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from cnnkit.errors import InputError
from cnnkit.runs.folder import sole_training
from cnnkit.runs.overview import OURS, compare_runs, find_runs, read_run, remove_run

Cli = Callable[..., Any]
SETTINGS = {"learning_rate": 1e-4, "epochs": 30, "seed": 0}


def write_run(folder: Path, accuracy: float | None = 0.97, **settings: Any) -> Path:
    """Write what a training publishes, in little."""
    folder.mkdir(parents=True)
    config = {**SETTINGS, "output": str(folder), **settings}
    manifest = {
        "status": "finished", "written": f"2026-01-0{1 + config['seed']}T10:00:00+00:00",
        "epochs": 2, "kept_epoch": 2, "test_accuracy": accuracy,
        "training_seconds": 1.5, "dataset": {"name": "mnist"},
    }  # fmt: skip
    records = [{"epoch": e, "train_loss": 1 / e, "test_accuracy": 0.9 + e / 100} for e in (1, 2)]
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "manifest.json").write_text(json.dumps(manifest))
    (folder / "metrics.jsonl").write_text("".join(json.dumps(r) + "\n" for r in records))
    return folder


@pytest.fixture
def two(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    monkeypatch.chdir(tmp_path)
    first = write_run(Path("runs/train/mnist-1"))
    second = write_run(Path("runs/sweep/a/lr=0.001,seed=1"), learning_rate=1e-3, seed=1)
    return [first, second]


def test_all_runs_are_found_the_newest_first(two: list[Path], tmp_path: Path) -> None:
    (tmp_path / "runs" / "other").mkdir()
    (tmp_path / "runs" / "other" / "manifest.json").write_text("[1]")
    assert [run.folder for run in find_runs()] == two[::-1]


def test_the_list_shows_state_and_accuracy_of_each(cli: Cli, two: list[Path]) -> None:
    write_run(Path("runs/train/new"), accuracy=None, seed=2)
    done = cli("runs")
    assert done.exit_code == 0, done.stderr
    rows = {line.split()[0]: line.split() for line in done.stdout.splitlines()[1:]}
    shown = ["finished", "mnist", "2/30", "97.00%", "2026-01-01", "10:00"]
    assert rows["runs/train/mnist-1"][1:] == shown
    assert "-" in rows["runs/train/new"]
    assert max(map(len, done.stdout.splitlines())) <= 80


def test_without_runs_it_says_how_to_get_one(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert "cnnkit train" in cli("runs").stdout
    assert json.loads(cli("runs", "--json").stdout)["runs"] == []


def test_a_comparison_names_the_settings_that_differ(cli: Cli, two: list[Path]) -> None:
    assert compare_runs([read_run(run) for run in two]) == {
        "learning_rate": [1e-4, 1e-3], "seed": [0, 1],
    }  # fmt: skip
    done = cli("runs", "compare", *two)
    assert "learning_rate" in done.stdout
    assert "epochs  " not in done.stdout.partition("setting")[2]
    assert "all settings are the same" in cli("runs", "compare", two[0], two[0]).stdout


@pytest.mark.parametrize(
    "damage",
    [{"test_accuracy": "high"}, {"dataset": "mnist"}, {"written": "[/x]"}, {"kept_epoch": None}],
)
def test_values_of_other_types_are_shown_or_left_out(
    cli: Cli, two: list[Path], damage: dict[str, Any]
) -> None:
    file = two[0] / "manifest.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **damage}))
    for command in (("runs",), ("runs", "compare", *two), ("runs", "--json")):
        done = cli(*command)
        assert done.exit_code == 0, done.stderr


def test_a_history_without_losses_is_not_drawn(cli: Cli, two: list[Path]) -> None:
    for records, reason in (('{"epoch": 1}', "no complete epoch"), ('{"epoch": "a"}', "damaged")):
        (two[0] / "metrics.jsonl").write_text(records)
        done = cli("runs", "plot", two[0])
        assert done.exit_code == 2
        assert reason in done.stderr


def test_a_run_named_twice_is_removed_once(cli: Cli, two: list[Path]) -> None:
    done = cli("runs", "remove", two[0], two[0], "--yes")
    assert (done.exit_code, done.stdout) == (0, f"removed {two[0]}\n")


def test_runs_are_drawn_in_one_picture(cli: Cli, two: list[Path]) -> None:
    done = cli("runs", "plot", *two, "-o", "both.png")
    assert done.exit_code == 0, done.stderr
    with Image.open("both.png") as picture:
        assert min(picture.size) > 400
    (two[0] / "metrics.jsonl").unlink()
    assert "has no complete epoch" in cli("runs", "plot", *two).stderr


def test_a_run_is_removed_if_nothing_else_is_in_it(cli: Cli, two: list[Path]) -> None:
    done = cli("runs", "remove", two[0], "--yes")
    assert (done.exit_code, done.stdout) == (0, f"removed {two[0]}\n")
    assert not two[0].exists()
    (two[1] / "thesis.txt").touch()
    done = cli("runs", "remove", two[1], "--yes")
    assert done.exit_code == 2
    assert "thesis.txt" in done.stderr
    assert (two[1] / "config.json").exists()


@pytest.mark.parametrize(
    ("answer", "code", "stays"), [("", 2, True), ("n\n", 0, True), ("y\n", 0, False)]
)
def test_a_run_is_removed_only_after_a_yes(
    cli: Cli, two: list[Path], monkeypatch: pytest.MonkeyPatch, answer: str, code: int, stays: bool
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(answer))
    done = cli("runs", "remove", two[0])
    assert done.exit_code == code
    assert f"Remove {two[0]} for good?" in done.stderr
    assert two[0].exists() is stays


def test_what_is_no_run_in_use_or_a_link_is_not_removed(two: list[Path], tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "link").symlink_to(two[0].absolute())
    for folder in (tmp_path / "photos", tmp_path / "link", tmp_path / "absent"):
        with pytest.raises(InputError):
            remove_run(folder)
    with sole_training(two[0]), pytest.raises(InputError, match="is being trained"):
        remove_run(two[0])
    assert two[0].exists()


def test_all_that_a_training_writes_may_be_removed(trained_run: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(trained_run, copy)
    assert {path.name for path in copy.iterdir()} <= OURS
    remove_run(copy)
    assert not copy.exists()
