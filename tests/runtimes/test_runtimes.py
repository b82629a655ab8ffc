"""Any artefact answers as one function, in the runtime of its format."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

import cnnkit
from cnnkit.data.dataset import Dataset
from cnnkit.errors import InputError
from cnnkit.formats.detect import detect
from cnnkit.graph.weights import Weights
from cnnkit.runtimes.loader import RUNTIMES, load
from cnnkit.runtimes.prediction import Prediction


@pytest.fixture(
    scope="module", params=sorted(form for formats in RUNTIMES.values() for form in formats)
)
def path(request: pytest.FixtureRequest, artefacts: dict[str, Path], weights_file: Path) -> Path:
    """A file of each format in turn."""
    return {**artefacts, "weights": weights_file}[request.param]


def test_every_format_answers_alike(path: Path, trained: Weights, mnist: Dataset) -> None:
    model = load(path)
    answer = model(mnist.test.images[:100])
    assert isinstance(answer, Prediction)
    assert [array.dtype for array in answer] == [np.float32, np.float32, np.int64]
    assert [array.shape for array in answer] == [(100, 10), (100, 10), (100,)]
    np.testing.assert_array_equal(answer.label, answer.logits.argmax(axis=1))
    np.testing.assert_allclose(answer.probabilities.sum(axis=1), 1, atol=1e-6)
    if "int8" not in path.name:
        assert model.weights_sha256 == trained.sha256
        assert model.architecture == trained.architecture
    assert model.metadata["cnnkit.weights_sha256"] == trained.sha256
    assert model.names == list("0123456789")
    assert model.metadata["cnnkit.dataset"] == "mnist"
    assert model.runtime


def test_an_empty_batch_has_an_empty_answer(path: Path, mnist: Dataset) -> None:
    assert [len(array) for array in load(path)(mnist.test.images[:0])] == [0, 0, 0]


@pytest.mark.parametrize("batch", [1, 4])
def test_a_file_with_a_frozen_batch_answers_any_number_of_images(
    artefacts: dict[str, Path], mnist: Dataset, tmp_path: Path, batch: int
) -> None:
    model = onnx.load(artefacts["onnx"])
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.shape.dim[0].dim_value = batch
    onnx.save(model, tmp_path / "frozen.onnx")
    frozen, images = load(tmp_path / "frozen.onnx"), mnist.test.images[:10]
    for count in (0, 1, 10):
        found, expected = frozen(images[:count]), load(artefacts["onnx"])(images[:count])
        np.testing.assert_allclose(found.logits, expected.logits, atol=1e-5)
        np.testing.assert_array_equal(found.label, expected.label)


def test_views_that_are_not_contiguous_are_read_right(path: Path, mnist: Dataset) -> None:
    model = load(path)
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
        load(path)(images)


def test_a_file_is_known_by_its_content_not_its_name(
    artefacts: dict[str, Path], tmp_path: Path
) -> None:
    for name, source in artefacts.items():
        (tmp_path / "model.bin").write_bytes(source.read_bytes())
        if name in ("c", "c-int8"):  # known, and so its header is missed
            with pytest.raises(InputError, match=r"model\.h"):
                load(tmp_path / "model.bin")
        else:
            assert load(tmp_path / "model.bin").format == name


@pytest.mark.parametrize("length", [0x0280, 0x0580, 0x4B50, 0x4D42])
def test_weights_are_known_whatever_their_headers_length_looks_like(
    tmp_path: Path, length: int
) -> None:
    # As the first bytes of a pickle, of a zip archive, of a picture.
    (tmp_path / "net").write_bytes(length.to_bytes(8, "little") + b'{"__metadata__": {}}')
    assert detect(tmp_path / "net") == "weights"


def test_a_run_folder_is_a_model(trained_run: Path) -> None:
    assert load(trained_run).format == "weights"


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
from cnnkit.runtimes import load
from cnnkit.data import load_dataset
images = load_dataset("mnist").test.images[:50]
for path in sys.argv[1:]:
    print(load(path)(images).label.tolist())
"""


def test_onnx_and_weights_answer_without_pytorch(
    artefacts: dict[str, Path], weights_file: Path, mnist: Dataset
) -> None:
    command = [sys.executable, "-c", WITHOUT_TORCH, artefacts["onnx"], weights_file]
    done = subprocess.run(command, text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    expected = str(load(artefacts["onnx"])(mnist.test.images[:50]).label.tolist())
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
        (
            "eval {torchscript}",
            3,
            "needs it. Install it with `python -m pip install 'cnnkit[train]'`.",
        ),
        ("eval {onnx} --picture {folder}/p.png", 3, "drawing a picture needs it"),
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


def test_a_parameter_that_the_graph_does_not_use_hides_no_other(
    artefacts: dict[str, Path], tmp_path: Path
) -> None:
    model, path = onnx.load(artefacts["onnx"]), tmp_path / "net.onnx"
    (weight,) = (t for t in model.graph.initializer if t.name == "linear.weight")
    used = numpy_helper.from_array(-numpy_helper.to_array(weight), "used")
    model.graph.initializer.append(used)
    for node in model.graph.node:
        node.input[:] = ["used" if name == "linear.weight" else name for name in node.input]
    onnx.save(model, path)
    with pytest.raises(InputError, match="holds other weights than its metadata says"):
        load(path)
