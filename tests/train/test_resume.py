"""A run that was killed, stopped or extended ends bit-identical to one that never stopped."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.training import read_metrics, wait_until

from cnnkit.errors import EXIT_INTERRUPTED
from cnnkit.formats.checkpoint import read_tensors, read_weights
from cnnkit.runs.state import STATE_FILE, read_state
from cnnkit.train.trainer import TrainConfig, resume, train

EPOCHS = 3
TIMES = {"seconds", "images_per_second"}  # differ between two runs
# Kills itself before the n-th rename of a file to its final name.
KILLED = """
import os, signal, sys
from pathlib import Path
from cnnkit.train import TrainConfig, train
left, rename = int(sys.argv[1]), Path.replace
def replace(self, target):
    global left
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return rename(self, target)
Path.replace = replace
data, output, epochs, engine = sys.argv[2:]
train(TrainConfig(data=Path(data), output=Path(output), epochs=int(epochs), engine=engine))
"""


@pytest.fixture(scope="module", params=["native", "torch"])
def engine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def trained_once(home: Path, data: Path, engine: str, epochs: int) -> Path:
    """Return the run of this engine; pytest asks again whenever the tests turn to another one."""
    folder = home / f"{engine}-{epochs}"
    if not (folder / "loss.png").exists():
        train(TrainConfig(data=data, epochs=epochs, engine=engine, output=folder))
    return folder


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("whole")


@pytest.fixture(scope="module")
def whole_run(home: Path, small_data: Path, engine: str) -> Path:
    """The uninterrupted run."""
    return trained_once(home, small_data, engine, EPOCHS)


@pytest.fixture(scope="module")
def one_epoch(home: Path, small_data: Path, engine: str) -> Path:
    return trained_once(home, small_data, engine, 1)


@pytest.fixture
def short_run(one_epoch: Path, tmp_path: Path) -> Path:
    """A copy of one finished run of one epoch, for each test to change."""
    return Path(shutil.copytree(one_epoch, tmp_path / "run"))


def measured(folder: Path) -> list[dict[str, Any]]:
    return [{k: v for k, v in one.items() if k not in TIMES} for one in read_metrics(folder)]


def assert_same_training(folder: Path, reference: Path) -> None:
    assert measured(folder) == measured(reference)
    weights, others = ((run / "weights.safetensors").read_bytes() for run in (folder, reference))
    assert weights == others
    first, second = (read_tensors(run / STATE_FILE)[0] for run in (folder, reference))
    assert sorted(first) == sorted(second)
    for name, array in first.items():
        assert array.tobytes() == second[name].tobytes(), name


def assert_same_run(folder: Path, reference: Path) -> None:
    assert_same_training(folder, reference)
    for name in ("confusion.png", "confusion.svg"):
        assert (folder / name).read_bytes() == (reference / name).read_bytes(), name
    assert sorted(file.name for file in folder.iterdir()) == sorted(
        file.name for file in reference.iterdir()
    )


def assert_every_file_is_complete(folder: Path) -> None:
    """Every file can be read and has at most the state's epochs."""
    done = len(read_state(folder).history)
    for name in ("config.json", "manifest.json"):
        if (folder / name).exists():
            json.loads((folder / name).read_text())
    if (folder / "weights.safetensors").exists():
        assert read_weights(folder / "weights.safetensors").metadata["training"]["epochs"] <= done
        assert done - 1 <= len(measured(folder)) <= done


def uninterrupted(home: Path, small_data: Path, epochs: int, engine: str) -> Path:
    output = home / "reference"
    config = TrainConfig(data=small_data, epochs=epochs, engine=engine, output=output)
    return train(config, pictures=False).folder


