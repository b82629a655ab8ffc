"""Passes change how a graph computes, never what."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.graph_cases import CASES, SAME, Case, Net

from cnnkit.graph.graph import Graph
from cnnkit.graph.passes import (
    cancel_transposes,
    drop_no_ops,
    drop_unused,
    fold_batch_norm,
    fold_constants,
    fuse_convolutions,
    simplify,
)
from cnnkit.graph.reference import evaluate
from cnnkit.graph.shapes import infer_types

PASSES: dict[str, Callable[[Graph], Graph]] = {
    "cancel_transposes": cancel_transposes,
    "drop_no_ops": drop_no_ops,
    "drop_unused": drop_unused,
    "fold_batch_norm": fold_batch_norm,
    "fold_constants": fold_constants,
    "fuse_convolutions": fuse_convolutions,
    "simplify": simplify,
    "all": lambda graph: fuse_convolutions(simplify(graph)),
}


def operators(graph: Graph) -> Counter[str]:
    return Counter(node.operator for node in graph.nodes)


def agree(case: Case, changed: Graph, tolerance: float = 2e-6) -> None:
    """Folded weights are rounded to float32 once; nothing else may differ."""
    types, now = infer_types(case.graph), infer_types(changed)
    feeds = case.images(2)
    expected, found = evaluate(case.graph, feeds), evaluate(changed, feeds)
    assert list(found) == list(expected)
    for name in expected:
        assert now[name] == types[name]
        np.testing.assert_allclose(found[name], expected[name], rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("name", PASSES)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_pass_keeps_the_outputs(case: Case, name: str) -> None:
    agree(case, PASSES[name](case.graph))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_passes_come_to_an_end(case: Case) -> None:
    once = PASSES["all"](case.graph)
    assert operators(PASSES["all"](once)) == operators(once)


STEPS = st.lists(
    st.sampled_from(
        ["conv", "pointwise", "depthwise", "norm", "relu", "relu6", "identity", "dropout", "cast",
         "pad", "no pad", "transpose", "pool", "ceil", "average", "residual", "branch", "scale",
         "constant", "two transposes", "flat pool"]
    ),
    min_size=1, max_size=9,
)  # fmt: skip


def drawn_graph(steps: list[str], seed: int) -> Graph:
    """A network of any steps in a row, with 4 channels throughout."""
    net = Net(4, 8, 8, seed=seed)
    y, before = "x", "x"
    for step in steps:
        x, before = before, y
        match step:
            case "conv":
                y = net.conv(y, 4, 4, 3, pads=SAME)
            case "pointwise":
                y = net.conv(y, 4, 4, 1, bias=False)
            case "depthwise":
                y = net.conv(y, 4, 4, 3, pads=SAME, group=4)
            case "norm":
                y = net.norm(y, 4)
            case "relu":
                y = net("Relu", y)
            case "relu6":
                y = net.relu6(y)
            case "identity":
                y = net("Identity", y)
            case "dropout":
                y = net("Dropout", y)
            case "cast":
                y = net("Cast", y, to="float32")
            case "pad":
                y = net("Pad", y, net.tensor([0, 0, 1, 0, 0, 0, -1, 0], "int64"))
            case "no pad":
                y = net("Pad", y, net.tensor([0] * 8, "int64"))
            case "transpose":
                y = net("Transpose", y, perm=(0, 1, 3, 2))
            case "two transposes":
                y = net("Transpose", net("Transpose", y), perm=(3, 2, 1, 0))
            case "pool":
                y = net("MaxPool", y, kernel_shape=(3, 3), pads=SAME)
            case "flat pool":
                y = net("MaxPool", y, kernel_shape=(1, 3), pads=(0, 1, 0, 1))
            case "ceil":
                y = net("MaxPool", y, kernel_shape=(1, 1), ceil_mode=1)
            case "average":
                y = net("AveragePool", y, kernel_shape=(3, 3), pads=SAME)
            case "residual":
                y = net("Add", y, x)
            case "branch":
                y = net("Sum", net("Relu", y), y)
            case "scale":
                y = net("Mul", y, net.drawn(4, 1, 1))
            case "constant":
                y = net("Add", y, net("Relu", net("Identity", net.drawn(1, 4, 1, 1))))
    return net.graph(y)


@given(STEPS, st.integers(0, 9))
@settings(max_examples=120, deadline=None, derandomize=True)
def test_passes_keep_the_outputs_of_any_chain(steps: list[str], seed: int) -> None:
    graph = drawn_graph(steps, seed)
    case = Case("drawn", graph)
    simple = simplify(graph)
    agree(case, simple)
    assert not operators(simple).keys() & {"Dropout"} or graph.nodes[-1].operator == "Dropout"
    agree(case, fuse_convolutions(simple))
    agree(case, fuse_convolutions(graph))


def case_named(name: str) -> Graph:
    return next(case.graph for case in CASES if case.name == name)


def test_a_resnet_block_becomes_three_convolutions() -> None:
    found = operators(fuse_convolutions(simplify(case_named("a ResNet block"))))
    assert found == {"FusedConv": 3, "GlobalAveragePool": 1, "Flatten": 1, "Gemm": 1}


def test_a_mobilenet_block_becomes_three_convolutions() -> None:
    graph = fuse_convolutions(simplify(case_named("an inverted residual")))
    fused = [node for node in graph.nodes if node.operator == "FusedConv"]
    assert [node.attributes["activation"] for node in fused] == ["Clip", "Clip", ""]
    assert fused[-1].inputs[3] == "x"
    assert "BatchNormalization" not in operators(graph)


def test_a_convnet_becomes_a_convolution_a_block() -> None:
    graph = fuse_convolutions(case_named("the published network"))
    fused = [node for node in graph.nodes if node.operator == "FusedConv"]
    assert [node.attributes["pool_kernel_shape"] for node in fused] == [(2, 2), (2, 2)]
    assert all(node.attributes["activation"] == "Relu" for node in fused)


def test_fusion_keeps_the_bits_of_a_convnet() -> None:
    case = next(case for case in CASES if case.name == "a convnet")
    feeds = case.images(3)
    expected = evaluate(case.graph, feeds)["logits"]
    assert evaluate(fuse_convolutions(case.graph), feeds)["logits"].tobytes() == expected.tobytes()


def test_batch_norm_stays_where_the_convolution_is_used_elsewhere() -> None:
    net = Net(4, 5, 5)
    conv = net.conv("x", 4, 4, 3, pads=SAME)
    graph = net.graph(net("Add", net.norm(conv, 4), conv))
    assert operators(fold_batch_norm(graph)) == operators(graph)
    shown = net.graph(net.nodes[1].outputs[0], conv)
    assert operators(fold_batch_norm(shown)) == operators(shown)


def test_an_output_keeps_its_name_and_node() -> None:
    net = Net(4, 5, 5)
    y = net("Identity", net("Relu", net.conv("x", 4, 4, 3)))
    graph = fuse_convolutions(simplify(net.graph(y, net.nodes[0].outputs[0])))
    assert graph.outputs == ("identity2", "conv0")
    assert operators(graph) == {"FusedConv": 1, "Relu": 1, "Identity": 1}


def test_nodes_and_tensors_that_nobody_needs_go() -> None:
    net = Net(4, 5, 5)
    y = net("Relu", "x")
    net.conv(y, 4, 2, 3)
    graph = drop_unused(net.graph(y))
    assert operators(graph) == {"Relu": 1}
    assert not graph.tensors


def test_transposes_that_undo_one_another_go() -> None:
    assert "Transpose" not in operators(simplify(case_named("moved axes")))
