"""Streams that are full, closed or of another encoding: a result is never lost in silence."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from cnnkit.errors import EXIT_PIPE, StorageError
from cnnkit.runs.folder import FINISHED, published_status
from cnnkit.system.subprocesses import module_command, module_environment

FULL = Path("/dev/full")
needs_full = pytest.mark.skipif(not FULL.exists(), reason="this system has no /dev/full")


def run(*words: object, **options: Any) -> subprocess.CompletedProcess[str]:
    environment = {**module_environment(), **options.pop("environment", {})}
    command = module_command("cnnkit", *words)
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
    return subprocess.run(command, env=environment, encoding="latin-1", check=False, **options)


def closed_pipe() -> int:
    """Return the descriptor of a pipe that nobody reads."""
    reader, writer = os.pipe()
    os.close(reader)
    return writer


def small_training(data: Path, folder: Path) -> list[object]:
    return ["train", "--data", data, "--epochs", 1, "--engine", "native", "--output", folder]


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "cp437"])
def test_every_encoding_gets_a_readable_message(encoding: str) -> None:
    done = run("eval", "größe → ✓/net.onnx", environment={"PYTHONIOENCODING": encoding})
    assert done.returncode == StorageError.exit_code
    assert "-> +/net.onnx" in done.stderr or encoding == "cp437"
    assert "cannot be read" in done.stderr


@pytest.mark.parametrize(
    "locale",
    [
        {"PYTHONIOENCODING": "ascii"},
        {"PYTHONIOENCODING": "cp1252"},
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    ],
    ids=["ascii", "cp1252", "C"],
)
def test_marks_are_plain_where_the_terminal_has_no_others(
    locale: dict[str, str], artefacts: dict[str, Path]
) -> None:
    done = run("doctor", artefacts["onnx"], environment=locale)
    assert done.returncode == 0
    assert "\n+ ONNX Runtime" in done.stdout
    assert done.stdout.isascii()


@pytest.mark.parametrize("words", [["eval", "no-file"], ["train", "--help"], ["evil"]])
def test_a_terminal_without_columns_gets_every_line(words: list[str]) -> None:
    wide, none = (run(*words, environment={"COLUMNS": columns}) for columns in ("80", "0"))
    assert none.stdout == wide.stdout
    assert none.stderr == wide.stderr
    assert none.stdout + none.stderr


@needs_full
@pytest.mark.parametrize("words", [["--help"], ["--version"], ["doctor"], ["doctor", "--json"]])
def test_a_full_standard_output_is_a_write_error(words: list[str]) -> None:
    with FULL.open("w") as full:
        done = run(*words, stdout=full)
    assert done.returncode == StorageError.exit_code
    assert "standard output: cannot be written (No space left on device)" in done.stderr


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["doctor"], ["doctor", "--json"]])
def test_a_reader_that_left_is_no_verdict(words: list[str]) -> None:
    writer = closed_pipe()
    done = run(*words, stdout=writer)
    os.close(writer)
    assert (done.returncode, done.stderr) == (EXIT_PIPE, "")


@pytest.mark.parametrize("stream", ["closed pipe", "full", "none"])
def test_a_training_goes_on_without_its_messages(
    stream: str, small_data: Path, tmp_path: Path
) -> None:
    if stream == "full" and not FULL.exists():
        pytest.skip("this system has no /dev/full")
    stderr = closed_pipe() if stream == "closed pipe" else os.open(os.devnull, os.O_WRONLY)
    if stream == "full":
        stderr = os.open(FULL, os.O_WRONLY)
    close = (lambda: os.close(2)) if stream == "none" else None
    done = run(*small_training(small_data, tmp_path / "run"), stderr=stderr, preexec_fn=close)
    os.close(stderr)
    assert done.returncode == 0
    assert done.stdout.startswith("test accuracy")
    assert published_status(tmp_path / "run") == FINISHED


def test_a_training_ends_whole_when_both_streams_are_closed(
    small_data: Path, tmp_path: Path
) -> None:
    writer = closed_pipe()
    done = run(*small_training(small_data, tmp_path / "run"), stdout=writer, stderr=writer)
    os.close(writer)
    assert done.returncode == EXIT_PIPE
    assert published_status(tmp_path / "run") == FINISHED


def test_the_next_opened_file_never_becomes_a_standard_stream(
    small_data: Path, tmp_path: Path
) -> None:
    def close() -> None:
        os.close(1)
        os.close(2)

    done = run(*small_training(small_data, tmp_path / "run"), preexec_fn=close)
    assert done.returncode == StorageError.exit_code  # the result could not be printed
    assert published_status(tmp_path / "run") == FINISHED
