"""The classes of a user's own data get their names from classes.txt or numbers, never MNIST's."""

from __future__ import annotations

import gzip
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cnnkit.data.idx import format_idx, write_idx
from cnnkit.data.load import load_dataset
from cnnkit.data.registry import DATASETS, FILES, OWN, Published, recorded_name
from cnnkit.errors import InputError
from cnnkit.system.files import sha256

pytestmark = pytest.mark.usefixtures("no_pictures")


def write_folder(folder: Path, classes: int, shape: tuple[int, ...] = (28, 28)) -> Path:
    """Write a small IDX folder of random images."""
    generator = np.random.default_rng(classes)
    for images, labels, count in ((*FILES[:2], 30), (*FILES[2:], 12)):
        write_idx(folder / images, generator.integers(0, 256, (count, *shape), np.uint8))
        write_idx(folder / labels, (np.arange(count) % classes).astype(np.uint8))
    return folder


@pytest.mark.parametrize("classes", [3, 10, 12])
@pytest.mark.parametrize("name", ["mnist", "fashion-mnist"])
def test_own_classes_are_called_by_their_numbers(tmp_path: Path, name: str, classes: int) -> None:
    found = load_dataset(name, write_folder(tmp_path, classes))
    assert found.names == tuple(map(str, range(classes)))
    assert found.name == OWN


@pytest.mark.parametrize(
    "text", ["cat\ndog\nemu\n", "cat\r\ndog\r\nemu", "\ufeffcat\n dog \nemu\n"]
)
def test_own_classes_are_named_by_classes_txt(tmp_path: Path, text: str) -> None:
    (write_folder(tmp_path, 3) / "classes.txt").write_bytes(text.encode())
    assert load_dataset(folder=tmp_path).names == ("cat", "dog", "emu")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "classes.txt: has no name in line 1"),
        (b"cat\n\nemu\n", "classes.txt: has no name in line 2"),
        (b"cat\ndog\nemu\n\n", "classes.txt: has no name in line 4"),
        (b"cat\ndog\n", "has 2 names, but the labels go up to 2: 3 classes"),
        (b"cat\ndog\nemu\nfox\n", "has 4 names, but the labels go up to 2: 3 classes"),
        (b"cat\ndog\ncat\n", "has the name cat in lines 1 and 3"),
        (b"cat\nd\x1b[31mg\nemu\n", "has control characters in line 2"),
        ("Käfer\nHund\nEmu\n".encode("latin-1"), "is not UTF-8 text"),
        ("cat\ndog\nemu\n".encode("utf-16"), "is not UTF-8 text"),
    ],
)
def test_each_fault_of_classes_txt_exits_with_2(
    tmp_path: Path, cli: Callable[..., Any], content: bytes, message: str
) -> None:
    (write_folder(tmp_path, 3) / "classes.txt").write_bytes(content)
    result = cli("data", "--data", tmp_path)
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stdout == ""


def test_a_folder_of_the_published_files_is_that_data_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_folder(tmp_path, 3)
    (folder / "classes.txt").write_text("these\nare not\nits names\n")
    digests = {file: sha256((folder / file).read_bytes()) for file in FILES}
    monkeypatch.setitem(DATASETS, "tiny", Published(("a", "b", "c"), digests, "Tiny"))
    for file in FILES[:2]:  # packed by anyone, it is still that file
        (folder / f"{file}.gz").write_bytes(gzip.compress((folder / file).read_bytes()))
        (folder / file).unlink()
    found = load_dataset("mnist", folder)
    assert (found.name, found.names) == ("tiny", ("a", "b", "c"))
    write_idx(folder / FILES[3], np.arange(12, dtype=np.uint8) % 2)
    assert load_dataset("mnist", folder).name == OWN


