"""The extension's stub says what the extension is."""

from __future__ import annotations

import subprocess
import sys

import pytest


def test_the_stub_matches_the_extension() -> None:
    pytest.importorskip("mypy", reason="mypy is in the extra `dev`; `nox -s types` runs this too")
    done = subprocess.run(
        [sys.executable, "-m", "mypy.stubtest", "cnnkit._core"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
