"""What a killed process left is removed, and what a living one writes is not."""

from __future__ import annotations

import ctypes
import importlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from cnnkit.system.files import replacing, replacing_together, write_bytes
from cnnkit.system.locks import held
from cnnkit.system.subprocesses import exchange_folder, module_command, module_environment

WRITER = """\
import sys
from pathlib import Path
from cnnkit.system.files import replacing, replacing_together
from cnnkit.system.subprocesses import exchange_folder
path = Path(sys.argv[1])
with replacing(path) as file, replacing_together(path) as folder, exchange_folder():
    file.write_bytes(b"half")
    (folder / "net.h").write_bytes(b"half")
    print("writing", flush=True)
    sys.stdin.read()
"""


@contextmanager
def writer(path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that stands in the middle of writing `path`."""
    command = [*module_command("cnnkit")[:-2], "-c", WRITER, str(path)]
    with subprocess.Popen(
        command, env=module_environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == "writing\n"
        yield process


@pytest.mark.parametrize("name", ["net.c", "net[1] (ü).c", "net"])
def test_only_what_a_killed_process_left_is_removed(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary, out = tmp_path / "tmp", tmp_path / "out"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    monkeypatch.setattr(tempfile, "tempdir", None)
    path = out / name
    out.mkdir()
    others = [out / f".{name}.keep", out / f".other.{'a' * 8}.c", out / f".{path.stem}.notes"]
    for other in others:
        other.write_text("mine")

    def call_all() -> tuple[int, int]:
        write_bytes(path, b"whole")
        with replacing_together(path), exchange_folder():
            pass
        return len(list(out.iterdir())) - len(others) - 1, len(list(temporary.iterdir()))

    with writer(path) as process:
        assert call_all() == (2, 1)
        process.kill()
    assert call_all() == (0, 0)
    assert all(other.read_text() == "mine" for other in others)
    assert path.read_bytes() == b"whole"


def test_a_link_of_such_a_name_is_left(tmp_path: Path) -> None:
    target = tmp_path / "mine"
    target.write_text("mine")
    link = tmp_path / f".net.{'0' * 8}.c"
    link.symlink_to(target)
    write_bytes(tmp_path / "net.c", b"whole")
    assert link.is_symlink()
    assert target.read_text() == "mine"


def test_a_lock_ends_with_its_holder(tmp_path: Path) -> None:
    with held(tmp_path) as first, held(tmp_path) as second:
        assert (first, second) == (True, False)
    with held(tmp_path) as again, held(tmp_path / "absent") as absent:
        assert (again, absent) == (True, None)


def test_leaving_a_block_by_any_error_removes_its_files(tmp_path: Path) -> None:
    def interrupt() -> None:
        with replacing(tmp_path / "net.c") as file, replacing_together(tmp_path / "net.c"):
            os.truncate(file, 5)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupt()
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def windows(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The locks of Windows, with its named objects: each lives as long as somebody has it open."""
    handles: dict[int, str] = {}
    errors = [0]

    def create(_security: None, _owned: bool, name: str) -> int:
        errors.append(183 if name in handles.values() else 0)
        handles[len(errors)] = name
        return len(errors)

    kernel32 = SimpleNamespace(CreateMutexW=create, CloseHandle=lambda handle: handles.pop(handle))
    monkeypatch.setattr(ctypes, "WinDLL", lambda *_, **__: kernel32, raising=False)
    monkeypatch.setattr(ctypes, "get_last_error", lambda: errors[-1], raising=False)
    monkeypatch.delitem(sys.modules, "cnnkit.system.windows_lock", raising=False)
    return importlib.import_module("cnnkit.system.windows_lock")


def test_a_lock_of_windows_ends_with_its_holder(windows: Any, tmp_path: Path) -> None:
    first, second = windows.Lock(tmp_path), windows.Lock(tmp_path)
    assert (first.take(), second.take()) == (True, False)
    first.close()
    assert second.take()
    with pytest.raises(FileNotFoundError):
        windows.Lock(tmp_path / "absent")
    link = tmp_path / "link"
    link.symlink_to(tmp_path)
    with pytest.raises(OSError, match="is a link"):
        windows.Lock(link, follow=False)
