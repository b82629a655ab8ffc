"""The float64 reference agrees with ONNX Runtime and onnx.reference on every shared graph."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from onnx.reference import ReferenceEvaluator
from support.graph_cases import CASES, Case, Net
from support.graph_to_onnx import to_onnx

from cnnkit.formats.onnx.reader import read_graph
from cnnkit.graph.graph import Graph
from cnnkit.graph.identity import canonical, sha256
from cnnkit.graph.reference import evaluate
from cnnkit.graph.shapes import infer_types

cases = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)


@cases
@pytest.mark.parametrize("count", [1, 3])
def test_onnx_runtime_agrees(case: Case, count: int) -> None:
    content = to_onnx(case.graph).SerializeToString()
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    feeds = case.images(count)
    expected = evaluate(case.graph, feeds)
    for name, found in zip(case.graph.outputs, session.run(None, feeds), strict=True):
        np.testing.assert_allclose(found, expected[name], rtol=0, atol=case.tolerance)


@cases
def test_onnx_reference_agrees(case: Case) -> None:
    feeds = case.images(2)
    expected = evaluate(case.graph, feeds)
    found = ReferenceEvaluator(to_onnx(case.graph)).run(None, feeds)
    for name, array in zip(case.graph.outputs, found, strict=True):
        np.testing.assert_allclose(array, expected[name], rtol=0, atol=case.tolerance)


def test_a_cast_to_float16_rounds() -> None:
    net = Net(2, 3, 4)
    graph = net.graph(net("Cast", net("Cast", "x", to="float16"), to="float32"))
    x = np.random.default_rng(0).normal(0, 4e4, (3, 2, 3, 4)).astype(np.float32)
    (found,) = evaluate(graph, {"x": x}).values()
    session = onnxruntime.InferenceSession(to_onnx(graph).SerializeToString())
    np.testing.assert_array_equal(found, session.run(None, {"x": x})[0])
    assert np.isinf(found).any()


@cases
def test_shapes_are_inferred_as_they_come_out(case: Case) -> None:
    types = infer_types(case.graph)
    values = evaluate(case.graph, case.images(5), tuple(types))
    for name, type in types.items():
        shape = tuple(5 if size == "N" else size for size in type.shape)
        assert values[name].shape == shape, name
        assert values[name].dtype == ("float64" if type.is_float else type.dtype), name


@cases
def test_blas_gives_the_same_to_rounding(case: Case) -> None:
    feeds = case.images(2)
    exact, quick = (evaluate(case.graph, feeds, reproducible=r) for r in (True, False))
    for name in case.graph.outputs:
        np.testing.assert_allclose(quick[name], exact[name], rtol=1e-12, atol=1e-12)


@cases
def test_a_file_reads_as_the_graph_that_it_was_written_from(case: Case, tmp_path: Path) -> None:
    (tmp_path / "a.onnx").write_bytes(to_onnx(case.graph).SerializeToString())
    found = read_graph(tmp_path / "a.onnx")
    as_written = {
        name: np.float32(array) if array.dtype == np.float64 else array
        for name, array in case.graph.tensors.items()
    }
    expected = Graph(case.graph.inputs, case.graph.nodes, case.graph.outputs, as_written)
    assert canonical(found) == canonical(expected)
    assert sha256(found) == sha256(expected)
