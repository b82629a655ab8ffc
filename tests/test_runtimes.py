"""Any artefact answers as one function; what is not ours is refused by name and never run."""

from __future__ import annotations

import pickle
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from damage import DAMAGES
from onnx import helper
from PIL import Image
from torch import nn

import cnnkit
from cnnkit.checkpoint import Weights
from cnnkit.data import Dataset
from cnnkit.errors import CnnkitError, InputError, MissingError, StorageError
from cnnkit.export.torchscript import deprecation_known
from cnnkit.runtimes import LOADERS, Prediction


@pytest.fixture(scope="module", params=sorted(LOADERS))
def path(request: pytest.FixtureRequest, artefacts: dict[str, Path], weights_file: Path) -> Path:
    """A file of each format in turn."""
    return {**artefacts, "weights": weights_file}[request.param]


def test_every_format_answers_alike(path: Path, trained: Weights, mnist: Dataset) -> None:
    model = cnnkit.load(path)
    answer = model(mnist.test.images[:100])
    assert isinstance(answer, Prediction)
    assert [array.dtype for array in answer] == [np.float32, np.float32, np.int64]
    assert [array.shape for array in answer] == [(100, 10), (100, 10), (100,)]
    np.testing.assert_array_equal(answer.label, answer.logits.argmax(axis=1))
    np.testing.assert_allclose(answer.probabilities.sum(axis=1), 1, atol=1e-6)
    assert model.weights_sha256 == trained.sha256
    assert model.names == list("0123456789")
    assert model.architecture == trained.architecture
    assert model.metadata["cnnkit.dataset"] == "mnist"
    assert model.runtime


def test_an_empty_batch_has_an_empty_answer(path: Path, mnist: Dataset) -> None:
    assert [len(array) for array in cnnkit.load(path)(mnist.test.images[:0])] == [0, 0, 0]


def test_views_that_are_not_contiguous_are_read_right(path: Path, mnist: Dataset) -> None:
    model = cnnkit.load(path)
    images = mnist.test.images[:20]
    np.testing.assert_array_equal(model(images[::2]).logits, model(images[::2].copy()).logits)
    flipped = images[..., ::-1]
    np.testing.assert_array_equal(model(flipped).logits, model(flipped.copy()).logits)


@pytest.mark.parametrize(
    "images",
    [
        np.zeros((1, 1, 28, 28), np.float32),
        np.zeros((1, 28, 28), np.uint8),
        np.zeros((1, 3, 28, 28), np.uint8),
        np.zeros((1, 1, 28, 27), np.uint8),
    ],
    ids=lambda images: f"{images.dtype}{list(images.shape)}",
)
def test_images_of_another_kind_are_refused_by_name(path: Path, images: Any) -> None:
    with pytest.raises(InputError, match=r"^images: is .*, not uint8\[N, 1, 28, 28\]"):
        cnnkit.load(path)(images)


def test_a_file_is_known_by_its_content_not_its_name(
    artefacts: dict[str, Path], tmp_path: Path
) -> None:
    for name, source in artefacts.items():
        (tmp_path / "model.bin").write_bytes(source.read_bytes())
        assert cnnkit.load(tmp_path / "model.bin").format == name


def test_a_run_folder_is_a_model(trained_run: Path) -> None:
    assert cnnkit.load(trained_run).format == "weights"


def test_importing_cnnkit_imports_no_runtime() -> None:
    program = "import sys, cnnkit; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], text=True, capture_output=True, check=True
    )
    assert not {"torch", "onnxruntime", "onnx", "numpy"} & set(done.stdout.split())


def test_the_package_says_what_it_has_not() -> None:
    with pytest.raises(AttributeError, match="'cnnkit' has no attribute 'save'"):
        _ = cnnkit.save


WITHOUT_TORCH = """
import sys
sys.modules.update({"torch": None, "torchvision": None, "onnx": None, "matplotlib": None})
import cnnkit
from cnnkit.data import load_dataset
images = load_dataset("mnist").test.images[:50]
for path in sys.argv[1:]:
    print(cnnkit.load(path)(images).label.tolist())
"""


