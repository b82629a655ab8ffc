"""The reader of ONNX files reads what the onnx package reads, of sound and of damaged files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from support.onnx_files import compare, compare_damaged, models

from cnnkit.errors import InputError, StorageError
from cnnkit.formats.onnx.protobuf import OnnxFile, read_onnx
from cnnkit.formats.onnx.reader import read_graph
from cnnkit.formats.onnx.tensors import OTHERS, TYPES

VALUE = helper.make_tensor_value_info


def write(path: Path, graph: onnx.GraphProto, **options: Any) -> Path:
    opset = [helper.make_opsetid("", 17)]
    path.write_bytes(
        helper.make_model(graph, opset_imports=opset, ir_version=8, **options).SerializeToString()
    )
    return path


def constant(folder: Path, tensor: TensorProto) -> Path:
    """Write a file with the same tensor in a node and as an initialiser."""
    tensor.name = "k"
    nodes = [helper.make_node("Constant", [], ["c"], value=tensor)]
    outputs = [VALUE("c", tensor.data_type, None), VALUE("k", tensor.data_type, None)]
    return write(folder / "a.onnx", helper.make_graph(nodes, "g", [], outputs, [tensor]))


def test_every_model_in_the_onnx_wheel_is_read_the_same() -> None:
    found = [compare(path) for path in models()]
    assert len(found) >= 100
    assert {*found} == {"same"}


def test_damaged_files_are_read_the_same_or_refused(tmp_path: Path) -> None:
    found = compare_damaged(800, 0, models()[::3], tmp_path)
    assert found["same"] > 200
    assert found["refused by both"] > 200


@pytest.mark.parametrize("number", TYPES)
@pytest.mark.parametrize("raw", [True, False])
def test_constants_of_every_type_are_read(number: int, raw: bool, tmp_path: Path) -> None:
    values = np.array([[0, 1, 1], [1, 0, 1]]) * (1 if number == TensorProto.BOOL else 100)
    array = values.astype(TYPES[number])
    tensor = numpy_helper.from_array(array)
    if not raw:
        tensor = helper.make_tensor("k", number, array.shape, array.ravel().tolist())
    path = constant(tmp_path, tensor)
    assert compare(path) == "same"
    graph = read_graph(path)
    for name in "ck":
        assert graph.tensors[name].dtype == array.dtype.newbyteorder("=")
        np.testing.assert_array_equal(graph.tensors[name], array)


@pytest.mark.parametrize("number", sorted({*OTHERS} & {*TensorProto.DataType.values()} - {0}))
def test_constants_of_types_that_numpy_lacks_are_refused_by_name(
    number: int, tmp_path: Path
) -> None:
    tensor = TensorProto(data_type=number, dims=[1], name="k")
    path = constant(tmp_path, tensor)
    assert compare(path) == "same"
    with pytest.raises(InputError, match=f"Constant c: its value is a {OTHERS[number]} tensor"):
        read_graph(path)
    node = helper.make_node("Identity", ["k"], ["y"], name="n")
    write(path, helper.make_graph([node], "g", [], [VALUE("y", number, None)], [tensor]))
    with pytest.raises(InputError, match=f"Identity n: its input k is a {OTHERS[number]} tensor"):
        read_graph(path)


def test_a_sparse_tensor_is_refused_by_name(tmp_path: Path) -> None:
    values = helper.make_tensor("k", TensorProto.FLOAT, [1], [2.0])
    indices = helper.make_tensor("i", TensorProto.INT64, [1], [3])
    graph = helper.make_graph(
        [helper.make_node("Identity", ["k"], ["y"], name="n")],
        "g",
        [],
        [VALUE("y", TensorProto.FLOAT, None)],
        sparse_initializer=[helper.make_sparse_tensor(values, indices, [5])],
    )
    with pytest.raises(InputError, match="Identity n: its input k is a sparse tensor"):
        read_graph(write(tmp_path / "a.onnx", graph))


def gemm(folder: Path, **attributes: Any) -> onnx.ModelProto:
    weight = numpy_helper.from_array(np.arange(9, dtype=np.float32).reshape(3, 3), "w")
    graph = helper.make_graph(
        [helper.make_node("Gemm", ["x", "w"], ["y"], **attributes)],
        "g",
        [VALUE("x", TensorProto.FLOAT, ["N", 3])],
        [VALUE("y", TensorProto.FLOAT, ["N", 3])],
        [weight],
    )
    return onnx.load(write(folder / "a.onnx", graph))


def test_a_zero_that_the_writer_left_out_is_zero(tmp_path: Path) -> None:
    model = gemm(tmp_path, transB=0, alpha=0.0)
    for attribute in model.graph.node[0].attribute:
        attribute.ClearField("i")  # as proto3 writes 0
        attribute.ClearField("f")
    onnx.save(model, tmp_path / "a.onnx")
    (node,) = read_graph(tmp_path / "a.onnx").nodes
    assert (node.attributes["transB"], node.attributes["alpha"]) == (0, 0.0)
    assert compare(tmp_path / "a.onnx") == "same"


def test_an_operator_that_the_file_defines_is_not_onnxs(tmp_path: Path) -> None:
    model = gemm(tmp_path)
    opset = [helper.make_opsetid("", 17)]
    body = [helper.make_node("Sub", ["a", "b"], ["c"])]
    model.functions.append(helper.make_function("", "Gemm", ["a", "b"], ["c"], body, opset))
    onnx.save(model, tmp_path / "a.onnx")
    with pytest.raises(InputError, match="node function Gemm y: cnnkit does not know"):
        read_graph(tmp_path / "a.onnx")


def external(folder: Path, location: str, **more: int) -> OnnxFile:
    model = gemm(folder)
    tensor = model.graph.initializer[0]
    onnx.external_data_helper.set_external_data(tensor, location, **more)
    tensor.ClearField("raw_data")
    (folder / "a.onnx").write_bytes(model.SerializeToString())
    return read_onnx(folder / "a.onnx")


def test_weights_may_be_in_a_folder_below_the_files(tmp_path: Path) -> None:
    array = np.arange(9, dtype="<f4")
    (tmp_path / "data").mkdir()
    (tmp_path / "data/w.bin").write_bytes(b"1234" + array.tobytes() + b"12345")
    found = external(tmp_path, "data/w.bin", offset=4)
    np.testing.assert_array_equal(found.tensors["w"], array.reshape(3, 3))
    assert found.external
    assert external(tmp_path, "data/w.bin", offset=4, length=36).tensors["w"].shape == (3, 3)
    for wrong in ({"offset": 40}, {"offset": 4, "length": 32}):
        with pytest.raises(InputError, match=r"data/w.bin has not the 36 bytes of w"):
            external(tmp_path, "data/w.bin", **wrong)
    with pytest.raises(StorageError, match=r"none\.bin: is not there: a model .* Copy it there"):
        external(tmp_path, "none.bin")


@pytest.mark.parametrize("location", ["../w.bin", "/etc/hostname", "data/../../w.bin", "link"])
def test_weights_outside_the_folder_are_refused(location: str, tmp_path: Path) -> None:
    (tmp_path / "w.bin").write_bytes(bytes(36))
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "link").symlink_to(tmp_path / "w.bin")
    with pytest.raises(InputError, match=r"is not in that folder. Export .* weights beside it"):
        external(folder, location)


def test_weights_in_a_file_without_a_name_are_damage(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"damaged ONNX file .w in a file without a name"):
        external(tmp_path, "")
