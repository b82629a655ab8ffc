"""The operating system: files, subprocesses, the CPU, signals and installed packages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnnkit.lazy import attach

if TYPE_CHECKING:
    from cnnkit.system.cpu import cpu_name as cpu_name
    from cnnkit.system.cpu import pinned as pinned
    from cnnkit.system.cpu import process_count as process_count
    from cnnkit.system.cpu import usable_cores as usable_cores
    from cnnkit.system.files import read_bytes as read_bytes
    from cnnkit.system.files import replacing as replacing
    from cnnkit.system.files import replacing_together as replacing_together
    from cnnkit.system.files import sha256 as sha256
    from cnnkit.system.files import write_bytes as write_bytes
    from cnnkit.system.files import write_text as write_text
    from cnnkit.system.packages import extras as extras
    from cnnkit.system.packages import find_version as find_version
    from cnnkit.system.signals import StopSignals as StopSignals
    from cnnkit.system.subprocesses import exchange_folder as exchange_folder
    from cnnkit.system.subprocesses import run_module as run_module

__all__ = [
    "StopSignals",
    "cpu_name",
    "exchange_folder",
    "extras",
    "find_version",
    "pinned",
    "process_count",
    "read_bytes",
    "replacing",
    "replacing_together",
    "run_module",
    "sha256",
    "usable_cores",
    "write_bytes",
    "write_text",
]

__getattr__, __dir__ = attach(
    __name__,
    {
        "StopSignals": ".signals",
        "cpu_name": ".cpu",
        "exchange_folder": ".subprocesses",
        "extras": ".packages",
        "find_version": ".packages",
        "pinned": ".cpu",
        "process_count": ".cpu",
        "read_bytes": ".files",
        "replacing": ".files",
        "replacing_together": ".files",
        "run_module": ".subprocesses",
        "sha256": ".files",
        "usable_cores": ".cpu",
        "write_bytes": ".files",
        "write_text": ".files",
    },
)
