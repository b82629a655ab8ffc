"""Published data sets are read from files of their own formats, or the way to get them is told."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import platformdirs
import pytest
from numpy.typing import NDArray

from cnnkit.data import sources
from cnnkit.data.idx import format_idx
from cnnkit.data.load import load_dataset
from cnnkit.data.named import load as loading
from cnnkit.data.named.table import NAMED, File
from cnnkit.data.own.options import PictureOptions
from cnnkit.errors import InputError, NetworkError
from cnnkit.train.config import TrainConfig
from cnnkit.train.config_file import config_text, read_config

Array = NDArray[Any]
RANDOM = np.random.default_rng(7)


def pixels(*shape: int) -> NDArray[np.uint8]:
    return RANDOM.integers(0, 256, shape, np.uint8)


def element(kind: int, content: bytes) -> bytes:
    return struct.pack("<II", kind, len(content)) + content + bytes(-len(content) % 8)


def matrix(name: str, array: Array, kind: int, number: int) -> bytes:
    """Return a MATLAB element; a short name is stored in its tag's eight bytes."""
    short = struct.pack("<HH", 1, len(name)) + name.encode().ljust(4, b"\0")
    return element(
        14,
        element(6, struct.pack("<II", number, 0))
        + element(5, np.array(array.shape, "<i4").tobytes())
        + short
        + element(kind, array.tobytes(order="F")),
    )


def mat(images: Array, labels: Array) -> bytes:
    packed = zlib.compress(matrix("X", images.transpose(2, 3, 1, 0), 2, 9))
    head = b"MATLAB 5.0 MAT-file".ljust(124) + b"\x00\x01IM"
    stored = struct.pack("<II", 15, len(packed)) + packed
    return head + stored + matrix("y", labels.astype("<f8")[:, None], 9, 6)


def kmnist() -> dict[str, bytes]:
    found = {}
    for file, array in zip(
        NAMED["kmnist"].files,
        (pixels(5, 28, 28), np.arange(5), pixels(3, 28, 28), np.arange(3)),
        strict=True,
    ):
        found[file.name] = gzip.compress(format_idx(array.astype(np.uint8)))
    return found


def qmnist() -> dict[str, bytes]:
    found = {}
    for images, labels, count in zip(*[iter(NAMED["qmnist"].files)] * 2, (5, 3), strict=True):
        found[images.name] = gzip.compress(format_idx(pixels(count, 28, 28)))
        rows = np.zeros((count, 8), ">i4")
        rows[:, 0], rows[:, 1] = np.arange(count), 99
        head = b"\x00\x00\x0c\x02" + struct.pack(">II", count, 8)
        found[labels.name] = gzip.compress(head + rows.tobytes())
    return found


def emnist() -> dict[str, bytes]:
    content, image = io.BytesIO(), np.zeros((2, 28, 28), np.uint8)
    image[:, 3, 20] = 255  # column 3, row 20: EMNIST stores columns first
    with zipfile.ZipFile(content, "w") as archive:
        for part, first in (("balanced", 0), ("letters", 1)):
            for side in ("train", "test"):
                name = f"gzip/emnist-{part}-{side}"
                labels = np.arange(first, first + 2, dtype=np.uint8)
                packed = gzip.compress(format_idx(image)), gzip.compress(format_idx(labels))
                archive.writestr(f"{name}-images-idx3-ubyte.gz", packed[0])
                archive.writestr(f"{name}-labels-idx1-ubyte.gz", packed[1])
    return {"gzip.zip": content.getvalue()}


