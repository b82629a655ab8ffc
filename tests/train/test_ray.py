"""Runs on a local Ray cluster: bit-identical to runs without it, stopped without leftovers."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support.pictures import make_folders
from support.training import train_one_of_two_epochs, wait_until

from cnnkit.errors import MissingError, NetworkError
from cnnkit.runs.state import STATE_FILE, read_state
from cnnkit.train.jobs import ray_cluster
from cnnkit.train.jobs.pool import run_jobs
from cnnkit.train.jobs.ray_cluster import on_ray, train_here
from cnnkit.train.jobs.worker import Job
from cnnkit.train.trainer import TrainConfig, resume, train

Cli = Callable[..., Any]


def sweep(folder: Path, data: Path, *words: object) -> subprocess.Popen[str]:
    """Start a sweep on Ray in its own process, as a user would."""
    command = [sys.executable, "-m", "cnnkit", "sweep", "--ray", "local", "--data", data, "--name"]
    return subprocess.Popen(
        [*map(str, command), "s", *map(str, words)], cwd=folder, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip


def processes_of(session: int) -> list[str]:
    """Return the command lines of all living processes that a test session started."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            status = (folder / "stat").read_text().rpartition(")")[2].split()
            environment = (folder / "environ").read_bytes()
            words = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
        if status[0] != "Z" and f"CNNKIT_TEST_SESSION={session}".encode() in environment:
            found.append(words)
    return found


def test_runs_have_the_bits_of_local_ones_and_resume(tmp_path: Path, small_data: Path) -> None:
    home = tmp_path / "runs" / "sweep" / "s"
    base = TrainConfig(data=small_data, epochs=2, val_split=0.1)
    half = home / "learning_rate=0.001,seed=0"
    train_one_of_two_epochs(replace(base, learning_rate=1e-3, output=half))

    done = sweep(tmp_path, small_data, "--lr", "1e-3,1e30", "--seeds", 2, "--epochs", 2)
    out, err = done.communicate(timeout=120)
    assert done.returncode == 0, err
    assert "cnnkit train --epochs 2 --lr 0.001" in out
    assert len(err.splitlines()) == 4  # nothing of Ray's own
    for seed in (0, 1):
        folder = home / f"learning_rate=0.001,seed={seed}"
        alone = replace(base, learning_rate=1e-3, seed=seed, output=tmp_path / f"alone-{seed}")
        weights = train(alone, pictures=False).weights.read_bytes()
        assert weights == (folder / "weights.safetensors").read_bytes()
        config = json.loads((folder / "config.json").read_text())
        assert (config["output"], config["data"]) == (
            str(folder.relative_to(tmp_path)), str(small_data),
        )  # fmt: skip
        assert (folder / "train.log").read_text().count("epoch ") == 2
    assert [len(s) for s in (read_state(half).sessions, read_state(half).history)] == [2, 2]
    diverged = json.loads((home / "learning_rate=1e+30,seed=1" / "manifest.json").read_text())
    assert diverged["status"] == "diverged"


def test_a_stop_leaves_no_process_and_no_file_but_resumable_runs(
    tmp_path: Path, small_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    monkeypatch.setenv("RAY_TMPDIR", tempfile.gettempdir())  # its sockets need a short path
    monkeypatch.setenv("CNNKIT_TEST_SESSION", str(os.getpid()))
    process = sweep(tmp_path, small_data, "--lr", "1e-3,1e-2", "--epochs", 100_000)
    home = tmp_path / "runs" / "sweep" / "s"

    def check() -> None:
        assert process.poll() is None, process.communicate()

    wait_until(lambda: any(home.glob("*/metrics.jsonl")), check)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert out == ""
    assert "stopped: 0 of 2 runs are done" in err
    assert "Traceback" not in err
    wait_until(lambda: not processes_of(os.getpid()))
    assert not list(temporary.glob("cnnkit-*"))
    for folder in home.glob("*/"):
        if (folder / STATE_FILE).exists():
            done = len(read_state(folder).history)
            resumed = resume(folder, epochs=done + 1, pictures=False)
            config = replace(resumed.config, output=tmp_path / f"whole-{folder.name}")
            whole = train(config, pictures=False)
            assert whole.weights.read_bytes() == resumed.weights.read_bytes()


def test_a_task_sends_each_epochs_state_and_each_log_line_once(
    tmp_path: Path, small_data: Path
) -> None:
    config = TrainConfig(data=Path("somewhere else"), epochs=2, output=Path("elsewhere"))
    data = {path.name: path.read_bytes() for path in small_data.iterdir()}
    updates = list(train_here(config.to_json(), None, data))
    assert updates[-1][0] == {"event": "finished"}
    states = [state for event, state, _ in updates if event.get("complete")]
    assert len(states) == 2
    assert "".join(log for *_, log in updates).count("epoch ") == 2
    (tmp_path / STATE_FILE).write_bytes(updates[-1][1] or b"")
    assert len(read_state(tmp_path).history) == 2


def test_pictures_are_sent_with_their_folders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    root = make_folders(Path("pictures"), {"cat": 6, "dog": 6})
    config = TrainConfig(data=root, channels=(2,), epochs=1, output=Path("elsewhere"))
    paths = ray_cluster._data_files(Job(Path("run"), config.to_json()))
    assert len(paths) == 12
    contents = {name: path.read_bytes() for name, path in paths.items()}
    *_, (event, state, _) = train_here(config.to_json(), None, contents)
    assert event == {"event": "finished"}
    Path("run").mkdir()
    Path("run", STATE_FILE).write_bytes(state or b"")
    here = train(replace(config, output=Path("here")), pictures=False)
    assert read_state(Path("run")).dataset["sha256"] == read_state(here.folder).dataset["sha256"]


@pytest.mark.parametrize("address", ["127.0.0.1:1", "nonsense", "127.0.0.1:99999"])
def test_a_cluster_that_is_not_there_is_reported_at_once(
    address: str, tmp_path: Path, small_data: Path
) -> None:
    config = TrainConfig(data=small_data, epochs=1, output=tmp_path / "run")
    with pytest.raises(NetworkError, match=f"--ray {address}"):
        run_jobs([config], runner=on_ray(address))
    assert not (tmp_path / "run").exists()


def test_without_ray_the_message_names_the_extra(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cnnkit.train.jobs.ray_cluster.find_spec", lambda name: None)
    monkeypatch.chdir(tmp_path)
    result = cli("sweep", "--lr", "0.1", "--ray", "local")
    assert result.exit_code == 3
    assert "cnnkit[ray]" in result.stderr
    with pytest.raises(MissingError):
        on_ray("local")
