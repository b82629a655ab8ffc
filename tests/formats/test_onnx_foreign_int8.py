"""Quantised ONNX files of other tools: read as the same integers, or refused by the node."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import onnxruntime.quantization
import pytest
from onnx import TensorProto, helper, numpy_helper
from support.quantised import SIZE, images_of, mixed_network

import cnnkit
from cnnkit.data.dataset import Dataset, Split
from cnnkit.errors import InputError
from cnnkit.formats.c.integer_checks import check_integers
from cnnkit.formats.c.source import read_c, write_c_int8
from cnnkit.formats.onnx.model import to_model
from cnnkit.formats.onnx.reader import read_graph
from cnnkit.formats.onnx.session import open_session
from cnnkit.formats.options import Options
from cnnkit.graph.builder import Builder
from cnnkit.graph.convnet import INPUT, LOGITS
from cnnkit.graph.graph import Graph
from cnnkit.graph.networks import separable
from cnnkit.graph.program import prepare
from cnnkit.graph.quantised import quantise, run_integers, to_integers
from cnnkit.graph.quantised.form import COMPUTED, MOVED
from cnnkit.graph.reference import evaluate
from cnnkit.models.read import read_model
from cnnkit.models.said import Said
from cnnkit.runtimes.c import build

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


def test_int8_values_are_onnx_runtimes_where_it_leaves_them_int8(tmp_path: Path) -> None:
    source, path = tmp_path / "float.onnx", tmp_path / "theirs.onnx"
    source.write_bytes(to_model(prepare(mixed_network()), 17).SerializeToString())
    kinds = onnxruntime.quantization.QuantType
    onnxruntime.quantization.quantize_static(
        source, path, Pictures(), activation_type=kinds.QInt8, weight_type=kinds.QInt8
    )
    images = images_of(40)
    options = onnxruntime.SessionOptions()
    # Else it makes uint8 of some values, and computes layers between both kinds in float.
    options.add_session_config_entry("session.qdqisint8allowed", "1")
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    (logits,) = session.run([LOGITS], {INPUT: images})
    np.testing.assert_array_equal(cnnkit.load(path)(images).logits, logits)


def test_cnnkit_runs_quantised_files_to_the_bit(tmp_path: Path) -> None:
    images = images_of(12)
    found = quantise(mixed_network(), images, calibration=12, method="mse")
    path = tmp_path / "theirs.onnx"
    content = to_model(found.graph, 17).SerializeToString()
    path.write_bytes(content)
    (logits,) = open_session(content).run([LOGITS], {INPUT: images})
    np.testing.assert_array_equal(cnnkit.load(path)(images).logits, logits)


def test_files_that_others_quantised_become_c_to_the_bit(tmp_path: Path) -> None:
    source, path = tmp_path / "float.onnx", tmp_path / "theirs.onnx"
    source.write_bytes(to_model(prepare(joined_network()), 17).SerializeToString())
    kinds = onnxruntime.quantization.QuantType
    onnxruntime.quantization.quantize_static(
        source,
        path,
        Pictures(),
        quant_format=onnxruntime.quantization.QuantFormat.QOperator,
        activation_type=kinds.QUInt8,
        weight_type=kinds.QUInt8,
        reduce_range=True,
        op_types_to_quantize=[*COMPUTED, *MOVED, "Relu"],
    )
    images = images_of(24)
    split = Split(images, np.zeros(24, np.int64))
    data = Dataset("drawn", split, split, tuple("abcde"), {}, "drawn images")
    weights = read_model(path, Said()).weights
    files = write_c_int8(weights, Options(data))
    for suffix, content in files.items():
        (tmp_path / f"net{suffix[-2:]}").write_bytes(content)
    (logits,) = open_session(path.read_bytes()).run([LOGITS], {INPUT: images})
    found = read_c(tmp_path / "net.c")
    np.testing.assert_array_equal(build(found)(images).logits, logits)
    checks = check_integers(found.path, found.metadata, weights, data)
    assert all(check.passed for check in checks)
    odd = replace(weights, graph=replace(weights.graph, tensors=changed(weights.graph.tensors)))
    assert not all(c.passed for c in check_integers(found.path, found.metadata, odd, data))


def joined_network() -> Graph:
    """Return a network with a residual, two parts of other scales, and pools."""
    net = Builder(SIZE)
    x = net.unit(net.pixels, "stem", 6, 3, stride=2)
    x = net.relu(net.add("Add", "sum", [net.conv(x, "inner", 6, 3), x]))
    x = separable(net, x, "separable", 10)
    x = net.add("Concat", "joined", [x, net.conv(x, "other", 4, 1)], axis=1)
    y = net.add("GlobalAveragePool", "mean", [net.max_pool(x, "pool")])
    return net.classifier(y, 5)


class Pictures(onnxruntime.quantization.CalibrationDataReader):  # type: ignore[misc]
    """What ONNX Runtime's quantiser calibrates with."""

    def __init__(self) -> None:
        self.rest = [{INPUT: images_of(16)}]

    def get_next(self) -> dict[str, np.ndarray] | None:
        return self.rest.pop() if self.rest else None


