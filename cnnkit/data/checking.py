"""What would spoil a training on a person's own data: `check_data(Path("signs"))`."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from cnnkit.data.load import ACCEPTED, has_idx
from cnnkit.data.own.check.run import Report, check_folder, check_idx
from cnnkit.errors import InputError


def check_data(root: Path, manifest: Path | None = None, console: Console | None = None) -> Report:
    """Look at every picture of a folder or file that `load_dataset` takes.

    Args:
        root: the folder or file.
        manifest: a table with labels; None looks for one in the folder.
        console: for progress; None shows nothing.

    Raises:
        InputError: the data is missing, damaged or inconsistent.
        StorageError: it cannot be read, or the cache cannot be written.
    """
    if manifest is None and has_idx(root):
        return check_idx(root)
    report = check_folder(root, manifest, console or Console(quiet=True))
    if report is None:
        raise InputError(root, "holds no data that cnnkit knows", ACCEPTED)
    return report
