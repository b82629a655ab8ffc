"""The host apps that came with the installation: `host_folder("onnx", "web")`.

They are the folder export/ of the sources, installed beside the compiled extension.
"""

from __future__ import annotations

from pathlib import Path

import cnnkit
from cnnkit.errors import InputError, MissingError


def _installed() -> Path:
    """Return the folder of all hosts, in the one of a package's folders that holds compiled files.

    Raises:
        MissingError: cnnkit is not installed.
    """
    for folder in cnnkit.__path__:
        if (found := Path(folder, "_hosts")).is_dir():
            return found
    raise MissingError("the host apps", "are not installed", "install cnnkit with `pip install .`")


def hosts() -> list[tuple[str, str]]:
    """Return (format, host) of every host, sorted."""
    return sorted((file.parts[-3], file.parts[-2]) for file in _installed().glob("*/*/check.sh"))


def host_folder(format: str, host: str) -> Path:
    """Return the installed folder of a host.

    Raises:
        InputError: there is no such host.
    """
    if (format, host) not in hosts():
        known = ", ".join(f"{form}/{name}" for form, name in hosts())
        raise InputError(f"{format}/{host}", "is no host", f"choose one of {known}")
    return _installed() / format / host
