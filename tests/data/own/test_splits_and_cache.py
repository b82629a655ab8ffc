"""Splits are stratified, seeded and grouped; decoded pictures are kept and found again."""

from __future__ import annotations

import csv
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.pictures import load, make_folders, noise, save

from cnnkit.data.own import pixels, reading

SMALL = ("--channels", "2", "--kernel", "3", "--pool", "2", "--epochs", "1")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_folders(tmp_path / "data", {"a": 20, "b": 10, "c": 5})


def held(data: Any) -> set[str]:
    return {sample[2] for sample in data.samples if sample[0] == "test"}


def test_every_class_gives_its_share(folder: Path) -> None:
    data = load(folder, test_split=0.2, val_split=0.25)
    counts = Counter((sample[0], sample[1]) for sample in data.samples)
    assert [counts["test", name] for name in "abc"] == [4, 2, 1]
    assert [counts["validation", name] for name in "abc"] == [4, 2, 1]
    assert [counts["train", name] for name in "abc"] == [12, 6, 3]


def test_the_seed_decides_the_split(folder: Path) -> None:
    assert held(load(folder)) == held(load(folder))
    assert held(load(folder, seed=1)) != held(load(folder))


def test_pictures_of_a_group_stay_together(tmp_path: Path) -> None:
    rows = ["file_name,label,group"]
    for index in range(40):
        save(tmp_path / f"{index}.png", noise(index))
        rows.append(f"{index}.png,{'ab'[index % 2]},{index // 4}")
    (tmp_path / "metadata.csv").write_text("\n".join(rows))
    for seed in range(5):
        tested = {int(path.removesuffix(".png")) for path in held(load(tmp_path, seed=seed))}
        assert len(tested) == 8
        assert all({index // 4 * 4 + k for k in range(4)} <= tested for index in tested)


def test_the_same_content_stays_on_one_side(folder: Path) -> None:
    for index in range(6):
        shutil.copy(folder / "a" / "0.png", folder / "a" / f"copy{index}.png")
    same = {"a/0.png", *(f"a/copy{index}.png" for index in range(6))}
    for seed in range(8):
        assert len(same & held(load(folder, seed=seed))) in (0, 7)


def test_a_second_load_decodes_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = load(folder)
    settle(folder)
    load(folder)  # files as young as they were before are looked at again

    def refuse(*arguments: object) -> None:
        raise AssertionError("pictures are decoded again")

    monkeypatch.setattr(pixels, "read_pictures", refuse)
    monkeypatch.setattr(pixels, "read_chunk", refuse)
    second = load(folder)
    assert (first.train.images == second.train.images).all()
    assert first.sha256 == second.sha256


def settle(folder: Path) -> None:
    """Make all files look older than the moments in which a change could go unseen."""
    import os

    for path in folder.rglob("*.png"):
        os.utime(path, (1_000_000, 1_000_000))


def test_a_changed_file_is_decoded_again(folder: Path) -> None:
    settle(folder)
    first = load(folder)
    save(folder / "a" / "3.png", noise(500))
    second = load(folder)
    assert first.sha256 != second.sha256
    images = np.concatenate([second.train.images, second.test.images])
    assert (images == np.asarray(noise(500)).transpose(2, 0, 1)).all(axis=(1, 2, 3)).any()


def test_a_wrong_guess_of_what_all_are_like_is_corrected(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pixels, "SAMPLE", 2)
    for path in folder.rglob("*.png"):
        if path.name != "7.png":
            save(path, noise(int(path.stem), mode="L"))
    data = load(folder)
    assert data.train.images.shape[1:] == (3, 8, 8)
    images = np.concatenate([data.train.images, data.test.images])
    assert (images == np.asarray(noise(7)).transpose(2, 0, 1)).all(axis=(1, 2, 3)).any()


def test_other_options_have_other_pixels(folder: Path) -> None:
    assert load(folder).train.images.shape[1:] == (3, 8, 8)
    assert load(folder, size=(4, 6), color="gray").train.images.shape[1:] == (1, 4, 6)
    assert load(folder).train.images.shape[1:] == (3, 8, 8)


def test_a_renamed_picture_is_not_black_because_it_was_left_out(folder: Path) -> None:
    picture = folder / "a" / "3.png"
    picture.rename(folder / "a" / "3.heic")
    assert len(load(folder, bad="skip").samples) == 34
    (folder / "a" / "3.heic").rename(picture)
    data = load(folder)
    images = np.concatenate([data.train.images, data.test.images])
    assert images.reshape(len(images), -1).any(axis=1).all()


def test_processes_decode_what_this_process_decodes(
    folder: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "a" / "bad.png").write_bytes(b"")
    alone = load(folder, bad="skip")
    shutil.rmtree(cache)
    monkeypatch.setattr(reading, "ALONE", 10)
    monkeypatch.setattr(reading, "CHUNK", 5)
    monkeypatch.setattr(reading, "usable_cores", lambda: [0, 1])
    together = load(folder, bad="skip")
    assert alone.samples == together.samples
    assert (alone.train.images == together.train.images).all()
    assert (alone.test.images == together.test.images).all()


def test_split_csv_is_a_manifest_of_the_same_split(folder: Path, cli: Callable[..., Any]) -> None:
    run = folder.parent / "run"
    options = ("--data", folder, "--seed", "3", "--val-split", "0.2", *SMALL)
    assert cli("train", *options, "--output", run).exit_code == 0
    with open(run / "split.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["split"] for row in rows} == {"train", "validation", "test"}
    data = load(folder, manifest=run / "split.csv")
    stated = {(row["split"], row["label"], row["file_name"]) for row in rows}
    assert {sample[:3] for sample in data.samples} == stated


def test_eval_finds_the_data_of_a_run_again(folder: Path, cli: Callable[..., Any]) -> None:
    run = folder.parent / "run"
    assert cli("train", "--data", folder, *SMALL, "--output", run).exit_code == 0
    result = cli("eval", run, "--json")
    assert result.exit_code == 0, result.stderr
    assert '"images": 7' in result.stdout
    folder.rename(folder.parent / "moved")
    result = cli("eval", run)
    assert result.exit_code == 2
    assert "--data" in result.stderr
    assert cli("eval", run, "--data", folder.parent / "moved").exit_code == 0


def test_other_pictures_are_matched_by_class_name(folder: Path, cli: Callable[..., Any]) -> None:
    run = folder.parent / "run"
    assert cli("train", "--data", folder, *SMALL, "--output", run).exit_code == 0
    other = make_folders(folder.parent / "other", {"c": 3, "b": 3}, 900)
    result = cli("eval", run, "--data", other, "--json")
    assert result.exit_code == 0, result.stderr
    assert '"images": 6' in result.stdout
    make_folders(other, {"zebra": 1}, 950)
    result = cli("eval", run, "--data", other)
    assert result.exit_code == 2
    assert "does not know: zebra" in result.stderr
