"""ONNX files that are no model have one clear error in read_model and in cnnkit.load."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import NodeProto, helper, numpy_helper

import cnnkit
from cnnkit.bench.workloads.zoo import zoo_network
from cnnkit.errors import InputError, StorageError
from cnnkit.export import export
from cnnkit.formats.onnx.model import to_model
from cnnkit.models.read import read_model

WEIGHT = "layer1.pointwise.conv.weight"
Model = onnx.ModelProto


def weight(model: Model) -> onnx.TensorProto:
    return next(tensor for tensor in model.graph.initializer if tensor.name == WEIGHT)


def set_weight(model: Model, array: np.ndarray) -> None:
    weight(model).CopyFrom(numpy_helper.from_array(array, WEIGHT))


def nan(model: Model) -> None:
    array = numpy_helper.to_array(weight(model)).copy()
    array.flat[7] = np.nan
    set_weight(model, array)


def claim(model: Model) -> None:
    weight(model).ClearField("dims")
    weight(model).dims.extend([2**31, 2**10, 3, 3])


def cycle(model: Model) -> None:
    model.graph.node[3].input[0] = model.graph.node[8].output[0]


def domain(model: Model) -> None:
    model.graph.node[5].domain = "com.example"
    model.opset_import.append(helper.make_opsetid("com.example", 1))


def looped(model: Model) -> None:
    """Compute a value in a Loop of two turns."""
    node, value = model.graph.node[5], helper.make_tensor_value_info
    pairs = [("c", "d"), ("v", "u")]
    body = helper.make_graph(
        [helper.make_node("Identity", [a], [b]) for a, b in pairs],
        "body",
        [value("i", 7, []), value("c", 9, []), value("v", 1, None)],
        [value("d", 9, []), value("u", 1, None)],
    )
    model.graph.initializer.append(numpy_helper.from_array(np.array(2), "turns"))
    inputs = ["turns", "", node.input[0]]
    made: NodeProto = helper.make_node("Loop", inputs, node.output, name="looped", body=body)
    node.CopyFrom(made)


def tile(model: Model) -> None:
    """Repeat a value until it has 120 billion elements an image."""
    node = model.graph.node[5]
    model.graph.initializer.append(numpy_helper.from_array(np.array([1, 1, 9**6, 9**6]), "counts"))
    made: NodeProto = helper.make_node("Tile", [node.input[0], "counts"], node.output, name="tile")
    node.CopyFrom(made)


def bomb(model: Model) -> None:
    """Call a function of two nodes in one that calls it twice, and so on."""
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("own", 1)]
    model.opset_import.append(opsets[1])
    for level in range(30):
        name, domain = (f"F{level - 1}", "own") if level else ("Relu", "")
        calls = [
            helper.make_node(name, [a], [b], domain=domain) for a, b in (("a", "m"), ("m", "b"))
        ]
        model.functions.append(
            helper.make_function("own", f"F{level}", ["a"], ["b"], calls, opsets)
        )
    model.graph.node[2].domain, model.graph.node[2].op_type = "own", "F29"


def pipe(model: Model) -> None:
    """Name a pipe as the file of a tensor's values, from which reading would never end."""
    tensor = weight(model)
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="pipe")


def rename(operator: str) -> Callable[[Model], None]:
    def change(model: Model) -> None:
        model.graph.node[5].op_type = operator

    return change


BAD: dict[str, tuple[Callable[[Model], None], str]] = {
    "NaN": (nan, rf"a parameter that is not finite \({WEIGHT}\)"),
    "a wrong shape": (
        lambda model: set_weight(model, np.zeros((64, 67, 1, 1), np.float32)),
        "Conv layer1.pointwise.conv: its weight takes 67 channels .* its input has 64",
    ),
    "no weight": (
        lambda model: model.graph.initializer.remove(weight(model)),
        f"Conv layer1.pointwise.conv: its input {WEIGHT} is neither",
    ),
    "a claim of terabytes": (claim, "is a truncated or damaged ONNX file"),
    "a cycle": (cycle, "Relu stem.norm.relu: its input stem.norm is neither a result before it"),
    "a domain": (domain, r"com.example.Conv layer1.depthwise.conv: .* not know this operator"),
    "a loop": (looped, "has the node Loop looped: cnnkit does not know this operator"),
    "a claim of gigabytes": (tile, r"Tile tile: gives .* which is too large. Use smaller sizes"),
    "a sequence": (rename("SequenceConstruct"), "SequenceConstruct layer1.depthwise.conv"),
    "an operator of integers": (rename("QLinearSigmoid"), "QLinearSigmoid layer1.depthwise.conv"),
}


@pytest.mark.parametrize("what", BAD)
def test_a_bad_file_is_refused_by_what_is_wrong_with_it(what: str, tmp_path: Path) -> None:
    damage, reason = BAD[what]
    model = to_model(zoo_network("ds-cnn"), 18)
    damage(model)
    path = tmp_path / "bad.onnx"
    path.write_bytes(model.SerializeToString())
    for read in (lambda: read_model(str(path)), lambda: cnnkit.load(path)):
        with pytest.raises(InputError, match=reason):
            read()


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (tile, "which is too large. Use smaller sizes"),
        (bomb, "nodes, counted wherever a function is called"),
    ],
)
def test_onnx_runtime_is_not_asked_for_all_memory(
    damage: Callable[[Model], None], reason: str, tmp_path: Path
) -> None:
    model = to_model(zoo_network("ds-cnn"), 18)
    damage(model)
    path = tmp_path / "bad.onnx"
    path.write_bytes(model.SerializeToString())
    with pytest.raises(InputError, match=reason):
        export(str(path), tmp_path / "net.onnx")
    assert os.listdir(tmp_path) == ["bad.onnx"]


def test_weights_in_a_pipe_are_not_waited_for(tmp_path: Path) -> None:
    model = to_model(zoo_network("ds-cnn"), 18)
    pipe(model)
    path = tmp_path / "bad.onnx"
    path.write_bytes(model.SerializeToString())
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(StorageError, match=r"pipe: is no regular file"):
        cnnkit.load(path)
