"""A user's own folder is checked file by file; `cnnkit data` reports on every file."""

from __future__ import annotations

import gzip
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import platformdirs
import pytest

from cnnkit.data.dataset import Dataset
from cnnkit.data.idx import format_idx, write_idx
from cnnkit.data.load import load_dataset
from cnnkit.data.registry import DATASETS, FILES
from cnnkit.errors import InputError, StorageError

TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS = FILES


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A small complete data set of random 28x28 images."""
    folder = tmp_path / "own"
    generator = np.random.default_rng(0)
    for images, labels, count in ((*FILES[:2], 30), (*FILES[2:], 12)):
        pixels = generator.integers(0, 256, (count, 28, 28), dtype=np.uint8)
        write_idx(folder / images, pixels)
        write_idx(folder / labels, (np.arange(count) % 10).astype(np.uint8))
    return folder


@pytest.fixture
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    cache = tmp_path / "cache"
    monkeypatch.setattr(platformdirs, "user_cache_path", lambda _: cache)
    return cache


def test_mnist_is_the_published_data(mnist: Dataset) -> None:
    assert mnist.sha256 == DATASETS["mnist"].sha256
    assert mnist.train.images.shape == (60000, 1, 28, 28)
    assert mnist.test.images.shape == (10000, 1, 28, 28)
    assert mnist.train.images.dtype == np.uint8
    assert mnist.train.labels.dtype == np.int64
    assert np.bincount(mnist.test.labels).tolist() == [
        980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009,
    ]  # fmt: skip
    assert mnist.names == tuple("0123456789")


@pytest.mark.parametrize("name", DATASETS)
def test_labels_files_and_digests_fit_what_torchvision_knows(name: str) -> None:
    datasets = pytest.importorskip("torchvision.datasets")
    published = DATASETS[name]
    known = getattr(datasets, published.torchvision)
    assert len(known.classes) == len(published.names) == 10
    if name == "fashion-mnist":
        assert list(published.names) == known.classes
    assert sorted(f"{file.removesuffix('.gz')}.gz" for file in published.sha256) == sorted(
        file for file, _ in known.resources
    )
    assert all(len(digest) == 64 for digest in published.sha256.values())


def test_an_own_folder_is_read_plain_or_gzip_with_dashes_or_dots(folder: Path) -> None:
    plain = load_dataset("mnist", folder)
    for file in FILES[:2]:
        (folder / f"{file}.gz").write_bytes(gzip.compress((folder / file).read_bytes()))
        (folder / file).unlink()
    for file in FILES[2:]:
        (folder / file).rename(folder / file.replace("-idx", ".idx"))
    again = load_dataset("mnist", folder)
    assert again.sha256 == plain.sha256
    assert set(plain.sha256) == set(FILES)
    assert (again.train.images == plain.train.images).all()
    assert again.source == str(folder)


def test_an_own_folder_never_touches_cache_or_network(folder: Path, empty_cache: Path) -> None:
    assert len(load_dataset("fashion-mnist", folder).train.labels) == 30
    assert not empty_cache.exists()


def test_other_sizes_and_more_classes_get_numbers_as_names(folder: Path) -> None:
    for images, labels, count in ((*FILES[:2], 26), (*FILES[2:], 26)):
        write_idx(folder / images, np.zeros((count, 12, 9), np.uint8))
        write_idx(folder / labels, np.arange(count, dtype=np.uint8))
    letters = load_dataset("mnist", folder)
    assert letters.train.images.shape == (26, 1, 12, 9)
    assert letters.names == tuple(map(str, range(26)))


def _missing(folder: Path) -> None:
    (folder / TEST_LABELS).unlink()


def _short(folder: Path) -> None:
    content = (folder / TRAIN_IMAGES).read_bytes()
    (folder / TRAIN_IMAGES).write_bytes(content[:-1])


def _long(folder: Path) -> None:
    with (folder / TRAIN_IMAGES).open("ab") as file:
        file.write(b"\0")


def _cut_gzip(folder: Path) -> None:
    content = gzip.compress((folder / TEST_IMAGES).read_bytes())
    (folder / TEST_IMAGES).write_bytes(content[: len(content) // 2])


def _corrupt_gzip(folder: Path) -> None:
    content = bytearray(gzip.compress((folder / TEST_IMAGES).read_bytes()))
    content[len(content) // 2] ^= 255
    (folder / TEST_IMAGES).write_bytes(content)


def _wrong_magic(folder: Path) -> None:
    (folder / TRAIN_LABELS).write_bytes(b"\x89PNG" + bytes(100))


def _floats(folder: Path) -> None:
    (folder / TRAIN_LABELS).write_bytes(b"\0\0\x0d\1\0\0\0\1" + bytes(4))


def _fewer_labels(folder: Path) -> None:
    write_idx(folder / TRAIN_LABELS, np.zeros(29, np.uint8))


def _swapped(folder: Path) -> None:
    shutil.copy(folder / TEST_LABELS, folder / TEST_IMAGES)


def _empty(folder: Path) -> None:
    write_idx(folder / TEST_IMAGES, np.zeros((0, 28, 28), np.uint8))


def _two_sizes(folder: Path) -> None:
    write_idx(folder / TEST_IMAGES, np.zeros((12, 28, 27), np.uint8))


FAULTS: list[tuple[Callable[[Path], None], str, str]] = [
    (_missing, "own", f"holds no {TEST_LABELS} "),
    (_short, TRAIN_IMAGES, "is too short: its header says 30x28x28"),
    (_long, TRAIN_IMAGES, "is too long"),
    (_cut_gzip, TEST_IMAGES, "is a truncated gzip file"),
    (_corrupt_gzip, TEST_IMAGES, "is a damaged gzip file"),
    (_wrong_magic, TRAIN_LABELS, "is not an IDX file: it starts with 0x89504e47"),
    (_floats, TRAIN_LABELS, "holds float32 values"),
    (_fewer_labels, TRAIN_LABELS, "has 29 labels for 30 images"),
    (_swapped, TEST_IMAGES, "holds an array of shape [12], not images"),
    (_empty, TEST_IMAGES, "holds an array of shape [0, 28, 28], not images"),
    (_two_sizes, TEST_IMAGES, "has images of 28x27"),
]


@pytest.mark.parametrize(("damage", "file", "message"), FAULTS)
def test_each_fault_of_a_folder_is_exit_code_2_naming_the_file(
    folder: Path,
    cli: Callable[..., object],
    damage: Callable[[Path], None],
    file: str,
    message: str,
) -> None:
    damage(folder)
    result = cli("data", "--data", folder)
    assert result.exit_code == 2
    assert f"{file}: {message}" in result.stderr
    assert result.stdout == ""


def test_what_holds_no_data_is_an_input_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    for name, reason in (("nowhere", "does not exist"), ("file", "holds no data")):
        with pytest.raises(InputError, match=f"{reason}.* Give class folders"):
            load_dataset("mnist", tmp_path / name)


def test_a_folder_in_the_place_of_a_file_is_a_storage_error(folder: Path) -> None:
    (folder / TRAIN_LABELS).unlink()
    (folder / TRAIN_LABELS).mkdir()
    with pytest.raises(StorageError, match=TRAIN_LABELS):
        load_dataset("mnist", folder)


def test_an_unknown_name_is_refused_with_the_known_ones() -> None:
    with pytest.raises(InputError, match=f"Use {' or '.join(DATASETS)}"):
        load_dataset("cifar")


def test_data_shows_counts_hashes_and_source(cli: Callable[..., object], mnist: Dataset) -> None:
    result = cli("data", "--json")
    document = json.loads(result.stdout)
    assert (result.exit_code, document["command"], document["complete"]) == (0, "data", True)
    assert [file["name"] for file in document["files"]] == list(FILES)
    assert [file["sha256"] for file in document["files"]] == list(mnist.sha256.values())
    assert {file["verdict"] for file in document["files"]} == {"published"}
    assert document["files"][0]["shape"] == [60000, 28, 28]
    shown = cli("data").stdout
    assert shown.count("the published file") == 4
    assert all(digest in shown for digest in mnist.sha256.values())


def test_data_says_of_an_own_folder_which_files_are_the_published_ones(
    folder: Path, cli: Callable[..., object], mnist: Dataset
) -> None:
    content = format_idx(mnist.test.labels.astype(np.uint8))
    (folder / TEST_LABELS).write_bytes(gzip.compress(content))
    write_idx(folder / TEST_IMAGES, np.zeros((10000, 28, 28), np.uint8))
    result = cli("data", "--data", folder, "--json")
    assert result.exit_code == 0
    verdicts = [file["verdict"] for file in json.loads(result.stdout)["files"]]
    assert verdicts == ["other", "other", "other", "published"]


def test_plain_fashion_files_are_whole_but_cannot_be_compared(
    folder: Path, cli: Callable[..., object]
) -> None:
    result = cli("data", "--dataset", "fashion-mnist", "--data", folder)
    assert result.exit_code == 0
    assert result.stdout.count("only hashes of the gzip files were published") == 4


def test_an_empty_cache_is_told_with_the_way_to_fill_it(
    empty_cache: Path, cli: Callable[..., object]
) -> None:
    result = cli("data")
    assert result.exit_code == 0
    assert result.stdout.count("missing") == 4
    assert "--fetch" in result.stdout
    assert not empty_cache.exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"\0\0\x08\1\0\0\0\5", "is too short"), (format_idx(np.zeros(5, np.uint8)), "SHA-256")],
)
def test_a_wrong_file_in_the_cache_is_exit_code_2(
    empty_cache: Path, cli: Callable[..., object], content: bytes, message: str
) -> None:
    (empty_cache / "mnist").mkdir(parents=True)
    (empty_cache / "mnist" / TEST_LABELS).write_bytes(content)
    result = cli("data")
    assert result.exit_code == 2
    assert TEST_LABELS in result.stderr
    assert message in result.stderr
    assert "--fetch" in result.stderr


def test_fetch_fills_the_cache_and_not_a_folder(folder: Path, cli: Callable[..., object]) -> None:
    result = cli("data", "--fetch", "--data", folder)
    assert result.exit_code == 2
    assert "--fetch" in result.stderr


def test_a_user_without_a_home_is_told_what_to_set(
    cli: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr("os.path.expanduser", lambda path: path)  # as without a passwd entry
    result = cli("data")
    assert result.exit_code == 5
    assert "set HOME or XDG_CACHE_HOME" in result.stderr.replace("Set HOME", "set HOME")
