"""Truncated and bit-flipped artefacts are refused or found wrong, and never crash the process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SUPPORT = Path(__file__).parents[1] / "support"
FUZZ = SUPPORT / "fuzz_artefact.py"


@pytest.mark.parametrize("name", ["onnx", "onnx-int8", "pt2", "torchscript"])
def test_random_damage_is_refused_or_found_or_harmless(
    artefacts: dict[str, Path], weights_file: Path, name: str
) -> None:
    # In a process of its own: a runtime that crashes would take the test run with it.
    command = [sys.executable, FUZZ, artefacts[name], weights_file, "200", "1"]
    environment = {**os.environ, "PYTHONPATH": str(FUZZ.parents[1])}  # for support.corruptions
    done = subprocess.run(command, text=True, capture_output=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout)
    assert sum(found.values()) == 200
    assert found.get("silent", 0) == 0, found
    assert found["refused"] >= 40  # every truncation, at least


def test_damaged_files_of_other_tools_are_refused_or_found_wrong(tmp_path: Path) -> None:
    lines = tmp_path / "lines.jsonl"
    command = [sys.executable, SUPPORT / "fuzz_networks.py", lines, "38", "5"]
    done = subprocess.run(command, text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    found = [json.loads(line) for line in lines.read_text().splitlines()]
    assert len(found) == 5
    assert {each["became"] for each in found} <= {"refused", "wrong", "harmless", "rounding"}
