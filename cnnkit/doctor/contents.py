"""What is in a model and what it costs: `examine_model(path)`, for `cnnkit doctor MODEL`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from cnnkit.errors import InputError
from cnnkit.formats.c.integers import integer_body
from cnnkit.formats.c.source import as_held, body_of
from cnnkit.formats.detect import detect
from cnnkit.formats.pytorch.foreign import is_foreign
from cnnkit.formats.pytorch.format import PT2
from cnnkit.formats.registry import FORMATS, TABLE
from cnnkit.graph.carried import refuse_carried
from cnnkit.graph.classifier import SAY, SAY_NONE
from cnnkit.graph.convnet import with_contract, with_raw_pixels
from cnnkit.graph.costs import Cost, costs
from cnnkit.graph.program import Program, lower
from cnnkit.graph.program.steps import FLOAT
from cnnkit.graph.quantised import to_integers
from cnnkit.graph.quantised.lowering import lower_integers
from cnnkit.graph.weights import Weights
from cnnkit.models.read import READERS, is_spec, read_model
from cnnkit.models.said import OURS, Said
from cnnkit.runs.find import find_weights
from cnnkit.runtimes.foreign import is_foreign as is_foreign_onnx

MOST_REASONS = 4  # why a format does not hold a network


@dataclass(frozen=True)
class Layer:
    """A step of the C program.

    Attributes:
        node: what it is of.
        kernel: what computes it.
        shape: the sizes of its output.
        macc: multiplications that are added up.
        weight_bytes: of its constants.
        output_bytes: of its output.
        ram_bytes: of all that is in memory during it.
    """

    node: str
    kernel: str
    shape: tuple[int, ...]
    macc: int
    weight_bytes: int
    output_bytes: int
    ram_bytes: int


@dataclass(frozen=True)
class Contents:
    """A model's nodes, the memory that it needs as C, and the formats that hold it.

    Attributes:
        nodes: costs of each.
        layers: the steps of its C program; none for a network of the family, which has none.
        ram_bytes: what a call needs as C; 0 if C cannot hold the network.
        flash_bytes: of the constants as C.
        formats: whether a format holds the network, and why not, by name.
        program: what the layers are of.
    """

    nodes: Sequence[Cost]
    layers: Sequence[Layer]
    ram_bytes: int
    flash_bytes: int
    formats: dict[str, tuple[bool, str]]
    program: Program | None = None

    def operators(self) -> list[tuple[str, int, int, int]]:
        """Return name, count, multiply-adds and parameters of each operator, costliest first."""
        names = dict.fromkeys(cost.operator for cost in self.nodes)
        rows = [(name, [c for c in self.nodes if c.operator == name]) for name in names]
        found = [
            (name, len(own), sum(c.macc for c in own), sum(c.parameters for c in own))
            for name, own in rows
        ]
        return sorted(found, key=lambda row: (-row[2], -row[3], -row[1]))

    def to_json(self) -> dict[str, Any]:
        """Return JSON values."""
        return {
            "macc": sum(cost.macc for cost in self.nodes),
            "parameters": sum(cost.parameters for cost in self.nodes),
            "nodes": [asdict(cost) for cost in self.nodes],
            "c": {
                "ram_bytes": self.ram_bytes,
                "flash_bytes": self.flash_bytes,
                "layers": [asdict(layer) for layer in self.layers],
            }
            if self.ram_bytes
            else None,
            "formats": {
                name: {"holds": holds, "reason": reason}
                for name, (holds, reason) in self.formats.items()
            },
        }


def examine_model(model: str | Path, said: Said | None = None) -> Contents:
    """Look into an artefact, a weights file or run, a model of others, or a module.

    Args:
        model: as `cnnkit.models.read.read_model` takes it, or any artefact.
        said: what is said of it.

    Raises:
        StorageError: it cannot be read.
        InputError: it is damaged, has nodes that cnnkit does not know, which are named, or what is
            said does not fit it.
    """
    said = said or Said()
    if is_module(model):
        # What is in a network does not depend on how its pixels are scaled.
        said = replace(said, preprocess=said.preprocess or "unit")
        return _examine(read_model(model, said).weights)
    file = find_weights(Path(model))
    form = detect(file)
    if said != Said():
        if form not in READERS:
            said.refuse(file, OURS)
        return _examine(read_model(file, said).weights)
    weights = TABLE[form].read_weights(file)
    try:
        return replace(_examine(_exported(file, weights)), nodes=costs(weights.graph))
    except InputError as error:
        refused = dict.fromkeys(FORMATS, (False, f"the file: {error.reason}"))
        return Contents(costs(weights.graph), (), 0, 0, refused)


def _exported(file: Path, weights: Weights) -> Weights:
    """Return the network that `cnnkit export` makes other files of.

    Raises:
        InputError: it makes none of another tool's file, and why.
    """
    if detect(file) != "onnx" or not is_foreign_onnx(file):
        return weights
    for preprocess in (None, "unit"):
        try:
            return read_model(file, Said(preprocess=preprocess)).weights
        except InputError as error:
            if error.remedy == SAY:
                continue
            if error.remedy != SAY_NONE:
                raise
    # What is in a network does not depend on how its pixels are scaled.
    return read_model(file, Said(preprocess="none")).weights


def is_module(model: str | Path) -> bool:
    """Tell whether a model is a module, or a program of others, which no runtime of ours reads."""
    if is_spec(model):
        return True
    return detect(Path(model)) == PT2.name and is_foreign(Path(model))


def _examine(weights: Weights) -> Contents:
    refuse_carried(weights.graph, "the file")
    nodes = costs(weights.graph)
    weights = replace(weights, graph=with_raw_pixels(weights.graph))
    formats = {name: _holds(name, weights) for name in FORMATS}
    if any(node.operator == "QuantizeLinear" for node in weights.graph.nodes):
        return _of_integers(nodes, weights, formats)
    try:
        body, held = body_of(weights), as_held(weights)
    except InputError:
        return Contents(nodes, (), 0, 0, formats)
    if held is weights:  # of the family, whose blocks are in no arena
        return Contents(nodes, (), body.ram_bytes, body.constant_bytes, formats)
    program = lower(held.graph)
    layers = _layers(program, FLOAT)
    return Contents(nodes, layers, body.ram_bytes, body.constant_bytes, formats, program)


def _of_integers(
    nodes: Sequence[Cost], weights: Weights, formats: dict[str, tuple[bool, str]]
) -> Contents:
    """Return what a quantised network needs as C of integers."""
    integers = to_integers(weights.graph)
    try:
        body, program = integer_body(integers, "the network"), lower_integers(integers, bands=True)
    except InputError:
        return Contents(nodes, (), 0, 0, formats)
    return Contents(nodes, _layers(program, 1), body.ram_bytes, body.constant_bytes, formats)


def _holds(name: str, weights: Weights) -> tuple[bool, str]:
    try:
        with_contract(weights.graph, "uint8")
        FORMATS[name].check(weights)
    except InputError as error:
        reasons = [f"{error.subject}: {error.reason}", *error.details]
        more = [f"and {len(reasons) - MOST_REASONS} more"] if len(reasons) > MOST_REASONS else []
        return False, "; ".join([*reasons[:MOST_REASONS], *more])
    return True, ""


def _layers(program: Program, unit: int) -> list[Layer]:
    """Return the layers of a program whose sizes are in `unit` bytes."""
    return [
        Layer(
            step.node,
            step.kernel,
            step.shape,
            step.macc,
            sum(program.constants[name].nbytes for name in step.inputs if isinstance(name, str)),
            unit * program.sizes[step.output],
            unit * sum(program.sizes[buffer] for buffer in program.live(index)),
        )
        for index, step in enumerate(program.steps)
    ]
