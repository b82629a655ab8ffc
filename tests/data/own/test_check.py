"""`cnnkit data check` finds what spoils a training, and shows it."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageEnhance
from support.pictures import make_folders, noise, save

from cnnkit.data.checking import check_data
from cnnkit.data.idx import write_idx
from cnnkit.data.own.check import similar
from cnnkit.data.own.check.finding import Finding
from cnnkit.data.own.check.sheet import draw_sheet
from cnnkit.data.registry import FILES


def scene(seed: int, size: tuple[int, int] = (64, 64)) -> Image.Image:
    """Return a smooth coloured picture, as photographs are."""
    return noise(seed, (6, 6)).resize(size, Image.Resampling.BICUBIC)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root, seed = tmp_path / "data", 0
    for side, count in (("train", 22), ("test", 21)):
        for name in ("cat", "dog"):
            for index in range(count):
                save(root / side / name / f"{index}.png", scene(seed))
                seed += 1
    return root


def findings(root: Path) -> dict[str, Finding]:
    return {finding.kind: finding for finding in check_data(root).findings}


def test_clean_data_has_no_findings(folder: Path, cli: Callable[..., Any]) -> None:
    assert findings(folder) == {}
    result = cli("data", "check", folder, "--no-report")
    assert result.exit_code == 0
    assert "nothing is wrong" in result.stdout


def test_unreadable_pictures_are_all_named_with_reasons(folder: Path) -> None:
    (folder / "train/cat/a.png").write_bytes(b"")
    (folder / "test/dog/b.png").write_text("hello")
    assert findings(folder)["unreadable"].lines == [
        "test/dog/b.png is not a picture",
        "train/cat/a.png is empty",
    ]


def test_all_that_spoils_a_training_is_named_in_the_terminal(
    folder: Path, cli: Callable[..., Any]
) -> None:
    for index in range(8):
        (folder / "train" / "cat" / f"bad{index}.png").write_bytes(b"")
    result = cli("data", "check", folder, "--no-report")
    assert result.exit_code == 1
    assert result.stdout.count("is empty") == 8
    assert not result.stderr.startswith("\n")  # as a bar of progress leaves it


@pytest.mark.parametrize("as_stored", [True, False])
def test_copies_are_found_by_file_and_by_pixels(folder: Path, as_stored: bool) -> None:
    pairs = {
        "duplicates": ("train/cat/0", "train/cat/x"),
        "contradictory": ("train/cat/1", "train/dog/x"),
        "across_splits": ("train/cat/2", "test/cat/x"),
    }
    for one, other in pairs.values():
        if as_stored:
            shutil.copy(folder / f"{one}.png", folder / f"{other}.png")
        else:
            Image.open(folder / f"{one}.png").save(folder / f"{other}.bmp")
    found = findings(folder)
    assert set(found) == set(pairs)
    paths = check_data(folder).pictures.listing.paths
    for kind, pair in pairs.items():
        (group,) = found[kind].groups
        assert {paths[index].rsplit(".", 1)[0] for index in group} == set(pair)
    assert [kind for kind, finding in found.items() if finding.spoils] == [
        "contradictory",
        "across_splits",
    ]


def test_near_copies_are_found_in_classes_and_splits(folder: Path) -> None:
    pairs = {
        "near_duplicates": ("train/cat/0", "train/cat/x"),
        "near_contradictory": ("train/cat/1", "train/dog/x"),
        "near_across_splits": ("train/cat/2", "test/cat/x"),
    }
    changes: list[Callable[[Image.Image], Image.Image]] = [
        lambda picture: ImageEnhance.Brightness(picture).enhance(1.1),
        lambda picture: picture.resize((48, 48)),
        lambda picture: ImageEnhance.Contrast(picture).enhance(0.8),
    ]
    for (one, other), change in zip(pairs.values(), changes, strict=True):
        with Image.open(folder / f"{one}.png") as picture:
            change(picture).save(folder / f"{other}.jpg")
    found = findings(folder)
    assert set(found) == set(pairs)
    assert not any(finding.spoils for finding in found.values())
    assert "≈" in found["near_duplicates"].lines[0]


def test_remarks_name_what_is_unusual(folder: Path, cli: Callable[..., Any]) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    scene(900, (64, 48)).save(folder / "train/cat/turned.jpg", exif=exif)
    save(folder / "train/cat/blank.png", Image.new("RGB", (64, 40), "white"))
    save(folder / "train/cat/gray.png", scene(901).convert("L"))
    save(folder / "train/cat/long.png", scene(902, (200, 40)))
    (folder / "train/cat/notes.txt").write_text("x")
    for index in range(3):
        save(folder / "train/cow" / f"{index}.png", scene(910 + index))
        save(folder / "test/cow" / f"{index}.png", scene(920 + index))
    found = findings(folder)
    paths = check_data(folder).pictures.listing.paths
    shown = {kind: [paths[i] for g in found[kind].groups for i in g] for kind in found}
    assert shown == {
        "turned": ["train/cat/turned.jpg"],
        "blank": ["train/cat/blank.png"],
        "colours": ["train/cat/gray.png"],
        "sizes": ["train/cat/long.png"],
        "ignored": [],
        "rare_classes": [],
    }
    assert found["rare_classes"].lines == ["cow has 6 pictures"]
    assert cli("data", "check", folder, "--no-report").exit_code == 0


def test_classes_that_may_be_one_or_none_are_remarked(tmp_path: Path) -> None:
    root = make_folders(tmp_path, {"fold1/cat": 2, "fold1/Dog": 2, "fold2/cat": 2, "fold2/Dog": 2})
    layers = findings(root)["layers"]
    assert layers.title == "the folders of all 2 classes have the same folders inside: Dog, cat"
    for side in ("fold1", "fold2"):
        (root / side / "Dog").rename(root / side / "dog" if side == "fold1" else root / side / "x")
    assert "layers" not in findings(root)
    root = make_folders(tmp_path / "b", {"caf\u00e9": 2, "Cafe\u0301 ": 2, "tea": 2}, 30)
    assert findings(root)["spellings"].lines == ["'Cafe\u0301 ' = 'caf\u00e9'"]


def test_arrays_of_zeros_and_ones_are_remarked(tmp_path: Path) -> None:
    x = np.random.default_rng(0).integers(0, 2, (60, 8, 8), np.uint8)
    for factor in (1, 255):
        np.savez(tmp_path / "a.npz", x_train=x * factor, y_train=np.arange(60) % 2)
        assert ("dim" in findings(tmp_path / "a.npz")) == (factor == 1)


def test_a_class_missing_in_a_split_is_named(folder: Path) -> None:
    shutil.rmtree(folder / "test/dog")
    assert findings(folder)["missing_classes"].lines == ["dog has no test picture"]


def test_many_pictures_are_not_compared_pair_by_pair() -> None:
    random = np.random.default_rng(0)
    hashes = random.integers(0, 256, (20_000, 16), np.uint8)
    hashes[19_999] = hashes[7]
    hashes[19_999, 3] ^= 0b101
    assert similar.neighbours(hashes).tolist() == [[7, 19_999]]
    flat = np.zeros((20_000, 16), np.uint8)  # all the same, such as drawings with empty corners
    assert len(similar.neighbours(flat)) <= 20_000 * similar.NEIGHBOURS * similar.ORDERS


def test_the_json_document_has_every_file(folder: Path, cli: Callable[..., Any]) -> None:
    shutil.copy(folder / "train/cat/0.png", folder / "test/cat/x.png")
    result = cli("data", "check", folder, "--json", "--no-report")
    assert result.exit_code == 1
    values = json.loads(result.stdout)
    assert values["schema_version"] == 1
    assert values["classes"]["cat"] == {"train": 22, "test": 22}
    (finding,) = values["findings"]
    assert finding["kind"] == "across_splits"
    assert finding["files"] == [["test/cat/x.png", "train/cat/0.png"]]
    assert "would spoil a training" in result.stderr


def test_the_contact_sheet_is_one_page_that_escapes_names(
    folder: Path, tmp_path: Path, cli: Callable[..., Any]
) -> None:
    name = '<img src=x onerror=alert(1)>&"\n.png'
    source = os.path.join(folder, "train", "cat", "0.png")
    shutil.copy(source, os.path.join(folder, "train", "cat", name))
    os.rename(folder / "train/dog", folder / "train/<b>dog")
    os.rename(folder / "test/dog", folder / "test/<b>dog")
    page = tmp_path / "sheet.html"
    assert cli("data", "check", folder, "--report", page).exit_code == 0
    text = page.read_text()
    assert "<img src=x" not in text
    assert "<b>" not in text
    assert "&lt;img src=x onerror=alert(1)&gt;&amp;&quot;\\n.png" in text
    assert all(word not in text for word in ("http:", "https:", "<script", "<link", "url("))
    assert text.count("data:image/png;base64,") == text.count('class="seen"') == 2 + 2 * 4
    assert "image-rendering:pixelated" in text


def test_the_contact_sheet_stays_small_and_says_so(tmp_path: Path) -> None:
    root = make_folders(tmp_path, {"a": 3, "b": 3})
    for index in range(100):
        shutil.copy(root / "a/0.png", root / "a" / f"copy{index}.png")
        save(root / "b" / f"blank{index}.png", Image.new("RGB", (8, 8), (index, 0, 0)))
    text = draw_sheet(check_data(root))
    assert "and 95 more pictures" in text
    assert "and 76 more pictures" in text
    assert len(text) < 100_000


def test_idx_files_and_arrays_are_checked_too(tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (50, 8, 8), np.uint8)
    labels = (np.arange(50) % 2).astype(np.uint8)
    images[1] = images[0]
    images[40] = images[2]
    arrays = (images[:30], labels[:30], images[30:], labels[30:])
    for name, array in zip(FILES, arrays, strict=True):
        write_idx(tmp_path / name, array)
    np.savez(
        tmp_path / "x.npz",
        **dict(zip(("x_train", "y_train", "x_test", "y_test"), arrays, strict=True)),
    )
    for place in (tmp_path, tmp_path / "x.npz"):
        found = findings(place)
        assert {"contradictory", "across_splits"} <= set(found)
        assert "data:image/png" in draw_sheet(check_data(place))


def test_training_says_what_check_would_show(folder: Path, cli: Callable[..., Any]) -> None:
    shutil.copy(folder / "train/cat/0.png", folder / "train/cat/x.png")
    options = ("--channels", "2", "--kernel", "3", "--pool", "2", "--epochs", "1")
    arguments = ("train", "--data", folder, *options, "--output", folder.parent)
    result = cli(*arguments[:-1], folder.parent / "one")
    assert result.exit_code == 0, result.stderr
    assert "2 pictures are there more than once." in result.stderr
    assert f"`cnnkit data check {folder}` shows them" in result.stderr
    result = cli(*arguments[:-1], folder.parent / "two", "--quiet")
    assert result.stderr == ""


def test_the_bare_command_still_shows_a_data_set(tmp_path: Path, cli: Callable[..., Any]) -> None:
    for name, rank in zip(FILES, (3, 1, 3, 1), strict=True):
        write_idx(tmp_path / name, np.zeros((4, 8, 8)[:rank], np.uint8))
    result = cli("data", "--data", tmp_path, "--json")
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout)["command"] == "data"
    assert "check" in cli("data", "--help").stdout


def test_the_bare_command_sends_pictures_to_check(folder: Path, cli: Callable[..., Any]) -> None:
    result = cli("data", "--data", folder)
    assert result.exit_code == 2
    assert f"`cnnkit data check {folder}`" in " ".join(result.stderr.split())
