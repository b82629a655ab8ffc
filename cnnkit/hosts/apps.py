"""The installed host apps: `host_folder("onnx", "web")`.

They are the folder export/ of the sources, installed beside the compiled extension.
"""

from __future__ import annotations

from pathlib import Path

import cnnkit
from cnnkit.errors import InputError, MissingError


def _installed() -> Path:
    """Return the folder of all host apps, which is beside the compiled extension.

    Raises:
        MissingError: cnnkit is not installed.
    """
    for folder in cnnkit.__path__:
        if (found := Path(folder, "_hosts")).is_dir():
            return found
    raise MissingError("the host apps", "are not installed", "install cnnkit with `pip install .`")


def hosts() -> list[tuple[str, str]]:
    """Return (format, host) of every host app, sorted."""
    return sorted((file.parts[-3], file.parts[-2]) for file in _installed().glob("*/*/check.sh"))


def host_folder(format: str, host: str, served: str | None = None) -> Path:
    """Return the installed folder of a host app.

    Args:
        format: the folder of host apps.
        host: the host app in it.
        served: another format whose files these host apps take, for the error.

    Raises:
        InputError: there is no such host app.
    """
    if (format, host) not in hosts():
        pairs = hosts()
        if served:  # no other format is made from its files
            pairs = [(served, name) for form, name in pairs if form == format]
        pairs = [pair for pair in pairs if pair[1] == host] or pairs
        known = ", ".join(f"`--format {form} --host {name}`" for form, name in pairs)
        raise InputError(
            f"--host {host}",
            f"is not a host app for the format {served or format}",
            f"choose one of {known}" if len(pairs) > 1 else f"choose {known}",
        )
    return _installed() / format / host
