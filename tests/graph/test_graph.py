"""Graphs are sound or refused, by node and reason; their identity is that of their content."""

from __future__ import annotations

import copy
import json
import pickle
import re
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from support.graph_cases import CASES, Case, Net

import cnnkit.graph
from cnnkit.errors import InputError
from cnnkit.graph import Graph, Node, TensorType, evaluate, infer_types
from cnnkit.graph.graph import distinctly_named
from cnnkit.graph.identity import canonical, from_json, sha256
from cnnkit.graph.operators.table import OPERATORS

X = TensorType("float32", ("N", 3, 8, 8))
W = {"w": np.ones((4, 3, 3, 3), np.float32), "v": np.ones(3, np.float32)}
KERNEL = {"kernel_shape": (3, 3)}


def graph(*nodes: Node, x: TensorType = X, outputs: tuple[str, ...] = ("y",)) -> Graph:
    return Graph({"x": x}, nodes, outputs, W)


def relu(source: str = "x", output: str = "y") -> Node:
    return Node("Relu", (source,), (output,), {}, f"to {output}")


BAD_NODES: dict[str, tuple[Callable[[], Any], str]] = {
    "operator": (lambda: Node("Sin", ("x",), ("y",)), "node Sin y: cnnkit does not know"),
    "domain": (lambda: Node("Relu", ("x",), ("y",), {}, "", "other"), "Relu y: .*does not know"),
    "attribute": (
        lambda: Node("Relu", ("x",), ("y",), {"alpha": 1.0}, "r"),
        "node Relu r: its attribute alpha is unknown",
    ),
    "type": (
        lambda: Node("Flatten", ("x",), ("y",), {"axis": 1.5}),
        "node Flatten y: its attribute axis is 1.5, no int",
    ),
    "bool": (lambda: Node("Flatten", ("x",), ("y",), {"axis": True}), "axis is True, no int"),
    "list": (
        lambda: Node("Conv", ("x", "w"), ("y",), {"kernel_shape": (3, 3.0)}),
        "kernel_shape is .*, no tuple",
    ),
    "infinite": (
        lambda: Node("Gemm", ("x", "w"), ("y",), {"alpha": float("inf")}),
        "alpha is inf, no float",
    ),
    "missing": (lambda: Node("Conv", ("x", "w"), ("y",)), "its attribute kernel_shape is missing"),
    "few inputs": (lambda: Node("Conv", ("x",), ("y",), KERNEL), "it has 1 inputs, not 2 to 3"),
    "no input": (lambda: Node("Conv", ("", "w"), ("y",), KERNEL), "it has 2 inputs, not 2 to 3"),
    "many inputs": (lambda: Node("Relu", ("x", "x"), ("y",)), "it has 2 inputs, not 1"),
    "outputs": (lambda: Node("Relu", ("x",), ("y", "z")), "it has 2 outputs, not 1"),
    "no output": (lambda: Node("Relu", ("x",), ("",), {}, "r"), "node Relu r: it has 1 outputs"),
}

BAD_GRAPHS: dict[str, tuple[Callable[[], Any], str]] = {
    "cycle": (
        lambda: graph(relu("z", "y"), relu("y", "z")),
        "node Relu to y: its input z is made by a later node: they are in a cycle",
    ),
    "missing value": (lambda: graph(relu("q")), "node Relu to y: its input q is neither an input"),
    "twice": (lambda: graph(relu(), relu()), "node Relu to y: its output y is made twice"),
    "overwritten": (lambda: graph(relu("x", "x")), "its output x is made twice"),
    "constant input": (lambda: Graph({"w": X}, (), ("w",), W), "input w: is a constant as well"),
    "no outputs": (lambda: graph(relu(), outputs=()), "the graph: has no outputs"),
    "output twice": (lambda: graph(relu(), outputs=("y", "y")), "has no outputs, or one twice"),
    "unmade output": (lambda: graph(relu(), outputs=("z",)), "output z: is made by no node"),
    "dtype": (lambda: graph(relu(), x=TensorType("text", (3,))), r"input x: is text\[3\]"),
    "free size": (lambda: graph(relu(), x=TensorType("float32", ("H",))), "which no graph has"),
    "negative": (lambda: graph(relu(), x=TensorType("float32", (-3,))), "which no graph has"),
    "tensor of a list": (
        lambda: Graph({"x": X}, (), ("x",), {"c": [1.0]}),  # type: ignore[dict-item]
        "tensor c: is a list. Give a NumPy array",
    ),
    "tensor type": (
        lambda: Graph({"x": X}, (), ("x",), {"c": np.zeros(3, np.complex64)}),
        "c: is complex",
    ),
}


