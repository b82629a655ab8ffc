"""The processes that decode pictures: whatever happens to them is an error with a way out."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from support.pictures import load

from cnnkit.data.own import decoder, reading
from cnnkit.errors import KilledError, StorageError
from cnnkit.graph.preprocessing import Preprocessing
from cnnkit.system.subprocesses import module_command


def test_a_killed_decoder_is_an_error_not_a_traceback(
    good: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "ALONE", 2)
    monkeypatch.setattr(reading, "usable_cores", lambda: [0, 1])
    monkeypatch.setattr(reading, "module_command", lambda name: ["false"])
    with pytest.raises(KilledError, match=r"decodes pictures.*ended with code 1"):
        load(good)


@pytest.mark.skipif(not hasattr(fcntl, "F_SETPIPE_SZ"), reason="pipes have one size here")
def test_small_pipes_and_long_names_block_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [f"{index:0200}.png" for index in range(256)]
    for path in paths:
        (tmp_path / path).write_text("hello")
    start = reading._process

    @contextmanager
    def narrow() -> Iterator[subprocess.Popen[str]]:
        with start() as child:
            for pipe in (child.stdin, child.stdout):
                assert pipe is not None
                fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, reading.PIPE)
            yield child

    monkeypatch.setattr(reading, "usable_cores", lambda: [0, 1])
    monkeypatch.setattr(reading, "ALONE", 2)
    monkeypatch.setattr(reading, "_process", narrow)
    monkeypatch.setattr(reading, "answer", slowly)
    found: list[Any] = []
    arguments = (tmp_path, paths, None, None, Console(quiet=True))
    work = threading.Thread(
        target=lambda: found.extend(reading.read_pictures(*arguments)), daemon=True
    )
    work.start()
    work.join(60)
    facts, changed = found
    assert {fact.problem for fact in facts} == {"is not a picture"}
    assert changed == []


def slowly(request: dict[str, Any]) -> list[Any]:
    """Answer so late that the other process answers nearly all."""
    time.sleep(0.5)
    return decoder.answer(request)


def test_ctrl_c_does_not_reach_the_decoders() -> None:
    with reading._process() as child:
        assert os.getpgid(child.pid) != os.getpgid(0)


def test_a_decoder_that_nobody_listens_to_ends_without_a_word(good: Path) -> None:
    pipe = subprocess.PIPE
    command = module_command("cnnkit.data.own.decoder")
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True) as child:
        assert child.stdout is not None
        child.stdout.close()
        request = {"root": str(good), "start": 0, "paths": ["cat/0.png"]}
        _, said = child.communicate(json.dumps(request) + "\n")
    assert (child.returncode, said) == (0, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no full disk here")
@pytest.mark.parametrize("cores", [1, 2])
def test_a_full_disk_is_an_error_with_a_remedy(
    good: Path, monkeypatch: pytest.MonkeyPatch, cores: int
) -> None:
    monkeypatch.setattr(reading, "ALONE", 2)
    monkeypatch.setattr(reading, "usable_cores", lambda: range(cores))
    paths = [str(path.relative_to(good)) for path in good.rglob("*.png")]
    full = (Path("/dev/full"), 0)
    record = Preprocessing.of((3, 8, 8))
    with pytest.raises(StorageError, match=r"/dev/full: cannot be written.*XDG_CACHE_HOME"):
        reading.read_pictures(good, paths, record, full, Console(quiet=True))