def start(small_data: Path, folder: Path, epochs: int, engine: str) -> subprocess.Popen[str]:
    """Start a training in its own process, as a user would."""
    command = [sys.executable, "-m", "cnnkit", "train", "--data", small_data, "--output", folder]
    return subprocess.Popen(
        [*map(str, command), "--epochs", str(epochs), "--engine", engine],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def wait_for(process: subprocess.Popen[str], condition: Callable[[], bool]) -> None:
    def check() -> None:
        assert process.poll() is None, process.communicate()

    wait_until(condition, check)


# The names of a run's files appear in this order: state twice, config, manifest; then per epoch
# state, config, metrics.jsonl, metrics.csv, weights, manifest; at the end pictures and manifest.
@pytest.mark.parametrize(
    ("engine", "renames"),
    # The order of the files does not depend on the engine, and importing PyTorch takes time.
    [*(("native", renames) for renames in (2, 5, 8, 11, 16, 29)), ("torch", 16)],
    indirect=["engine"],
    scope="module",
)
def test_a_kill_at_any_rename_loses_no_complete_epoch(
    renames: int, tmp_path: Path, small_data: Path, whole_run: Path, engine: str
) -> None:
    folder = tmp_path / "run"
    words = [sys.executable, "-c", KILLED, renames, small_data, folder, EPOCHS, engine]
    killed = subprocess.run([str(word) for word in words], capture_output=True, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert_every_file_is_complete(folder)
    resume(folder)
    assert_same_run(folder, whole_run)


@pytest.mark.parametrize(
    ("engine", "epochs_before"),
    [("native", 0), ("native", 2), ("torch", 2)],
    indirect=["engine"],
    scope="module",
)
def test_a_process_killed_from_outside_resumes_to_the_same_bits(
    epochs_before: int, tmp_path: Path, small_data: Path, engine: str
) -> None:
    folder, total = tmp_path / "run", 200
    process = start(small_data, folder, total, engine)
    log = folder / "metrics.jsonl"
    if epochs_before:
        wait_for(process, lambda: log.exists() and len(measured(folder)) >= epochs_before)
    else:
        wait_for(process, (folder / STATE_FILE).exists)
    process.kill()
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert_every_file_is_complete(folder)
    done = len(read_state(folder).history)
    assert epochs_before <= done < total
    resume(folder, epochs=done + 2, pictures=False)
    assert_same_training(folder, uninterrupted(tmp_path, small_data, done + 2, engine))


@pytest.mark.parametrize(
    ("engine", "number"),
    [("native", signal.SIGINT), ("native", signal.SIGTERM), ("torch", signal.SIGINT)],
    indirect=["engine"],
    scope="module",
)
def test_a_signal_ends_cleanly_and_tells_how_to_resume(
    number: signal.Signals, tmp_path: Path, small_data: Path, engine: str
) -> None:
    folder = tmp_path / "run"
    process = start(small_data, folder, 1000, engine)
    wait_for(process, (folder / "metrics.jsonl").exists)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == EXIT_INTERRUPTED, err
    assert out == ""
    assert "Traceback" not in err
    assert f"cnnkit train --resume {folder}" in err
    done = len(read_state(folder).history)
    assert f"{folder} keeps {done} complete epoch" in err
    assert len(measured(folder)) == done >= 1
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["status"] == "interrupted"
    assert (folder / "loss.png").exists()
    resume(folder, epochs=done + 1, pictures=False)
    assert_same_training(folder, uninterrupted(tmp_path, small_data, done + 1, engine))


def test_more_epochs_extend_a_finished_run_to_the_same_bits(
    short_run: Path, whole_run: Path, cli: Callable[..., Any]
) -> None:
    result = cli("train", "--resume", short_run, "--epochs", EPOCHS, "--quiet")
    assert result.exit_code == 0
    assert_same_run(short_run, whole_run)
    assert json.loads((short_run / "config.json").read_text())["epochs"] == EPOCHS
    sessions = json.loads((short_run / "manifest.json").read_text())["sessions"]
    assert [session["first_epoch"] for session in sessions] == [1, 2]


def test_a_moved_run_resumes(
    short_run: Path, tmp_path: Path, small_data: Path, whole_run: Path
) -> None:
    moved, data = tmp_path / "elsewhere", tmp_path / "data"
    short_run.rename(moved)
    shutil.copytree(small_data, data)
    assert resume(moved, epochs=EPOCHS, data_folder=data).folder == moved
    assert_same_run(moved, whole_run)


def test_a_different_machine_is_logged(short_run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cnnkit.runs.state.cpu_name", lambda: "another CPU")
    resume(short_run, epochs=2, pictures=False)
    log = (short_run / "train.log").read_text()
    assert "is another CPU: the last bits may differ" in log


def test_leftovers_of_a_kill_are_removed(short_run: Path) -> None:
    leftover = short_run / ".weights.0123abcd.safetensors"
    leftover.write_bytes(b"part")
    own = short_run / ".gitignore"
    own.write_text("*")
    resume(short_run, epochs=2, pictures=False)
    assert not leftover.exists()
    assert own.exists()
    assert os.listdir(short_run).count("weights.safetensors") == 1