@pytest.mark.parametrize("what", [*BAD_NODES, *BAD_GRAPHS])
def test_what_is_no_graph_is_refused(what: str) -> None:
    make, reason = (BAD_NODES | BAD_GRAPHS)[what]
    with pytest.raises(InputError, match=reason):
        make()


def shaped(operator: str, *inputs: str, x: TensorType = X, **attributes: Any) -> Graph:
    return graph(Node(operator, ("x", *inputs), ("y",), attributes, "n"), x=x)


def const(operator: str, *values: Any, x: TensorType = X, **attributes: Any) -> Graph:
    tensors = {f"c{i}": np.asarray(value) for i, value in enumerate(values)}
    node = Node(operator, ("x", *tensors), ("y",), attributes, "n")
    return Graph({"x": x}, (node,), ("y",), tensors)


FLAT = TensorType("float32", ("N", 12))
F4 = np.float32
BAD_SHAPES = {
    "channels": (
        const("Conv", np.ones((4, 2, 3, 3), F4), **KERNEL),
        "node Conv n: its weight takes 2 channels in each of 1 groups, its input has 3",
    ),
    "groups": (
        const("Conv", np.ones((4, 1, 3, 3), F4), **KERNEL, group=3), "do not divide into 3 groups"
    ),
    "no group": (const("Conv", W["w"], **KERNEL, group=0), "in 0 groups do not make a convolution"),
    "kernel": (shaped("Conv", "w", kernel_shape=(5, 5)), "kernel_shape"),
    "too large": (
        shaped("MaxPool", kernel_shape=(9, 3)), "its window of 9 is larger than its input of 8"
    ),
    "strides": (shaped("Conv", "w", **KERNEL, strides=(0, 1)), "not positive"),
    "pads": (shaped("Conv", "w", **KERNEL, pads=(-1, 0, 0, 0)), "are negative"),
    "huge pads": (shaped("Conv", "w", **KERNEL, pads=(2**40, 0, 0, 0)), "too large"),
    "huge window": (
        shaped("AveragePool", kernel_shape=(2**21, 3), pads=(2**20, 1) * 2), "is too large"
    ),
    "huge output": (
        const("Conv", np.ones((2**12, 3, 1, 1), F4), kernel_shape=(1, 1), pads=(2**9,) * 4),
        "too large",
    ),
    "all padding": (shaped("MaxPool", kernel_shape=(1, 2), pads=(1, 1, 1, 1)), "in its padding"),
    "rank": (shaped("MaxPool", kernel_shape=(2,)), "its window has 1 axes"),
    "bias": (const("Conv", W["w"], np.ones(3, F4), **KERNEL), r"its bias is .*, not \[4\]"),
    "weight type": (const("Conv", np.ones((4, 3, 3, 3)), **KERNEL), r"its weight is float64\["),
    "integers": (
        shaped("Conv", "w", x=TensorType("uint8", ("N", 3, 8, 8)), **KERNEL), "not floating point"
    ),
    "statistics": (
        const("BatchNormalization", *[np.ones(4, F4)] * 4), r"its input 1 is .*, not \[3\]"
    ),
    "broadcast": (const("Add", np.ones((5, 1, 1), F4)), "do not fit"),
    "frozen batch": (const("Add", np.ones((2, 3, 8, 8), F4)), r"\['N', .* do not fit"),
    "mixed types": (const("Add", np.ones((3, 1, 1), np.int64)), "its inputs are float32"),
    "cast": (shaped("Cast", to="float8"), "its type 'float8' is not one of"),
    "axis": (shaped("Softmax", axis=4), "its axis 4 is not one of 4 axes"),
    "flatten": (shaped("Flatten", axis=2), "it would put elements of several"),
    "reshape": (const("Reshape", np.array([0, 100])), r"it shapes .* to \[0, 100\]"),
    "reshape batch": (const("Reshape", np.array([2, 96])), "with a fixed number of images"),
    "reshape mix": (const("Reshape", np.array([-1, 64])), "elements of several images together"),
    "reshape to nothing": (const("Reshape", np.array([0, 0, -1, 0, 5])), "it shapes"),
    "two rests": (const("Reshape", np.array([-1, -1])), "its shape"),
    "squeeze": (const("Squeeze", np.array([1])), "its axis 1 of .* is not 1"),
    "squeeze all": (shaped("Squeeze"), "one image alone would lose its axis"),
    "axes twice": (const("ReduceMean", np.array([1, -3])), "name one twice"),
    "perm": (shaped("Transpose", perm=(0, 1, 2, 2)), "its perm"),
    "concat": (shaped("Concat", "w", axis=1), "differ beside axis 1"),
    "concat images": (shaped("Concat", "x", axis=0), "elements of several images"),
    "pad images": (const("Pad", np.array([1] + [0] * 7)), "elements of several images"),
    "pad mode": (const("Pad", np.zeros(8, int), mode="mirror"), "its mode 'mirror' is not one of"),
    "reflect": (const("Pad", np.array([0, 0, 8, 0] + [0] * 4), mode="reflect"), "exceed"),
    "gemm": (const("Gemm", np.ones((5, 12), F4), x=FLAT), "takes 5 values, .* has 12"),
    "gemm rank": (const("Gemm", np.ones((5, 12), F4)), "not two matrices"),
    "matmul": (const("MatMul", np.ones((5, 12), F4), x=FLAT), "it takes 5 values"),
    "unknown shape": (
        Graph({"x": X, "s": TensorType("int64", (2,))}, (Node("Reshape", ("x", "s"), ("y",)),),
              ("y",), {}),
        "node Reshape y: its input 1 is not a constant",
    ),
    "residual": (
        Graph({"x": X}, (Node("FusedConv", ("x", "w", "", "x"), ("y",), KERNEL),), ("y",), W),
        "its residual is",
    ),
    "activation": (
        Graph({"x": X}, (Node("FusedConv", ("x", "w"), ("y",), {**KERNEL, "activation": "Tanh"}),),
              ("y",), W),
        "its activation 'Tanh' is neither Relu",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", BAD_SHAPES)
def test_shapes_that_do_not_fit_are_refused(what: str) -> None:
    found, reason = BAD_SHAPES[what]
    with pytest.raises(InputError, match=reason) as refusal:
        infer_types(found)
    assert str(refusal.value).startswith(f"node {found.nodes[0].operator} ")


@pytest.mark.parametrize(
    ("feeds", "reason"),
    [
        ({}, "input x: is missing"),
        ({"x": np.zeros((2, 3, 8, 7), F4)}, r"is float32\[2, 3, 8, 7\], not float32\[N, 3, 8, 8\]"),
        ({"x": np.zeros((2, 3, 8, 8), np.uint8)}, "input x: is uint8"),
        (
            {"x": np.zeros((2, 3, 8, 8), F4), "z": np.zeros(3)},
            "input z: is not one of the graph's. Give only x",
        ),
        ({"x": [[0.0]]}, "input x: is a list. Give a NumPy array"),
    ],
)
def test_inputs_that_do_not_fit_are_refused(feeds: dict[str, Any], reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        evaluate(graph(relu()), feeds)


def test_inputs_must_hold_as_many_images() -> None:
    two = Graph({"a": FLAT, "b": FLAT}, (Node("Add", ("a", "b"), ("y",)),), ("y",), {})
    with pytest.raises(InputError, match=r"the inputs: hold \[1, 2\] images"):
        evaluate(two, {"a": np.zeros((1, 12), F4), "b": np.zeros((2, 12), F4)})


def test_defaults_are_made_explicit() -> None:
    conv = Node("Conv", ("x", "w"), ("y",), KERNEL)
    assert conv.attributes == {
        "kernel_shape": (3, 3), "strides": (1, 1), "pads": (0, 0, 0, 0), "dilations": (1, 1),
        "group": 1,
    }  # fmt: skip
    assert Node("FusedConv", ("x", "w"), ("y",), KERNEL).domain == "cnnkit"


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_json_keeps_a_graph_and_its_identity(case: Case) -> None:
    text = canonical(case.graph)
    again = from_json(json.loads(text), case.graph.tensors, "a.json")
    assert canonical(again) == text
    assert sha256(again) == sha256(case.graph)
    feeds = case.images(1)
    for name, array in evaluate(case.graph, feeds).items():
        assert evaluate(again, feeds)[name].tobytes() == array.tobytes()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_graph_can_be_pickled_and_copied(case: Case) -> None:
    for again in (pickle.loads(pickle.dumps(case.graph)), copy.deepcopy(case.graph)):
        assert canonical(again) == canonical(case.graph)
        assert sha256(again) == sha256(case.graph)


def test_identity_changes_with_anything_that_is_computed() -> None:
    def made(seed: int = 0, **more: Any) -> Graph:
        net = Net(3, 8, 8, seed=seed)
        return net.graph(net.conv("x", 3, 4, 3, **more))

    graphs = [made(), made(1), made(pads=(1, 1, 1, 1)), made(bias=False)]
    assert len({sha256(each) for each in graphs}) == 4
    assert sha256(made()) == sha256(made())


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda value: value.pop("nodes"), r"f\.json: describes no graph"),
        (
            lambda value: value["nodes"][0].update(operator="Sin"),
            r"f\.json: node Sin relu0",
        ),
        (lambda value: value["nodes"].append(None), "describes no graph"),
        (lambda value: value["tensors"].update(w=["float32", [1]]), "its tensors are others"),
        (lambda value: value.update(inputs=[["x"]]), "describes no graph"),
        *(
            (lambda value, n=size: value.update(inputs=[["x", "float32", [n]]]), "is not a size")
            for size in (float("inf"), 3.5, True, None, [3])
        ),
        (lambda value: value.update(outputs=["q"]), r"f\.json: output q is made by no node"),
    ],
)
def test_json_of_no_graph_is_refused(change: Callable[[Any], Any], reason: str) -> None:
    net = Net(3, 4, 4)
    value = json.loads(canonical(net.graph(net("Relu", "x"))))
    change(value)
    with pytest.raises(InputError, match=reason):
        from_json(value, {}, "f.json")


