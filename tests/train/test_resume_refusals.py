"""A run that cannot resume to the same bits is refused and left unchanged."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cnnkit.data.dataset import Dataset
from cnnkit.data.idx import write_idx
from cnnkit.data.registry import FILES
from cnnkit.errors import InputError
from cnnkit.formats.checkpoint import read_tensors, write_tensors
from cnnkit.runs.state import STATE_FILE, read_state, write_state
from cnnkit.train.trainer import TrainConfig, resume, train

pytestmark = pytest.mark.usefixtures("no_pictures")


@pytest.fixture(scope="module")
def finished_run(tmp_path_factory: pytest.TempPathFactory, small_data: Path) -> Path:
    folder = tmp_path_factory.mktemp("finished") / "run"
    train(TrainConfig(data=small_data, epochs=1, output=folder), pictures=False)
    return folder


@pytest.fixture
def short_run(finished_run: Path, tmp_path: Path) -> Path:
    """A copy of one finished run, for each test to change."""
    return Path(shutil.copytree(finished_run, tmp_path / "run"))


def test_a_finished_run_is_not_resumed(short_run: Path, cli: Callable[..., Any]) -> None:
    before = {file: file.read_bytes() for file in short_run.iterdir()}
    result = cli("train", "--resume", short_run)
    assert result.exit_code == 2
    assert "is a finished run" in result.stderr
    assert "--epochs" in result.stderr
    assert {file: file.read_bytes() for file in short_run.iterdir()} == before


def test_fewer_epochs_than_complete_are_refused(short_run: Path, cli: Callable[..., Any]) -> None:
    cli("train", "--resume", short_run, "--epochs", 2, "--quiet")
    result = cli("train", "--resume", short_run, "--epochs", 1)
    assert result.exit_code == 2
    assert "--epochs: is 1" in result.stderr


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--lr", 0.1), ("--batch-size", 8), ("--seed", 1), ("--dataset", "mnist"),
        ("--device", "cpu"), ("--val-split", 0.1), ("--patience", 2), ("--output", "x"),
        ("--schedule", "step"), ("--weight-decay", 0.1),
    ],
)  # fmt: skip
def test_a_setting_of_the_run_cannot_change_on_resume(
    option: str, value: object, tmp_path: Path, cli: Callable[..., Any]
) -> None:
    result = cli("train", "--resume", tmp_path / "run", option, value)
    assert result.exit_code == 2
    assert f"{option}: cannot change when a run is resumed" in result.stderr


def test_other_data_is_refused_and_nothing_changes(
    short_run: Path, tmp_path: Path, mnist: Dataset, cli: Callable[..., Any]
) -> None:
    other = tmp_path / "other"
    for name, array in zip(
        FILES,
        (mnist.train.images[:50, 0], mnist.train.labels[:50], mnist.test.images[:50, 0],
         mnist.test.labels[:50]),
        strict=True,
    ):  # fmt: skip
        write_idx(other / name, array.astype(np.uint8))
    before = (short_run / STATE_FILE).read_bytes()
    result = cli("train", "--resume", short_run, "--epochs", 2, "--data", other)
    assert result.exit_code == 2
    assert FILES[0] in result.stderr
    assert "SHA-256" in result.stderr
    assert (short_run / STATE_FILE).read_bytes() == before


def test_a_folder_without_a_run_is_refused(tmp_path: Path, cli: Callable[..., Any]) -> None:
    for folder in (tmp_path / "absent", tmp_path):
        result = cli("train", "--resume", folder)
        assert result.exit_code == 2
        assert str(folder) in result.stderr
    assert not (tmp_path / "absent").exists()


def damage(path: Path, how: str) -> None:
    content = bytearray(path.read_bytes())
    if how == "truncated":
        del content[len(content) // 2 :]
    elif how == "empty":
        content.clear()
    elif how == "one bit flipped":
        content[-1000] ^= 1
    elif how == "a zip file":
        content[:] = b"PK\x03\x04" + bytes(100)
    path.write_bytes(content)


@pytest.mark.parametrize("how", ["truncated", "empty", "one bit flipped", "a zip file"])
def test_a_damaged_state_is_refused(how: str, short_run: Path, cli: Callable[..., Any]) -> None:
    damage(short_run / STATE_FILE, how)
    result = cli("train", "--resume", short_run, "--epochs", 2)
    assert result.exit_code == 2
    assert STATE_FILE in result.stderr


def test_a_state_of_another_format_version_is_refused(
    short_run: Path, cli: Callable[..., Any]
) -> None:
    tensors, header = read_tensors(short_run / STATE_FILE)
    write_tensors(short_run / STATE_FILE, tensors, {**header, "format_version": 99})
    result = cli("train", "--resume", short_run, "--epochs", 2)
    assert result.exit_code == 2
    assert "format version 99" in result.stderr


def test_a_weights_file_is_not_a_state(short_run: Path, cli: Callable[..., Any]) -> None:
    shutil.copy(short_run / "weights.safetensors", short_run / STATE_FILE)
    result = cli("train", "--resume", short_run, "--epochs", 2)
    assert result.exit_code == 2
    assert "not a training state" in result.stderr


def test_a_state_with_other_shapes_or_nan_is_refused(short_run: Path) -> None:
    state = read_state(short_run)
    name = "parameters/linear.bias"
    for bad in (np.zeros(9, np.float32), np.full(10, np.nan, np.float32)):
        state.engine[name] = bad
        write_state(short_run, state)
        with pytest.raises(InputError, match="complete training state"):
            read_state(short_run)


def test_a_config_with_unknown_keys_is_refused(short_run: Path) -> None:
    state = read_state(short_run)
    state.config["momentum"] = 0.9
    write_state(short_run, state)
    with pytest.raises(InputError, match="momentum"):
        resume(short_run, epochs=2)
