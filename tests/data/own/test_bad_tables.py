"""Tables, arrays and folders that are not as they should be are refused by name and reason."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.pictures import load, noise, save

from cnnkit.data.own import arrays
from cnnkit.errors import InputError, StorageError


def test_pictures_outside_class_folders_are_named(good: Path) -> None:
    save(good / "loose.png", noise(98))
    with pytest.raises(InputError, match=r"1 pictures? outside any class folder(.|\n)*loose\.png"):
        load(good)


def test_class_folders_are_no_manifest(good: Path) -> None:
    with pytest.raises((InputError, StorageError), match=r"cat"):
        load(good, manifest=good / "cat")


def test_rows_without_label_file_or_split_are_named_at_once(good: Path) -> None:
    rows = ["cat/0.png,cat,train", "cat/1.png,,train", "cat/9.png,cat,", "dog/0.png,dog,later"]
    rows += ["../x.png,dog,", "cat/0.png,cat,train"]
    (good / "metadata.csv").write_text("file_name,label,split\n" + "\n".join(rows))
    with pytest.raises(InputError) as caught:
        load(good)
    for text in (
        "line 3: cat/1.png has no label",
        "line 4: cat/9.png does not exist",
        "line 5: later is not a split",
        "line 6: ../x.png is not a path inside",
        "line 7: cat/0.png already stands in line 2",
    ):
        assert text in str(caught.value)


HEADING = "file_name,label\n"
TABLES: dict[str, tuple[str, str]] = {
    "./cat/0.png,cat\ncat/0.png,dog": ("csv", "line 3: cat/0.png already stands in line 2"),
    "a" * 5000 + ".png,cat": ("csv", "line 2: aaaa.* does not exist"),
    "a\0b.png,cat": ("csv", "line 2: .* does not exist"),
    '{"file_name": "cat/0.png", "label": ["cat"]}': ("jsonl", r'label \["cat"\] in line 1'),
    '{"file_name": "cat/0.png", "label": {"id": 1}}': ("jsonl", r'label {"id": 1} in line 1'),
    '{"file_name": "cat/0.png", "label": "%s"}' % ("x" * 200_000): (
        "jsonl",
        "characters in line 1",
    ),
    '{"file_name": "cat/0.png", "label": 0.5}': ("jsonl", "label 0.5 in line 1"),
}


@pytest.mark.parametrize("rows", TABLES, ids=lambda rows: rows[:50])
def test_rows_that_mean_nothing_are_refused_by_their_line(good: Path, rows: str) -> None:
    kind, reason = TABLES[rows]
    text = HEADING + rows if kind == "csv" else rows
    (good / f"metadata.{kind}").write_text(text)
    with pytest.raises(InputError, match=reason):
        load(good)


def test_a_column_that_stands_twice_is_refused(good: Path) -> None:
    (good / "metadata.csv").write_text("file_name,label,Label\ncat/0.png,cat,dog\n")
    with pytest.raises(InputError, match=r"has the column label twice"):
        load(good)


def test_pictures_that_a_table_does_not_name_are_told(
    good: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [f"{name}/{index}.png,{name}" for name in ("cat", "dog") for index in range(4)]
    (good / "metadata.csv").write_text("file_name,label\n" + "\n".join(rows))
    load(good, quiet=False)
    assert "left out" not in capsys.readouterr().err
    (good / "metadata.csv").write_text("file_name,label\n" + "\n".join(rows[1:-1]))
    assert len(load(good, quiet=False).samples) == 6
    told = capsys.readouterr().err
    assert "2 pictures are left out, not in metadata.csv: 'cat/0.png', 'dog/3.png'" in told


class Payload:
    """Would run when unpickled."""

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.system, ("touch /tmp/cnnkit-unpickled",)


def test_pickles_inside_an_npz_are_not_run(tmp_path: Path) -> None:
    path = tmp_path / "bad.npz"
    np.savez(path, x_train=np.array([Payload()], object), y_train=np.zeros(1, int))
    with pytest.raises(InputError, match=r"x_train as Python objects.*np\.stack"):
        load(path)
    assert not Path("/tmp/cnnkit-unpickled").exists()


def test_an_npz_bomb_is_refused_before_it_unpacks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "bomb.npz"
    monkeypatch.setattr(arrays, "DENSE", 2**16)
    stored = {"x_train": np.zeros((500, 28, 28), np.uint8), "y_train": np.arange(500) % 2}
    np.savez_compressed(path, **stored)
    with pytest.raises(InputError, match=r"unpacks to 39[\d,]* bytes, more than 100 times"):
        load(path)
    np.savez(path, **stored)
    with pytest.raises(InputError, match="pictures that differ"):  # it was unpacked
        load(path)


def test_pictures_that_leave_nothing_to_test_on_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "same.npz"
    np.savez(path, x_train=np.zeros((10, 8, 8), np.uint8), y_train=np.arange(10) % 2)
    with pytest.raises(InputError, match=r"(?s)at least two pictures that differ.*no test picture"):
        load(path)


STORED: dict[str, tuple[Callable[[Any, Any], Any], str]] = {
    "objects": (lambda x, y: (x, np.array([*y[:-1], "a"], object)), "y_train as Python objects"),
    "names": (lambda x, y: (x, np.array(["a", "b"] * 4)), r"np\.unique\(y_train"),
    "columns": (lambda x, y: (x, np.eye(2, dtype=np.uint8)[y]), r"y_train\.argmax\(axis=1\)"),
    "beyond 64 bits": (
        lambda x, y: (x, np.array([0] * 7 + [2**63 + 5], np.uint64)),
        r"labels up to 9223372036854775813\. Number classes from 0, below 10,000",
    ),
    "whole numbers": (lambda x, y: (x.astype(int), y), r"x_train\.round\(\)\.astype\('uint8'\)"),
}


@pytest.mark.parametrize("kind", STORED)
def test_another_kind_of_array_is_refused_with_the_conversion(tmp_path: Path, kind: str) -> None:
    x, y = np.random.default_rng(0).integers(0, 256, (8, 8, 8), np.uint8), np.arange(8) % 2
    change, reason = STORED[kind]
    images, labels = change(x, y)
    np.savez(tmp_path / "a.npz", x_train=images, y_train=labels)
    with pytest.raises(InputError, match=reason):
        load(tmp_path / "a.npz")


def test_float_images_are_refused_with_the_conversion(tmp_path: Path) -> None:
    path = tmp_path / "float.npz"
    x, y = np.random.default_rng(0).random((8, 8, 8)), np.arange(8) % 2
    np.savez(path, x_train=x, y_train=y)
    with pytest.raises(InputError, match=r"x_train as float64.*\(x_train \* 255\)\.round\(\)"):
        load(path)
    np.savez(path, x_train=(x * 255).round().astype("uint8"), y_train=y)
    assert len(load(path).samples) == 8


def test_cifar_for_python_is_refused_with_the_right_archive(tmp_path: Path) -> None:
    (tmp_path / "data_batch_1").write_bytes(b"\x80\x02}q\x00.")
    with pytest.raises(InputError, match=r"pickles.*cifar-10-binary\.tar\.gz"):
        load(tmp_path)
