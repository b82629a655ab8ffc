"""torchrun, in a checkout: two processes train like one, and none is left hanging."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.checkout import ROOT, copy_sources
from support.training import DEADLINE, is_alive, read_metrics, wait_until

from cnnkit.errors import InputError
from cnnkit.formats.checkpoint import read_weights
from cnnkit.graph.architecture import Architecture
from cnnkit.runs.state import STATE_FILE, read_state
from cnnkit.train.trainer import TrainConfig, resume, train

TORCHRUN = (sys.executable, "-m", "torch.distributed.run")
# The last batch of 1,000 images is a single one, so the second process has none of it.
BATCH = 37
MARK = "CNNKIT_TEST_DISTRIBUTED"


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("checkout")
    copy_sources(folder)
    return folder


@pytest.fixture(autouse=True)
def in_a_checkout(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where people follow README; torchrun's processes must find the installed package there."""
    monkeypatch.chdir(checkout)


@contextmanager
def launched(*words: object, mark: str = "") -> Iterator[subprocess.Popen[str]]:
    """Start `cnnkit train` in two processes; none of them outlives the block."""
    command = [*TORCHRUN, "--nproc-per-node", 2, "--standalone", "-m", "cnnkit", "train"]
    process = subprocess.Popen(
        [str(word) for word in (*command, *words)], env={**os.environ, MARK: mark or "none"},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
            process.communicate(timeout=DEADLINE)


def finish(*words: object) -> tuple[int, str, str]:
    with launched(*words) as process:
        out, err = process.communicate(timeout=DEADLINE)
    return process.returncode, out, err


def ranks(mark: str) -> dict[int, int]:
    """Return the process ids of the two trainings, by rank."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            values = dict(
                line.split("=", 1)
                for line in (folder / "environ").read_text().split("\0")
                if "=" in line
            )
        except OSError:
            continue
        if is_alive(int(folder.name)) and values.get(MARK) == mark and "RANK" in values:
            found[int(values["RANK"])] = int(folder.name)
    return found


def wait_for_an_epoch(process: subprocess.Popen[str], folder: Path, after: int = 0) -> None:
    def check() -> None:
        assert process.poll() is None, process.communicate()

    log = folder / "metrics.jsonl"
    wait_until(lambda: log.exists() and len(read_metrics(folder)) > after, check)


def assert_close(folder: Path, reference: Path, rel: float = 1e-5) -> None:
    for ours, theirs in zip(read_metrics(folder), read_metrics(reference), strict=False):
        for key in ("train_loss", "validation_loss"):
            assert ours[key] == pytest.approx(theirs[key], rel=rel), (key, ours["epoch"])
        for key in ("train_accuracy", "validation_accuracy", "test_accuracy"):
            assert ours[key] == pytest.approx(theirs[key], abs=2e-3), (key, ours["epoch"])


def test_two_processes_train_like_one_stop_at_a_signal_and_resume(
    tmp_path: Path, small_data: Path
) -> None:
    run, one = tmp_path / "run", tmp_path / "one"
    words = ("--data", small_data, "--batch-size", BATCH, "--lr", "1e-3", "--val-split", "0.1")
    code, out, err = finish(*words, "--epochs", 2, "--output", run, "--json")
    assert code == 0, err
    assert json.loads(out)["run"] == str(run)
    assert err.count("epoch 2/2  loss") == 1
    assert json.loads((run / "config.json").read_text())["engine"] == "torch"
    alone = TrainConfig(
        data=small_data, epochs=2, batch_size=BATCH, learning_rate=1e-3, val_split=0.1,
        engine="torch", output=one,
    )  # fmt: skip
    train(alone)
    assert_close(run, one)
    both = [read_weights(folder / "weights.safetensors").tensors for folder in (run, one)]
    # Two processes add the gradients in another order. Where two pixels of a pool window are equal
    # but for rounding, that decides which one gets the gradient, on some processors more often than
    # on others; so the runs may part by a small share of the way that they have come.
    for name, start in Architecture().initial_parameters(seed=0).items():
        apart = np.linalg.norm(both[0][name] - both[1][name])
        assert apart <= 1e-2 * np.linalg.norm(both[1][name] - start), name
    assert sorted(path.name for path in run.iterdir()) == sorted(p.name for p in one.iterdir())

    with launched("--resume", run, "--epochs", 10_000, mark=str(tmp_path)) as process:
        wait_for_an_epoch(process, run, after=2)
        assert sorted(ranks(str(tmp_path))) == [0, 1]
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=DEADLINE)
    assert process.returncode != 0
    assert out == ""
    assert err.count("cnnkit: stopped: ") == 1
    assert f"cnnkit train --resume {run}" in err
    assert ranks(str(tmp_path)) == {}
    assert json.loads((run / "manifest.json").read_text())["status"] == "interrupted"
    done = len(read_state(run).history)
    assert resume(run, epochs=done + 1, pictures=False).history[-1]["epoch"] == done + 1
    assert [session["processes"] for session in read_state(run).sessions] == [2, 2, 1]
    resume(one, epochs=3, pictures=False)
    assert_close(run, one, rel=1e-4)
    assert "processes was 2, is 1" in (run / "train.log").read_text()
    assert {path.name for path in tmp_path.iterdir()} == {"run", "one"}


def test_a_process_that_dies_ends_the_others_and_epochs_are_kept(
    tmp_path: Path, small_data: Path
) -> None:
    run = tmp_path / "run"
    words = ("--data", small_data, "--engine", "torch", "--epochs", 10_000, "--output", run)
    with launched(*words, mark=str(tmp_path)) as process:
        wait_for_an_epoch(process, run)
        os.kill(ranks(str(tmp_path))[1], signal.SIGKILL)
        _, err = process.communicate(timeout=DEADLINE)
    assert process.returncode != 0
    assert "this is a bug in cnnkit" not in err
    assert ranks(str(tmp_path)) == {}
    assert len(read_state(run).history) >= 1
    assert (run / STATE_FILE).exists()


def test_an_error_of_all_processes_is_printed_once(tmp_path: Path, small_data: Path) -> None:
    run = tmp_path / "run"
    code, out, err = finish("--data", small_data, "--lr", "1e30", "--output", run)
    assert code != 0
    assert out == ""
    assert err.count("cnnkit: ") == 1
    assert "0 complete epochs of 30 kept" in err
    assert json.loads((run / "manifest.json").read_text())["status"] == "diverged"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"device": "cuda"}, "--device cuda: cannot be used with torchrun"),
        ({"batch_size": 1}, "--batch-size: is 1, fewer than the 2 processes"),
        ({"engine": "native"}, "--engine native: trains in one process"),
        ({"epochs": 0}, "--epochs: is 0"),
    ],
)
def test_a_config_that_cannot_be_distributed_is_refused(
    change: dict[str, Any], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from cnnkit.train import distributed

    monkeypatch.setenv("WORLD_SIZE", "2")
    config = replace(TrainConfig(), **change)
    with pytest.raises(InputError, match=message):
        distributed._check_config(0, config)
    with pytest.raises(distributed._RefusedError):
        distributed._check_config(1, config)


def test_torchrun_is_the_module_that_these_tests_run() -> None:
    [script] = entry_points(group="console_scripts", name="torchrun")
    assert script.value == f"{TORCHRUN[-1]}:main"
    command = "`torchrun --nproc-per-node 2 -m cnnkit train --engine torch`"
    assert command in (ROOT / "docs" / "training.md").read_text()


def test_without_torchrun_nothing_is_distributed(monkeypatch: pytest.MonkeyPatch) -> None:
    from cnnkit.train import distributed

    for name in ("RANK", "WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)
    assert not distributed.launched()
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert not distributed.launched()
    monkeypatch.setenv("RANK", "0")
    assert distributed.launched()
