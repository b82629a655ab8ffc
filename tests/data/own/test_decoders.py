"""The processes that decode pictures: whatever happens to them is an error with a way out."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
from rich.console import Console
from support.pictures import load

from cnnkit.data.own import reading
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
