"""Each layout of a person's own data is recognised, with the right classes and splits."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from support.pictures import load, make_folders, noise, save

from cnnkit.data.dataset import Dataset
from cnnkit.data.own.recognise import recognise
from cnnkit.errors import InputError


def sides(data: Dataset) -> dict[str, int]:
    validation = data.validation
    return {
        "train": len(data.train.labels),
        "validation": 0 if validation is None else len(validation.labels),
        "test": len(data.test.labels),
    }


def test_folders_are_classes_in_natural_order(tmp_path: Path) -> None:
    data = load(make_folders(tmp_path, {"class 10": 3, "class 9": 3, "class 1": 3}))
    assert data.names == ("class 1", "class 9", "class 10")
    assert sides(data) == {"train": 6, "validation": 0, "test": 3}


def test_classes_txt_gives_the_order(tmp_path: Path) -> None:
    root = make_folders(tmp_path, {"a": 3, "b": 3})
    (root / "classes.txt").write_text("b\na\n")
    data = load(root)
    assert data.names == ("b", "a")
    label = {sample[2]: sample[1] for sample in data.samples}
    assert label["a/0.png"] == "a"
    (root / "classes.txt").write_text("b\n")
    with pytest.raises(InputError, match=r"lacks 1 of the classes found: a"):
        load(root)


def test_pixels_and_labels_belong_together(tmp_path: Path) -> None:
    root = make_folders(tmp_path, {"a": 4, "b": 4})
    data = load(root)
    for name, side in (("train", data.train), ("test", data.test)):
        mine = [sample for sample in data.samples if sample[0] == name]
        for sample, image, label in zip(mine, side.images, side.labels, strict=True):
            number = int(Path(sample[2]).stem) + (4 if sample[1] == "b" else 0)
            assert (image.transpose(1, 2, 0) == np.asarray(noise(number))).all()
            assert data.names[label] == sample[1]


@pytest.mark.parametrize("outer", ["", "signs/", "signs-main/pictures/"])
def test_folders_around_the_classes_do_not_matter(tmp_path: Path, outer: str) -> None:
    root = make_folders(tmp_path, {f"{outer}a": 4, f"{outer}b": 4})
    (root / "LICENSE").write_text("free")
    assert load(root).names == ("a", "b")


@pytest.mark.parametrize(
    ("train", "validation", "test"),
    [
        ("train", "val", "test"),
        ("Training", "valid", "Testing"),
        ("train", "validation", "test"),
        ("training_set", "validation_set", "test_set"),
    ],
)
@pytest.mark.parametrize("outer", ["", "archive/"])
def test_splits_are_known_by_their_names(
    tmp_path: Path, train: str, validation: str, test: str, outer: str
) -> None:
    counts = {train: 4, validation: 2, test: 3}
    folders = {f"{outer}{side}/{name}": n for side, n in counts.items() for name in ("a", "b")}
    data = load(make_folders(tmp_path, folders))
    assert data.names == ("a", "b")
    assert sides(data) == {"train": 8, "validation": 4, "test": 6}


def test_hidden_files_and_other_files_are_left_out(tmp_path: Path) -> None:
    root = make_folders(tmp_path, {"a": 3, "b": 3, "a/.thumbnails": 2, "__MACOSX/a": 2})
    (root / "a" / "Thumbs.db").write_bytes(b"x")
    listing = recognise(root)
    assert listing is not None
    assert len(listing.paths) == 6
    assert "1 .db" in listing.notes[0]


def test_a_folder_without_pictures_is_told(tmp_path: Path) -> None:
    root = make_folders(tmp_path, {"train/a": 2, "train/b": 2, "test/a": 1, "test/b": 1})
    (root / "train" / "c").mkdir()
    (root / "train" / ".cache").mkdir()
    listing = recognise(root)
    assert listing is not None
    assert listing.names == ("a", "b")
    assert listing.notes == ("1 folder has no pictures and so no class: 'c'",)


@pytest.mark.parametrize("heading", ["file_name;label", "File_Name\tLabel", "label, file_name "])
def test_a_table_is_read_as_spreadsheets_write_it(tmp_path: Path, heading: str) -> None:
    make_folders(tmp_path, {"x": 4})
    separator = next(mark for mark in ";\t," if mark in heading)
    rows = [[f"x/{index}.png", "ab"[index % 2]] for index in range(4)]
    if heading.startswith("label"):
        rows = [row[::-1] for row in rows]
    lines = [heading, *(separator.join(row) for row in rows)]
    (tmp_path / "metadata.csv").write_text("\r\n".join(lines), "utf-8-sig")
    listing = recognise(tmp_path)
    assert listing is not None
    assert (listing.names, listing.labels.tolist()) == (("a", "b"), [0, 1, 0, 1])


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_a_table_gives_labels_splits_and_groups(tmp_path: Path, kind: str) -> None:
    rows = [
        {"file_name": f"x/{i}.png", "label": "ab"[i % 2], "split": split, "group": f"g{i // 2}"}
        for i, split in enumerate(["train"] * 6 + ["valid"] * 2 + ["test"] * 4)
    ]
    for index in range(12):
        save(tmp_path / "x" / f"{index}.png", noise(index))
    lines = (
        ["file_name,label,split,group", *(",".join(row.values()) for row in rows)]
        if kind == "csv"
        else [json.dumps(row) for row in rows]
    )
    (tmp_path / f"metadata.{kind}").write_text("\n".join(lines) + "\n")
    listing = recognise(tmp_path)
    assert listing is not None
    assert listing.groups == [row["group"] for row in rows]
    assert sides(load(tmp_path)) == {"train": 6, "validation": 2, "test": 4}


@pytest.mark.parametrize(
    "names",
    [
        ("x_train", "y_train", "x_test", "y_test"),
        ("train_images", "train_labels", "test_images", "test_labels"),
    ],
)
@pytest.mark.parametrize("shape", [(8, 8), (8, 8, 1), (8, 8, 3), (3, 8, 8)])
def test_an_npz_of_keras_or_medmnist_is_read(
    tmp_path: Path, names: tuple[str, ...], shape: tuple[int, ...]
) -> None:
    random = np.random.default_rng(0)
    train, test = (random.integers(0, 256, (n, *shape), np.uint8) for n in (6, 4))
    labels = [np.arange(n).reshape(-1, 1) % 2 for n in (6, 4)]
    arrays = (train, labels[0], test, labels[1])
    np.savez(tmp_path / "d.npz", **dict(zip(names, arrays, strict=True)))
    data = load(tmp_path / "d.npz")
    assert data.train.labels.tolist() == [0, 1, 0, 1, 0, 1]
    channels = 3 if 3 in shape else 1
    wanted = train.reshape(6, channels, 8, 8) if shape[0] == 3 or channels == 1 else None
    wanted = train.transpose(0, 3, 1, 2) if wanted is None else wanted
    assert (data.train.images == wanted).all()
    assert sides(data) == {"train": 6, "validation": 0, "test": 4}


def test_medmnist_validation_images_are_used(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    arrays = {}
    for side, count in (("train", 6), ("val", 4), ("test", 2)):
        arrays[f"{side}_images"] = random.integers(0, 256, (count, 8, 8), np.uint8)
        arrays[f"{side}_labels"] = np.arange(count)[:, None] % 2
    np.savez(tmp_path / "m.npz", **arrays)
    assert sides(load(tmp_path / "m.npz")) == {"train": 6, "validation": 4, "test": 2}


@pytest.mark.parametrize("hundred", [False, True])
def test_cifar_binary_files_are_read(tmp_path: Path, hundred: bool) -> None:
    random = np.random.default_rng(0)
    files = ["train.bin", "test.bin"] if hundred else ["data_batch_1.bin", "test_batch.bin"]
    planes = {}
    for file in files:
        planes[file] = random.integers(0, 256, (4, 3072), np.uint8)
        labels = np.array([[9, 0], [8, 1], [7, 0], [6, 1]], np.uint8)
        rows = [labels if hundred else labels[:, 1:], planes[file]]
        (tmp_path / file).write_bytes(np.concatenate(rows, axis=1).tobytes())
    titles = "fine_label_names.txt" if hundred else "batches.meta.txt"
    (tmp_path / titles).write_text("apple\nbaby\n\n")
    data = load(tmp_path)
    assert data.names == ("apple", "baby")
    assert data.train.labels.tolist() == [0, 1, 0, 1]
    assert (data.train.images.reshape(4, -1) == planes[files[0]]).all()
    assert (data.test.images.reshape(4, -1) == planes[files[1]]).all()


def test_a_cut_cifar_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "data_batch_1.bin").write_bytes(bytes(3073 * 2 - 1))
    with pytest.raises(InputError, match=r"data_batch_1\.bin.*not a multiple of 3,073"):
        load(tmp_path)
