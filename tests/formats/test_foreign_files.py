"""What is not an artefact of ours is refused by name, and never run."""

from __future__ import annotations

import gzip
import pickle
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import onnx
import pytest
import torch
from onnx import helper
from PIL import Image
from support.corruptions import DAMAGES
from torch import nn

import cnnkit
from cnnkit import runtimes
from cnnkit.errors import InputError, StorageError
from cnnkit.formats.checkpoint import read_weights, write_weights
from cnnkit.formats.pytorch.archive import deprecation_known
from cnnkit.graph.weights import Weights


def foreign_onnx(path: Path) -> None:
    node = helper.make_node("Relu", ["x"], ["y"])
    value = [helper.make_tensor_value_info(name, 1, ["N", 3]) for name in "xy"]
    onnx.save(helper.make_model(helper.make_graph([node], "other", value[:1], value[1:])), path)


def foreign_torchscript(path: Path) -> None:
    with deprecation_known():
        torch.jit.save(torch.jit.script(nn.ReLU()), path)


def bare_pickle(path: Path) -> None:
    path.write_bytes(pickle.dumps({"weights": [1, 2, 3]}))


def plain_zip(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.txt", "hello")


FOREIGN: dict[str, tuple[Callable[[Path], Any], str]] = {
    "another ONNX file": (foreign_onnx, r"takes float32\[free, 3\] at its input x, not images"),
    "another TorchScript": (foreign_torchscript, "is a TorchScript archive, but not one that"),
    "torch.save": (
        lambda path: torch.save({"a": torch.ones(2)}, path),
        r"is a pickle \(torch.save",
    ),
    "old torch.save": (
        lambda path: torch.save([1], path, _use_new_zipfile_serialization=False),
        r"is a pickle \(torch.save",
    ),
    "pickle": (bare_pickle, r"is a pickle \(torch.save"),
    "zip": (plain_zip, "is a zip file, but not a TorchScript archive"),
    "picture": (lambda path: Image.new("L", (28, 28)).save(path, "PNG"), "is a PNG picture"),
    "JPEG": (lambda path: Image.new("L", (28, 28)).save(path, "JPEG"), "is a JPEG picture"),
    "pointer of Git LFS": (
        lambda path: path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\n"),
        "is a pointer of Git LFS, not a model. Fetch the model with `git lfs pull`",
    ),
    "gzip": (
        lambda path: path.write_bytes(gzip.compress(b"model")),
        "is compressed by gzip, not a model. Unpack it with gunzip",
    ),
    "ort": (
        lambda path: path.write_bytes(b"\x18\0\0\0ORTM" + bytes(40)),
        r"is in ONNX Runtime's own format \(.ort\), not a model",
    ),
    "text": (lambda path: path.write_text("hello"), "is not a model that cnnkit reads"),
    "empty": (lambda path: path.write_bytes(b""), "is empty"),
    "folder without a run": (lambda path: path.mkdir(), "holds no weights.safetensors"),
}


# Where the own engine, which reads others' ONNX files, refuses for another reason.
OWN_REASONS = {
    "another ONNX file": r"model: takes float32\[free, 3\] at its input x, not images",
}


@pytest.mark.parametrize("what", FOREIGN)
def test_what_is_not_ours_is_refused_by_name(what: str, tmp_path: Path) -> None:
    make, reason = FOREIGN[what]
    make(tmp_path / "model")
    with pytest.raises(InputError, match=reason):
        runtimes.load(tmp_path / "model")
    with pytest.raises(InputError, match=OWN_REASONS.get(what, reason)):
        cnnkit.load(tmp_path / "model")


def test_a_pickle_is_never_run(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[Callable[[str], Any], tuple[str]]:
            return (Path.touch, (tmp_path / "ran",))

    for name, save in (("zip", torch.save), ("bare", lambda value, at: bare(value, at))):
        save(Trap(), tmp_path / name)
        for load in (cnnkit.load, runtimes.load):
            with pytest.raises(InputError, match="is a pickle"):
                load(tmp_path / name)
    assert not (tmp_path / "ran").exists()


def bare(value: object, path: Path) -> None:
    path.write_bytes(pickle.dumps(value))


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"none.onnx: cannot be read \(No such file"):
        cnnkit.load(tmp_path / "none.onnx")


@pytest.mark.parametrize("name", ["onnx", "torchscript"])
def test_an_artefact_whose_weights_changed_is_not_used(
    artefacts: dict[str, Path], tmp_path: Path, name: str
) -> None:
    content = DAMAGES[name]["a flipped weight"](artefacts[name].read_bytes())
    (tmp_path / "model").write_bytes(content)
    with pytest.raises(InputError, match="holds other weights than its metadata says"):
        runtimes.load(tmp_path / "model")
    if name == "onnx":
        with pytest.raises(InputError, match="holds other weights than its metadata says"):
            cnnkit.load(tmp_path / "model")


def test_a_file_of_a_later_contract_is_refused(artefacts: dict[str, Path], tmp_path: Path) -> None:
    model = onnx.load(artefacts["onnx"])
    next(p for p in model.metadata_props if p.key == "cnnkit.contract").value = "2"
    onnx.save(model, tmp_path / "later.onnx")
    with pytest.raises(InputError, match="has version 2 of the export contract"):
        cnnkit.load(tmp_path / "later.onnx")


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        ("names", '["a"]', "without a name for each of its 10 classes"),
        ("names", '"0123456789"', "'names' is not a list of texts"),
        (
            "cnnkit.architecture",
            '{"input": [1, 28, 28], "blocks": [], "classes": 1e999}',
            "stack",
        ),
        ("cnnkit.architecture", "[]", "stack"),
    ],
)
def test_metadata_that_describes_no_network_is_refused(
    artefacts: dict[str, Path], tmp_path: Path, key: str, value: str, reason: str
) -> None:
    model = onnx.load(artefacts["onnx"])
    next(p for p in model.metadata_props if p.key == key).value = value
    onnx.save(model, tmp_path / "odd.onnx")
    with pytest.raises(InputError, match=reason):
        runtimes.load(tmp_path / "odd.onnx")


def test_weights_without_a_name_for_each_class_are_refused(
    trained: Weights, tmp_path: Path
) -> None:
    path = tmp_path / "weights.safetensors"
    write_weights(path, replace(trained, metadata={"names": ["a"]}))
    with pytest.raises(InputError, match="without a name for each of its 10 classes"):
        read_weights(path)


def test_the_verb_says_that_a_foreign_file_is_not_ours(
    cli: Callable[..., Any], tmp_path: Path
) -> None:
    foreign_onnx(tmp_path / "other.onnx")
    result = cli("verify", tmp_path / "other.onnx")
    assert result.exit_code == 2
    assert "not one that cnnkit wrote" in result.stderr