def cifar10() -> dict[str, bytes]:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        names = [*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"]
        for index, name in enumerate(names):
            rows = np.zeros((2, 3073), np.uint8)
            rows[:, 0], rows[:, 1 + 1024 + 33] = index, 200  # green, second row and column
            info = tarfile.TarInfo(f"cifar-10-batches-bin/{name}.bin")
            info.size = rows.size
            archive.addfile(info, io.BytesIO(rows.tobytes()))
    return {"cifar-10-binary.tar.gz": content.getvalue()}


def svhn() -> dict[str, bytes]:
    images = np.zeros((3, 3, 32, 32), np.uint8)
    images[0, 1, 2, 5] = 77  # green, third row, sixth column
    labels = np.array([10, 1, 9])
    return {"train_32x32.mat": mat(images, labels), "test_32x32.mat": mat(images, labels)}


CONTENTS: dict[str, Callable[[], dict[str, bytes]]] = {
    "kmnist": kmnist, "qmnist": qmnist, "emnist": emnist, "cifar10": cifar10, "svhn": svhn,
}  # fmt: skip


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(platformdirs, "user_cache_path", lambda _: tmp_path / "cache")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "cache"


@pytest.fixture
def place(cache: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Put small files into the cache, as a person does by hand, and publish their MD5 sums."""

    def put(name: str) -> None:
        folder, contents = cache / name.partition("-")[0], CONTENTS[name.partition("-")[0]]()
        folder.mkdir(parents=True, exist_ok=True)
        for file, content in contents.items():
            (folder / file).write_bytes(content)
        sums = {file: hashlib.md5(content).hexdigest() for file, content in contents.items()}
        files = tuple(replace(file, md5=sums[file.name]) for file in NAMED[name].files)
        monkeypatch.setitem(NAMED, name, replace(NAMED[name], files=files))

    return put


def no_network(url: str, *_: Any) -> bytes:
    raise sources.Unavailable("Connection refused")


@pytest.mark.parametrize("name", ["kmnist", "qmnist"])
def test_gray_sets_are_read_from_gzip_files(name: str, place: Callable[[str], None]) -> None:
    place(name)
    data = load_dataset(folder=Path(name))
    assert (data.name, data.names) == (name, NAMED[name].names)
    assert data.train.images.shape == (5, 1, 28, 28)
    assert data.train.labels.tolist() == [0, 1, 2, 3, 4]
    assert data.test.labels.tolist() == [0, 1, 2]


def test_letters_stand_upright_and_begin_with_a(place: Callable[[str], None]) -> None:
    for name, label in (("emnist", "0"), ("emnist-letters", "a")):
        place(name)
        data = load_dataset(folder=Path(name))
        assert data.train.images[0, 0, 20, 3] == 255
        assert np.count_nonzero(data.train.images[0]) == 1
        assert data.names[data.test.labels[0]] == label


def test_cifar_is_read_from_its_binary_archive(place: Callable[[str], None]) -> None:
    place("cifar10")
    data = load_dataset(folder=Path("cifar10"))
    assert data.train.images.shape == (10, 3, 32, 32)
    assert data.train.labels.tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
    assert data.test.images[0, 1, 1, 1] == 200
    assert np.count_nonzero(data.test.images[0]) == 1


def test_house_numbers_are_read_from_matlab_files(place: Callable[[str], None]) -> None:
    place("svhn")
    data = load_dataset(folder=Path("svhn"))
    assert data.train.labels.tolist() == [0, 1, 9]
    assert data.train.images[0, 1, 2, 5] == 77
    assert np.count_nonzero(data.train.images) == 1


@pytest.mark.parametrize("name", CONTENTS)
def test_damaged_files_are_refused_by_name(
    name: str, place: Callable[[str], None], cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place(name)
    file = cache / name / NAMED[name].files[-1].name
    whole = file.read_bytes()
    for content in (whole[: len(whole) // 2], b"<html>", whole[: len(whole) // 4], b""):
        file.write_bytes(content)
        sums = File(NAMED[name].files[-1].url, hashlib.md5(content).hexdigest())
        files = (*NAMED[name].files[:-1], sums)
        monkeypatch.setitem(NAMED, name, replace(NAMED[name], files=files))
        with pytest.raises(InputError, match=file.name):
            load_dataset(folder=Path(name))


def test_data_shows_which_files_are_whole_damaged_or_missing(
    cli: Callable[..., Any], place: Callable[[str], None], cache: Path
) -> None:
    place("qmnist")
    files = [file.name for file in NAMED["qmnist"].files]
    (cache / "qmnist" / files[1]).write_bytes(b"half a file")
    (cache / "qmnist" / files[2]).unlink()
    result = cli("data", "--dataset", "qmnist", "--json")
    document = json.loads(result.stdout)
    verdicts = {file["name"]: file["verdict"] for file in document["files"]}
    assert verdicts == dict(
        zip(files, ("published", "damaged", "missing", "published"), strict=True)
    )
    assert (result.exit_code, document["complete"]) == (2, False)
    assert "its MD5 sum differs. Run `cnnkit data --dataset qmnist --fetch`" in result.stderr
    assert cli("data", "--data", "qmnist", "--json").stdout == result.stdout


def test_data_fetches_what_the_cache_lacks(
    cli: Callable[..., Any],
    place: Callable[[str], None],
    cache: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    place("svhn")
    lost, asked = NAMED["svhn"].files[1], []
    content = (cache / "svhn" / lost.name).read_bytes()
    (cache / "svhn" / lost.name).unlink()
    monkeypatch.setattr(loading, "download", lambda url, *_: asked.append(url) or content)
    shown = cli("data", "--dataset", "svhn")
    assert lost.url in shown.stdout
    assert "`cnnkit data --dataset svhn --fetch` downloads the rest" in shown.stdout
    fetched = cli("data", "--dataset", "svhn", "--fetch")
    assert (fetched.exit_code, asked) == (0, [lost.url])
    assert fetched.stdout.count("the published file") == 2


def test_a_refused_connection_tells_what_to_do_by_hand(
    place: Callable[[str], None], cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place("kmnist")
    monkeypatch.setattr(loading, "download", no_network)
    (cache / "kmnist" / "t10k-images-idx3-ubyte.gz").write_bytes(b"a broken download")
    (cache / "kmnist" / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(NetworkError) as caught:
        load_dataset(folder=Path("kmnist"))
    error = caught.value
    assert "t10k-images-idx3-ubyte.gz cannot be downloaded (Connection refused)" in error.reason
    assert f"put it into {cache / 'kmnist'} under its own name" in error.remedy
    listed = [file.url for file in NAMED["kmnist"].files[2:]]
    assert [line.split()[0] for line in error.details] == listed
    (cache / "kmnist" / "t10k-images-idx3-ubyte.gz").unlink()
    place("kmnist")
    assert load_dataset(folder=Path("kmnist")).name == "kmnist"


def test_only_the_published_file_is_kept(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "download", lambda *_: b"another file")
    with pytest.raises(NetworkError, match="its MD5 sum is not the published one"):
        load_dataset(folder=Path("svhn"))
    assert not list((cache / "svhn").iterdir())


def test_a_folder_of_that_name_is_a_persons_own(cache: Path) -> None:
    Path("kmnist").mkdir()
    with pytest.raises(InputError, match="kmnist: holds no data that cnnkit knows"):
        load_dataset(folder=Path("kmnist"))


def test_arrays_take_no_options_for_pictures(place: Callable[[str], None]) -> None:
    place("kmnist")
    with pytest.raises(InputError, match="--size: is for pictures"):
        load_dataset(folder=Path("kmnist"), options=PictureOptions(size=(9, 9)))


def test_a_config_repeats_the_name(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(config_text(TrainConfig(data=Path("kmnist"))))
    assert read_config(tmp_path / "config.toml")["data"] == Path("kmnist")


def test_addresses_and_sums_are_those_of_torchvision() -> None:
    from torchvision import datasets as theirs

    known = {
        *((theirs.KMNIST.mirrors[0] + name, md5) for name, md5 in theirs.KMNIST.resources),
        *(each for side in ("train", "test") for each in theirs.QMNIST.resources[side]),
        (theirs.EMNIST.url, theirs.EMNIST.md5),
        *((url, md5) for url, _, md5 in theirs.SVHN.split_list.values()),
    }
    files = {(f.url, f.md5) for name, row in NAMED.items() if name != "cifar10" for f in row.files}
    assert files <= known
    assert NAMED["kmnist"].names == tuple(theirs.KMNIST.classes)
    for name in ("balanced", "byclass", "bymerge", "digits"):
        assert NAMED[f"emnist-{name}"].names == tuple(theirs.EMNIST.classes_split_dict[name])
    assert NAMED["emnist-letters"].names == tuple(theirs.EMNIST.classes_split_dict["letters"][1:])
