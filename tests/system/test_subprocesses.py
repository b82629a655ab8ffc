"""Modules that run in a fresh Python."""

from __future__ import annotations

import pickle
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from cnnkit.errors import InputError, MissingError, StorageError, VerdictError
from cnnkit.system.subprocesses import last_words, run_module


def test_a_module_is_not_fooled_by_files_of_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "numpy.py").write_text("raise RuntimeError('not NumPy')")
    monkeypatch.chdir(tmp_path)
    child = run_module("cnnkit", "doctor")
    assert child.returncode == 0, child.stderr
    assert "numpy 2" in child.stdout or "numpy 1" in child.stdout


def test_the_last_words_of_a_process_are_its_error_or_its_signal(tmp_path: Path) -> None:
    (tmp_path / "net.onnx").write_text("nothing of the kind")
    refusal = last_words(run_module("cnnkit", "eval", tmp_path / "net.onnx"))
    assert refusal.startswith(f"cnnkit: {tmp_path / 'net.onnx'}")
    assert last_words(run_module("no_such_module")).endswith("No module named no_such_module")
    assert last_words(CompletedProcess([], -9, stderr="half a li")) == "stopped by signal 9"
    assert last_words(CompletedProcess([], 3, stderr="")) == "exit code 3"


@pytest.mark.parametrize("kind", [InputError, MissingError, StorageError, VerdictError])
def test_an_error_crosses_processes_as_it_was_raised(kind: type[InputError]) -> None:
    error = kind(Path("net.onnx"), "is truncated", "export it again")
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is kind
    assert str(again) == "net.onnx: is truncated. Export it again."
    assert vars(again) == vars(error)
