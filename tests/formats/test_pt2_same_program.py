"""The calls in a torch.export archive have to be the network's, one by one."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from cnnkit.data.dataset import Dataset
from cnnkit.formats.options import Options
from cnnkit.formats.pytorch.archive import read_parts
from cnnkit.formats.pytorch.pt2 import CONFIGS, PROGRAM, write_pt2
from cnnkit.formats.pytorch.same_program import difference
from cnnkit.graph.architecture import Architecture, Block
from cnnkit.graph.weights import Weights

ARCHITECTURE = Architecture((1, 28, 28), (Block(5, 3, 1, 2), Block(4, 5, 0, 3)), 10)
CONSTANTS = b'{"config": {}}'


@pytest.fixture(scope="module")
def parts(few: Dataset, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    weights = Weights.of(ARCHITECTURE, ARCHITECTURE.initial_parameters(1))
    path = tmp_path_factory.mktemp("pt2") / "net.pt2"
    path.write_bytes(write_pt2(weights, Options(few))[".pt2"])
    return read_parts(path, "an archive", "/archive_format")


def node(module: Any, target: str, index: int = 0) -> Any:
    return [n for n in module["graph"]["nodes"] if n["target"].endswith(target)][index]


def argument(found: Any, name: str) -> Any:
    return next(item["arg"] for item in found["inputs"] if item["name"] == name)


def other_weight(module: Any) -> None:
    """Take the second layer's bias for the first layer, which has as many numbers here or fewer."""
    argument(node(module, "conv2d.default"), "bias")["as_tensor"]["name"] = "p_convs_1_bias"


def swapped_names(module: Any) -> None:
    specs = module["signature"]["input_specs"]
    specs[1]["parameter"]["parameter_name"] = "convs.1.bias"
    specs[3]["parameter"]["parameter_name"] = "convs.0.bias"


def extra_relu(module: Any) -> None:
    """Clip the logits at 0 on their way out."""
    nodes = module["graph"]["nodes"]
    more = json.loads(json.dumps(node(module, "relu.default")))
    argument(more, "self")["as_tensor"]["name"] = "linear"
    more["outputs"][0]["as_tensor"]["name"] = "more"
    nodes.append(more)
    module["graph"]["outputs"][0]["as_tensor"]["name"] = "more"
    module["signature"]["output_specs"][0]["user_output"]["arg"]["as_tensor"]["name"] = "more"


def swapped_outputs(module: Any) -> None:
    for outputs in (module["graph"]["outputs"], module["signature"]["output_specs"]):
        outputs[0], outputs[1] = outputs[1], outputs[0]


def set_argument(target: str, name: str, value: Any) -> Callable[[Any], None]:
    def change(module: Any) -> None:
        inputs = node(module, target)["inputs"]
        inputs[:] = [item for item in inputs if item["name"] != name]
        inputs.append({"name": name, "arg": value, "kind": 1})

    return change


def other_input_kind(module: Any) -> None:
    specs = module["signature"]["input_specs"]
    specs[0] = {"buffer": {**specs[0]["parameter"], "buffer_name": "x", "persistent": True}}


MUTANTS: dict[str, tuple[Callable[[Any], None], str]] = {
    "another parameter": (other_weight, "takes convs.1.bias where the network has convs.0.bias"),
    "two names exchanged": (swapped_names, "takes convs.1.bias where the network has convs.0.bias"),
    "a call at the end": (extra_relu, "calls, not"),
    "exchanged outputs": (swapped_outputs, "its outputs are probabilities, logits, label"),
    "a scale": (
        set_argument("mul.Tensor", "other", {"as_float": 0.0039215687}),
        "mul.Tensor has other = 0.0039215687",
    ),
    "rounding up": (
        set_argument("max_pool2d.default", "ceil_mode", {"as_bool": True}),
        "has ceil_mode = True",
    ),
    "the batch's softmax": (set_argument("softmax.int", "dim", {"as_int": 0}), "has dim = 0"),
    "double precision": (
        set_argument("softmax.int", "dtype", {"as_scalar_type": 8}),
        "has dtype = 8",
    ),
    "padding": (
        set_argument("conv2d.default", "padding", {"as_ints": [1, 2]}),
        "has padding = [1, 2]",
    ),
    "an unknown setting": (
        set_argument("relu.default", "slope", {"as_float": 0.1}),
        "relu.default has slope",
    ),
    "another function": (
        lambda module: node(module, "argmax.default").update(target="torch.ops.aten.mul.Tensor"),
        "mul.Tensor stands where the network has argmax.default",
    ),
    "a buffer": (other_input_kind, "it has an input of the kind buffer"),
    "no nodes": (lambda module: module["graph"].pop("nodes"), "in another way than cnnkit does"),
}


def test_the_writers_program_is_the_networks(parts: dict[str, bytes], few: Dataset) -> None:
    assert parts[CONFIGS[1]] == CONSTANTS
    assert difference(parts[PROGRAM], parts[CONFIGS[1]], ARCHITECTURE, "uint8") == ""
    assert "has other = " in difference(parts[PROGRAM], CONSTANTS, ARCHITECTURE, "float32")
    other = Architecture((1, 28, 28), (Block(5, 3, 1, 2), Block(4, 5, 0, 2)), 10)
    assert "has kernel_size" in difference(parts[PROGRAM], CONSTANTS, other, "uint8")


@pytest.mark.parametrize("what", MUTANTS)
def test_every_mutant_of_the_program_is_named(parts: dict[str, bytes], what: str) -> None:
    change, reason = MUTANTS[what]
    program = json.loads(parts[PROGRAM])
    change(program["graph_module"])
    found = difference(json.dumps(program).encode(), CONSTANTS, ARCHITECTURE, "uint8")
    assert reason in found


def test_constants_are_refused(parts: dict[str, bytes]) -> None:
    constants = b'{"config": {"c": {}}}'
    found = difference(parts[PROGRAM], constants, ARCHITECTURE, "uint8")
    assert found == "it has constants"
