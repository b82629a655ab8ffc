"""Files are whole or absent, and an error names the file."""

from __future__ import annotations

import re
import signal
import subprocess
from pathlib import Path

import pytest

from cnnkit.errors import StorageError
from cnnkit.formats.detect import detect
from cnnkit.system.files import read_bytes, replacing, replacing_together, write_text
from cnnkit.system.subprocesses import module_command, module_environment

KILLED = """\
import os, signal, sys
from pathlib import Path
from cnnkit.system.files import replacing_together
path, moved, replace = Path(sys.argv[1]), int(sys.argv[2]), Path.replace
def count(source, target):
    global moved
    if moved == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    moved -= 1
    replace(source, target)
with replacing_together(path) as beside:
    for name in ("net.c", "net.c.md", "net.h"):
        (beside / name).write_text("new")
    Path.replace = count
"""


def test_a_file_keeps_its_content_if_writing_the_next_fails(tmp_path: Path) -> None:
    path = tmp_path / "note.txt"
    write_text(path, "old")

    def fail() -> None:
        with replacing(path) as beside:
            beside.write_text("half")
            raise RuntimeError("boom")

    with pytest.raises(RuntimeError, match="boom"):
        fail()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_folders_are_made_and_what_is_no_folder_is_named(tmp_path: Path) -> None:
    write_text(tmp_path / "a" / "b" / "note.txt", "words")
    assert read_bytes(tmp_path / "a" / "b" / "note.txt", most=3) == b"wor"
    wrong = tmp_path / "a" / "b" / "note.txt" / "more.txt"
    with pytest.raises(StorageError, match=re.escape(f"{wrong}: cannot be written")):
        write_text(wrong, "words")
    with pytest.raises(StorageError, match=re.escape(f"{wrong}: cannot be read")):
        read_bytes(wrong)


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError, OSError])
@pytest.mark.parametrize("moved", [0, 1, 2, 3])
def test_files_of_one_artefact_are_moved_all_or_none(
    moved: int, error: type[BaseException], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, replace, calls = tmp_path / "net.c", Path.replace, []
    for name in ("net.c", "net.h"):
        write_text(tmp_path / name, "old")

    def interrupted(source: Path, target: Path) -> Path:
        calls.append(target)
        if len(calls) == moved + 1:
            raise error("between two renames")
        return replace(source, target)

    def write() -> None:
        with replacing_together(path) as beside:
            for name in ("net.c", "net.c.md", "net.h"):
                (beside / name).write_text("new")
            monkeypatch.setattr(Path, "replace", interrupted)

    with pytest.raises(StorageError if error is OSError else error):
        write()
    assert {file.name: file.read_text() for file in tmp_path.iterdir()} == {
        "net.c": "old",
        "net.h": "old",
    }


@pytest.mark.parametrize(("moved", "whole"), [(0, "old"), (1, "new"), (2, "new"), (3, "new")])
def test_a_kill_between_two_moves_is_made_good_when_the_file_is_read(
    moved: int, whole: str, tmp_path: Path
) -> None:
    path = tmp_path / "net.c"
    for name in ("net.c", "net.c.md", "net.h"):
        write_text(tmp_path / name, "old")
    command = [*module_command("cnnkit")[:-2], "-c", KILLED, str(path), str(moved)]
    killed = subprocess.run(command, env=module_environment(), check=False)
    assert killed.returncode == -signal.SIGKILL
    detect(path)
    assert {file.name: file.read_text() for file in tmp_path.iterdir()} == dict.fromkeys(
        ("net.c", "net.c.md", "net.h"), whole
    )
