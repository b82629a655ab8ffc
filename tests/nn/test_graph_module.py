"""A graph as a PyTorch module computes, trains and exports what the graph says."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
import torch.nn.functional as F
from support.graph_cases import CASES, Net
from support.graph_cases import Case as GraphCase
from support.onnx_conformance import Case, as_array, file_cases, freeze, node_cases

from cnnkit.errors import InputError
from cnnkit.formats.onnx.reader import read_graph
from cnnkit.graph.graph import Graph, Node
from cnnkit.graph.operators import carried, quantised
from cnnkit.graph.operators.table import OPERATORS
from cnnkit.graph.reference import evaluate
from cnnkit.graph.types import TensorType
from cnnkit.nn.graphs.module import GraphModule
from cnnkit.nn.graphs.operators import OPERATORS as IN_PYTORCH

UNSIGNED = {"uint16", "uint32", "uint64"}
LATE = "dilations, which PyTorch's average pools do not have"


def test_every_operator_of_the_graph_has_its_function() -> None:
    without = carried.OPERATORS.keys() | quantised.OPERATORS.keys()
    assert set(IN_PYTORCH) == OPERATORS.keys() - without


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_module_computes_what_the_graph_says(case: GraphCase) -> None:
    module, feeds = GraphModule(case.graph).eval(), case.images(5)
    expected = evaluate(case.graph, feeds)
    with torch.no_grad():
        found = module.values(*map(torch.from_numpy, feeds.values()))
    for name, tensor in zip(case.graph.outputs, found, strict=True):
        np.testing.assert_allclose(tensor.numpy(), expected[name], atol=10 * case.tolerance)


def failures(cases: Iterable[Case], path: Path) -> tuple[int, list[str]]:
    """Return how many cases were compared, and those of which the module gives other outputs."""
    compared, wrong = 0, []
    for case in cases:
        for inputs, outputs in case.data:
            model = onnx.ModelProto()
            model.CopyFrom(case.model)
            feeds = freeze(model, inputs)
            if {array.dtype.name for array in feeds.values()} & UNSIGNED:
                continue  # in which PyTorch can hardly compute
            path.write_bytes(model.SerializeToString())
            try:
                graph = read_graph(path)
                with torch.no_grad():
                    found = (
                        GraphModule(graph)
                        .eval()
                        .values(*(torch.from_numpy(np.array(feeds[name])) for name in graph.inputs))
                    )
            except InputError as error:
                if not re.search(r"not a tensor|node |is free", str(error)):
                    wrong.append(f"{case.name}: {error}")
                continue
            compared += 1
            for tensor, value in zip(found, map(as_array, outputs), strict=True):
                same = tensor.shape == value.shape and np.allclose(
                    tensor.numpy(), value, max(case.rtol, 1e-5), max(case.atol, 1e-5), True
                )
                if not same:
                    wrong.append(case.name)
    return compared, wrong


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_the_onnx_packages_own_node_tests_pass(tmp_path: Path) -> None:
    compared, wrong = failures(node_cases(), tmp_path / "model.onnx")
    assert not wrong
    assert compared >= 180


def test_graphs_that_pytorch_wrote_come_back_as_modules(tmp_path: Path) -> None:
    compared, wrong = failures(file_cases(), tmp_path / "model.onnx")
    assert not wrong
    assert compared >= 60


def small() -> Graph:
    net = Net(2, 6, 6)
    y = net("Relu", net.norm(net.conv("x", 2, 4, 3, pads=(1, 1, 1, 1), bias=False), 4))
    return net.graph(net.head(net("GlobalAveragePool", y), 4, 3))


def test_training_changes_weights_and_statistics_as_in_pytorch() -> None:
    graph, x = small(), torch.rand(8, 2, 6, 6)
    names = [node.inputs for node in graph.nodes if len(node.inputs) > 1]
    (_, kernel), (_, scale, shift, mean, variance), (_, weight, bias) = names
    start = {name: torch.from_numpy(array.copy()) for name, array in graph.tensors.items()}
    module = GraphModule(graph).train()
    labels = torch.arange(8) % 3
    loss = F.cross_entropy(module(x), labels)
    loss.backward()

    learnt = [kernel, scale, shift, weight, bias]
    leaves = {name: start[name].clone().requires_grad_() for name in learnt}
    running = start[mean].clone(), start[variance].clone()
    y = F.conv2d(x, leaves[kernel], padding=1)
    y = F.batch_norm(y, *running, leaves[scale], leaves[shift], True, 0.1, 1e-5)
    y = F.linear(F.relu(y).mean((2, 3)), leaves[weight], leaves[bias])
    F.cross_entropy(y, labels).backward()
    for name in learnt:
        torch.testing.assert_close(getattr(module, module.keys[name]).grad, leaves[name].grad)
    torch.testing.assert_close(getattr(module, module.keys[mean]), running[0])
    torch.testing.assert_close(getattr(module, module.keys[variance]), running[1])
    assert {key for key, _ in module.named_parameters()} == {module.keys[n] for n in learnt}


def test_what_was_learnt_can_be_put_into_another_module() -> None:
    graph, x = small(), torch.rand(4, 2, 6, 6)
    trained, fresh = GraphModule(graph).train(), GraphModule(graph)
    with torch.no_grad():
        for parameter in trained.parameters():
            parameter.add_(0.25)
        trained(x)
        fresh.load_arrays(trained.arrays())
        torch.testing.assert_close(fresh.eval()(x), trained.eval()(x), rtol=0, atol=0)


def test_a_module_exports_with_a_free_number_of_images() -> None:
    module = GraphModule(small()).eval()
    batch = torch.export.Dim("batch", min=1, max=64)
    x = torch.rand(3, 2, 6, 6)
    program = torch.export.export(module, (x,), dynamic_shapes=(({0: batch},),))
    more = torch.rand(7, 2, 6, 6)
    torch.testing.assert_close(program.module()(more), module(more))


def test_dilated_averages_are_refused_by_name() -> None:
    node = Node("AveragePool", ("x",), ("y",), {"kernel_shape": (2, 2), "dilations": (2, 2)})
    graph = Graph({"x": TensorType("float32", ("N", 1, 5, 5))}, (node,), ("y",), {})
    with pytest.raises(InputError, match=f"node AveragePool.*{LATE}"):
        GraphModule(graph)(torch.rand(1, 1, 5, 5))


def test_tensors_named_alike_are_refused() -> None:
    add = [Node("Add", ("x", "a.b"), ("y",)), Node("Add", ("y", "a/b"), ("z",))]
    one = np.ones(1, np.float32)
    graph = Graph(
        {"x": TensorType("float32", ("N", 1))}, tuple(add), ("z",), {"a.b": one, "a/b": one}
    )
    with pytest.raises(InputError, match="two tensors of one name"):
        GraphModule(graph)
