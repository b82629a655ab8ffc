"""ONNX, ONNX with cnnkit's operator and ONNX in 8 bits as rows of the table of formats."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cnnkit.formats.base import Check, Format, Support, holds_what_it_held
from cnnkit.formats.options import INPUTS

if TYPE_CHECKING:
    from cnnkit.data.dataset import Dataset
    from cnnkit.formats.onnx.protobuf import OnnxFile
    from cnnkit.formats.options import Options
    from cnnkit.formats.start import Start
    from cnnkit.graph.graph import Graph
    from cnnkit.graph.weights import Weights

SAME_GRAPH = "its graph is the network's, node by node"


def variant(file: OnnxFile, metadata: Mapping[str, Any]) -> str:
    """Return which of the rows below a file of ours belongs to."""
    from cnnkit.formats.contract import quantisation
    from cnnkit.ops.ort_op import DOMAIN

    if quantisation(metadata):
        return ONNX_INT8.name
    return ONNX_FUSED.name if DOMAIN in file.opsets else ONNX.name


def _detect(start: Start) -> bool:
    return True  # protobuf has no magic number: the reader says what is wrong with a file


def _is_variant(start: Start) -> bool:
    return False  # `variant` tells it from ONNX by what is in the file


def _read_metadata(path: Path) -> dict[str, Any]:
    from cnnkit.formats.contract import decode
    from cnnkit.formats.onnx.protobuf import read_onnx

    return decode(path, read_onnx(path).metadata, "an ONNX file")


def _read_weights(path: Path) -> Weights:
    from cnnkit.formats.onnx.weights import read_weights

    return read_weights(path)


def _write(weights: Weights, options: Options) -> dict[str, bytes]:
    from cnnkit.formats.onnx.writer import write_onnx

    return write_onnx(weights, options)


def _write_fused(weights: Weights, options: Options) -> dict[str, bytes]:
    from cnnkit.formats.onnx.fused import write_onnx_fused

    return write_onnx_fused(weights, options)


def _write_int8(weights: Weights, options: Options) -> dict[str, bytes]:
    from cnnkit.formats.onnx.quantize import write_onnx_int8

    return write_onnx_int8(weights, options)


def _check_quantisable(weights: Weights) -> None:
    from cnnkit.formats.quantisation import check_quantisable

    check_quantisable(weights)


def _check_standard(
    path: Path, about: Mapping[str, Any], weights: Weights, dataset: Dataset
) -> list[Check]:
    from cnnkit.formats.contract import input_type
    from cnnkit.graph.carried import carried_nodes
    from cnnkit.graph.convnet import with_contract
    from cnnkit.graph.operators.table import OPERATORS

    if carried_nodes(weights.graph):
        return [_check_carried(path, weights)]
    graph = with_contract(weights.graph, input_type(about["metadata"]))
    rows = {node.operator: OPERATORS[node.operator].domain for node in graph.nodes}
    own = frozenset(f"{domain}.{operator}" for operator, domain in rows.items() if domain)
    claim = "standard operators" + (" but for ONNX Runtime's of integers" if own else "")
    return [_check_graph(path, graph), _check_operators(about, claim, own)]


def _check_carried(path: Path, weights: Weights) -> Check:
    from cnnkit.formats.onnx.carrying import bare
    from cnnkit.graph.carried import content_of
    from cnnkit.system.files import read_bytes

    own = bare(read_bytes(path))
    same = own == content_of(weights.graph)
    return Check("its graph is the model's, byte for byte", same, f"{len(own):,} bytes")


def _check_fused(
    path: Path, about: Mapping[str, Any], weights: Weights, dataset: Dataset
) -> list[Check]:
    from cnnkit.formats.contract import input_type
    from cnnkit.graph.convnet import with_contract
    from cnnkit.graph.passes.fusion import fuse_convolutions
    from cnnkit.ops.ort_op import DOMAIN, OPERATOR

    graph = fuse_convolutions(with_contract(weights.graph, input_type(about["metadata"])))
    own = frozenset({f"{DOMAIN}.{OPERATOR}"})
    claim = "standard operators but for cnnkit's own"
    return [_check_graph(path, graph), _check_operators(about, claim, own)]


def _check_quantised(
    path: Path, about: Mapping[str, Any], weights: Weights, dataset: Dataset
) -> list[Check]:
    from cnnkit.formats.onnx.quantise_checks import check_quantised

    return [
        *check_quantised(path, about["metadata"], weights, dataset),
        _check_operators(about, "standard operators"),
    ]


def _check_graph(path: Path, graph: Graph) -> Check:
    from cnnkit.formats.onnx.same_graph import Comparison
    from cnnkit.formats.onnx.strict import read_strict
    from cnnkit.formats.onnx.wire import OddFileError

    try:
        Comparison(read_strict(path), graph)
    except OddFileError as error:
        return Check(SAME_GRAPH, False, str(error))
    return Check(SAME_GRAPH, True, f"{len(graph.nodes)} nodes, {len(graph.tensors)} tensors")


def _check_types(weights: Weights) -> None:
    from cnnkit.formats.onnx.model import check_types

    check_types(weights.graph)


def _check_operators(
    about: Mapping[str, Any], claim: str, own: frozenset[str] = frozenset()
) -> Check:
    notes = about["notes"]
    operators = notes["operators"]
    standard = not any("." in operator for operator in {*operators} - own)
    return Check(
        f"{claim}, no source lines",
        standard and not notes["source_notes"],
        f"opset {notes['opset']}, IR {notes['ir_version']}: "
        + ", ".join(operators)
        + ("" if notes["one_file"] else "; its weights lie in another file"),
    )


def _compare_speed(weights: Weights, options: Options, content: bytes) -> dict[str, Any]:
    from cnnkit.formats.onnx.quantize import speed

    return speed(weights, options, content)


def _support(path: Path) -> list[Support]:
    from cnnkit.formats.onnx.compatibility import support
    from cnnkit.formats.onnx.protobuf import read_onnx

    return support(read_onnx(path))


ONNX = Format(
    name="onnx",
    description="for ONNX Runtime, OpenCV, browsers, OpenVINO",
    suffix=".onnx",
    detect=_detect,
    read_metadata=_read_metadata,
    read_weights=_read_weights,
    write=_write,
    check=_check_types,
    choices=frozenset({"--input", "--opset"}),
    check_content=_check_standard,
    proof="graph",
    support=_support,
)
ONNX_FUSED = replace(
    ONNX,
    name="onnx-fused",
    description="ONNX with cnnkit's own operator, for ONNX Runtime with its library",
    suffix=".fused.onnx",
    inputs=INPUTS[:2],
    detect=_is_variant,
    write=_write_fused,
    check_content=_check_fused,
)
ONNX_INT8 = replace(
    ONNX,
    name="onnx-int8",
    description="ONNX with 8-bit weights and activations",
    suffix=".int8.onnx",
    detect=_is_variant,
    write=_write_int8,
    check=_check_quantisable,
    choices=frozenset({"--input", "--opset", "--max-drop", "--ranges", "--keep-float"}),
    quantised=True,
    check_weights=holds_what_it_held,
    check_content=_check_quantised,
    compare_speed=_compare_speed,
)
