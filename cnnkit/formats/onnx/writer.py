"""ONNX files that say what they are: `write_onnx(weights, options)[".onnx"]`.

The tests hold them against PyTorch's exporter.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cnnkit.errors import InputError
from cnnkit.formats import contract
from cnnkit.formats.description import describe
from cnnkit.formats.onnx.model import LOWEST_FORM, to_model
from cnnkit.formats.options import Options
from cnnkit.graph.carried import carried_nodes, content_of
from cnnkit.graph.convnet import with_contract
from cnnkit.graph.graph import Graph
from cnnkit.graph.weights import Weights

if TYPE_CHECKING:
    from onnx import ModelProto

OPSET = 17  # read by ONNX Runtime from 1.12 on


def write_onnx(weights: Weights, options: Options) -> dict[str, bytes]:
    """Return an ONNX model: uint8 [N, C, H, W] in; logits, probabilities [N, K] and label [N] out.

    Raises:
        InputError: the opset is unknown, or too old for these operators.
        MissingError: the onnx package is not installed.
    """
    metadata = describe(weights, options)
    if carried_nodes(weights.graph):
        return {".onnx": _as_it_is(weights.graph, metadata, options)}
    return {".onnx": serialise(with_contract(weights.graph, options.input), metadata, options)}


def serialise(graph: Graph, metadata: dict[str, Any], options: Options) -> bytes:
    """Return the bytes of an ONNX file of a graph with these metadata, the same on each machine."""
    lowest = max(OPSET, *(LOWEST_FORM.get(node.operator, OPSET) for node in graph.nodes))
    model = to_model(graph, lowest if options.opset is None else options.opset)
    set_metadata(model, metadata)
    return bytes(model.SerializeToString(deterministic=True))


def _as_it_is(graph: Graph, metadata: dict[str, Any], options: Options) -> bytes:
    """Return the bytes of a model that is carried, with these metadata."""
    from onnx import ModelProto

    if options.opset is not None:
        reason = "cannot be chosen for a network with nodes that cnnkit does not know"
        raise InputError(f"--opset {options.opset}", reason, "leave it out")
    model = ModelProto.FromString(content_of(graph))
    set_metadata(model, metadata)
    return bytes(model.SerializeToString(deterministic=True))


def set_metadata(model: ModelProto, metadata: dict[str, Any]) -> None:
    """Give a model the metadata of the contract, in the place of any other."""
    from onnx import helper

    model.producer_name, model.producer_version = "cnnkit", metadata["version"]
    del model.metadata_props[:]
    helper.set_model_props(model, contract.encode(metadata))
