"""A graph as an ONNX model: `to_model(graph, opset)`, by onnx.helper.

PyTorch's own exporters choose opset and IR version by their release, put weights in a second file
and source lines in the nodes. This model is the same whatever PyTorch is installed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from cnnkit.errors import InputError, MissingError
from cnnkit.graph.graph import Graph, Node
from cnnkit.graph.operators.table import OPERATORS
from cnnkit.graph.shapes import infer_types
from cnnkit.graph.types import Array, TensorType
from cnnkit.ops.ort_op import DOMAIN, OPERATOR

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto, ValueInfoProto

LOWEST_OPSET = 9  # IR 4; before it, every weight is an input too, which ONNX Runtime warns of
VERSION = 1  # of cnnkit's own operator, and of ONNX Runtime's

# A graph's nodes have the newest opset's form. The first opset that has it:
LOWEST_FORM = {
    **{"Clip": 11, "Dropout": 12, "HardSwish": 14, "Pad": 11, "PRelu": 9, "ReduceMean": 18},
    **{"Slice": 10, "Split": 13, "Squeeze": 13, "Unsqueeze": 13},
    **{"Celu": 12, "DepthToSpace": 11, "Gelu": 20, "GroupNormalization": 21, "Mish": 18},
    **{"LayerNormalization": 17, "Pow": 12, "Resize": 18, "Round": 11, "Swish": 24},
    **{"ThresholdedRelu": 10, "ReduceSum": 13, "ReduceMax": 18, "ReduceMin": 18},
    **{"ReduceL1": 18, "ReduceL2": 18, "ReduceSumSquare": 18, "ArgMin": 12},
}
# TensorProto.DataType, by NumPy's names
DATA_TYPES = {
    **{"float32": 1, "uint8": 2, "int8": 3, "uint16": 4, "int16": 5, "int32": 6, "int64": 7},
    **{"bool": 9, "float16": 10, "float64": 11, "uint32": 12, "uint64": 13},
}
# Attributes that are written even where they have their default, for a person who reads the file.
ALWAYS = {
    "Conv": ("kernel_shape", "pads"),
    "MaxPool": ("kernel_shape", "strides"),
    "AveragePool": ("kernel_shape", "strides"),
    "Flatten": ("axis",),
}


class Form(NamedTuple):
    """How a node is written: the operator's name and domain, and the attributes."""

    operator: str
    attributes: Mapping[str, Any]
    domain: str = ""


def to_model(graph: Graph, opset: int) -> ModelProto:
    """Return a checked ONNX model; the IR version is the lowest that the opset allows.

    Args:
        graph: of ONNX's operators, and FusedConv as far as cnnkit's own operator computes it.
        opset: of ONNX's operators.

    Raises:
        InputError: the opset is unknown, or a node cannot be written in it.
        MissingError: the onnx package is not installed.
    """
    try:
        import onnx
        from onnx import helper, numpy_helper
    except ImportError as error:
        raise MissingError.package("onnx", "writing ONNX") from error
    newest = onnx.defs.onnx_opset_version()
    if not LOWEST_OPSET <= opset <= newest:
        raise InputError(
            f"--opset {opset}",
            "is too old for this network's operators, or newer than the onnx package here",
            f"choose one from {LOWEST_OPSET} to {newest}",
        )
    types = check_types(graph)
    nodes = [_node(node, opset) for node in graph.nodes]
    standard = helper.make_opsetid("", opset)
    domains = sorted({node.domain for node in nodes if node.domain})
    own = [helper.make_opsetid(domain, VERSION) for domain in domains]
    model = helper.make_model(
        helper.make_graph(
            nodes,
            "cnnkit",
            inputs=[_value(name, type) for name, type in graph.inputs.items()],
            outputs=[_value(name, types[name]) for name in graph.outputs],
            initializer=[
                numpy_helper.from_array(as_written(array), name)
                for name, array in graph.tensors.items()
            ],
        ),
        producer_name="cnnkit",
        ir_version=helper.find_min_ir_version_for([standard]),
        opset_imports=[standard, *own],
    )
    onnx.checker.check_model(model, full_check=True)
    if not own:  # the onnx package knows no shapes of other operators
        onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True, data_prop=True)
    return model


def check_types(graph: Graph) -> Mapping[str, TensorType]:
    """Return the types of a graph's values.

    Raises:
        InputError: a node computes in float64, of which files have no tensors.
    """
    types = infer_types(graph)
    for node in graph.nodes:
        if any(types[output].dtype == "float64" for output in node.outputs):
            reason = "it computes in float64, and files of cnnkit hold float32"
            raise node.refused(reason, "convert the model to float32 and export it again")
    return types


def as_written(array: Array) -> Array:
    """Return a tensor as it stands in a file: what the graph knows in float64 becomes float32."""
    dtype = np.dtype(np.float32) if array.dtype == np.float64 else array.dtype
    return np.asarray(array, dtype.newbyteorder("<"), order="C")


def _value(name: str, type: TensorType) -> ValueInfoProto:
    from onnx import helper

    dtype = helper.np_dtype_to_tensor_dtype(np.dtype(type.dtype))
    return helper.make_tensor_value_info(name, dtype, type.shape)


def _node(node: Node, opset: int) -> NodeProto:
    from onnx import helper

    lowest = LOWEST_FORM.get(node.operator, LOWEST_OPSET)
    if opset < lowest:
        raise node.refused(f"it cannot be written in opset {opset}", f"choose {lowest} or a later")
    form = form_of(node)
    return helper.make_node(
        form.operator,
        node.inputs,
        node.outputs,
        name=node.name,
        domain=form.domain or None,
        **form.attributes,
    )


def form_of(node: Node) -> Form:
    """Return how a graph's node is written, which is the same in every opset that can have it."""
    return FORMS.get(node.operator, _standard)(node)


def _standard(node: Node) -> Form:
    """Return a node of ONNX or of ONNX Runtime, without attributes that have their defaults."""
    row, always = OPERATORS[node.operator], ALWAYS.get(node.operator, ())
    given = {
        name: value
        for name, value in node.attributes.items()
        if name in always or value != row.defaults[name]
    }
    return Form(node.operator, given, row.domain)


def _cast(node: Node) -> Form:
    return Form("Cast", {"to": DATA_TYPES[node.attributes["to"]]})


def _fused(node: Node) -> Form:
    """Return cnnkit's own operator, which has a ReLU, a pool and equal padding on both sides."""
    a = node.attributes
    plain = (
        a["activation"] == "Relu"
        and len(node.inputs) == 3
        and a["pool_kernel_shape"]
        and a["group"] == 1
        and a["dilations"] == a["pool_dilations"] == (1, 1)
        and a["pool_ceil_mode"] == 0
        and all(a[pads][:2] == a[pads][2:] for pads in ("pads", "pool_pads"))
    )
    if not plain:
        raise node.refused(
            f"{DOMAIN}.{OPERATOR} is convolution, ReLU and max-pool with equal padding on both "
            "sides, and no more",
            "export the format onnx",
        )
    return Form(
        OPERATOR,
        {
            "strides": a["strides"],
            "pads": a["pads"][:2],
            "pool_kernel": a["pool_kernel_shape"],
            "pool_strides": a["pool_strides"],
            "pool_pads": a["pool_pads"][:2],
        },
        DOMAIN,
    )


FORMS: dict[str, Callable[[Node], Form]] = {"Cast": _cast, "FusedConv": _fused}