def test_onnx_and_weights_answer_without_pytorch(
    artefacts: dict[str, Path], weights_file: Path, mnist: Dataset
) -> None:
    command = [sys.executable, "-c", WITHOUT_TORCH, artefacts["onnx"], weights_file]
    done = subprocess.run(command, text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    expected = str(cnnkit.load(artefacts["onnx"])(mnist.test.images[:50]).label.tolist())
    assert done.stdout.splitlines() == [expected, expected]


VERBS_WITHOUT_TORCH = """
import sys
sys.modules.update({"torch": None, "torchvision": None, "onnx": None, "matplotlib": None})
from cnnkit.cli import main
main(sys.argv[1:])
"""


@pytest.mark.parametrize(
    ("arguments", "exit_code", "said"),
    [
        ("verify {onnx} --weights {weights}", 0, "PyTorch is not installed"),
        ("eval {onnx}", 0, "onnxruntime"),
        ("eval {torchscript}", 3, "running TorchScript needs it"),
        ("eval {onnx} --picture {folder}/p.png", 3, "pictures need it"),
        ("export --format onnx {weights} -o {folder}/a.onnx", 3, "writing ONNX needs it"),
        ("export --format torchscript {weights} -o {folder}/a.pt", 3, "writing TorchScript needs"),
    ],
)
def test_a_verb_without_pytorch_works_or_says_what_to_install(
    artefacts: dict[str, Path],
    weights_file: Path,
    tmp_path: Path,
    arguments: str,
    exit_code: int,
    said: str,
) -> None:
    words = arguments.format(**artefacts, weights=weights_file, folder=tmp_path).split()
    command = [sys.executable, "-c", VERBS_WITHOUT_TORCH, *words]
    done = subprocess.run(command, text=True, capture_output=True, check=False)
    assert done.returncode == exit_code, done.stderr
    assert said in done.stdout + done.stderr
    assert exit_code == 0 or "cnnkit[train]" in done.stderr
    assert list(tmp_path.iterdir()) == []


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
    "another ONNX file": (foreign_onnx, "is an ONNX file, but not one that cnnkit wrote"),
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
    "text": (lambda path: path.write_text("hello"), "is no model that cnnkit can read"),
    "empty": (lambda path: path.write_bytes(b""), "is empty"),
    "folder without a run": (lambda path: path.mkdir(), "holds no weights.safetensors"),
}


@pytest.mark.parametrize("what", FOREIGN)
def test_what_is_not_ours_is_refused_by_name(what: str, tmp_path: Path) -> None:
    make, reason = FOREIGN[what]
    make(tmp_path / "model")
    with pytest.raises(InputError, match=reason):
        cnnkit.load(tmp_path / "model")


def test_a_pickle_is_never_run(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[Callable[[str], Any], tuple[str]]:
            return (Path.touch, (tmp_path / "ran",))

    for name, save in (("zip", torch.save), ("bare", lambda value, at: bare(value, at))):
        save(Trap(), tmp_path / name)
        with pytest.raises(InputError, match="is a pickle"):
            cnnkit.load(tmp_path / name)
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
        cnnkit.load(tmp_path / "model")


def test_a_file_of_a_later_contract_is_refused(artefacts: dict[str, Path], tmp_path: Path) -> None:
    model = onnx.load(artefacts["onnx"])
    next(p for p in model.metadata_props if p.key == "cnnkit.contract").value = "2"
    onnx.save(model, tmp_path / "later.onnx")
    with pytest.raises(InputError, match="has version 2 of the export contract"):
        cnnkit.load(tmp_path / "later.onnx")


def test_the_verb_says_that_a_foreign_file_is_not_ours(
    cli: Callable[..., Any], tmp_path: Path
) -> None:
    foreign_onnx(tmp_path / "other.onnx")
    result = cli("verify", tmp_path / "other.onnx")
    assert result.exit_code == 2
    assert "not one that cnnkit wrote" in result.stderr


def test_errors_are_of_the_kinds_that_the_command_line_knows() -> None:
    assert all(issubclass(kind, CnnkitError) for kind in (InputError, MissingError, StorageError))
