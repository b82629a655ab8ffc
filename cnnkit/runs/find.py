"""Find weights files: `find_weights(None)` is that of the newest run."""

from __future__ import annotations

from pathlib import Path

from cnnkit.errors import InputError

RUNS = Path("runs")
WEIGHTS_FILE, LAST_FILE, CONFIG_FILE = "weights.safetensors", "last.safetensors", "config.json"


def find_weights(path: Path | None) -> Path:
    """Return the weights file of `path`: the file itself, a run folder's, or the newest run's.

    Raises:
        InputError: no weights were found, or a run's are not those that its manifest tells of.
        StorageError: they cannot be read.
    """
    file = _find(path)
    if file.name == WEIGHTS_FILE:
        from cnnkit.runs.manifest import check_manifest  # which loads what reads weights files

        check_manifest(file)
    return file


def _find(path: Path | None) -> Path:
    if path is None:
        found = sorted(RUNS.glob(f"*/*/{WEIGHTS_FILE}"), key=lambda file: file.stat().st_mtime)
        if not found:
            raise InputError(
                RUNS,
                "holds no run with a complete epoch",
                "run `cnnkit train` first, or give a weights file",
            )
        return found[-1]
    if path.is_dir():
        if not (path / WEIGHTS_FILE).is_file():
            raise InputError(
                path,
                f"holds no {WEIGHTS_FILE}",
                "give a run folder with a complete epoch, or a weights file",
            )
        return path / WEIGHTS_FILE
    return path
