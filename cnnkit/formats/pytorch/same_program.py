"""Is the program in a torch.export archive the network's? `difference(parts, architecture)`.

Its calls have to be those of the network, one after the other, each with the result of the right
one before it, the right parameter and the right settings. Only parameters are compared elsewhere,
as PyTorch reads them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from cnnkit.formats.contract import INPUT, OUTPUTS
from cnnkit.graph.architecture import PIXEL_SCALE, Architecture
from cnnkit.graph.layout import FIRST, NHWC

CHECK = "torch.ops.aten._assert_tensor_metadata.default"  # computes nothing
FLOAT32 = 7  # ScalarType in torch._export.serde.schema
# What the calls' other settings are where they are stated, by name.
DEFAULTS: dict[str, Any] = {
    **{"stride": [1, 1], "padding": [0, 0], "dilation": [1, 1], "groups": 1, "ceil_mode": False},
    **{"end_dim": -1, "dtype": None, "keepdim": False, "non_blocking": False, "copy": False},
    "memory_format": None,
}
UNKNOWN = object()  # the default of a setting that no call of the network has


class Call(NamedTuple):
    """One call: the function, the tensors that it takes by argument, and its settings."""

    target: str
    tensors: Mapping[str, str]  # a parameter's name, or that of an earlier result
    settings: Mapping[str, Any]
    result: str


def difference(program: bytes, constants: bytes, architecture: Architecture, input: str) -> str:
    """Return in what a program differs from the network; "" if it does not.

    Args:
        program: the archive's model.json.
        constants: its model_constants_config.json.
        architecture: the network's.
        input: the type of the images, as the contract has it.
    """
    try:
        return _difference(json.loads(program), json.loads(constants), architecture, input)
    except (KeyError, IndexError, TypeError, ValueError, AttributeError, RecursionError) as error:
        return f"it is written in another way than cnnkit does ({error!r})"


def _difference(program: Any, constants: Any, architecture: Architecture, input: str) -> str:
    module = program["graph_module"]
    graph, signature = module["graph"], module["signature"]
    if constants != {"config": {}}:
        return "it has constants"
    names: dict[str, str] = {}  # what the graph calls a value, and what it is
    for spec in signature["input_specs"]:
        ((kind, stated),) = spec.items()
        if kind == "parameter":
            names[stated["arg"]["name"]] = stated["parameter_name"]
        elif kind == "user_input" and stated["arg"]["as_tensor"]["name"] == INPUT:
            names[INPUT] = INPUT
        else:
            return f"it has an input of the kind {kind}"
    parameters = architecture.parameter_shapes()
    if sorted(names.values()) != sorted([*parameters, INPUT]):
        return f"it takes {', '.join(names.values())}"
    if [_name(argument) for argument in graph["inputs"]] != [*names]:
        return "its graph has other inputs than it states"
    nodes = [node for node in graph["nodes"] if node["target"] != CHECK]
    if any(node["outputs"] for node in graph["nodes"] if node["target"] == CHECK):
        return "a check has results"
    calls = _calls(architecture, input)
    for node, call in zip(nodes, calls, strict=False):
        differs = _compare(node, call, names)
        if differs:
            return differs
    if len(nodes) != len(calls):
        return f"it has {len(nodes)} calls, not {len(calls)}"
    return _compare_outputs(module, names)


def _compare(node: Any, call: Call, names: dict[str, str]) -> str:
    """Compare a node with a call, and note the name of its result."""
    target = node["target"].removeprefix("torch.ops.aten.")
    if target != call.target:
        return f"{target} stands where the network has {call.target}"
    given = {argument["name"]: argument["arg"] for argument in node["inputs"]}
    if len(given) != len(node["inputs"]):
        return f"{target} has an argument twice"
    for name, wanted in call.tensors.items():
        found = names.get(_name(given.pop(name)), "an unknown value")
        if found != wanted:
            return f"{target} takes {found} where the network has {wanted}"
    for name in sorted({*given, *call.settings}):
        default = DEFAULTS.get(name, UNKNOWN)
        setting = _setting(given[name]) if name in given else default
        if setting != call.settings.get(name, default) or setting is UNKNOWN:
            return f"{target} has {name} = {setting}"
    (result,) = node["outputs"]
    if _name(result) in names:
        return f"the name {_name(result)} stands twice"
    names[_name(result)] = call.result
    return ""


def _compare_outputs(module: Any, names: Mapping[str, str]) -> str:
    specs = [spec["user_output"]["arg"] for spec in module["signature"]["output_specs"]]
    for found in (specs, module["graph"]["outputs"]):
        outputs = [names.get(_name(argument)) for argument in found]
        if outputs != [*OUTPUTS]:
            return f"its outputs are {', '.join(map(str, outputs))}"
    _, form = json.loads(module["module_call_graph"][0]["signature"]["out_spec"])
    stated = json.loads(form["context"])
    return "" if stated == [*OUTPUTS] else f"its outputs are called {', '.join(map(str, stated))}"


def _calls(architecture: Architecture, input: str) -> list[Call]:
    """Return the calls of `cnnkit.formats.pytorch.export_process.Classifier`, in their order."""
    scale = PIXEL_SCALE if input != "float32" else 1.0
    planes = Call("permute.default", {"self": INPUT}, {"dims": list(FIRST)}, "planes")
    turned = [planes] if input == NHWC else []
    calls = [
        *turned,
        Call("to.dtype", {"self": "planes" if turned else INPUT}, {"dtype": FLOAT32}, "floats"),
        Call("mul.Tensor", {"self": "floats"}, {"other": scale}, "scaled"),
    ]
    value = "scaled"
    for i, block in enumerate(architecture.blocks):
        parameters = {"weight": f"convs.{i}.weight", "bias": f"convs.{i}.bias"}
        padding, pool = [block.padding] * 2, [block.pool] * 2
        calls += [
            Call("conv2d.default", {"input": value, **parameters}, {"padding": padding}, f"c{i}"),
            Call("relu.default", {"self": f"c{i}"}, {}, f"r{i}"),
            Call(
                "max_pool2d.default",
                {"self": f"r{i}"},
                {"kernel_size": pool, "stride": pool},
                f"p{i}",
            ),
        ]
        value = f"p{i}"
    linear = {"weight": "linear.weight", "bias": "linear.bias"}
    logits, probabilities, label = OUTPUTS
    return [
        *calls,
        Call("flatten.using_ints", {"self": value}, {"start_dim": 1}, "features"),
        Call("linear.default", {"input": "features", **linear}, {}, logits),
        Call("softmax.int", {"self": logits}, {"dim": 1}, probabilities),
        Call("argmax.default", {"self": logits}, {"dim": 1}, label),
    ]


def _name(argument: Any) -> str:
    return str(argument["as_tensor"]["name"])


def _setting(argument: Any) -> Any:
    ((kind, value),) = argument.items()
    if kind == "as_none":
        return None
    if kind not in ("as_int", "as_ints", "as_float", "as_bool", "as_scalar_type"):
        raise ValueError(f"an argument of the kind {kind}")
    return value
