"""Data that is not as it was for a run: what changed is named, and each way out works."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support.pictures import load, noise, save

from cnnkit.runs.folder import changed_samples, write_split

SMALL = ("--channels", "2", "--kernel", "3", "--pool", "2", "--epochs", "1")


def test_data_that_changed_since_a_run_is_not_resumed(good: Path, cli: Callable[..., Any]) -> None:
    run = good.parent / "run"
    assert cli("train", "--data", good, "--output", run, *SMALL).exit_code == 0
    save(good / "cat" / "1.png", noise(97))
    result = cli("train", "--resume", run, "--epochs", "2")
    assert result.exit_code == 2
    assert "is not the data of this run" in result.stderr
    assert "cat/1.png has another content" in result.stderr
    assert "--weights" in result.stderr
    anew = cli("train", "--data", good, "--weights", run, "--output", good.parent / "new", *SMALL)
    assert anew.exit_code == 0


def test_a_run_whose_data_moved_is_resumed_where_it_is(good: Path, cli: Callable[..., Any]) -> None:
    run, moved = good.parent / "run", good.parent / "moved"
    assert cli("train", "--data", good, "--output", run, *SMALL).exit_code == 0
    good.rename(moved)
    result = cli("train", "--resume", run, "--epochs", "2")
    assert result.exit_code == 2
    assert f"data in {good}, which is not there. Name its place" in " ".join(result.stderr.split())
    assert cli("train", "--resume", run, "--epochs", "2", "--data", moved).exit_code == 0
    (moved / "cat" / "new.png").write_bytes(b"")  # none of the run's
    assert cli("train", "--resume", run, "--epochs", "3").exit_code == 0
    (moved / "cat" / "1.png").write_bytes(b"")
    result = cli("train", "--resume", run, "--epochs", "4")
    assert result.exit_code == 2
    assert "cat/1.png is empty" in result.stderr
    assert "cat/1.png is gone" in result.stderr


def test_a_run_whose_data_moved_is_fine_tuned_where_it_is(
    good: Path, cli: Callable[..., Any]
) -> None:
    pytest.importorskip("torch")
    run, moved = good.parent / "run", good.parent / "moved"
    assert cli("train", "--data", good, "--output", run, *SMALL).exit_code == 0
    good.rename(moved)
    words = ("train", "--qat", run, "--epochs", "1", "--output", good.parent / "int8")
    result = cli(*words)
    assert result.exit_code == 2
    assert f"data in {good}, which is not there. Name its place" in " ".join(result.stderr.split())
    assert cli(*words, "--data", moved).exit_code == 0


def test_changes_come_before_what_follows_from_them(good: Path) -> None:
    data = load(good)
    write_split(good.parent, data)
    split, name, path, digest = data.samples[0]
    other = {"train": "test", "test": "train"}
    moved = tuple((other[sample[0]], *sample[1:]) for sample in data.samples)
    assert len(changed_samples(good.parent, replace(data, samples=moved))) == 8
    changed = ((split, "bird", path, digest), *moved[1:])
    lines = changed_samples(good.parent, replace(data, samples=changed))
    assert lines == [
        f"{path} is of class bird, was of class {name}",
        "and 7 others are in another split",
    ]