def test_nothing_in_a_graph_can_be_changed() -> None:
    found = Graph({"x": X}, [Node("Relu", ["x"], ["y"])], ["y"], W)  # type: ignore[arg-type]
    assert (type(found.nodes), type(found.outputs)) == (tuple, tuple)
    assert found.nodes[0] == Node("Relu", ("x",), ("y",))
    for mapping in (found.inputs, found.tensors, found.nodes[0].attributes):
        with pytest.raises(TypeError):
            mapping["new"] = 1  # type: ignore[index]


def test_the_package_exports_what_it_lists() -> None:
    for name in cnnkit.graph.__all__:
        assert getattr(cnnkit.graph, name) is not None
    assert set(cnnkit.graph.__all__) <= set(dir(cnnkit.graph))
    assert all(re.fullmatch(r"[A-Z]\w+", name) for name in OPERATORS)


def test_graphs_need_numpy_alone() -> None:
    code = (
        "import sys, cnnkit.graph.convnet, cnnkit.graph.passes, cnnkit.graph.identity;"
        "print({'torch', 'onnx', 'onnxruntime', 'matplotlib', 'safetensors', 'rich'}"
        " & set(sys.modules))"
    )
    found = subprocess.run(
        [sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == "set()"


def test_a_name_that_nodes_share_goes_to_the_first() -> None:
    names = ["2", "2", "2_2", "", "", "2"]
    nodes = [Node("Relu", ("x",), (f"y{index}",), name=name) for index, name in enumerate(names)]
    found = distinctly_named(nodes)
    assert [node.name for node in found] == ["2", "2_3", "2_2", "", "", "2_4"]
    assert [node.outputs for node in found] == [node.outputs for node in nodes]
