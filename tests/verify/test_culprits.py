"""A network with a usual mistake is recognised by it; with another fault, by none."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import pytest
from support.graph_cases import Net

from cnnkit.data.drawn import drawn_images
from cnnkit.graph.classifier import as_classifier
from cnnkit.graph.graph import Graph, Node
from cnnkit.graph.networks import build_network
from cnnkit.graph.normalisation import normalise, take_off
from cnnkit.graph.preprocessing import Preprocessing
from cnnkit.graph.types import Array
from cnnkit.graph.weights import Weights
from cnnkit.verify.case import Case, logits_of
from cnnkit.verify.culprits import CULPRITS, explain, nothing_explains
from cnnkit.verify.first_difference import first_difference
from cnnkit.verify.pixel_faults import STATISTICS

SIZE = (3, 12, 12)
IMAGES = drawn_images(SIZE, 12)
RESNET = build_network("resnet8", SIZE, 4, seed=1)
LENET = build_network("lenet5", SIZE, 4, seed=1)
NORMALISED = normalise(LENET, (0.4, 0.5, 0.3), (0.2, 0.3, 0.25))
NONE = Preprocessing.of(SIZE)


def case_of(right: Graph, found: Array, **more: Mapping[str, Array]) -> Case:
    logits = logits_of(right, IMAGES)
    limit = 1e-5 * float(np.abs(logits).max())
    assert np.abs(logits - found).max() > limit
    return Case(Weights(right), IMAGES, logits, found, limit, **more)


def with_tensors(graph: Graph, change: Callable[[Array], Array], *names: str) -> Graph:
    changed = {name: change(graph.tensors[name]) for name in names}
    return replace(graph, tensors={**graph.tensors, **changed})


def with_scale(graph: Graph, scale: float) -> Graph:
    """Return a graph whose first Mul scales raw pixels otherwise."""
    name = next(node.inputs[1] for node in graph.nodes if node.operator == "Mul")
    return replace(graph, tensors={**graph.tensors, name: np.array(scale)})


def exchanged(graph: Graph, one: str, other: str) -> Graph:
    a, b = graph.tensors[one], graph.tensors[other]
    return replace(graph, tensors={**graph.tensors, one: b, other: a})


def conv_names(graph: Graph) -> list[str]:
    return [node.inputs[1] for node in graph.nodes if node.operator == "Conv"]


def dense_names(graph: Graph) -> list[str]:
    return [node.inputs[1] for node in graph.nodes if node.operator == "Gemm"]


def rounded(graph: Graph, images: Array = IMAGES) -> Array:
    """Return logits as float32 gives them."""
    return logits_of(graph, images).astype(np.float32).astype(np.float64)


def as_hwc(images: Array) -> Array:
    return np.ascontiguousarray(images.transpose(0, 2, 3, 1)).reshape(images.shape)


def twice(graph: Graph) -> Graph:
    found, plain = take_off(graph)
    assert found is not None
    mean, std = found.numbers
    again = zip(mean, std, strict=True)
    pairs = [(m + s * m, s * s) for m, s in again]  # ((x - m) / s - m) / s
    return normalise(plain, *(tuple(each) for each in zip(*pairs, strict=True)))


def flat() -> Graph:
    """Return a network whose dense layer reads a map of several pixels."""
    make = Net(*SIZE)
    y = make("MaxPool", make.conv("x", 3, 4, 3), kernel_shape=(5, 5), strides=(5, 5))
    return as_classifier(make.graph(make.head(y, 16)), NONE)


def of_dense_columns(graph: Graph) -> Graph:
    """Return a graph whose dense layer reads its columns as of [H, W, C]."""
    order = np.arange(16).reshape(4, 2, 2).transpose(1, 2, 0).ravel()
    return with_tensors(graph, lambda weight: weight[:, order], dense_names(graph)[0])


def untrained(graph: Graph) -> Graph:
    norms = [node for node in graph.nodes if node.operator == "BatchNormalization"]
    graph = with_tensors(graph, np.zeros_like, *[node.inputs[3] for node in norms])
    return with_tensors(graph, np.ones_like, *[node.inputs[4] for node in norms])


def with_statistics(graph: Graph, seed: int = 3) -> Graph:
    """Return a graph whose batch normalisations have seen data."""
    random = np.random.default_rng(seed)
    norms = [node for node in graph.nodes if node.operator == "BatchNormalization"]
    for index, low in ((3, -0.2), (4, 0.5)):
        graph = with_tensors(
            graph,
            lambda array, low=low: random.uniform(low, 1, array.shape).astype(np.float32),
            *[node.inputs[index] for node in norms],
        )
    return graph


def trained_mode(graph: Graph) -> Array:
    """Return what PyTorch gives in training mode for all images in one batch."""
    import torch

    from cnnkit.graph.convnet import LOGITS
    from cnnkit.nn.graphs.module import GraphModule

    module = GraphModule(graph).train()
    with torch.no_grad():
        (found,) = module.values(torch.from_numpy(IMAGES), wanted=(LOGITS,))
    return found.double().numpy()


RESNET_SEEN = with_statistics(RESNET)


def square() -> Graph:
    """Return a network with a dense layer of as many inputs as outputs, and equal layers."""
    make = Net(*SIZE)
    y = make("Relu", make.conv("x", 3, 6, 3))
    y = make("Relu", make.conv(y, 6, 6, 3))
    y = make("Relu", make.conv(y, 6, 6, 3))
    return as_classifier(make.graph(make.head(make("GlobalAveragePool", y), 6, 6)), NONE)


EQUAL, FLAT = square(), flat()
TABLE: dict[str, tuple[Graph, Callable[[], Array], str]] = {
    "BGR": (LENET, lambda: rounded(LENET, IMAGES[:, ::-1]), "BGR"),
    "labels": (LENET, lambda: rounded(LENET)[:, [2, 0, 1, 3]], "0 where the other has"),
    "mean and std missing": (
        NORMALISED,
        lambda: rounded(take_off(NORMALISED)[1]),
        "mean and std are missing",
    ),
    "mean and std twice": (NORMALISED, lambda: rounded(twice(NORMALISED)), "applied twice"),
    "imagenet's": (
        LENET,
        lambda: rounded(normalise(LENET, *STATISTICS["imagenet"])),
        "mean and std are imagenet",
    ),
    "0 to 255": (LENET, lambda: rounded(with_scale(LENET, 1.0)), "0 to 255 where"),
    "0 to 1": (LENET, lambda: rounded(with_scale(LENET, 255.0**-2)), "divided by 255 twice"),
    "HWC": (LENET, lambda: rounded(LENET, as_hwc(IMAGES)), "HWC read as CHW"),
    "turned": (LENET, lambda: rounded(LENET, IMAGES.swapaxes(2, 3)), "rows and columns"),
    "training mode": (RESNET_SEEN, lambda: trained_mode(RESNET_SEEN), "as in training"),
    "before training": (
        RESNET_SEEN,
        lambda: rounded(untrained(RESNET_SEEN)),
        "as before training",
    ),
    "flattened HWC": (FLAT, lambda: rounded(of_dense_columns(FLAT)), "flattened differently"),
    "transposed": (
        EQUAL,
        lambda: rounded(with_tensors(EQUAL, lambda w: w.T, dense_names(EQUAL)[0])),
        "transposed",
    ),
    "HWIO": (
        EQUAL,
        lambda: rounded(
            with_tensors(
                EQUAL,
                lambda w: np.ascontiguousarray(w.transpose(2, 3, 1, 0)).reshape(w.shape),
                conv_names(EQUAL)[1],
            )
        ),
        "HWIO read as OIHW",
    ),
    "another layer's": (
        EQUAL,
        lambda: rounded(exchanged(EQUAL, *conv_names(EQUAL)[1:3])),
        "are exchanged",
    ),
}


@pytest.mark.parametrize("name", TABLE)
def test_a_mistake_is_named_by_what_repairs_it(name: str) -> None:
    graph, found, sentence = TABLE[name]
    said = explain(case_of(graph, found()))
    assert said is not None
    assert sentence in said


def test_an_exact_repair_has_an_error_of_0() -> None:
    mirrored = case_of(LENET, logits_of(LENET, IMAGES)[:, ::-1])
    assert str(explain(mirrored)).endswith("the largest error is 0")


def test_pictures_fitted_otherwise_are_named() -> None:
    others = np.roll(IMAGES, 1, axis=3)
    case = case_of(LENET, rounded(LENET, others), pictures={"resize filter box": others})
    assert "resize filter box" in str(explain(case))


def test_a_mistake_of_either_model_is_named() -> None:
    right = case_of(LENET, rounded(NORMALISED))
    mirrored = replace(right, weights=Weights(NORMALISED), logits=right.found, found=right.logits)
    assert explain(right) is None
    assert "mean and std are missing" in str(explain(right, mirrored))


@pytest.mark.parametrize("graph", [LENET, RESNET_SEEN], ids=["lenet5", "resnet8"])
def test_a_fault_of_another_kind_has_no_culprit(graph: Graph) -> None:
    random = np.random.default_rng(0)
    name = conv_names(graph)[0]
    noisy = with_tensors(graph, lambda w: w + random.normal(0, 0.1, w.shape).astype(w.dtype), name)
    assert explain(case_of(graph, rounded(noisy))) is None
    assert all(culprit.name in nothing_explains() for culprit in CULPRITS)


def test_of_a_large_network_it_is_said_how_much_was_tried(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("cnnkit.verify.culprits.MOST_WORK", 0)
    cut: dict[str, int] = {}
    name = conv_names(RESNET_SEEN)[0]
    changed = with_tensors(RESNET_SEEN, lambda weight: weight * np.float32(1.5), name)
    assert explain(case_of(RESNET_SEEN, rounded(changed)), cut=cut) is None
    assert cut["weights of other layers"] == 20
    assert "of weights of other layers the first 20 ways" in nothing_explains(cut)
    assert "first" not in nothing_explains({})


def changed_node(graph: Graph, operator: str, index: int = 0, **attributes: object) -> Graph:
    nodes, seen = list[Node](), 0
    for node in graph.nodes:
        if node.operator == operator:
            if seen == index:
                node = replace(node, attributes={**node.attributes, **attributes})
            seen += 1
        nodes.append(node)
    return replace(graph, nodes=tuple(nodes))


def test_the_first_layer_that_differs_is_named_with_what_differs() -> None:
    wrong = changed_node(RESNET_SEEN, "BatchNormalization", 3, epsilon=1e-3)
    norms = [node for node in RESNET_SEEN.nodes if node.operator == "BatchNormalization"]
    said = str(first_difference(wrong, RESNET_SEEN, IMAGES, IMAGES))
    assert said.startswith(f"the first layer that differs is {norms[3].title} [")
    assert "its epsilon is 0.001, not 1e-05" in said


def test_one_weight_that_is_off_names_its_layer() -> None:
    name = conv_names(EQUAL)[2]
    changed = EQUAL.tensors[name].copy()
    changed.flat[7] *= 1.001
    off = with_tensors(EQUAL, lambda _: changed, name)
    said = str(first_difference(off, EQUAL, IMAGES, IMAGES))
    assert f"its {name} is off by up to" in said


def test_equal_graphs_of_other_shapes_have_no_first_difference() -> None:
    from cnnkit.graph import passes

    folded = passes.simplify(RESNET_SEEN)
    assert len(folded.nodes) < len(RESNET_SEEN.nodes)
    assert first_difference(folded, RESNET_SEEN, IMAGES, IMAGES) is None
