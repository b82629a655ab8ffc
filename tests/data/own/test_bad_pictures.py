"""Each bad input ends with its name, the reason and a way out; the good kinds have right pixels."""

from __future__ import annotations

import io
import os
import shutil
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from rich.console import Console
from support.pictures import load, make_folders, noise, save

from cnnkit.data.own import decoder
from cnnkit.data.own.load import load_own
from cnnkit.data.own.options import PictureOptions
from cnnkit.data.own.recognise import recognise
from cnnkit.data.pictures import LARGEST_FILE, read_file
from cnnkit.errors import InputError, StorageError
from cnnkit.runs.folder import changed_samples, write_split


def test_an_empty_folder_is_refused_with_what_is_taken(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"holds no data.*class folders"):
        load(tmp_path)


def test_a_missing_folder_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none: does not exist"):
        load(tmp_path / "none")


def test_one_class_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"only one class, cat"):
        load(make_folders(tmp_path, {"cat": 5}))


def test_two_pictures_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"only 2 pictures"):
        load(make_folders(tmp_path, {"cat": 1, "dog": 1}))


def test_four_pictures_are_enough(tmp_path: Path) -> None:
    data = load(make_folders(tmp_path, {"cat": 2, "dog": 2}))
    assert (len(data.train.labels), len(data.test.labels)) == (2, 2)


def test_a_class_without_test_pictures_is_named(tmp_path: Path) -> None:
    root = make_folders(tmp_path, {"train/cat": 3, "train/dog": 3, "test/cat": 2})
    with pytest.raises(InputError, match=r"dog: no test picture"):
        load(root)
    make_folders(root, {"test/dog": 2}, 90)
    assert len(load(root).test.labels) == 4


def test_more_classes_than_the_limit_are_refused(tmp_path: Path) -> None:
    lines = [f"{index}.png,{index}" for index in range(10_001)]
    save(tmp_path / "0.png", noise(0))
    for index in range(1, 10_001):
        os.link(tmp_path / "0.png", tmp_path / f"{index}.png")
    (tmp_path / "metadata.csv").write_text("file_name,label\n" + "\n".join(lines))
    with pytest.raises(InputError, match=r"10,001 classes, more than 10,000"):
        load(tmp_path)


def _truncated(path: Path) -> None:
    save(path, noise(50, (40, 40)))
    path.write_bytes(path.read_bytes()[:-200])


def _animated(path: Path) -> None:
    noise(1).save(path, save_all=True, append_images=[noise(2), noise(3)])


