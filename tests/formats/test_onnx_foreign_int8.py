"""Quantised ONNX files of other tools: read as the same integers, or refused by the node."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper
from support.quantised import images_of, mixed_network

import cnnkit
from cnnkit.errors import InputError
from cnnkit.formats.onnx.model import to_model
from cnnkit.formats.onnx.reader import read_graph
from cnnkit.formats.onnx.session import open_session
from cnnkit.graph.convnet import INPUT, LOGITS
from cnnkit.graph.quantised import quantise, run_integers, to_integers
from cnnkit.graph.reference import evaluate

Model = onnx.ModelProto
X = np.random.default_rng(0).uniform(-1, 1, (6, 2, 5, 5)).astype(np.float32)


def layer(
    weight: np.ndarray, zero: list[str], opset: int = 17, more: tuple[str, ...] = ()
) -> Model:
    """Return a convolution between QuantizeLinear and DequantizeLinear; `zero` ends its nodes."""
    channels = len(weight)
    scales = {
        "sx": np.float32(0.008),
        "sy": np.float32(0.02),
        "sw": np.linspace(0.003, 0.005, channels).astype(np.float32)
        if "axis" in more
        else np.float32(0.004),
    }
    if zero:
        scales["zx"] = np.array(128 if zero[0] == "uint8" else 3, zero[0])
    zeros = ["zx"] if zero else []
    scales |= {"w": weight}
    along = {"axis": 0} if "axis" in more else {}
    if weight.dtype == np.uint8:
        scales["zw"] = np.array(100, np.uint8)
    weights = ["w", "sw", *(["zw"] if "zw" in scales else [])]
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "sx", *zeros], ["q"]),
        helper.make_node("DequantizeLinear", ["q", "sx", *zeros], ["d"]),
        helper.make_node("DequantizeLinear", weights, ["v"], **along),
        helper.make_node("Conv", ["d", "v"], ["c"], "conv"),
        helper.make_node("QuantizeLinear", ["c", "sy", *zeros], ["p"]),
        helper.make_node("DequantizeLinear", ["p", "sy", *zeros], ["y"]),
    ]
    graph = helper.make_graph(
        nodes,
        "layer",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 2, 5, 5])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", channels, 3, 3])],
        [numpy_helper.from_array(np.asarray(array), name) for name, array in scales.items()],
    )
    model: Model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8
    )
    return model


def whole(kind: str, low: int, high: int) -> np.ndarray:
    return np.random.default_rng(1).integers(low, high, (4, 2, 3, 3)).astype(kind)


@pytest.mark.parametrize(
    ("weight", "zero", "more"),
    [
        (whole("int8", -64, 65), ["uint8"], ("axis",)),
        (whole("int8", -64, 65), ["uint8"], ()),
        (whole("int8", -64, 65), ["int8"], ("axis",)),
        (whole("uint8", 30, 170), ["uint8"], ()),
        (whole("int8", -64, 65), [], ("axis",)),
    ],
    ids=["per channel", "per tensor", "int8 values", "uint8 weights", "no zero points"],
)
def test_the_integers_of_qdq_files_are_onnx_runtimes(
    weight: np.ndarray, zero: list[str], more: tuple[str, ...], tmp_path: Path
) -> None:
    model = layer(weight, zero, more=more)
    path = tmp_path / "layer.onnx"
    path.write_bytes(model.SerializeToString())
    integers = to_integers(read_graph(path))
    assert "QLinearConv" in {node.operator for node in integers.nodes}
    found = evaluate(integers, {"x": X}, dtype="float32")["y"].astype(np.float32)
    (expected,) = open_session(model.SerializeToString()).run(None, {"x": X})
    np.testing.assert_array_equal(found, expected)


def test_cnnkit_runs_quantised_files_to_the_bit(tmp_path: Path) -> None:
    images = images_of(12)
    found = quantise(mixed_network(), images, calibration=12, method="mse")
    path = tmp_path / "theirs.onnx"
    content = to_model(found.graph, 17).SerializeToString()
    path.write_bytes(content)
    (logits,) = open_session(content).run([LOGITS], {INPUT: images})
    np.testing.assert_array_equal(cnnkit.load(path)(images).logits, logits)


def test_operators_of_onnx_runtime_are_read(tmp_path: Path) -> None:
    images = images_of(12)
    found = quantise(mixed_network(), images, calibration=12, method="mse")
    path = tmp_path / "operators.onnx"
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath, options.log_severity_level = str(path), 4
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    content = to_model(found.graph, 17).SerializeToString()
    onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    assert "com.microsoft" in {node.domain for node in onnx.load(path).graph.node}
    np.testing.assert_array_equal(
        run_integers(read_graph(path), images), run_integers(found.integers, images)
    )


def test_integers_of_4_bits_are_refused_by_name(tmp_path: Path) -> None:
    model = layer(whole("int8", -8, 8), ["uint8"], opset=21)
    model.ir_version = 10
    weight = next(t for t in model.graph.initializer if t.name == "w")
    weight.data_type, weight.raw_data = TensorProto.INT4, bytes(36)
    path = tmp_path / "small.onnx"
    path.write_bytes(model.SerializeToString())
    with pytest.raises(InputError, match=r"its input w is a .*int4"):
        read_graph(path)


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("sx", np.float32(0), "its scale 1 is not positive"),
        ("sy", np.float32(np.nan), "its scale 1 is not finite"),
        ("sw", np.float32(-1), "its scale 1 is not positive"),
        ("zx", np.array(3, np.int16), "its zero point is int16.*8 bits"),
    ],
)
def test_damaged_scales_are_refused_by_their_node(
    name: str, value: np.ndarray, reason: str, tmp_path: Path
) -> None:
    model = layer(whole("int8", -64, 65), ["uint8"], opset=21)
    held = next(t for t in model.graph.initializer if t.name == name)
    held.CopyFrom(numpy_helper.from_array(np.asarray(value), name))
    path = tmp_path / "damaged.onnx"
    path.write_bytes(model.SerializeToString())
    with pytest.raises(InputError, match=f"has the node .*Linear.*{reason}"):
        read_graph(path)
