"""`cnnkit.load` answers in the own engine: any file, any form of image, no runtime imported."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import cnnkit
from cnnkit import runtimes
from cnnkit.data.dataset import Dataset
from cnnkit.errors import InputError
from cnnkit.graph.architecture import PIXEL_SCALE
from cnnkit.graph.weights import Weights
from cnnkit.runtimes.classifier import Classifier
from cnnkit.runtimes.prediction import Prediction


@pytest.fixture(scope="module")
def model(artefacts: dict[str, Path]) -> Classifier:
    return cnnkit.load(artefacts["onnx"])


def same(one: Prediction, other: Prediction) -> bool:
    return all(a.tobytes() == b.tobytes() for a, b in zip(one, other, strict=True))


def test_onnx_weights_and_run_answer_to_the_same_bits(
    model: Classifier, weights_file: Path, trained_run: Path, trained: Weights, mnist: Dataset
) -> None:
    images = mnist.test.images[:1000]
    for path in (weights_file, trained_run):
        other = cnnkit.load(path)
        assert same(other(images), model(images))
        assert other.architecture == model.architecture == trained.architecture
        assert other.names == model.names == list("0123456789")
    assert model.weights.sha256 == trained.sha256
    assert model.metadata["cnnkit.dataset"] == "mnist"


def test_it_answers_as_onnx_runtime_does(
    model: Classifier, artefacts: dict[str, Path], mnist: Dataset
) -> None:
    theirs = cnnkit.load(artefacts["onnx"], runtime="onnxruntime")(mnist.test.images)
    ours = model(mnist.test.images)
    assert [array.dtype for array in ours] == [np.float32, np.float32, np.int64]
    np.testing.assert_array_equal(ours.label, theirs.label)
    np.testing.assert_allclose(ours.logits, theirs.logits, rtol=0, atol=5e-5)
    np.testing.assert_allclose(ours.probabilities, theirs.probabilities, rtol=0, atol=5e-6)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_images_come_in_several_forms(model: Classifier, mnist: Dataset, dtype: Any) -> None:
    images: NDArray[Any] = mnist.test.images[:6]
    whole = model(images)
    if dtype == np.float32:
        images = images.astype(np.float32) * np.float32(PIXEL_SCALE)
    assert same(model(images), whole)
    assert same(model(images[:, 0]), whole)
    assert same(model(images[::-1])._replace(), model(images[::-1].copy()))
    for single in (images[2], images[2, 0], images[2:3]):
        assert same(model(single), Prediction(*(array[2:3] for array in whole)))
    assert [len(array) for array in model(images[:0])] == [0, 0, 0]


def test_an_answer_can_be_written_over(model: Classifier, mnist: Dataset) -> None:
    out = model(mnist.test.images[:4])
    again = model(mnist.test.images[4:8], out=out)
    assert all(one is other for one, other in zip(again, out, strict=True))
    assert same(out, model(mnist.test.images[4:8]))
    with pytest.raises(InputError, match=r"^out\[0\]: "):
        model(mnist.test.images[:3], out=out)


@pytest.mark.parametrize(
    "images",
    [
        np.zeros((1, 1, 28, 28)),
        np.zeros((1, 3, 28, 28), np.uint8),
        np.zeros((28, 27), np.uint8),
        np.zeros((1, 1, 1, 28, 28), np.uint8),
        np.zeros(784, np.float32),
    ],
    ids=lambda images: f"{images.dtype}{list(images.shape)}",
)
def test_images_of_another_kind_are_refused_by_name(
    model: Classifier, images: NDArray[Any]
) -> None:
    with pytest.raises(InputError, match=r"^images: is .* \[N, 1, 28, 28\], \[N, 28, 28\] or"):
        model(images)


def test_a_model_goes_to_other_processes_by_pickle(model: Classifier, mnist: Dataset) -> None:
    images = mnist.test.images[:5]
    expected = model(images)
    for again in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model)):
        assert (again.path, again.threads) == (model.path, model.threads)
        assert again(images).logits.tobytes() == expected.logits.tobytes()


def test_threads_never_change_a_bit(
    artefacts: dict[str, Path], model: Classifier, mnist: Dataset
) -> None:
    images = mnist.test.images[:300]
    two, found = cnnkit.load(artefacts["onnx"], threads=2), []
    callers = [threading.Thread(target=lambda: found.append(two(images))) for _ in range(4)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert len(found) == 4
    assert all(same(answer, model(images)) for answer in found)
    with pytest.raises(InputError, match="threads: is 0"):
        cnnkit.load(artefacts["onnx"], threads=0)


def test_torchscript_and_other_runtimes_are_asked_for_by_name(artefacts: dict[str, Path]) -> None:
    with pytest.raises(InputError, match=r'only PyTorch runs. Load it with runtime="torch"'):
        cnnkit.load(artefacts["torchscript"])
    with pytest.raises(
        InputError, match=r'not for onnxruntime to read. Load it with runtime="torch'
    ):
        cnnkit.load(artefacts["torchscript"], runtime="onnxruntime")
    other = cnnkit.load(artefacts["torchscript"], runtime="torch")
    assert isinstance(other, runtimes.Model)
    with pytest.raises(InputError, match="is not for torch to read"):
        cnnkit.load(artefacts["onnx"], runtime="torch")
    with pytest.raises(InputError, match=r"runtime: is tvm\. Make it one of cnnkit, onnxruntime"):
        cnnkit.load(artefacts["onnx"], runtime="tvm")  # type: ignore[call-overload]


ONLY_NUMPY = """
import sys
import cnnkit
import numpy as np
image = np.zeros((28, 28), np.uint8)
for path in sys.argv[1:]:
    cnnkit.load(path)(image)
print(*{name.partition(".")[0] for name in sys.modules} - set(sys.stdlib_module_names))
"""


def test_load_imports_numpy_and_no_runtime(artefacts: dict[str, Path], weights_file: Path) -> None:
    command = [sys.executable, "-c", ONLY_NUMPY, artefacts["onnx"], weights_file]
    done = subprocess.run(command, text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    heavy = {"torch", "onnx", "onnxruntime", "rich", "typer", "PIL", "matplotlib", "platformdirs"}
    found = set(done.stdout.split())
    assert {"cnnkit", "numpy"} <= found
    assert not heavy & found
