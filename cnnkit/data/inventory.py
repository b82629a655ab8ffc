"""What lies where, and whether it is the published data: `inventory("mnist")`."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from cnnkit.data.dataset import cache_folder, find_files, read_folder
from cnnkit.data.download import fetch, read_origins
from cnnkit.data.idx import decompress, parse_idx
from cnnkit.data.registry import FILES, find_published
from cnnkit.errors import InputError
from cnnkit.system.files import read_bytes, sha256


class Verdict(StrEnum):
    """How a file compares with the published one of that name."""

    PUBLISHED = "published"  # equal by SHA-256
    OTHER = "other"  # whole, but another: right in a person's own folder, wrong in the cache
    UNCHECKED = "unchecked"  # no digest of its uncompressed form was ever published
    DAMAGED = "damaged"
    MISSING = "missing"


@dataclass(frozen=True)
class FileReport:
    """One of the four files.

    Attributes:
        name: its standard name.
        verdict: how it compares with the published one.
        path: where it is; None where it is missing.
        source: where it came from, as far as that is known.
        shape: [N, H, W] or [N]; empty where it cannot be read.
        sha256: of the uncompressed IDX file; empty where it cannot be read.
        problem: what is wrong with a damaged one.
    """

    name: str
    verdict: Verdict
    path: Path | None = None
    source: str = ""
    shape: tuple[int, ...] = ()
    sha256: str = ""
    problem: str = ""


@dataclass(frozen=True)
class Inventory:
    """The four files of a data set in one folder."""

    dataset: str
    folder: Path
    cached: bool  # the folder is ours, so only published files may be in it
    files: list[FileReport]

    @property
    def complete(self) -> bool:
        """All four files are here and whole."""
        return not {file.verdict for file in self.files} & {Verdict.MISSING, Verdict.DAMAGED}

    def to_json(self) -> dict[str, Any]:
        """Return the inventory as JSON values."""
        files = [
            {**asdict(file), "path": str(file.path) if file.path else None} for file in self.files
        ]
        return {
            "dataset": self.dataset,
            "folder": str(self.folder),
            "cached": self.cached,
            "complete": self.complete,
            "files": files,
        }

    def check(self) -> None:
        """Raise InputError for the first file that must not be what it is; missing is no error."""
        # A person's own folder was read before it was reported on: nothing in it is damaged.
        for file in self.files if self.cached else ():
            if file.verdict in (Verdict.DAMAGED, Verdict.OTHER):
                raise InputError(
                    file.path,
                    file.problem or "is not the published file (its SHA-256)",
                    f"run `cnnkit data --dataset {self.dataset} --fetch`",
                )


def inventory(
    name: str, folder: Path | None = None, bring: bool = False, quiet: bool = False
) -> Inventory:
    """Report on the four files of a data set, in `folder` or in the cache.

    Args:
        name: a key of `cnnkit.data.DATASETS`.
        folder: a person's own IDX folder; it must be whole.
        bring: fetch into the cache what is missing or damaged there.
        quiet: show no progress.

    Raises:
        InputError: the name is unknown, or `folder` is no whole IDX folder.
        NetworkError: `bring`, and no source delivered.
        StorageError: a file cannot be read or written.
    """
    published = find_published(name)
    if folder is not None:
        if bring:
            raise InputError("--fetch", "fills the cache, not a folder", "leave --data out")
        read_folder(folder, str(folder))
        paths = find_files(folder)
        return Inventory(name, folder, False, [report(name, file, paths[file]) for file in FILES])
    cache = cache_folder(name)
    if bring:
        fetch(published, cache, quiet)
    kept = {file.removesuffix(".gz"): cache / file for file in published.sha256}
    return Inventory(name, cache, True, [report(name, file, kept[file]) for file in FILES])


def report(dataset: str, name: str, path: Path) -> FileReport:
    """Report on one file; `name` is its standard name."""
    if not path.exists():
        return FileReport(name, Verdict.MISSING)
    source = read_origins(path.parent).get(path.name, "")
    content = read_bytes(path)
    try:
        raw = decompress(content, path)
        shape = parse_idx(raw, path).shape
    except InputError as error:
        return FileReport(name, Verdict.DAMAGED, path, source, problem=error.reason)
    # What was published is a digest of the one form or of the other.
    digests = {name: sha256(raw), f"{name}.gz": sha256(content)}
    expected = find_published(dataset).sha256
    if any(expected.get(form) == digest for form, digest in digests.items()):
        verdict = Verdict.PUBLISHED
    else:
        plain = raw is content
        verdict = Verdict.OTHER if name in expected or not plain else Verdict.UNCHECKED
    return FileReport(name, verdict, path, source, shape, digests[name])
