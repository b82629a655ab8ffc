"""The graph that runs has to be the network's: what only looks like it is found and named."""

from __future__ import annotations

import random
import re
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from support.corruptions import DAMAGES, edit_onnx, flip_bit
from support.onnx_mutants import HARMLESS, INVISIBLE, MUTANTS

from cnnkit.data.dataset import Dataset
from cnnkit.errors import InputError, StorageError
from cnnkit.formats.contract import input_type
from cnnkit.formats.detect import read_contract
from cnnkit.formats.onnx.model import to_model
from cnnkit.formats.onnx.same_graph import Comparison
from cnnkit.formats.onnx.strict import read_strict
from cnnkit.formats.onnx.wire import OddFileError
from cnnkit.formats.onnx.writer import write_onnx
from cnnkit.formats.options import Options
from cnnkit.graph.architecture import Architecture, Block
from cnnkit.graph.convnet import with_contract
from cnnkit.graph.passes.fusion import fuse_convolutions
from cnnkit.graph.weights import Weights

ARCHITECTURE = Architecture()


@pytest.fixture(scope="module")
def weights() -> Weights:
    return Weights.of(ARCHITECTURE, ARCHITECTURE.initial_parameters(1))


@pytest.fixture(scope="module")
def content(weights: Weights, few: Dataset) -> bytes:
    return write_onnx(weights, Options(few))[".onnx"]


def compare(path: Path, weights: Weights) -> None:
    graph = with_contract(weights.graph, input_type(read_contract(path)))
    Comparison(read_strict(path), graph)


def outputs(content: bytes, few: Dataset) -> list[np.ndarray]:
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    names = ["logits", "probabilities", "label"]
    return list(session.run(names, {"image": few.test.images}))


@pytest.mark.parametrize("what", MUTANTS)
def test_every_mutant_of_the_graph_is_refused_by_name(
    content: bytes, weights: Weights, tmp_path: Path, what: str
) -> None:
    mutate, reason = MUTANTS[what]
    path = tmp_path / "net.onnx"
    path.write_bytes(mutate(content))
    expected = "|".join(map(re.escape, reason.split("|")))
    with pytest.raises((OddFileError, InputError), match=expected):
        compare(path, weights)


@pytest.mark.parametrize("what", INVISIBLE)
def test_no_test_image_shows_the_invisible_mutants(content: bytes, few: Dataset, what: str) -> None:
    mutant = outputs(INVISIBLE[what][0](content), few)
    for found, expected in zip(mutant, outputs(content, few), strict=True):
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("what", HARMLESS)
def test_what_changes_no_result_is_taken(
    content: bytes, weights: Weights, tmp_path: Path, what: str
) -> None:
    path = tmp_path / "net.onnx"
    path.write_bytes(edit_onnx(HARMLESS[what])(content))
    compare(path, weights)


def test_weights_in_another_file_are_compared(
    content: bytes, weights: Weights, tmp_path: Path
) -> None:
    path = tmp_path / "net.onnx"
    model = onnx.load_from_string(content)
    onnx.save(model, path, save_as_external_data=True, location="net.data", size_threshold=0)
    compare(path, weights)
    data = tmp_path / "net.data"
    data.write_bytes(flip_bit(data.read_bytes(), 8 * 1000))
    with pytest.raises(OddFileError, match="does not hold the values of"):
        compare(path, weights)
    data.unlink()
    with pytest.raises(StorageError, match=r"net\.data"):
        compare(path, weights)


@pytest.mark.parametrize("opset", [9, 13, 19])
@pytest.mark.parametrize("input", ["uint8", "float32"])
def test_every_opset_and_input_of_the_writer_is_taken(
    few: Dataset, tmp_path: Path, opset: int, input: str
) -> None:
    architecture = Architecture((1, 28, 28), (Block(3, 5, 0, 3), Block(4, 3, 1, 1)), 7)
    own = Weights.of(architecture, architecture.initial_parameters(2))
    path = tmp_path / "net.onnx"
    path.write_bytes(write_onnx(own, Options(few, input=input, opset=opset))[".onnx"])
    compare(path, own)
    other = Weights.of(architecture, architecture.initial_parameters(3))
    with pytest.raises(OddFileError, match="does not hold the values of"):
        compare(path, other)


def test_the_fused_operator_is_compared_with_its_attributes(
    weights: Weights, tmp_path: Path
) -> None:
    path, graph = tmp_path / "net.onnx", fuse_convolutions(weights.graph)
    model = to_model(graph, 17)
    onnx.save(model, path)
    Comparison(read_strict(path), graph)
    fused = next(node for node in model.graph.node if node.domain)
    next(item for item in fused.attribute if item.name == "pads").ints[0] = 0
    onnx.save(model, path)
    with pytest.raises(OddFileError, match=r"has pads = \(0, 1\)"):
        Comparison(read_strict(path), graph)


def test_damage_of_the_graph_is_found_by_it_alone(
    content: bytes, weights: Weights, tmp_path: Path
) -> None:
    path = tmp_path / "net.onnx"
    for what in (
        *("a flipped weight", "a weight's last bit", "swapped outputs", "missing scaling"),
        *("a frozen batch axis", "softmax over the batch", "the smallest logit as label"),
    ):
        path.write_bytes(DAMAGES["onnx"][what](content))
        with pytest.raises(OddFileError):
            compare(path, weights)


def test_a_flipped_bit_is_refused_or_changes_nothing_that_runs(
    content: bytes, weights: Weights, few: Dataset, tmp_path: Path
) -> None:
    path, chosen = tmp_path / "net.onnx", random.Random(3)
    whole, harmless = outputs(content, few), 0
    end = content.index(b"cnnkit.golden")  # from here on there are metadata
    for _ in range(600):
        damaged = flip_bit(content, chosen.randrange(8 * end))
        path.write_bytes(damaged)
        try:
            Comparison(read_strict(path), weights.graph)
        except OddFileError:
            continue
        harmless += 1
        try:
            found = outputs(damaged, few)
        except Exception:  # ONNX Runtime refuses it; its errors have no other base class
            continue
        for array, expected in zip(found, whole, strict=True):
            np.testing.assert_array_equal(array, expected)
    assert harmless < 60  # names of nodes and of inner values, the producer


def test_truncated_and_foreign_files_are_refused(
    content: bytes, weights: Weights, tmp_path: Path
) -> None:
    path = tmp_path / "net.onnx"
    for damaged in (content[:-1], content[: len(content) // 2], b"\xff" * 40, b"\x08", b""):
        path.write_bytes(damaged)
        with pytest.raises(OddFileError):
            Comparison(read_strict(path), weights.graph)
