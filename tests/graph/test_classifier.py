"""Anybody's classifier gets the contract's input and outputs, and computes what it computed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from support.graph_cases import Net

from cnnkit.errors import InputError
from cnnkit.graph.classifier import as_classifier, record_of
from cnnkit.graph.convnet import INPUT, LABEL, LOGITS, OUTPUTS, PROBABILITIES
from cnnkit.graph.graph import Graph
from cnnkit.graph.preprocessing import Preprocessing
from cnnkit.graph.reference import evaluate
from cnnkit.graph.types import TensorType

UNIT = Preprocessing.of((3, 8, 6))
IMAGES = np.random.default_rng(0).integers(0, 256, (5, 3, 8, 6), np.uint8)


def net(dtype: str = "float32", shape: tuple[int, ...] = (3, 8, 6)) -> Net:
    return Net(*shape, dtype=dtype)


def scores(make: Net, x: str = "x") -> str:
    y = make("Relu", make.conv(x, 3, 4, 3))
    return make.head(make("GlobalAveragePool", y), 4)


def with_contract(graph: Graph, raw: Preprocessing | None = UNIT) -> dict[str, Any]:
    """Return the outputs for the images, having checked that they are the contract's."""
    whole = as_classifier(graph, raw)
    assert whole.inputs == {INPUT: TensorType("uint8", ("N", 3, 8, 6))}
    assert whole.outputs == OUTPUTS
    found = evaluate(whole, {INPUT: IMAGES})
    powers = np.exp(found[LOGITS])
    np.testing.assert_allclose(found[PROBABILITIES], powers / powers.sum(1, keepdims=True))
    np.testing.assert_array_equal(found[LABEL], found[LOGITS].argmax(1))
    return found


def test_pixels_are_prepared_as_the_record_says() -> None:
    make = net()
    graph = make.graph(scores(make))
    raw = replace(UNIT, mean=(0.5, 0.25, 0.75), std=(0.25, 0.5, 0.125))
    mean, std = (np.reshape(row, (3, 1, 1)) for row in (raw.mean, raw.std))
    for record, x in ((UNIT, IMAGES / 255), (raw, (IMAGES / 255 - mean) / std)):
        (expected,) = evaluate(graph, {"x": x}).values()
        np.testing.assert_allclose(with_contract(graph, record)[LOGITS], expected, rtol=1e-6)


@pytest.mark.parametrize("head", ["Softmax", "LogSoftmax"])
def test_the_logits_are_found_before_the_last_head(head: str) -> None:
    make = net()
    logits = scores(make)
    one, two = make(head, logits, axis=-1), make(head, make("Softmax", logits, axis=1), axis=1)
    plain = with_contract(make.graph(logits))
    assert np.array_equal(with_contract(make.graph(one))[LOGITS], plain[LOGITS])
    # Of two heads behind one another the last is the contract's: probabilities are the file's.
    np.testing.assert_allclose(
        with_contract(make.graph(two))[LOGITS], plain[PROBABILITIES], rtol=1e-9
    )
    label = make("ArgMax", one, axis=1, keepdims=0)
    assert np.array_equal(with_contract(make.graph(one, label))[LABEL], plain[LABEL])


def test_images_that_are_transposed_first_are_nhwc() -> None:
    make = net(shape=(8, 6, 3))
    x = make("Transpose", "x", perm=(0, 3, 1, 2))
    graph = make.graph(make("Softmax", scores(make, x), axis=1))
    whole = as_classifier(graph, UNIT)
    assert "Transpose" not in [node.operator for node in whole.nodes]
    (expected,) = evaluate(graph, {"x": IMAGES.transpose(0, 2, 3, 1) / 255}).values()
    np.testing.assert_allclose(with_contract(graph)[PROBABILITIES], expected, rtol=1e-9)


def test_names_of_the_contract_are_free_for_it() -> None:
    make = net()
    graph = make.graph(scores(make))
    first, *_, last = graph.nodes
    nodes = (
        replace(first, inputs=("label", *first.inputs[1:]), outputs=("logits",)),
        replace(graph.nodes[1], inputs=("logits",), outputs=("image",)),
        replace(graph.nodes[2], inputs=("image",)),
        *graph.nodes[3:-1],
        replace(last, outputs=("probabilities",)),
    )
    named = Graph({"label": graph.inputs["x"]}, nodes, ("probabilities",), graph.tensors)
    assert np.array_equal(with_contract(named)[LOGITS], with_contract(graph)[LOGITS])


