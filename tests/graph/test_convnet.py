"""The family of convnets: built as graphs, recognised again, and computed to today's bits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from support.graph_cases import STACK, Net, convnet, late_relu

from cnnkit.errors import InputError
from cnnkit.formats.golden_vectors import exact_logits
from cnnkit.graph.architecture import Architecture, Block
from cnnkit.graph.convnet import INPUT, build, match, with_contract
from cnnkit.graph.graph import Graph, Node
from cnnkit.graph.identity import sha256
from cnnkit.graph.learning import with_tensors
from cnnkit.graph.reference import evaluate
from cnnkit.graph.weights import Weights

ARCHITECTURES = {
    "published": Architecture(),
    "no pool": Architecture((2, 9, 11), (Block(3, 3, 1, 1), Block(5, 1, 0, 1)), 4),
    "stack": STACK,
    "one channel left over": Architecture((1, 17, 13), (Block(33, 3, 2, 3),), 2),
    "deep": Architecture((3, 32, 32), tuple(Block(8, 3, 1, 2) for _ in range(5)), 100),
}


def plain_logits(
    architecture: Architecture, tensors: Mapping[str, Any], images: NDArray[np.uint8]
) -> NDArray[np.float64]:
    """The family written out, as golden vectors were computed before there was a graph."""
    x = images * (1 / 255)
    for i, block in enumerate(architecture.blocks):
        around = [(0, 0), (0, 0), *[(block.padding, block.padding)] * 2]
        windows = sliding_window_view(np.pad(x, around), (block.kernel, block.kernel), (2, 3))
        x = np.einsum("nchwij,ocij->nohw", windows, tensors[f"convs.{i}.weight"].astype("f8"))
        x = np.maximum(x + tensors[f"convs.{i}.bias"].astype("f8")[:, None, None], 0)
        rows, columns = (side // block.pool for side in x.shape[2:])
        x = x[:, :, : rows * block.pool, : columns * block.pool]
        shape = (*x.shape[:2], rows, block.pool, columns, block.pool)
        x = x.reshape(shape).max(axis=(3, 5))
    weight, bias = (tensors[f"linear.{name}"].astype("f8") for name in ("weight", "bias"))
    return np.asarray(np.einsum("nf,kf->nk", x.reshape(len(x), -1), weight) + bias)


@pytest.mark.parametrize("name", ARCHITECTURES)
@pytest.mark.parametrize("count", [1, 16])
def test_logits_have_the_bits_of_the_golden_vectors(name: str, count: int) -> None:
    architecture = ARCHITECTURES[name]
    tensors = architecture.initial_parameters(5)
    images = np.random.default_rng(0).integers(0, 256, (count, *architecture.input), np.uint8)
    expected = plain_logits(architecture, tensors, images)
    rounded = expected.astype(np.float32).tobytes()  # golden vectors are float32
    golden = exact_logits(Weights.of(architecture, tensors), images)
    assert golden.astype(np.float32).tobytes() == rounded
    np.testing.assert_allclose(golden, expected, rtol=1e-11, atol=1e-14)
    found = evaluate(build(architecture, tensors), {INPUT: images})
    assert found["logits"].tobytes() == golden.tobytes()
    np.testing.assert_array_equal(found["label"], expected.argmax(1))
    scaled = {INPUT: images * (1 / 255)}
    found = evaluate(build(architecture, tensors, "float32"), scaled)
    assert found["logits"].tobytes() == golden.tobytes()


@pytest.mark.parametrize("input", ["uint8", "float32"])
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_what_was_built_is_recognised(name: str, input: str) -> None:
    architecture = ARCHITECTURES[name]
    tensors = architecture.initial_parameters(5)
    found, parameters = match(build(architecture, tensors, input))
    assert found == architecture
    assert list(parameters) == list(tensors)
    assert all((parameters[name] == tensors[name]).all() for name in tensors)


def stack(last: Callable[[Net, str], str] | None = None, **conv: Any) -> Graph:
    """A network of the family but for what is asked for."""
    net = Net(2, 8, 8)
    y = net.conv("x", 2, 4, *conv.pop("kernel", (3,)), **conv)
    y = net("Relu", y) if last is None else last(net, y)
    flat = net("Flatten", y)
    return Graph({"x": net.input}, tuple(net.nodes), (flat,), net.tensors)


def pool(**attributes: Any) -> Callable[[Net, str], str]:
    return lambda net, y: net("MaxPool", net("Relu", y), **attributes)


# Of the published network as tests/support/graph_cases.py draws it, from before there was a graph.
DIGEST = "94a1414b7381c5ee1b8a5c371ce4a7b8f24512007a2145aa93ca00a6573f7bc4"

REFUSED: dict[str, tuple[Graph, str]] = {
    "strides": (stack(strides=(2, 2)), r"node Conv conv0, .*its strides \[2, 2\] are not 1"),
    "dilations": (stack(dilations=(2, 2)), "Conv conv0.*it is dilated"),
    "groups": (stack(group=2), "Conv conv0.*its channels are in groups"),
    "oblong": (stack(kernel=(3, 1)), "Conv conv0.*its kernel of 3x1 is not square"),
    "lopsided": (stack(pads=(1, 0, 1, 0)), "Conv conv0.*differs from side to side"),
    "no relu": (stack(lambda net, y: y), "Flatten flatten1.*a Relu should be"),
    "clip": (stack(lambda net, y: net.relu6(y)), "Clip clip1.*a Relu should be"),
    "overlap": (stack(pool(kernel_shape=(2, 2))), r"MaxPool maxpool2.*\[1, 1\] are not 2"),
    "padded pool": (
        stack(pool(kernel_shape=(2, 2), strides=(2, 2), pads=(1, 1, 1, 1))),
        r"MaxPool.*its padding \[1, 1, 1, 1\] is not 0",
    ),
    "ceil": (stack(pool(kernel_shape=(3, 3), strides=(3, 3), ceil_mode=1)), "ceil_mode"),
    "oblong pool": (stack(pool(kernel_shape=(2, 1), strides=(2, 1))), "is not square"),
    "dilated pool": (
        stack(pool(kernel_shape=(2, 2), strides=(2, 2), dilations=(2, 2))), "it is dilated",
    ),
    "average": (
        stack(lambda net, y: net("GlobalAveragePool", net("Relu", y))),
        "GlobalAveragePool globalaveragepool2.*a Flatten should be",
    ),
    "a branch": (
        stack(lambda net, y: net("Add", net("Relu", y), y)), "takes a value that another node",
    ),
    "the end": (stack(), "the network: ends where a Gemm should be"),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
def test_a_node_without_a_place_is_named(what: str) -> None:
    graph, reason = REFUSED[what]
    with pytest.raises(InputError, match=reason + r".*Run it in ONNX Runtime"):
        match(graph)


def changed(graph: Graph, index: int, node: Node) -> Graph:
    nodes = list(graph.nodes)
    nodes[index] = node
    return Graph(graph.inputs, tuple(nodes), graph.outputs, graph.tensors)


def test_other_scales_and_heads_are_refused() -> None:
    graph = convnet(STACK)
    other = Graph(
        graph.inputs, graph.nodes, graph.outputs, {**graph.tensors, "pixel_scale": np.float64(0.5)}
    )
    with pytest.raises(InputError, match=r"node Mul scaled.*it scales by other than 1/255"):
        match(other)
    with pytest.raises(InputError, match=r"node Relu late.*it follows the logits"):
        match(late_relu())
    along = Node("Softmax", ("logits",), ("probabilities",), {"axis": 0}, "along images")
    with pytest.raises(InputError, match=r"node Softmax along images.*its axis is 0"):
        match(changed(graph, -2, along))
    gemm = graph.nodes[-3]
    half = Node("Gemm", gemm.inputs, gemm.outputs, {**gemm.attributes, "alpha": 0.5}, "half")
    with pytest.raises(InputError, match=r"node Gemm half.*it is scaled or transposed"):
        match(changed(graph, -3, half))


def test_the_error_names_the_file_that_it_is_told_of() -> None:
    with pytest.raises(InputError, match=r"^net\.onnx: ends where a Gemm should be"):
        match(stack(), "net.onnx")


def test_a_graph_is_given_the_contracts_names_or_the_node_is_named() -> None:
    graph = convnet(STACK)
    assert with_contract(graph, "uint8") is graph
    scaled = with_contract(graph, "float32")
    assert scaled.inputs[INPUT].dtype == "float32"
    assert Weights(scaled).sha256 == Weights(graph).sha256
    assert with_contract(scaled, "uint8").nodes == graph.nodes
    with pytest.raises(InputError, match=r"Relu late, which cannot be given float32 pixels"):
        with_contract(late_relu(), "float32")


def test_the_family_keeps_its_digest_and_other_networks_have_their_own() -> None:
    assert Weights(convnet(Architecture())).sha256 == DIGEST
    graph = late_relu()  # whose float64 constant is float32 in files
    narrow = {name: tensor.astype("f4") for name, tensor in graph.tensors.items()}
    assert Weights(graph).sha256 == sha256(with_tensors(graph, narrow)) != DIGEST


@pytest.mark.parametrize(
    "architecture",
    [
        Architecture((1, 8, 8), (Block(1, 1, 10_000, 20_000),), 2),
        Architecture((1, 8, 8), (Block(4), Block(2**26, 1, 0, 4)), 2),
        Architecture((1, 10_000, 10_000), (Block(1, 1, 0, 10_000),), 2),
    ],
)
def test_a_small_file_cannot_ask_for_all_memory(architecture: Architecture) -> None:
    with pytest.raises(InputError, match=r"values.* more than|has more than"):
        Architecture.from_json(architecture.to_json(), "x")