def changed(tensors: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return tensors with one weight that is another."""
    name = next(n for n, array in tensors.items() if array.dtype.itemsize == 1 and array.ndim == 4)
    other = tensors[name].copy()
    other.flat[0] ^= 1
    return {**tensors, name: other}


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


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("separable.depthwise.norm.relu.bias.zero_point", 9, "that of int32 has to be 0"),
        ("logits.bias.zero_point", -(2**31), "that of int32 has to be 0"),
        ("dense.relu.bias.scale", 1e-30, "node Gemm dense: the scale of its int32 bias is not"),
        ("logits.weight.scale", 1e30, "node Gemm logits: the scale of its int32 bias is not"),
        ("inner.norm.scale", 1e30, "node QLinearAdd sum: its scale 1 is .* of its scale 6"),
        ("smooth.scale", 1e30, "QLinear.*AveragePool .*: its scale 1 is .* of its scale 3"),
        ("alone.relu.scale", 1e30, "QLinearAveragePool smooth: its scale 1 is .* of its scale 3"),
    ],
)
def test_what_onnx_runtime_reads_otherwise_is_refused(
    name: str, value: float, reason: str, tmp_path: Path
) -> None:
    found = quantise(mixed_network(), images_of(6), calibration=6)
    model = to_model(found.graph, 17)
    held = next(t for t in model.graph.initializer if t.name == name)
    other = numpy_helper.to_array(held).copy()
    other.reshape(-1)[0] = value
    held.CopyFrom(numpy_helper.from_array(other, name))
    path = tmp_path / "damaged.onnx"
    path.write_bytes(model.SerializeToString())
    with pytest.raises(InputError, match=reason):
        cnnkit.load(path)(images_of(6))


@pytest.mark.parametrize(
    ("name", "change", "reason"),
    [
        ("inner.norm.weight.scale", lambda a: np.full_like(a, 3e38), "beyond float32"),
        ("inner.norm.weight.zero_point", np.int16, "its zero point is int16, and x int8"),
        ("inner.norm.bias.zero_point", lambda a: a[:0], "its zero point is"),
        ("sum.relu.scale", lambda a: np.float32(1e-42), "node QLinearAdd sum: its scale 1 is"),
        ("sum.relu.scale", np.float16, "its weight is float32"),
        ("sum.relu.scale", lambda a: np.full(10, a), r"its scale 6 is \[10\]"),
    ],
)
def test_scales_and_zero_points_of_other_kinds_are_refused(
    name: str, change: Callable[[np.ndarray], np.ndarray], reason: str, tmp_path: Path
) -> None:
    path = tmp_path / "damaged.onnx"
    path.write_bytes(with_tensor(mixed_model(), name, change).SerializeToString())
    with pytest.raises(InputError, match=reason):
        cnnkit.load(path)(images_of(6))


def mixed_model() -> Model:
    """Return a network with all that is quantised, as QDQ."""
    return to_model(quantise(mixed_network(), images_of(6), calibration=6).graph, 17)


def with_tensor(model: Model, name: str, change: Callable[[np.ndarray], np.ndarray]) -> Model:
    """Return a model with one of its tensors changed."""
    held = next(t for t in model.graph.initializer if t.name == name)
    changed = np.asarray(change(numpy_helper.to_array(held)))
    held.CopyFrom(numpy_helper.from_array(changed, name))
    return model


@pytest.mark.parametrize("name", ["sum.relu.scale", "stem.norm.relu.zero_point"])
def test_a_scale_of_one_element_is_a_scalar(name: str, tmp_path: Path) -> None:
    path, images = tmp_path / "one.onnx", images_of(6)
    path.write_bytes(with_tensor(mixed_model(), name, np.ravel).SerializeToString())
    (logits,) = open_session(path.read_bytes()).run([LOGITS], {INPUT: images})
    np.testing.assert_array_equal(cnnkit.load(path)(images).logits, logits)


def test_integers_that_are_read_as_numbers_are_onnx_runtimes(tmp_path: Path) -> None:
    """A value that a table would stand for has another reader, which is none of integers."""
    model, path, images = mixed_model(), tmp_path / "cast.onnx", images_of(6)
    node = next(n for n in model.graph.node if n.output[0] == "both.relu")
    assert node.op_type == "DequantizeLinear"
    node.CopyFrom(helper.make_node("Cast", node.input[:1], node.output, to=TensorProto.FLOAT))
    path.write_bytes(model.SerializeToString())
    (logits,) = open_session(path.read_bytes()).run([LOGITS], {INPUT: images})
    np.testing.assert_array_equal(cnnkit.load(path)(images).logits, logits)


def test_a_type_that_is_not_the_zero_points_is_refused(tmp_path: Path) -> None:
    model, path = mixed_model(), tmp_path / "type.onnx"
    model.opset_import[0].version, model.ir_version = 21, 10
    node = next(n for n in model.graph.node if n.op_type == "QuantizeLinear")
    node.attribute.append(helper.make_attribute("output_dtype", TensorProto.INT16))
    path.write_bytes(model.SerializeToString())
    with pytest.raises(InputError, match="its output_dtype 5 is not uint8"):
        cnnkit.load(path)


@pytest.mark.parametrize("value", [2**31 - 1, -(2**31), 2**24 + 1])
def test_the_largest_biases_are_onnx_runtimes(value: int, tmp_path: Path) -> None:
    images = images_of(6)
    model = to_model(quantise(mixed_network(), images, calibration=6).graph, 17)
    for held in model.graph.initializer:
        if held.name.endswith("bias.quantised"):
            bias = numpy_helper.to_array(held).copy()
            bias[1] = value
            held.CopyFrom(numpy_helper.from_array(bias, held.name))
    path = tmp_path / "damaged.onnx"
    path.write_bytes(model.SerializeToString())
    (logits,) = open_session(path.read_bytes()).run([LOGITS], {INPUT: images})
    np.testing.assert_array_equal(cnnkit.load(path)(images).logits, logits)
