"""A PyTorch module as a graph: `graph_of(module, (3, 32, 32))`, by torch.export.

Parameters keep their state-dict names, and the number of images stays free. What the graph has no
operator for is refused, all nodes of it at once.
"""

from __future__ import annotations

import inspect
import logging
import re
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from io import StringIO
from typing import Any, cast

import numpy as np
import torch
from torch import nn
from torch.export import Dim, ExportedProgram, export

from cnnkit.errors import InputError, OperatorsError
from cnnkit.graph.graph import Graph
from cnnkit.graph.types import FREE, Shape, TensorType
from cnnkit.nn.exported.draft import (
    OTHER_LAYERS,
    Draft,
    Given,
    NotReadError,
    unknown,
)
from cnnkit.nn.exported.in_place import followed
from cnnkit.nn.exported.operators import CASTS, RULES
from cnnkit.nn.full_precision import full_precision

CARRY = "export it with `--format onnx`, which ONNX Runtime alone has to know"
COLOURS = re.compile(r"\x1b\[[0-9;]*m")  # of a terminal, in messages of PyTorch
NARROW = (torch.bfloat16, torch.float16)
IN_FLOAT32 = "leave the cast out of its forward: files compute in float32"
# What helps where PyTorch cannot export a module, by what it says.
FORWARDS = (
    (r"BFloat16|Half", IN_FLOAT32),
    (r"numpy", "compute in its forward with PyTorch alone: files hold nothing of NumPy"),
    (r"required argument", "make its forward take one tensor [N, C, H, W], the images"),
    (
        r"data-dependent",
        "choose between values by torch.where, not by if: a file computes the same for all images",
    ),
    (
        "",
        "use images of another size, or make its forward take one tensor [N, C, H, W], with no "
        "control flow that depends on values or on N",
    ),
)
CONSTANTS = {f"aten.{name}" for name in ("ones", "zeros", "full", "arange", "eye", "scalar_tensor")}


def graph_of(module: nn.Module, example_shape: tuple[int, ...], subject: object = "") -> Graph:
    """Return what a module computes in evaluation mode.

    Args:
        module: it takes one float32 tensor; its mode and its parameters stay as they are.
        example_shape: of one image, C, H, W: the network is for this size.
        subject: what errors call the module; its class stands for none.

    Returns:
        A graph whose input has the name of forward's parameter, whose tensors have their names in
        the state dict, and whose nodes are named after the module's layers.

    Raises:
        InputError: PyTorch cannot export it with a free number of images, or it has operators that
            graphs do not have; all of their nodes are named.
    """
    subject = subject or type(module).__name__
    training = {part: part.training for part in module.modules()}
    try:
        program = export_images(module.eval(), example_shape, subject)
    finally:
        for part, was in training.items():
            part.training = was
    return graph_of_program(program, subject)


def export_images(
    module: nn.Module, example_shape: tuple[int, ...], subject: object
) -> ExportedProgram:
    """Return the program of a module, in the mode in which it is, for any number of images.

    Raises:
        InputError: PyTorch cannot export it so.
    """
    example = torch.zeros((2, *example_shape))  # one image would fix their number
    try:
        with warnings.catch_warnings(), unlogged(), full_precision():
            warnings.simplefilter("ignore")
            return export(module, (example,), dynamic_shapes=free_images(module))
    except (Exception, SystemExit) as error:  # of the person's code, or of PyTorch's tracer
        shown, said = "x".join(map(str, example_shape)), _first_line(error)
        reason = f"cannot be exported for images of {shown} ({said})"
        remedy = next(remedy for pattern, remedy in FORWARDS if re.search(pattern, said))
        raise InputError(subject, reason, remedy) from error


def free_images(module: nn.Module) -> tuple[Any, ...]:
    """Return what torch.export gets, so that the number of a module's images stays free."""
    first = next(iter(inspect.signature(module.forward).parameters.values()), None)
    several = first is not None and first.kind is first.VAR_POSITIONAL  # forward(self, *images)
    return (({0: Dim("N")},),) if several else ({0: Dim("N")},)


