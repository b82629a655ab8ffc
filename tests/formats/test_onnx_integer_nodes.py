"""ONNX Runtime's operators of integers in a file: its functions are read, and all are written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

import cnnkit
from cnnkit.data.drawn import drawn_images
from cnnkit.errors import InputError
from cnnkit.export import export
from cnnkit.formats.onnx.reader import read_graph
from cnnkit.graph.reference import evaluate

MICROSOFT = "com.microsoft"
SIZE = (3, 6, 5)
KINDS = {"uint8": TensorProto.UINT8, "int8": TensorProto.INT8}
FUNCTIONS: dict[str, dict[str, Any]] = {
    "QLinearSigmoid": {},
    "QLinearLeakyRelu": {"alpha": 0.2},
    "QLinearMul": {},
}


def model(nodes: list[Any], kind: int, outputs: Any, **tensors: Any) -> onnx.ModelProto:
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("x", kind, ["N", *SIZE])],
        [outputs],
        [numpy_helper.from_array(np.asarray(array), name) for name, array in tensors.items()],
    )
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid(MICROSOFT, 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("operator", FUNCTIONS)
def test_a_function_of_integers_is_onnx_runtimes(operator: str, kind: str, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    lowest, highest = np.iinfo(kind).min, np.iinfo(kind).max + 1
    zeros = random.integers(lowest, highest, 3).astype(kind)
    tensors = {"zx": zeros[0], "zw": zeros[1], "zy": zeros[2]}
    tensors |= {name: np.float32(random.uniform(0.002, 0.08)) for name in ("sx", "sw", "sy")}
    inputs = ["x", "sx", "zx"]
    if operator == "QLinearMul":
        tensors["w"] = random.integers(lowest, highest, (1, *SIZE)).astype(kind)
        inputs += ["w", "sw", "zw"]
    node = helper.make_node(
        operator, [*inputs, "sy", "zy"], ["y"], domain=MICROSOFT, **FUNCTIONS[operator]
    )
    output = helper.make_tensor_value_info("y", KINDS[kind], ["N", *SIZE])
    used = {name: array for name, array in tensors.items() if name in node.input}
    content = model([node], KINDS[kind], output, **used).SerializeToString()
    (tmp_path / "net.onnx").write_bytes(content)
    x = random.integers(lowest, highest, (40, *SIZE)).astype(kind)
    (expected,) = onnxruntime.InferenceSession(content).run(None, {"x": x})
    found = evaluate(read_graph(tmp_path / "net.onnx"), {"x": x})["y"]
    np.testing.assert_array_equal(found, expected)


def classifier() -> bytes:
    random = np.random.default_rng(0)
    nodes = [
        helper.make_node("QLinearLeakyRelu", ["x", "s", "z", "s", "z"], ["l"], domain=MICROSOFT),
        helper.make_node("QLinearSigmoid", ["l", "s", "z", "s", "z"], ["a"], domain=MICROSOFT),
        helper.make_node(
            "QLinearGlobalAveragePool",
            ["a", "s", "z", "s", "z"],
            ["b"],
            domain=MICROSOFT,
            channels_last=0,
        ),
        helper.make_node("Flatten", ["b"], ["c"]),
        helper.make_node("QLinearMatMul", ["c", "s", "z", "w", "s", "zw", "t", "zy"], ["d"]),
        helper.make_node("DequantizeLinear", ["d", "t", "zy"], ["y"]),
    ]
    output = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 4])
    weight = random.integers(-99, 99, (3, 4)).astype(np.int8)
    scales = {"s": np.float32(1 / 255), "t": np.float32(0.01)}
    zeros = {"z": np.uint8(0), "zw": np.int8(0), "zy": np.uint8(128)}
    made = model(nodes, TensorProto.UINT8, output, w=weight, **scales, **zeros)
    return made.SerializeToString()


def test_a_file_with_onnx_runtimes_operators_goes_out_with_them(tmp_path: Path) -> None:
    (tmp_path / "theirs.onnx").write_bytes(classifier())
    images = drawn_images(SIZE, 20)
    report = export(str(tmp_path / "theirs.onnx"), tmp_path / "ours.onnx", data=images)
    assert report.passed
    operators = {node.op_type for node in onnx.load(tmp_path / "ours.onnx").graph.node}
    assert {"QLinearGlobalAveragePool", "QGemm", "Sigmoid", "LeakyRelu"} <= operators
    session = onnxruntime.InferenceSession(classifier())
    (expected,) = session.run(None, {"x": images})
    np.testing.assert_array_equal(cnnkit.load(tmp_path / "ours.onnx")(images).logits, expected)


def test_a_function_of_integers_names_what_c_has_no_kernel_for(tmp_path: Path) -> None:
    (tmp_path / "theirs.onnx").write_bytes(classifier())
    with pytest.raises(InputError, match="Export this network with `--format onnx"):
        export(
            str(tmp_path / "theirs.onnx"), tmp_path / "net.c", "c-int8", data=drawn_images(SIZE, 9)
        )
