"""Parallel trainings: bit-identical to single ones, resumable, and stopped without leftovers."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console
from support.training import is_alive, train_one_of_two_epochs, wait_until

from cnnkit.errors import InputError, KilledError
from cnnkit.runs.state import STATE_FILE, read_state, write_state
from cnnkit.system.cpu import process_count
from cnnkit.system.signals import StopSignals
from cnnkit.train.jobs.pool import run_in_processes, run_jobs
from cnnkit.train.jobs.progress import JobsProgress
from cnnkit.train.jobs.worker import Event, Job, Worker
from cnnkit.train.loop import TrainingInterruptedError
from cnnkit.train.trainer import TrainConfig, resume, train

# Runs jobs as a program would, and prints the message of an interruption.
PROGRAM = """
import sys
from pathlib import Path
from cnnkit.train.jobs.pool import run_jobs
from cnnkit.train.loop import TrainingInterruptedError
from cnnkit.train import TrainConfig
data, home, epochs = sys.argv[1:]
try:
    run_jobs([TrainConfig(data=Path(data), epochs=int(epochs), seed=seed,
                          output=Path(home) / str(seed)) for seed in range(3)])
except TrainingInterruptedError as stop:
    sys.exit(str(stop))
"""


@pytest.fixture
def configs(small_data: Path, tmp_path: Path) -> list[TrainConfig]:
    base = TrainConfig(data=small_data, epochs=2)
    return [replace(base, seed=seed, output=tmp_path / "runs" / str(seed)) for seed in range(3)]


def files(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def children(pid: int) -> list[int]:
    """Return the living children of a process, by Linux's own list."""
    lists = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for text in lists for child in text.read_text().split()]


def test_every_run_has_the_bits_of_a_single_training(
    configs: list[TrainConfig], tmp_path: Path
) -> None:
    outcomes = run_jobs(configs)
    for config, outcome in zip(configs, outcomes, strict=True):
        single = replace(config, output=tmp_path / f"single-{config.seed}")
        alone = train(single, pictures=False)
        assert outcome.weights.read_bytes() == alone.weights.read_bytes()
        assert (outcome.config.seed, outcome.config.engine) == (config.seed, "native")
        assert outcome.test_accuracy == alone.test_accuracy
        assert not outcome.diverged
        assert outcome.kept == outcome.history[-1]


def test_finished_runs_are_kept_and_an_interrupted_one_is_resumed(
    configs: list[TrainConfig], tmp_path: Path
) -> None:
    finished, half = configs[:2]
    train(finished, pictures=False)
    before = files(tmp_path)
    train_one_of_two_epochs(half)
    outcomes = run_jobs(configs)
    assert [len(outcome.history) for outcome in outcomes] == [2, 2, 2]
    assert before.items() <= files(tmp_path).items()
    assert len(read_state(tmp_path / "runs" / "1").sessions) == 2
    again = files(tmp_path)
    assert run_jobs(configs) == outcomes
    assert files(tmp_path) == again


def test_a_diverged_run_is_an_outcome_and_is_not_repeated(configs: list[TrainConfig]) -> None:
    configs[1] = replace(configs[1], learning_rate=1e30)
    outcomes = run_jobs(configs)
    assert [outcome.diverged for outcome in outcomes] == [False, True, False]
    assert outcomes[1].history == []
    assert outcomes[1].kept is None
    assert outcomes[1].to_json()["diverged"] is True

    def nothing_left(jobs: Sequence[Job], stop: StopSignals) -> Iterator[tuple[int, Event]]:
        assert not jobs
        yield from ()

    assert run_jobs(configs, runner=nothing_left) == outcomes


@pytest.mark.parametrize("what", ["another run", "other data", "other files", "one folder for two"])
def test_a_folder_of_something_else_is_refused_before_anything_runs(
    what: str, configs: list[TrainConfig], tmp_path: Path
) -> None:
    folder = tmp_path / "runs" / "2"
    if what == "another run":
        train(replace(configs[2], learning_rate=0.5, epochs=1), pictures=False)
        message = f"{folder}: holds a run with (learning_rate 0.5, not 0.0001|epochs 1, not 2)"
    elif what == "other data":
        train(configs[2], pictures=False)
        state = read_state(folder)
        state.dataset["sha256"] = dict.fromkeys(state.dataset["sha256"], "0" * 64)
        write_state(folder, state)
        message = "is not the data of this run"
    elif what == "other files":
        folder.mkdir(parents=True)
        (folder / "thesis.txt").write_text("mine")
        message = f"{folder}: holds something other than a run"
    else:
        configs[2] = configs[1]
        message = "1: is not the folder of one run"
    with pytest.raises(InputError, match=message):
        run_jobs(configs)
    assert not (tmp_path / "runs" / "0").exists()


def test_an_invalid_setting_is_refused_before_anything_runs(configs: list[TrainConfig]) -> None:
    configs[2] = replace(configs[2], epochs=0)
    with pytest.raises(InputError, match="--epochs"):
        run_jobs(configs)
    assert not any(config.output.exists() for config in configs if config.output)


