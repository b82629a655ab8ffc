"""Report on the files of a data set, compared with the published ones: `inventory("mnist")`."""

from __future__ import annotations

import shlex
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from cnnkit.data.dataset import cache_folder, find_files
from cnnkit.data.download import fetch, read_origins
from cnnkit.data.idx import decompress, parse_idx
from cnnkit.data.load import has_idx, load_dataset, name_of
from cnnkit.data.named.load import fetch_named, is_whole, named_folder
from cnnkit.data.named.table import NAMED
from cnnkit.data.registry import DATASETS, FILES, find_published
from cnnkit.errors import InputError
from cnnkit.system.files import read_bytes, sha256


class Verdict(StrEnum):
    """How a file compares with the published file of that name."""

    PUBLISHED = "published"  # same SHA-256, or the MD5 sum that the authors state
    OTHER = "other"  # valid, but different: fine in a user's own folder, wrong in the cache
    UNCHECKED = "unchecked"  # the digest of its uncompressed form was never published
    DAMAGED = "damaged"
    MISSING = "missing"


@dataclass(frozen=True)
class FileReport:
    """Report on one of a data set's files.

    Attributes:
        name: its standard name.
        verdict: how it compares with the published file.
        path: where it is; None if it is missing.
        source: where it came from; empty if unknown.
        shape: [N, H, W] or [N]; empty if it cannot be read, or is no IDX file.
        sha256: of the file, uncompressed if it is IDX; empty if it cannot be read.
        problem: why a damaged file cannot be read.
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
    """The files of a data set in one folder."""

    dataset: str
    folder: Path
    cached: bool  # the folder is cnnkit's cache, which may hold published files only
    files: list[FileReport]

    @property
    def complete(self) -> bool:
        """All files are present and readable."""
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
        """Raise InputError for the first damaged or wrong file in the cache; missing ones are fine.

        A user's own folder needs no check: `inventory` has read it.
        """
        for file in self.files if self.cached else ():
            if file.verdict in (Verdict.DAMAGED, Verdict.OTHER):
                raise InputError(
                    file.path,
                    file.problem or "is not the published file: its SHA-256 differs",
                    f"run `cnnkit data --dataset {self.dataset} --fetch`",
                )


def inventory(
    name: str, folder: Path | None = None, fetch_missing: bool = False, quiet: bool = False
) -> Inventory:
    """Report on the files of a data set, in `folder` or in the cache.

    Args:
        name: a key of DATASETS or NAMED.
        folder: a user's own IDX folder; it must be complete. Where there is none, it may be a key
            of those, too.
        fetch_missing: download the files that are missing from the cache or damaged there.
        quiet: show no progress.

    Raises:
        InputError: the name is unknown, or `folder` is not a complete IDX folder.
        NetworkError: a file could not be downloaded.
        StorageError: a file cannot be read or written.
    """
    if folder is not None and (by_name := name_of(folder)) is not None:
        name, folder = by_name, None
    if name in NAMED:
        if folder is not None:
            raise InputError("--dataset", f"is {name}, which --data replaces", "give one of them")
        return _named(name, fetch_missing, quiet)
    if name not in DATASETS:
        known = ", ".join((*DATASETS, *NAMED))
        raise InputError(name, "is not a known data set", f"use one of {known}")
    published = find_published(name)
    if folder is not None:
        if fetch_missing:
            raise InputError("--fetch", "fills the cache, not a folder", "leave --data out")
        if not has_idx(folder):
            raise InputError(
                folder,
                "has no IDX files, whose shapes and digests would be shown",
                f"run `cnnkit data check {shlex.quote(str(folder))}` to look at other data",
            )
        load_dataset(folder=folder, quiet=quiet)  # which checks that they fit together
        paths = find_files(folder)
        return Inventory(name, folder, False, [report(name, file, paths[file]) for file in FILES])
    cache = cache_folder(name)
    if fetch_missing:
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
    # The published digest is that of the plain file or that of the gzip file.
    digests = {name: sha256(raw), f"{name}.gz": sha256(content)}
    expected = find_published(dataset).sha256
    if any(expected.get(form) == digest for form, digest in digests.items()):
        verdict = Verdict.PUBLISHED
    else:
        plain = raw is content
        verdict = Verdict.OTHER if name in expected or not plain else Verdict.UNCHECKED
    return FileReport(name, verdict, path, source, shape, digests[name])


def _named(name: str, fetch_missing: bool, quiet: bool) -> Inventory:
    """Report on a data set of NAMED, whose files have published MD5 sums."""
    if fetch_missing:
        fetch_named(name, quiet)
    folder, files = named_folder(name), []
    for file in NAMED[name].files:
        path = folder / file.name
        if not path.exists():
            files.append(FileReport(file.name, Verdict.MISSING, source=file.url))
            continue
        whole = is_whole(path, file)
        verdict = Verdict.PUBLISHED if whole else Verdict.DAMAGED
        problem = "" if whole else "is not the published file: its MD5 sum differs"
        digest = sha256(read_bytes(path))
        files.append(FileReport(file.name, verdict, path, file.url, (), digest, problem))
    return Inventory(name, folder, True, files)