def test_gzip_files_are_known_where_only_their_digests_are_published(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, plain = write_folder(tmp_path / "packed", 3), tmp_path / "plain"
    shutil.copytree(folder, plain)
    digests = {}
    for file in FILES:
        packed = gzip.compress((folder / file).read_bytes(), mtime=0)
        (folder / f"{file}.gz").write_bytes(packed)
        (folder / file).unlink()
        digests[f"{file}.gz"] = sha256(packed)
    monkeypatch.setitem(DATASETS, "tiny", Published(("a", "b", "c"), digests, "Tiny"))
    assert load_dataset("tiny", folder).names == ("a", "b", "c")
    assert load_dataset("tiny", plain).names == ("0", "1", "2")  # it cannot be told


def test_a_name_that_digests_contradict_is_not_believed() -> None:
    published = dict(DATASETS["mnist"].sha256)
    other = published | {FILES[0]: sha256(format_idx(np.zeros((1, 28, 28), np.uint8)))}
    assert recorded_name("mnist", published) == recorded_name("mnist", {}) == "mnist"
    assert recorded_name("mnist", other) == recorded_name(OWN, other) == OWN
    assert recorded_name("fashion-mnist", other) == "fashion-mnist"  # no plain digest is known


def test_an_unknown_name_is_refused_beside_a_folder_too(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cifar"):
        load_dataset("cifar", write_folder(tmp_path, 3))


def write_labels(folder: Path, train: list[int], test: list[int]) -> Path:
    """Write an IDX folder of blank images with these labels."""
    for images, labels, values in ((*FILES[:2], train), (*FILES[2:], test)):
        write_idx(folder / images, np.zeros((len(values), 8, 8), np.uint8))
        write_idx(folder / labels, np.array(values, np.uint8))
    return folder


@pytest.mark.parametrize(
    ("stray", "shown"), [([255], "255 on 1 of 220"), ([77, 90], "77, 90 on 2 of 220")]
)
def test_a_stray_label_makes_no_large_network(
    stray: list[int], shown: str, cli: Callable[..., Any], tmp_path: Path
) -> None:
    digits = [*range(10)] * 20
    folder = write_labels(tmp_path, [*digits[len(stray) :], *stray], [*range(10)] * 2)
    result = cli("train", "--data", folder, "--output", tmp_path / "run")
    assert result.exit_code == 2
    assert f"has labels up to 9, and far above them {shown} images" in result.stderr
    assert not (tmp_path / "run").exists()
    (folder / "classes.txt").write_text("\n".join(f"class {i}" for i in range(stray[-1] + 1)))
    assert len(load_dataset(folder=folder).names) == stray[-1] + 1  # the remedy works


@pytest.mark.parametrize(
    ("labels", "shown"),
    [
        ([*range(1, 27)] * 9, "no image has 1 of the labels from 0 to 26"),
        (
            [3, 8] * 9,
            "no image has 7 of the labels from 0 to 8 (the first is 0)",
        ),
        (
            [0, 1, 9],
            "7 of the labels from 0 to 9 (the first is 2)",
        ),  # a third of the images is no slip
    ],
)
def test_classes_without_images_are_said(
    labels: list[int], shown: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_labels(tmp_path, labels, labels)
    assert len(load_dataset(folder=folder).names) == max(labels) + 1
    assert shown in capsys.readouterr().err
    load_dataset(folder=folder, quiet=True)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("shape", [(32, 32, 3), (28, 28, 1), (20, 40, 4)])
def test_channels_last_is_refused_by_name(shape: tuple[int, ...], tmp_path: Path) -> None:
    folder = write_folder(tmp_path, 3, shape)
    with pytest.raises(InputError, match=r"channels last \(NHWC\).*Store them as NCHW") as error:
        load_dataset(folder=folder)
    assert f"[N, {shape[2]}, {shape[0]}, {shape[1]}]" in str(error.value)


@pytest.mark.parametrize("shape", [(3, 32, 32), (8, 4, 4), (16, 20, 30), (1, 28, 28), (3, 8, 2)])
def test_channels_first_is_taken(shape: tuple[int, ...], tmp_path: Path) -> None:
    assert load_dataset(folder=write_folder(tmp_path, 3, shape)).train.images.shape[1:] == shape


@pytest.mark.parametrize(
    ("folder", "name"),
    [("road signs", "road-signs"), ("Fürth_2.0", "Fürth_2.0"), ("-[red].", "red"), ("!", OWN)],
)
def test_runs_of_own_data_are_called_after_its_folder(
    tmp_path: Path, folder: str, name: str
) -> None:
    assert load_dataset(folder=write_folder(tmp_path / folder, 3)).short_name == name