def test_a_frozen_batch_is_freed() -> None:
    make = net()
    y = make("Relu", make.conv("x", 3, 4, 3))
    y = make("Reshape", y, make.tensor([1, 96], "int64"))
    y = make("Gemm", y, make.drawn(5, 96), make.drawn(5), transB=1)
    graph = make.graph(make("Reshape", y, make.tensor([1, -1], "int64")))
    frozen = replace(graph, inputs={"x": TensorType("float32", (1, 3, 8, 6))})
    expected = [evaluate(frozen, {"x": image[None] / 255})[graph.outputs[0]] for image in IMAGES]
    np.testing.assert_allclose(with_contract(frozen)[LOGITS], np.concatenate(expected), rtol=1e-9)


def test_a_batch_that_a_node_needs_is_refused_by_its_name() -> None:
    make = net()
    y = make("Flatten", make("Relu", make.conv("x", 3, 4, 3)))
    y = make("Gemm", y, make.drawn(5, 96), make.drawn(1, 5), transB=1)
    joined = make("Concat", y, make.tensor(np.zeros((1, 5))), axis=1)
    graph = replace(make.graph(joined), inputs={"x": TensorType("float32", (1, 3, 8, 6))})
    with pytest.raises(InputError, match="frozen at a batch of 1 by node Concat"):
        as_classifier(graph, UNIT)


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_a_graph_that_scales_itself_needs_no_record(dtype: str) -> None:
    make = net(dtype)
    x = make("Cast", "x", to="float32") if dtype == "uint8" else "x"
    x = make("Div", make("Sub", x, make.tensor(127.5)), make.tensor(63.75))
    graph = make.graph(scores(make, x))
    (expected,) = evaluate(graph, {"x": IMAGES.astype(dtype)}).values()
    np.testing.assert_allclose(with_contract(graph, None)[LOGITS], expected, rtol=1e-6)
    record = record_of(graph)
    assert (record.mean, record.std) == ((0.5,) * 3, (0.25,) * 3)
    with pytest.raises(InputError, match=r"says itself how pixels are scaled. Leave --preprocess"):
        as_classifier(graph, UNIT)


def test_pixels_are_never_guessed() -> None:
    make = net()
    graph = make.graph(scores(make))
    with pytest.raises(InputError, match=r"not say how pixels are scaled. Say what .*imagenet"):
        as_classifier(graph)
    make = net("int32")
    graph = make.graph(scores(make, make("Cast", "x", to="float32")))
    for raw, reason in ((None, "takes int32 and does not say"), (UNIT, "say --preprocess none")):
        with pytest.raises(InputError, match=f"(?i){reason}"):
            as_classifier(graph, raw)
    (expected,) = evaluate(graph, {"x": IMAGES.astype(np.int32)}).values()
    none = replace(UNIT, scale=1.0)
    np.testing.assert_allclose(with_contract(graph, none)[LOGITS], expected, rtol=1e-9)


def test_what_is_no_classifier_is_refused_with_its_outputs() -> None:
    make = net()
    conv = make.conv("x", 3, 4, 3)
    logits = make.head(make("GlobalAveragePool", make("Relu", conv)), 4)
    one = make("Gemm", logits, make.drawn(1, 5), transB=1)
    for outputs, reason in (
        ((conv,), r"has the output conv0 float32\[N, 4, 6, 4\], not one score per class"),
        ((logits, conv), "has 2 outputs .*, which are not those of one classifier"),
        ((one,), "of one number, not a score per class"),
    ):
        with pytest.raises(InputError, match=reason):
            as_classifier(make.graph(*outputs), UNIT)
    wide = replace(make.graph(logits), inputs={"x": TensorType("float64", ("N", 3, 8, 6))})
    with pytest.raises(InputError):
        as_classifier(wide, UNIT)
    with pytest.raises(InputError, match="the preprocessing: is for images of 3x9x6; the model"):
        as_classifier(make.graph(logits), Preprocessing.of((3, 9, 6)))
