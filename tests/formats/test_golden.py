"""Golden vectors are real images with exact answers, and an artefact that fails them is found."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from support.corruptions import DAMAGES

from cnnkit.data.dataset import Dataset, Split
from cnnkit.formats.golden import Golden
from cnnkit.formats.golden_vectors import choose, exact_logits, vectors
from cnnkit.formats.pytorch.export_process import Classifier
from cnnkit.graph.architecture import Architecture, Block
from cnnkit.graph.weights import Weights

CLASSIFY = Path(__file__).parents[2] / "export" / "onnx" / "python" / "classify.py"
FAMILY = [
    Architecture(),
    Architecture((3, 31, 32), (Block(8, 5, 2, 3), Block(6), Block(5, 1, 0, 1)), 7),
    Architecture((1, 9, 12), (), 2),
]


@pytest.mark.parametrize("architecture", FAMILY, ids=["published", "three blocks", "no block"])
def test_the_exact_answers_are_pytorchs_in_float64(architecture: Architecture) -> None:
    weights = Weights.of(architecture, architecture.initial_parameters(3))
    shape = (16, *architecture.input)
    images = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    module = Classifier(weights.graph).double()
    expected = module.linear(_features(module, torch.from_numpy(images).double() / 255))
    np.testing.assert_allclose(
        exact_logits(weights, images), expected.detach().numpy(), rtol=1e-12, atol=1e-12
    )


def _features(module: Classifier, x: torch.Tensor) -> torch.Tensor:
    for conv, pool in zip(module.convs, module.pools, strict=True):
        x = pool(torch.relu(conv(x)))
    return x.flatten(1)


def test_there_is_an_image_of_every_class(mnist: Dataset) -> None:
    images = choose(mnist.test)
    assert images.shape == (16, 1, 28, 28)
    places = [int((mnist.test.images == image).all((1, 2, 3)).argmax()) for image in images]
    assert mnist.test.labels[places[:10]].tolist() == list(range(10))
    assert len(set(places)) == 16


@pytest.mark.parametrize("count", [1, 9, 15, 16, 40])
def test_there_are_sixteen_whatever_the_size_of_the_test_set(count: int, mnist: Dataset) -> None:
    few = Split(mnist.test.images[:count], mnist.test.labels[:count])
    assert choose(few).shape == (16, 1, 28, 28)


def test_golden_vectors_survive_their_text_to_the_bit(trained: Weights, few: Dataset) -> None:
    golden = vectors(trained, choose(few.test))
    text = json.dumps(golden.to_json())
    again = Golden.from_json(json.loads(text), trained.size, trained.classes)
    assert again is not None
    for name in ("images", "labels", "logits", "probabilities"):
        np.testing.assert_array_equal(getattr(again, name), getattr(golden, name), strict=True)
    assert again.tolerance == golden.tolerance
    assert 1e-5 <= golden.tolerance < 1e-2


def test_the_last_layer_of_huge_weights_has_a_tolerance_of_its_size(
    trained: Weights, few: Dataset
) -> None:
    larger = {n: a * (100 if n.startswith("linear") else 1) for n, a in trained.tensors.items()}
    images = choose(few.test)
    ratio = (
        vectors(Weights.of(trained.architecture, larger, trained.metadata), images).tolerance
        / vectors(trained, images).tolerance
    )
    assert ratio == pytest.approx(100, rel=1e-4)


@pytest.mark.parametrize("what", ["another golden label", "another golden logit"])
def test_a_host_says_that_the_self_test_failed_and_exits_with_1(
    artefacts: dict[str, Path], tmp_path: Path, what: str
) -> None:
    model = tmp_path / "net.onnx"
    model.write_bytes(DAMAGES["onnx"][what](artefacts["onnx"].read_bytes()))
    command = [sys.executable, CLASSIFY, model, tmp_path / "none.png"]
    done = subprocess.run(command, text=True, capture_output=True, check=False)
    assert done.returncode == 1
    assert "the self-test failed" in done.stderr
    assert done.stdout == ""


def test_a_network_of_other_weights_fails_the_self_test(
    artefacts: dict[str, Path], tmp_path: Path
) -> None:
    model = onnx.load(artefacts["onnx"])
    tensor = next(t for t in model.graph.initializer if t.name == "linear.bias")
    tensor.raw_data = (np.frombuffer(tensor.raw_data, "<f4") + 1e-2).astype("<f4").tobytes()
    onnx.save(model, tmp_path / "net.onnx")
    command = [sys.executable, CLASSIFY, tmp_path / "net.onnx", tmp_path / "none.png"]
    done = subprocess.run(command, text=True, capture_output=True, check=False)
    assert done.returncode == 1
    assert "0 of 16 golden labels differ, the largest logit error is 1.0" in done.stderr
