"""Small ONNX files that were once read as something else than what ONNX Runtime computes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from support.small_onnx import node, save

from cnnkit.errors import InputError
from cnnkit.formats.onnx.reader import read_graph
from cnnkit.graph.reference import evaluate
from cnnkit.runtimes.native import open_engine

FLOAT = 1
TENSORS = {"kernel": np.arange(9.0, dtype=np.float32).reshape(3, 1, 1, 3)}


def write(folder: Path, operator: str, opset: int, outputs: int = 1, **attributes: Any) -> Path:
    """Write one node of x [N, 3, 4, 6], of which only the first output is used."""
    tensors = TENSORS if operator == "ConvTranspose" else {}
    names = ["y", *(f"unused{index}" for index in range(1, outputs))]
    nodes = [node(operator, ["x", *tensors], names, **attributes)]
    images = {"x": (FLOAT, ["N", 3, 4, 6])}
    return save(folder / "a.onnx", nodes, images, ["y"], tensors, opset)


@pytest.mark.parametrize(
    ("operator", "opset", "attributes"),
    [
        ("Split", 7, {"axis": 3, "outputs": 2}),  # the parts that nobody reads are parts
        ("Split", 13, {"axis": 1, "outputs": 3}),
        ("Split", 18, {"axis": 2, "outputs": 3, "num_outputs": 3}),
        *(
            (pool, 12, {"auto_pad": "VALID", "ceil_mode": 1, "strides": [2, 2]})
            for pool in ("MaxPool", "AveragePool")
        ),
        ("ConvTranspose", 12, {"strides": [2, 1], "output_shape": [8, 6]}),
    ],
)
def test_a_file_computes_what_onnx_runtime_does(
    operator: str, opset: int, attributes: dict[str, Any], tmp_path: Path
) -> None:
    if operator.endswith("Pool"):
        attributes = {**attributes, "kernel_shape": [1, 3]}
    path = write(tmp_path, operator, opset, **attributes)
    x = np.random.default_rng(0).normal(size=(2, 3, 4, 6)).astype(np.float32)
    (expected,) = onnxruntime.InferenceSession(path).run(None, {"x": x})
    (found,) = evaluate(read_graph(path), {"x": x}).values()
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("operator", "attributes", "reason"),
    [
        ("Split", {"axis": 2, "outputs": 3}, "splits 4 elements into 3 equal parts"),
        (
            "MaxPool",
            {"auto_pad": "SAME_UPPER", "kernel_shape": [1, 3], "dilations": [1, 2]},
            r"its padding is SAME_UPPER, but its dilations are \[1, 2\]",
        ),
        ("ConvTranspose", {"auto_pad": "SAME_LOWER", "strides": [2, 1]}, "does not reach all"),
        ("ConvTranspose", {"output_shape": [5, 8]}, "does not reach all"),
        ("ConvTranspose", {"auto_pad": "VALID", "pads": [0, 0, 0, 0]}, "ONNX allows one of them"),
    ],
)
def test_what_onnx_runtime_reads_in_another_way_is_refused(
    operator: str, attributes: dict[str, Any], reason: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=reason):
        read_graph(write(tmp_path, operator, 12, **attributes))


def test_an_output_that_mixes_images_is_named_not_the_pixels_scale(tmp_path: Path) -> None:
    graph = read_graph(write(tmp_path, "ReduceMax", 12))
    with pytest.raises(
        InputError, match=r"output y float32\[1, 1, 1, 1\], not one score per class"
    ):
        open_engine(graph)


def write_matmul(folder: Path, **damaged: Any) -> Path:
    """Write QuantizeLinear, QLinearMatMul and DequantizeLinear of x [N, 6]."""
    tensors = {
        "sx": np.float32(0.02), "zx": np.uint8(100), "zw": np.zeros(4, np.int8),
        "w": np.random.default_rng(1).integers(-60, 60, (6, 4), dtype=np.int8),
        "sw": np.array([0.01, 0.02, 0.03, 0.04], np.float32),
        "sy": np.float32(0.05), "zy": np.uint8(90), **damaged,
    }  # fmt: skip
    nodes = [
        node("QuantizeLinear", ["x", "sx", "zx"], ["q"]),
        node("QLinearMatMul", ["q", "sx", "zx", "w", "sw", "zw", "sy", "zy"], ["p"]),
        node("DequantizeLinear", ["p", "sy", "zy"], ["y"]),
    ]
    return save(folder / "a.onnx", nodes, {"x": (FLOAT, ["N", 6])}, ["y"], tensors)


def test_an_integer_product_is_onnx_runtimes(tmp_path: Path) -> None:
    path, x = write_matmul(tmp_path), np.random.default_rng(0).normal(size=(9, 6)).astype("f4")
    (expected,) = onnxruntime.InferenceSession(path).run(None, {"x": x})
    (found,) = evaluate(read_graph(path), {"x": x}, dtype="float32").values()
    np.testing.assert_array_equal(found, expected)


def test_a_scale_of_another_shape_is_refused(tmp_path: Path) -> None:
    path = write_matmul(tmp_path, sy=np.full((1, 1), 0.05, np.float32))
    with pytest.raises(InputError, match=r"its scale 7 is \[1, 1\]"):
        read_graph(path)


def test_sums_beyond_32_bits_are_those_of_onnx_runtime(tmp_path: Path) -> None:
    random = np.random.default_rng(2)
    tensors = {
        "sx": np.float32(0.02), "zx": np.uint8(100), "sw": np.float32(0.01), "zw": np.int8(0),
        "w": random.integers(-60, 60, (4, 3, 2, 2), dtype=np.int8),
        "sy": np.float32(2e5), "zy": np.uint8(128), "b": np.full(4, 2**31 - 1, np.int32),
    }  # fmt: skip
    conv = ["q", "sx", "zx", "w", "sw", "zw", "sy", "zy", "b"]
    nodes = [
        node("QuantizeLinear", ["x", "sx", "zx"], ["q"]),
        node("QLinearConv", conv, ["p"]),
        node("DequantizeLinear", ["p", "sy", "zy"], ["y"]),
    ]
    path = save(tmp_path / "a.onnx", nodes, {"x": (FLOAT, ["N", 3, 4, 6])}, ["y"], tensors)
    x = random.normal(size=(2, 3, 4, 6)).astype(np.float32)
    (expected,) = onnxruntime.InferenceSession(path).run(None, {"x": x})
    (found,) = evaluate(read_graph(path), {"x": x}, dtype="float32").values()
    np.testing.assert_array_equal(found, expected)
    assert len(np.unique(found)) == 2
