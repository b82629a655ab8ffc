"""Ways to make an ONNX file of ours compute something else, or have two meanings.

`MUTANTS["a decoy"](content)`; those in `INVISIBLE` give the same outputs for every test image.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx
from onnx import helper, numpy_helper

from support.corruptions import Damage, edit_onnx, initializer

Model = onnx.ModelProto


def node(model: Model, operator: str, index: int = 0) -> onnx.NodeProto:
    return [node for node in model.graph.node if node.op_type == operator][index]


def add_tensor(model: Model, name: str, values: object) -> str:
    array = np.asarray(values)
    model.graph.initializer.append(numpy_helper.from_array(array, name))
    return name


def insert_before_logits(model: Model, *nodes: onnx.NodeProto) -> None:
    """Let the linear layer give `raw`, from which the nodes make `logits`."""
    gemm = node(model, "Gemm")
    at = list(model.graph.node).index(gemm) + 1
    gemm.output[0] = "raw_logits"
    kept = list(model.graph.node)
    del model.graph.node[:]
    model.graph.node.extend([*kept[:at], *nodes, *kept[at:]])


def decoy(model: Model) -> None:
    """Leave the weights where they are known by name, and use others."""
    other = numpy_helper.to_array(initializer(model, "linear.weight")) * np.float32(1.000001)
    node(model, "Gemm").input[1] = add_tensor(model, "used", other)


def renamed_decoy(model: Model) -> None:
    """Give the weights' name to a copy that nothing but a dead branch takes."""
    tensor = initializer(model, "convs.0.weight")
    other = numpy_helper.to_array(tensor).copy()
    other[0, 0, 0, 0] += 1e-6
    node(model, "Conv").input[1] = add_tensor(model, "convs.0.weight_", other)
    dead = helper.make_node("Relu", ["convs.0.weight"], ["dead"])
    model.graph.node.append(dead)


def corner_pixel(model: Model) -> None:
    """Call everything a 0 whose first pixel is white: no image of MNIST has one there."""
    pick = add_tensor(model, "zero", np.zeros(1, np.int64))
    push = add_tensor(model, "push", np.eye(1, 10, dtype=np.float32) * 1000)
    shape = add_tensor(model, "row", np.array([-1, 1], np.int64))
    insert_before_logits(
        model,
        helper.make_node("Gather", ["scaled", pick], ["first_row"], axis=2),
        helper.make_node("Gather", ["first_row", pick], ["corner"], axis=3),
        helper.make_node("Reshape", ["corner", shape], ["column"]),
        helper.make_node("MatMul", ["column", push], ["bonus"]),
        helper.make_node("Add", ["raw_logits", "bonus"], ["logits"]),
    )


def clip(model: Model) -> None:
    low, high = add_tensor(model, "lo", np.float32(-1e4)), add_tensor(model, "hi", np.float32(1e4))
    insert_before_logits(model, helper.make_node("Clip", ["raw_logits", low, high], ["logits"]))


def add_nothing(model: Model) -> None:
    zero = add_tensor(model, "delta", np.zeros(10, np.float32))
    insert_before_logits(model, helper.make_node("Add", ["raw_logits", zero], ["logits"]))


def identity(model: Model) -> None:
    insert_before_logits(model, helper.make_node("Identity", ["raw_logits"], ["logits"]))


def choice(model: Model) -> None:
    """Compute the logits in a graph of a node, whose condition is a constant today."""
    yes = add_tensor(model, "yes", np.array(True))
    value = [helper.make_tensor_value_info("same", 1, None)]
    branch = helper.make_graph(
        [helper.make_node("Identity", ["raw_logits"], ["same"])], "branch", [], value
    )
    other = helper.make_graph([helper.make_node("Neg", ["raw_logits"], ["same"])], "b", [], value)
    insert_before_logits(
        model, helper.make_node("If", [yes], ["logits"], then_branch=branch, else_branch=other)
    )


