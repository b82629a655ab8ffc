"""The host apps that came with the installation: `host_folder("onnx", "web")`.

They are the folder export/ of the sources, installed beside the compiled extension.
"""

from __future__ import annotations

from pathlib import Path

from cnnkit import _core
from cnnkit.errors import InputError

HOSTS = Path(_core.__file__).parent / "_hosts"


def hosts() -> list[tuple[str, str]]:
    """Return (format, host) of every host, sorted."""
    return sorted((file.parts[-3], file.parts[-2]) for file in HOSTS.glob("*/*/check.sh"))


def host_folder(format: str, host: str) -> Path:
    """Return the installed folder of a host.

    Raises:
        InputError: there is no such host.
    """
    if (format, host) not in hosts():
        known = ", ".join(f"{form}/{name}" for form, name in hosts())
        raise InputError(f"{format}/{host}", "is no host", f"choose one of {known}")
    return HOSTS / format / host
