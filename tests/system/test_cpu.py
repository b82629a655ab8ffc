"""What the machine is, and what this process may use of it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from cnnkit.errors import InputError
from cnnkit.system import cpu
from cnnkit.system.cpu import pinned, usable_cores


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
    monkeypatch.setattr(cpu, "CGROUP", tmp_path)
    monkeypatch.setattr(cpu, "OWN_CGROUP", tmp_path / "own")
    assert cpu.core_quota() == 1.5
    (tmp_path / "a" / "cpu.max").unlink()
    assert cpu.core_quota() is None


def test_cpu_features_are_read_where_the_system_reports_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(cpu, "CPUINFO", tmp_path / "cpuinfo")
    assert cpu.cpu_features() == []
    (tmp_path / "cpuinfo").write_text("model name\t: A CPU\nflags\t\t: fpu fma avx2 ht\n")
    assert cpu.cpu_features() == ["fma", "avx2"]
    if sys.platform == "linux":
        assert cpu.cpu_name() == "A CPU"
