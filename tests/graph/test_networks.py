"""The well-known networks are those of their papers: sizes, parameters, work, and their answers."""

from __future__ import annotations

import math

import numpy as np
import pytest

from cnnkit.errors import InputError
from cnnkit.graph.graph import Graph
from cnnkit.graph.networks import NETWORKS, build_network
from cnnkit.graph.reference import evaluate
from cnnkit.graph.shapes import infer_types

# Image, classes, parameters with running statistics and what bias MLPerf Tiny gives to convolutions
# before a normalisation (where published), and millions of multiply-accumulates of an image.
KNOWN = {
    "lenet5": ((1, 28, 28), 10, 61_706, 0.42),
    "mnist-example": ((1, 28, 28), 10, 1_199_882, 11.99),
    "resnet8": ((3, 32, 32), 10, 78_666, 12.5),
    "ds-cnn": ((1, 49, 10), 12, 24_908, 2.66),
    "mobilenet-v1-025": ((3, 96, 96), 2, 221_794, 7.49),
    "vgg-mini": ((3, 32, 32), 10, 309_290, 38.6),
}


def parameters(graph: Graph) -> int:
    """Count as MLPerf Tiny's networks do, whose normalised convolutions have a bias as well."""
    sizes = {name: t.size for name, t in graph.tensors.items() if t.ndim}
    return sum(sizes.values()) + sum(n for name, n in sizes.items() if name.endswith("running_var"))


def work(graph: Graph) -> float:
    """Return millions of multiply-accumulates of convolutions and products, as papers count."""
    types, total = infer_types(graph), 0
    for node in graph.nodes:
        if node.operator in ("Conv", "Gemm"):
            out = [s for s in types[node.outputs[0]].shape if isinstance(s, int)]
            total += math.prod(out) * math.prod(graph.tensors[node.inputs[1]].shape[1:])
    return total / 1e6


@pytest.mark.parametrize("name", KNOWN)
def test_a_network_has_its_papers_size_and_work(name: str) -> None:
    size, classes, count, millions = KNOWN[name]
    graph = build_network(name, size, classes)
    assert parameters(graph) == count
    assert work(graph) == pytest.approx(millions, rel=0.02)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_of_other_images_answers_with_the_contracts_outputs(name: str) -> None:
    graph = build_network(name, (1, 20, 26), 7, seed=3)
    images = np.random.default_rng(0).integers(0, 256, (2, 1, 20, 26), np.uint8)
    found = evaluate(graph, {"image": images})
    assert list(found) == ["logits", "probabilities", "label"]
    assert found["logits"].shape == (2, 7)
    np.testing.assert_allclose(found["probabilities"].sum(1), 1)
    np.testing.assert_array_equal(found["label"], found["logits"].argmax(1))


def test_the_seed_determines_the_parameters() -> None:
    one, same, other = (build_network("resnet8", (3, 8, 8), 4, seed) for seed in (1, 1, 2))
    assert all(np.array_equal(array, same.tensors[name]) for name, array in one.tensors.items())
    assert not np.array_equal(one.tensors["linear.weight"], other.tensors["linear.weight"])


def test_an_unknown_name_and_images_that_are_too_small_are_refused() -> None:
    with pytest.raises(InputError, match="Use one of lenet5, mnist-example, resnet8"):
        build_network("resnet50", (3, 32, 32), 10)
    with pytest.raises(InputError, match="vgg-mini: does not fit images of 4x4"):
        build_network("vgg-mini", (3, 4, 4), 10)