def test_an_error_in_a_worker_is_raised_with_its_own_class(
    configs: list[TrainConfig], small_data: Path
) -> None:
    damaged = Job(configs[0].output or Path(), configs[0].to_json(), small_data / "absent")

    def elsewhere(jobs: Sequence[Job], stop: StopSignals) -> Iterator[tuple[int, Event]]:
        yield from run_in_processes([damaged], stop)

    with pytest.raises(InputError, match="absent: "):
        run_jobs(configs, runner=elsewhere)


def test_a_stop_ends_all_processes_and_keeps_complete_epochs(
    small_data: Path, tmp_path: Path
) -> None:
    home = tmp_path / "runs"
    words = [sys.executable, "-c", PROGRAM, small_data, home]
    program = subprocess.Popen([*map(str, words), "1000"], stderr=subprocess.PIPE, text=True)
    wait_until(lambda: len(list(home.glob("*/metrics.jsonl"))) == min(3, process_count()))
    workers = children(program.pid)
    assert len(workers) == min(3, process_count())
    program.send_signal(signal.SIGINT)
    _, err = program.communicate(timeout=30)
    assert program.returncode == 1
    assert "stopped: 0 of 3 runs are done" in err
    assert "Traceback" not in err
    assert not any(map(is_alive, workers))
    for folder in home.iterdir():
        done = len(read_state(folder).history)
        assert done >= 1
        resumed = resume(folder, epochs=done + 1, pictures=False)
        whole = replace(resumed.config, output=tmp_path / f"whole-{folder.name}")
        assert train(whole, pictures=False).weights.read_bytes() == resumed.weights.read_bytes()


def test_workers_end_when_their_parent_is_killed(small_data: Path, tmp_path: Path) -> None:
    words = [sys.executable, "-c", PROGRAM, small_data, tmp_path / "runs", 100_000]
    program = subprocess.Popen([str(word) for word in words])
    wait_until(lambda: any((tmp_path / "runs").glob("*/metrics.jsonl")))
    workers = children(program.pid)
    program.kill()
    program.wait()
    wait_until(lambda: not any(map(is_alive, workers)))


def test_a_worker_that_dies_is_reported_and_ends_the_others(
    configs: list[TrainConfig], monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[int] = []
    make = Worker.__init__

    def record(worker: Worker) -> None:
        make(worker)
        started.append(worker.process.pid)

    monkeypatch.setattr(Worker, "__init__", record)
    endless = [replace(config, epochs=100_000) for config in configs]

    def kill_first(jobs: Sequence[Job], stop: StopSignals) -> Iterator[tuple[int, Event]]:
        for event in run_in_processes(jobs, stop, processes=2):
            os.kill(started[0], signal.SIGKILL)
            yield event

    with pytest.raises(KilledError, match="was killed by signal 9"):
        run_jobs(endless, runner=kill_first)
    assert len(started) == 2
    assert not any(map(is_alive, started))


def test_leftovers_of_an_early_kill_are_removed(
    configs: list[TrainConfig],
) -> None:
    folder = configs[0].output
    assert folder
    folder.mkdir(parents=True)
    (folder / f".{Path(STATE_FILE).stem}.0123abcd.safetensors").write_bytes(b"part")
    run_jobs(configs[:1])
    assert not list(folder.glob(".*"))


def test_a_worker_never_imports_pytorch_for_the_native_engine(
    configs: list[TrainConfig],
) -> None:
    config = configs[0]
    job = json.dumps({"folder": str(config.output), "config": config.to_json(), "data": None})
    code = (
        "import io, sys, cnnkit.train.jobs.worker as w; out = io.StringIO(); "
        "w.main(io.StringIO(sys.argv[1]), out); print(out.getvalue().splitlines()[-1]); "
        "assert not {'torch', 'matplotlib', 'onnxruntime'} & set(sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, job], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"event": "finished"}


def test_as_many_processes_run_as_affinity_and_quota_allow(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("cnnkit.system.cpu.usable_cores", lambda: [0, 1, 4, 5])
    for quota, wanted in ((None, 4), (2.5, 2), (0.5, 1), (16.0, 4)):
        monkeypatch.setattr("cnnkit.system.cpu.core_quota", lambda quota=quota: quota)
        assert process_count() == wanted


def test_a_terminal_shows_a_line_per_run_and_the_total() -> None:
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=120, highlight=False)
    update = {"event": "progress", "loss": 0.5, "accuracy": 0.875, "complete": False}
    with JobsProgress(console, {"a": 4, "b": 4, "c": 4}, ["b", "c"]) as progress:
        progress.show("b", {**update, "done": 1.5})
        progress.show("c", {**update, "done": 2.0, "complete": True})
        progress.show("c", {"event": "finished"})
    text = screen.getvalue()
    assert "1 of 3 runs are done already" in text
    assert "epoch 2/4  loss 0.5000  accuracy 87.50%" in text
    assert "epoch 2/4  loss 0.5000  test accuracy 87.50%" in text
    assert "[2/3] c: 2 epochs, loss 0.5000, test accuracy 87.50%" in text
    assert "2 of 3 runs" in text


def test_jobs_stopped_by_their_runner_are_an_interruption(
    configs: list[TrainConfig],
) -> None:
    def stopped(jobs: Sequence[Job], stop: StopSignals) -> Iterator[tuple[int, Event]]:
        yield 0, {"event": "stopped"}

    with pytest.raises(TrainingInterruptedError, match="0 of 3 runs"):
        run_jobs(configs, runner=stopped)
