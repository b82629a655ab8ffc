"""`cnnkit doctor` tells what is here, and fails only if the installation itself is broken."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cnnkit.errors import InputError
from cnnkit.system import cpu as machine
from cnnkit.system import packages as extras
from cnnkit.system.cpu import pinned, usable_cores


def python(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True, text=True, check=False, env={**os.environ, **environment},
    )  # fmt: skip


DOCTOR = "from cnnkit.cli import main; main(['doctor'])"


def test_doctor_tells_machine_kernels_and_extras(cli: Callable[..., Any]) -> None:
    done = cli("doctor")
    assert done.exit_code == 0
    assert done.stderr == ""
    for word in ("cnnkit 0.", "python 3.", "CPU", "this machine can run", "usable", "[train]"):
        assert word in done.stdout


def test_doctor_prints_one_document(cli: Callable[..., Any]) -> None:
    document = json.loads(cli("doctor", "--json").stdout)
    assert (document["schema_version"], document["command"]) == (1, "doctor")
    assert document["problems"] == []
    assert document["kernels"]["isa"] in document["kernels"]["available"]
    assert document["cores"]["usable"] == len(usable_cores())
    assert {extra["name"] for extra in document["extras"]} >= {"train", "test", "dev"}
    assert set(document["data"]) == {"mnist", "fashion-mnist"}


def test_doctor_imports_no_framework() -> None:
    done = python(
        "from cnnkit.doctor.environment import examine; examine(); import sys;"
        "print([m for m in ('torch', 'onnxruntime', 'matplotlib') if m in sys.modules])"
    )
    assert done.stdout.strip() == "[]", done.stderr


def test_a_missing_extra_is_no_error_and_names_its_command(
    cli: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    find = extras.find_version
    monkeypatch.setattr(extras, "find_version", lambda p: None if p == "torch" else find(p))
    train = next(extra for extra in extras.extras() if extra.name == "train")
    assert not train.complete
    assert train.command == "python -m pip install 'torch>=2.4'"
    done = cli("doctor")
    assert done.exit_code == 0
    assert train.unlocks in done.stdout
    assert train.command in done.stdout


def test_an_extra_includes_those_that_it_names() -> None:
    found = {extra.name: extra for extra in extras.extras()}
    assert found["test"].installed.keys() >= found["train"].installed.keys()
    assert found["dev"].installed.keys() >= found["test"].installed.keys()
    assert "cnnkit" not in found["dev"].installed


def test_an_extension_that_cannot_be_loaded_exits_with_three_and_still_shows_the_rest() -> None:
    done = python("import sys; sys.modules['cnnkit._core'] = None; " + DOCTOR)
    assert done.returncode == 3, done.stderr
    assert "the compiled extension cannot be loaded" in done.stdout
    assert "usable by this process" in done.stdout
    assert "Install cnnkit again" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_forced_instruction_set_is_shown_and_a_wrong_one_refused() -> None:
    done = python(DOCTOR, CNNKIT_ISA="scalar")
    assert done.returncode == 0, done.stderr
    assert "scalar, forced by CNNKIT_ISA=scalar" in done.stdout
    done = python(DOCTOR, CNNKIT_ISA="mmx")
    assert done.returncode == 2
    assert "CNNKIT_ISA=mmx" in done.stderr
    assert "scalar" in done.stderr


def test_pinning_ends_with_its_block_whatever_happens() -> None:
    before = usable_cores()

    def fail() -> None:
        with pinned(1) as cores:
            assert cores in ([], [before[-1]])
            assert usable_cores() == (cores or before)
            raise RuntimeError("boom")

    with pytest.raises(RuntimeError, match="boom"):
        fail()
    assert usable_cores() == before
    for threads in (0, len(before) + 1):
        with pytest.raises(InputError, match="--threads"), pinned(threads):
            pass


def test_the_narrowest_quota_of_the_control_groups_binds(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "own").write_text("0::/a/b\n")
    (tmp_path / "a" / "cpu.max").write_text("150000 100000\n")
    (tmp_path / "a" / "b" / "cpu.max").write_text("max 100000\n")
    monkeypatch.setattr(machine, "CGROUP", tmp_path)
    monkeypatch.setattr(machine, "OWN_CGROUP", tmp_path / "own")
    assert machine.core_quota() == 1.5
    (tmp_path / "a" / "cpu.max").unlink()
    assert machine.core_quota() is None


def test_cpu_features_are_read_where_the_system_reports_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(machine, "CPUINFO", tmp_path / "cpuinfo")
    assert machine.cpu_features() == []
    (tmp_path / "cpuinfo").write_text("model name\t: A CPU\nflags\t\t: fpu fma avx2 ht\n")
    assert machine.cpu_features() == ["fma", "avx2"]
    if sys.platform == "linux":
        assert machine.cpu_name() == "A CPU"
