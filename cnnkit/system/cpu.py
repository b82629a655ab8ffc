"""The CPU and the cores that this process may use: `cpu_name()`, `usable_cores()`, `pinned(1)`."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cnnkit.errors import InputError

CPUINFO = Path("/proc/cpuinfo")
CGROUP = Path("/sys/fs/cgroup")
OWN_CGROUP = Path("/proc/self/cgroup")
# Of the more than one hundred flags that Linux lists, those that decide which kernels can run.
FEATURES = (
    *("sse2", "sse4_2", "avx", "f16c", "fma", "avx2", "avx_vnni"),
    *("avx512f", "avx512dq", "avx512cd", "avx512bw", "avx512vl", "avx512_vnni", "avx512_bf16"),
    *("amx_tile", "amx_bf16", "asimd", "asimdhp", "asimddp", "i8mm", "bf16", "sve", "sve2"),
)


def _cpuinfo(key: str) -> str:
    """Return the first value of a key in Linux's /proc/cpuinfo, or an empty string."""
    try:
        lines = CPUINFO.read_text().splitlines()
    except OSError:
        return ""
    return next(
        (
            value.strip()
            for k, _, value in (line.partition(":") for line in lines)
            if k.strip() == key
        ),
        "",
    )


def cpu_name() -> str:
    """Return the CPU's model name as the operating system reports it."""
    if platform.system() == "Darwin":
        sysctl = subprocess.run(
            ["/usr/sbin/sysctl", "-n", "machdep.cpu.brand_string"],
            capture_output=True,
            text=True,
            check=False,
        )
        if sysctl.stdout.strip():
            return sysctl.stdout.strip()
    name = _cpuinfo("model name") or platform.processor() or platform.machine()
    family, model = _cpuinfo("cpu family"), _cpuinfo("model")
    # Cloud machines hide the product name ("AMD EPYC"); family and model identify the design.
    return f"{name} (family {family}, model {model})" if family and model else name


def cpu_features() -> list[str]:
    """Return the members of `FEATURES` that the operating system reports; empty if it cannot."""
    flags = set((_cpuinfo("flags") or _cpuinfo("Features")).split())
    return [name for name in FEATURES if name in flags]


def usable_cores() -> list[int]:
    """Return the numbers of the cores that this process may run on (its CPU affinity)."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def core_quota() -> float | None:
    """Return the control group's CPU quota in cores; None without a limit."""
    try:
        line = next(x for x in OWN_CGROUP.read_text().splitlines() if x.startswith("0::"))
        folder = CGROUP / line.removeprefix("0::").lstrip("/")
    except (OSError, StopIteration):
        folder = CGROUP
    quotas = []
    for group in (folder, *folder.parents):  # the limits of all parents apply too
        if not group.is_relative_to(CGROUP):
            break
        try:
            quota, period = (group / "cpu.max").read_text().split()
            if quota != "max":
                quotas.append(int(quota) / int(period))
        except (OSError, ValueError):
            continue
    try:  # control groups of version 1
        quota = (CGROUP / "cpu/cpu.cfs_quota_us").read_text()
        period = (CGROUP / "cpu/cpu.cfs_period_us").read_text()
        if int(quota) > 0:
            quotas.append(int(quota) / int(period))
    except (OSError, ValueError):
        pass
    return min(quotas, default=None)


def process_count() -> int:
    """Return how many CPU-bound processes may run at a time, by affinity and quota; at least 1."""
    quota = core_quota()
    cores = len(usable_cores())
    return max(1, cores if quota is None else min(cores, int(quota)))


@contextmanager
def pinned(threads: int) -> Iterator[list[int]]:
    """Pin this process to `threads` of its cores; yield their numbers, [] where it is unsupported.

    It takes the last cores, because operating systems put their own work on the first ones.

    Raises:
        InputError: this process may use fewer cores than `threads`.
    """
    before = usable_cores()
    if not 1 <= threads <= len(before):
        raise InputError(
            "--threads",
            f"{threads} is not between 1 and the {len(before)} cores that this process may use",
            "ask for fewer threads, or start it with more cores",
        )
    if not hasattr(os, "sched_setaffinity"):
        yield []
        return
    cores = before[-threads:]
    os.sched_setaffinity(0, cores)
    try:
        yield cores
    finally:
        os.sched_setaffinity(0, before)