@contextmanager
def unlogged() -> Iterator[None]:
    """Keep PyTorch's tracer from logging and printing what it raises as well."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with redirect_stdout(StringIO()), redirect_stderr(StringIO()):
            yield
    finally:
        logging.disable(before)


def graph_of_program(program: ExportedProgram, subject: object = "the program") -> Graph:
    """Return what a program of torch.export computes.

    Args:
        program: of inference; of its inputs only the number of images is free.
        subject: what errors call it.

    Raises:
        InputError: as `graph_of`.
    """
    changes = followed(program)
    if changes is None:  # slow: the program is traced anew
        program, changes = program.run_decompositions({}), {}
    if narrow := _narrow_casts(program):
        raise InputError(subject, "computes in fewer bits than float32", IN_FLOAT32, narrow)
    draft, known = _inputs(program, subject)
    for name, images in draft.inputs.items():
        if FREE in images.shape[1:]:
            reason = f"does not say how large its images are: its input {name} is {images}"
            raise InputError(subject, reason, "export it with only the number of images free")
    changed = program.graph_signature.buffers_to_mutate.values()
    refused = [f"{name}: a buffer that changes in evaluation mode" for name in changed]
    for node in program.graph.nodes:
        if node.op == "call_function":
            known[node] = _read(draft, node, known, refused)
            known.update(dict.fromkeys(changes.get(node, ()), known[node]))
    if refused:
        raise OperatorsError(subject, unknown(len(refused)), f"{OTHER_LAYERS}, or {CARRY}", refused)
    by_name = {node.name: value for node, value in known.items()}
    for name in program.graph_signature.user_outputs:
        if name not in by_name:
            raise InputError(subject, f"gives {name}, not a tensor", "return scores [N, K]")
    return draft.finish([by_name[name] for name in program.graph_signature.user_outputs])


def _narrow_casts(program: ExportedProgram) -> list[str]:
    """Return a line for each node of a program that casts to a narrower floating-point type."""
    found = []
    for node in program.graph.nodes:
        value = node.meta.get("val")
        if node.op != "call_function" or _operator(node) not in CASTS:
            continue
        if isinstance(value, torch.Tensor) and value.dtype in NARROW:
            kind = str(value.dtype).removeprefix("torch.")
            found.append(f"{_layer(node) or 'forward'}: casts to {kind}")
    return found


def _first_line(error: BaseException) -> str:
    plain = COLOURS.sub("", str(error)).strip()
    return next(iter(plain.splitlines()), type(error).__name__)[:200]


def _inputs(program: ExportedProgram, subject: object) -> tuple[Draft, dict[torch.fx.Node, Any]]:
    """Return the draft with inputs and tensors, and the names of their nodes' values."""
    signature = program.graph_signature
    stored = {**signature.inputs_to_parameters, **signature.inputs_to_buffers}
    stored |= signature.inputs_to_lifted_tensor_constants
    values = {**program.state_dict, **program.constants}
    inputs: dict[str, TensorType] = {}
    tensors: dict[str, Any] = {}
    first: dict[tuple[Any, ...], str] = {}  # names of what several names may be tied to
    known: dict[torch.fx.Node, Any] = {}
    for node in program.graph.nodes:
        if node.op != "placeholder":
            continue
        name = stored.get(node.name)
        if name is None:
            inputs[node.name] = _type(node, subject)
            known[node] = node.name
            continue
        value = values[name].detach()
        place = (value.data_ptr(), value.shape, value.stride(), value.dtype)
        known[node] = first.setdefault(place, name) if value.numel() else name
        tensors[known[node]] = np.array(value.cpu().numpy())
    return Draft(inputs, tensors), known


def _type(node: torch.fx.Node, subject: object) -> TensorType:
    value = node.meta.get("val")
    if not isinstance(value, torch.Tensor):
        raise InputError(subject, f"has the input {node.name}, which is not a tensor", OTHER_LAYERS)
    return _type_of(value)


def _type_of(value: torch.Tensor) -> TensorType:
    return TensorType(str(value.dtype).removeprefix("torch."), _shape(value))


def _shape(value: torch.Tensor) -> Shape:
    # A symbol is the number of images; a formula, such as 2*s0, is what no graph has.
    sizes = (size if isinstance(size, int) else str(size) for size in value.shape)
    return tuple(s if isinstance(s, int) or not s.isidentifier() else FREE for s in sizes)


def _read(draft: Draft, node: torch.fx.Node, known: Mapping[Any, Any], refused: list[str]) -> Any:
    """Return the name of a node's result, or a line in `refused` that says why there is none."""
    name, value = _operator(node), node.meta.get("val")
    if name == "getitem":
        of, index = cast("tuple[Any, int]", node.args)  # as every getitem has them
        parts = draft.parts.get(known[of], [known[of]])
        if index < len(parts):
            return parts[index]
    first = value[0] if isinstance(value, tuple | list) and value else value
    if not isinstance(first, torch.Tensor):
        return FREE  # a size, which comes back in the shapes
    layer = _layer(node)
    draft.begin(node.name, layer, _shape(first))
    if name == "getitem" and (known[node.args[0]] in draft.unread or not node.users):
        return draft.skip(_type_of(first))
    try:
        if name in CONSTANTS and not node.all_input_nodes:
            # The target of a call is an operator, which the type of nodes leaves open.
            made = node.target(*node.args, **node.kwargs)  # type: ignore[operator]
            return draft.tensor("value", made.numpy(), _type_of(made).dtype)
        rule = RULES.get(name)
        if rule is None:
            raise NotReadError("cnnkit does not know this operator")
        result = rule(draft, _given(node, known))
        if draft.types[result] != _type_of(first):
            raise NotReadError(f"it gives {_type_of(first)}, and here {draft.types[result]}")
        return result
    except NotReadError as error:
        refused.append(f"{name.removeprefix('aten.')} {layer or node.name}: {error}")
    except InputError as error:
        refused.append(f"{error.subject.removeprefix('node ')}: {error.reason}")
    return draft.skip(_type_of(first))


def _operator(node: torch.fx.Node) -> str:
    """Return an operator's name without its overload and the sign that it works in place."""
    schema = getattr(node.target, "_schema", None)
    if schema is None:
        return str(getattr(node.target, "__name__", node.target))
    return str(schema.name).replace("::", ".").rstrip("_")


def _layer(node: torch.fx.Node) -> str:
    """Return the path of the module that a node is of."""
    stack = node.meta.get("nn_module_stack") or {}
    return str(list(stack.values())[-1][0]) if stack else ""


def _given(node: torch.fx.Node, known: Mapping[Any, Any]) -> Given:
    """Return all arguments by name, defaults filled in, with the names of values."""
    given = {}
    # The target of a call is an operator, which the type of nodes leaves open.
    for index, argument in enumerate(node.target._schema.arguments):  # type: ignore[union-attr]
        if index < len(node.args):
            value = node.args[index]
        else:
            value = node.kwargs.get(
                argument.name, argument.default_value if argument.has_default_value() else None
            )
        name = "input" if argument.name == "self" else argument.name  # in place it has another name
        given[name] = torch.fx.node.map_arg(value, lambda each: known[each])
    return given
