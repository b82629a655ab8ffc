"""`cnnkit doctor` diagnoses the installation, and fails only if it is broken."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from cnnkit.data.named.table import NAMED
from cnnkit.data.registry import DATASETS
from cnnkit.system import packages
from cnnkit.system.cpu import usable_cores


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
    assert set(document["data"]) == {*DATASETS, *NAMED}


def test_doctor_imports_no_framework() -> None:
    done = python(
        "from cnnkit.doctor.environment import examine; examine(); import sys;"
        "print([m for m in ('torch', 'onnxruntime', 'matplotlib') if m in sys.modules])"
    )
    assert done.stdout.strip() == "[]", done.stderr


def test_a_missing_extra_is_no_error_and_names_its_command(
    cli: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    find = packages.find_version
    monkeypatch.setattr(packages, "find_version", lambda p: None if p == "torch" else find(p))
    train = next(extra for extra in packages.extras() if extra.name == "train")
    assert not train.complete
    assert train.command == "python -m pip install 'torch>=2.4'"
    done = cli("doctor")
    assert done.exit_code == 0
    assert f"torch not installed; for {train.unlocks}" in done.stdout
    assert train.command in done.stdout


def test_an_extension_that_cannot_be_loaded_does_not_hide_the_rest() -> None:
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