def _bomb(path: Path) -> None:
    """A PNG that says 50,000x50,000 in its header."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + check

    header = struct.pack(">IIBBBBB", 50_000, 50_000, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + body)


def _heic(path: Path) -> None:
    path.write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic")


def _huge(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(LARGEST_FILE + 1)  # takes no room on the disk


BAD: dict[str, tuple[Callable[[Path], Any], str]] = {
    "truncated.png": (_truncated, "is a damaged picture"),
    "truncated.jpg": (_truncated, "is a damaged picture"),
    "animated.gif": (_animated, "has 3 frames"),
    "animated.png": (_animated, "has 3 frames"),
    "animated.webp": (_animated, "has 3 frames"),
    "pages.tif": (_animated, "has 3 frames"),
    "empty.png": (lambda path: path.write_bytes(b""), "is empty"),
    "text.png": (lambda path: path.write_text("hello"), "is not a picture"),
    "phone.heic": (_heic, "is a HEIC file, which is not read"),
    "renamed.jpg": (_heic, "is a HEIC file, which is not read"),
    "thin.png": (lambda path: save(path, Image.new("L", (1, 20_000))), "is 1x20000 pixels"),
    "bomb.png": (_bomb, "more than 50,000,000"),
    "gone.png": (lambda path: path.symlink_to("nowhere"), "cannot be read"),
    "pipe.png": (os.mkfifo, "is not a regular file"),
    "endless.png": (lambda path: path.symlink_to("/dev/zero"), "is not a regular file"),
    "huge.png": (_huge, "has more than 536,870,912 bytes"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_picture_is_named_with_its_reason(good: Path, name: str) -> None:
    make, reason = BAD[name]
    make(good / "cat" / name)
    with pytest.raises(InputError) as caught:
        load(good)
    assert f"cat/{name} " in str(caught.value)
    assert reason in str(caught.value)


def test_all_bad_pictures_are_named_at_once_and_can_be_skipped(good: Path) -> None:
    for name, (make, _) in BAD.items():
        make(good / "dog" / name)
    with pytest.raises(InputError, match=r"16 of 24 pictures cannot be used") as caught:
        load(good)
    assert [name for name in BAD if f"dog/{name} " not in str(caught.value)] == []
    data = load(good, bad="skip")
    assert len(data.samples) == 8


def test_the_summary_counts_the_pictures_that_are_used(good: Path) -> None:
    save(good / "cat" / "thin.png", Image.new("L", (1, 20_000)))
    listing, text = recognise(good), io.StringIO()
    assert listing is not None
    load_own(listing, PictureOptions(bad="skip"), Console(file=text, width=500))
    assert "8 pictures, 8x8, in 2 classes" in text.getvalue()


def test_only_bad_pictures_are_refused_even_with_skip(tmp_path: Path) -> None:
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
        for index in range(3):
            (tmp_path / name / f"{index}.png").write_bytes(b"")
    with pytest.raises(InputError, match=r"6 of 6 pictures cannot be used") as caught:
        load(tmp_path, bad="skip")
    assert "--bad skip" not in str(caught.value)  # which would leave none


def test_a_file_without_permission_is_named(good: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: str) -> bytes:
        if path.endswith(os.path.join("dog", "2.png")):
            raise PermissionError(13, "Permission denied")
        return read_file(path)

    monkeypatch.setattr(decoder, "read_file", refuse)
    with pytest.raises(InputError, match=r"dog/2\.png cannot be read \(Permission denied\)"):
        load(good)


def test_a_folder_that_cannot_be_listed_is_named(
    good: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scan = os.scandir

    def refuse(path: Path) -> Any:
        if Path(path).name == "dog":
            raise PermissionError(13, "Permission denied")
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(StorageError, match=r"dog.*cannot be listed \(Permission denied\)"):
        load(good)


def test_a_folder_named_like_a_picture_is_a_folder(good: Path) -> None:
    (good / "cat" / "x.png").mkdir()
    save(good / "cat" / "x.png" / "in.png", noise(77))
    assert "cat/x.png/in.png" in [sample[2] for sample in load(good).samples]


def test_links_in_a_circle_end(good: Path) -> None:
    (good / "cat" / "loop").symlink_to(good)
    (good / "cat" / "self").symlink_to("self")
    (good / "cat" / "self.png").symlink_to("self.png")
    with pytest.raises(InputError, match=r"cat/self\.png cannot be read"):
        load(good)
    (good / "cat" / "self.png").unlink()
    assert {f"{name}/{index}.png" for name in ("cat", "dog") for index in range(4)} <= {
        sample[2] for sample in load(good).samples
    }


ODD_NAMES = ("new\nline.png", "quo\"te's.png", "größe 日本.png", "b\udcff.png", "a,b;<c>&.png")


def test_any_file_name_can_be_read(good: Path) -> None:
    for index, name in enumerate(ODD_NAMES):
        save(good / "cat" / "x.png", noise(60 + index))
        os.rename(good / "cat" / "x.png", os.path.join(good, "cat", name))
    data = load(good)
    assert {f"cat/{name}" for name in ODD_NAMES} <= {sample[2] for sample in data.samples}


def test_any_name_of_a_bad_file_can_be_printed(good: Path, cli: Callable[..., Any]) -> None:
    for name in ODD_NAMES:
        with open(os.path.join(good, "cat", name), "wb"):
            pass
    result = cli("data", "check", good, "--no-report", "--json")
    assert result.exit_code == 1
    result = cli("train", "--data", good, "--epochs", "1", "--output", good.parent / "run")
    assert result.exit_code == 2
    assert "cat/new\\nline.png is empty" in result.stderr


@pytest.mark.parametrize("name", ["new\nline", "b\udcff", "tab\t"])
def test_a_class_name_that_cannot_be_shown_is_refused(good: Path, name: str) -> None:
    os.rename(good / "cat", os.path.join(good, name))
    with pytest.raises(InputError, match=r"1 class name with control characters"):
        load(good)


def test_a_run_records_any_file_name(good: Path, cli: Callable[..., Any]) -> None:
    for index, name in enumerate(ODD_NAMES):
        save(good / "cat" / "x.png", noise(60 + index))
        os.rename(good / "cat" / "x.png", os.path.join(good, "cat", name))
    data = load(good)
    write_split(good.parent, data)
    assert changed_samples(good.parent, data) == []
    os.rename(os.path.join(good, "cat", ODD_NAMES[3]), good / "cat" / "plain.png")
    lines = changed_samples(good.parent, load(good))
    assert lines[:2] == ["cat/b\udcff.png is gone", "cat/plain.png is new"]


def test_a_picture_in_training_and_test_is_refused_with_both(tmp_path: Path) -> None:
    root = make_folders(tmp_path, {f"{s}/{c}": 2 for s in ("train", "test") for c in ("a", "b")})
    shutil.copy(root / "train" / "a" / "0.png", root / "test" / "a" / "copy.png")
    with pytest.raises(InputError, match=r"train/a/0\.png is test/a/copy\.png \(test\)"):
        load(root)
    data = load(root, bad="skip")
    assert len(data.train.labels) == 3
    assert len(data.test.labels) == 5


def test_a_folder_that_changes_while_it_is_read_is_refused(
    good: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = decoder.read_chunk

    def change(root: Path, paths: Any, record: Any = None) -> Any:
        found = read(root, paths, record)
        if record is not None:
            save(good / "dog" / "1.png", noise(99))
        return found

    monkeypatch.setattr(decoder, "read_chunk", change)
    with pytest.raises(InputError, match=r"changed while it was read(.|\n)*dog/1\.png"):
        load(good)
    monkeypatch.undo()
    assert len(load(good).samples) == 8


# What the network gets of pictures of one colour, by how they are stored.
def _paletted() -> Image.Image:
    picture = Image.new("P", (8, 8), 1)
    picture.putpalette([0, 0, 0, 10, 200, 30])
    return picture


KINDS: dict[str, tuple[Callable[[], Image.Image], tuple[int, int, int]]] = {
    "cmyk.jpg": (lambda: Image.new("CMYK", (8, 8), (0, 0, 0, 155)), (100, 100, 100)),
    "deep.png": (lambda: Image.fromarray(np.full((8, 8), 257 * 70, np.uint16)), (70, 70, 70)),
    "clear.png": (lambda: Image.new("RGBA", (8, 8), (255, 0, 0, 0)), (255, 255, 255)),
    "half.png": (lambda: Image.new("RGBA", (8, 8), (255, 0, 0, 51)), (255, 204, 204)),
    "bit.png": (lambda: Image.new("1", (8, 8), 1), (255, 255, 255)),
    "palette.png": (_paletted, (10, 200, 30)),
    "grayalpha.png": (lambda: Image.new("LA", (8, 8), (0, 51)), (204, 204, 204)),
    "colour.bmp": (lambda: Image.new("RGB", (8, 8), (1, 2, 3)), (1, 2, 3)),
    "page.tif": (lambda: Image.new("RGB", (8, 8), (9, 8, 7)), (9, 8, 7)),
    "one.gif": (_paletted, (10, 200, 30)),
}


def test_pictures_of_every_kind_get_the_right_pixels(good: Path) -> None:
    for name, (make, _) in KINDS.items():
        save(good / "train" / "cat" / name, make())
    for side in ("train", "test"):
        make_folders(good / side, {"cat": 2, "dog": 2}, 20 if side == "train" else 40)
    shutil.rmtree(good / "cat")
    shutil.rmtree(good / "dog")
    data = load(good, color="rgb")
    order = [Path(sample[2]).name for sample in data.samples if sample[0] == "train"]
    for name, (_, pixel) in KINDS.items():
        row = data.train.images[order.index(name)]
        found = tuple(row.reshape(3, -1).T[0].tolist())
        assert (row == row[:, :1, :1]).all(), name
        assert max(abs(a - b) for a, b in zip(found, pixel, strict=True)) <= 1, (name, found)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_turned_picture_is_seen_upright(good: Path, orientation: int) -> None:
    upright = np.arange(64, dtype=np.uint8).reshape(8, 8) * 4
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.T,
        6: upright.T[::-1],
        7: upright.T[::-1, ::-1],
        8: upright.T[:, ::-1],
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(np.ascontiguousarray(stored)).save(good / "cat" / "turned.png", exif=exif)
    data = load(good, color="gray")
    images = np.concatenate([data.train.images, data.test.images])
    assert (images[:, 0] == upright).all(axis=(1, 2)).sum() == 1