def function(model: Model) -> None:
    """Put a ReLU into a function of the file's own."""
    relu = node(model, "Relu")
    relu.op_type, relu.domain = "MyRelu", "own"
    opset = [helper.make_opsetid("", 17)]
    body = [helper.make_node("Relu", ["x"], ["y"])]
    model.functions.append(helper.make_function("own", "MyRelu", ["x"], ["y"], body, opset))
    model.opset_import.append(helper.make_opsetid("own", 1))


def leaky(model: Model) -> None:
    relu = node(model, "Relu")
    relu.op_type = "LeakyRelu"
    relu.attribute.append(helper.make_attribute("alpha", 1e-7))


def dead_node(model: Model) -> None:
    model.graph.node.append(helper.make_node("Neg", ["logits"], ["unused"]))


def dead_tensor(model: Model) -> None:
    add_tensor(model, "payload", np.zeros(3, np.float32))


def attribute(operator: str, **values: object) -> Damage:
    def change(model: Model) -> None:
        target = node(model, operator)
        kept = [item for item in target.attribute if item.name not in values]
        del target.attribute[:]
        target.attribute.extend(kept)
        target.attribute.extend(helper.make_attribute(name, v) for name, v in values.items())

    return edit_onnx(change)


def same_padding(model: Model) -> None:
    conv = node(model, "Conv")
    kept = [item for item in conv.attribute if item.name != "pads"]
    del conv.attribute[:]
    conv.attribute.extend([*kept, helper.make_attribute("auto_pad", "SAME_UPPER")])


def scale_of_one_axis(model: Model) -> None:
    initializer(model, "pixel_scale").dims.append(1)


def overridable(model: Model) -> None:
    """Make a weight an input with a default, which a caller can replace."""
    model.graph.input.append(helper.make_tensor_value_info("linear.bias", 1, [10]))


def second_output(model: Model) -> None:
    model.graph.output.append(helper.make_tensor_value_info("pool0", 1, ["N", 16, 14, 14]))


def other_opset(model: Model) -> None:
    model.opset_import.append(helper.make_opsetid("com.microsoft", 1))


def twice_in_metadata(model: Model) -> None:
    model.metadata_props.add(key="names", value='["a"]')


def runtime_options(model: Model) -> None:
    model.metadata_props.add(key="ort_config", value='{"session_options": {}}')


def training(model: Model) -> None:
    model.training_info.add()


def sparse(model: Model) -> None:
    tensor = model.graph.sparse_initializer.add()
    tensor.values.CopyFrom(numpy_helper.from_array(np.ones(1, np.float32), "few"))
    tensor.indices.CopyFrom(numpy_helper.from_array(np.zeros(1, np.int64), "where"))
    tensor.dims.append(4)


def outside_data(model: Model) -> None:
    tensor = initializer(model, "linear.bias")
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../bias.bin")


def values_twice(model: Model) -> None:
    initializer(model, "linear.bias").float_data.extend([0.0] * 10)


def attribute_twice(model: Model) -> None:
    node(model, "Softmax").attribute.append(helper.make_attribute("axis", 0))


def of_another_kind(model: Model) -> None:
    node(model, "Softmax").attribute[0].f = 1.0


def field(number: int, content: bytes) -> bytes:
    """Return a field of bytes as protobuf writes it."""
    key, size = number << 3 | 2, len(content)
    return bytes([*_varint(key), *_varint(size)]) + content


def _varint(value: int) -> list[int]:
    parts = []
    while value >= 128:
        parts.append(value & 127 | 128)
        value >>= 7
    return [*parts, value]


def second_graph(content: bytes) -> bytes:
    """Add a second graph, which protobuf merges into the first and other readers do not see."""
    extra = onnx.GraphProto(node=[helper.make_node("Neg", ["logits"], ["more"])])
    return content + field(7, extra.SerializeToString())


def unknown_field(content: bytes) -> bytes:
    return content + field(999, b"hidden")


def last_ir_version(content: bytes) -> bytes:
    return content + b"\x08\x07"  # protobuf takes the last of two values


