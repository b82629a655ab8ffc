"""A run folder belongs to one training at a time, and a killed one does not keep it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from support.training import read_metrics

from cnnkit.errors import InputError
from cnnkit.runs import folder as folders
from cnnkit.runs.folder import sole_training
from cnnkit.system.subprocesses import module_command, module_environment
from cnnkit.train.trainer import TrainConfig, resume, train

USED = "is used by another training"


def test_one_of_two_trainings_gets_a_new_folder(small_data: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    words = ["train", "--data", small_data, "--epochs", 2, "--engine", "native", "--output", run]
    starts = [
        subprocess.Popen(
            module_command("cnnkit", *words, "--seed", seed),
            env=module_environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        for seed in range(2)
    ]
    errors = [start.communicate()[1] for start in starts]
    codes = [start.returncode for start in starts]
    assert sorted(codes) == [0, 2]
    winner = codes.index(0)
    # By how far the other one is: the last, while it writes its first state.
    reasons = (USED, "already holds a run", "is not an empty folder")
    assert any(reason in errors[1 - winner] for reason in reasons)
    assert json.loads((run / "config.json").read_text())["seed"] == winner
    assert len(read_metrics(run)) == 2


def test_a_folder_in_use_is_left_alone(
    small_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folders, "PATIENCE", 0.0)
    config = TrainConfig(data=small_data, epochs=1, output=tmp_path / "run")
    config.output.mkdir()  # type: ignore[union-attr] # it is a path
    with sole_training(tmp_path / "run"), pytest.raises(InputError, match=USED):
        train(config, pictures=False)
    assert list((tmp_path / "run").iterdir()) == []
    train(config, pictures=False)
    with sole_training(tmp_path / "run"), pytest.raises(InputError, match=USED):
        resume(tmp_path / "run", epochs=2)
    assert len(read_metrics(tmp_path / "run")) == 1


def test_a_run_killed_before_its_first_state_can_start_again(
    small_data: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    run.mkdir()
    (run / ".resume.0123abcd.safetensors").write_bytes(b"half a state")
    train(TrainConfig(data=small_data, epochs=1, output=run), pictures=False)
    assert len(read_metrics(run)) == 1
    assert list(run.glob(".*")) == []


def test_a_folder_with_files_of_others_is_still_refused(small_data: Path, tmp_path: Path) -> None:
    (tmp_path / ".hidden").write_text("mine")
    with pytest.raises(InputError, match="is not an empty folder"):
        train(TrainConfig(data=small_data, epochs=1, output=tmp_path))
    assert (tmp_path / ".hidden").read_text() == "mine"