INVISIBLE: dict[str, tuple[Damage, str]] = {
    "decoy weights": (edit_onnx(decoy), "used does not hold the values of linear.weight"),
    "a renamed decoy": (edit_onnx(renamed_decoy), "does not hold the values of convs.0.weight"),
    "a corner pixel": (edit_onnx(corner_pixel), "Add stands where the network has Gemm logits"),
    "a clip": (edit_onnx(clip), "Clip stands where the network has Gemm logits"),
    "an addition of 0": (edit_onnx(add_nothing), "Add stands where the network has Gemm logits"),
    "an identity": (edit_onnx(identity), "Identity stands where the network has Gemm logits"),
    "a choice": (edit_onnx(choice), "a graph in a node"),
    "a function": (edit_onnx(function), "functions of its own"),
    "a leak": (edit_onnx(leaky), "LeakyRelu stands where the network has Relu relu0"),
    "a dead node": (edit_onnx(dead_node), "Neg unused leads to no output"),
    "a dead tensor": (edit_onnx(dead_tensor), "the tensor payload is used by no node"),
    "a rounding mode": (attribute("MaxPool", ceil_mode=1), "MaxPool pool0 has ceil_mode = 1"),
    "padding by name": (edit_onnx(same_padding), "Conv conv0 has auto_pad = SAME_UPPER"),
    "a negative axis": (attribute("Softmax", axis=-1), "Softmax probabilities has axis = -1"),
    "a factor": (attribute("Gemm", alpha=1.0000001), "Gemm logits has alpha = "),
    "a scale of one axis": (edit_onnx(scale_of_one_axis), "pixel_scale is float32[1] in the place"),
    "an overridable weight": (edit_onnx(overridable), "its inputs are image|value linear.bias"),
    "another output": (edit_onnx(second_output), "its outputs are "),
    "foreign operators": (edit_onnx(other_opset), "it imports the operators of"),
    "names twice": (edit_onnx(twice_in_metadata), "the metadata names stands twice"),
    "runtime options": (edit_onnx(runtime_options), "options of ONNX Runtime"),
    "an unknown field": (unknown_field, "the field 999 in a ModelProto"),
    "a value twice": (last_ir_version, "ModelProto.ir_version stands twice"),
}
MUTANTS: dict[str, tuple[Damage, str]] = {
    **INVISIBLE,
    "a second graph": (second_graph, "ModelProto.graph stands twice"),
    "training information": (edit_onnx(training), "training information"),
    "sparse tensors": (edit_onnx(sparse), "sparse initialisers"),
    "data outside": (edit_onnx(outside_data), "outside its folder|is not in that folder"),
    "values in two fields": (edit_onnx(values_twice), "its values in several places"),
    "an attribute twice": (edit_onnx(attribute_twice), "the attribute axis stands twice"),
    "an attribute of another kind": (edit_onnx(of_another_kind), "axis has no value of the type"),
}


def reordered(model: Model) -> None:
    """Change what has no meaning: the order of tensors and heads, inner names, defaults in full."""
    tensors = list(model.graph.initializer)[::-1]
    del model.graph.initializer[:]
    model.graph.initializer.extend(tensors)
    heads = list(model.graph.node)[-2:][::-1]
    del model.graph.node[-2:]
    model.graph.node.extend(heads)
    for step in model.graph.node:
        step.name = f"n_{step.name}"
        for names in (step.input, step.output):
            names[:] = ["v1" if name == "relu0" else name for name in names]
    node(model, "Conv").attribute.append(helper.make_attribute("group", 1))
    node(model, "MaxPool").attribute.append(helper.make_attribute("ceil_mode", 0))


def annotated(model: Model) -> None:
    model.metadata_props.add(key="author", value="not JSON")
    model.producer_name, model.model_version = "some tool", 3
    model.graph.value_info.append(helper.make_tensor_value_info("relu0", 1, ["N", 16, 28, 28]))


def typed_values(model: Model) -> None:
    for tensor in model.graph.initializer:
        array = numpy_helper.to_array(tensor)
        tensor.ClearField("raw_data")
        tensor.float_data.extend(array.ravel().tolist())


HARMLESS: dict[str, Callable[[Model], None]] = {
    "reordered": reordered,
    "annotated": annotated,
    "typed values": typed_values,
}
