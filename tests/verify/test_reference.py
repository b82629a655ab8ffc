"""How far an artefact's logits may be off follows from float32's own error, not from a constant."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from support.graph_cases import Net

from cnnkit.data.drawn import drawn_images
from cnnkit.graph.convnet import INPUT, LOGITS
from cnnkit.graph.graph import Graph
from cnnkit.graph.networks import build_network
from cnnkit.graph.reference import evaluate
from cnnkit.graph.rounding import MOST, limit_of
from cnnkit.graph.weights import Weights
from cnnkit.graph.work import multiply_adds
from cnnkit.metrics import LOGIT_TOLERANCE
from cnnkit.nn.graphs.module import GraphModule
from cnnkit.verify import reference
from cnnkit.verify.reference import reference_logits, reference_of

IMAGES = drawn_images((3, 12, 12), 24)


def net() -> Graph:
    return build_network("lenet5", (3, 12, 12), 4, seed=1)


def test_the_limit_follows_from_the_error_of_float32() -> None:
    exact = np.array([[1.0, -3.0]])
    floor = LOGIT_TOLERANCE * 3
    assert limit_of(exact, exact) == pytest.approx(floor)
    assert limit_of(exact + 1e-4, exact) == pytest.approx(32 * floor)  # the power next to 8e-4
    assert limit_of(exact + 1.02e-4, exact) == limit_of(exact + 1e-4, exact)
    assert limit_of(exact / 1e4, exact / 1e4) == pytest.approx(floor / 1e4)  # of small logits, too
    for useless in (exact + 1, exact * np.nan):
        assert limit_of(useless, exact) == pytest.approx(MOST * 3)


def test_float32_loses_what_cancels() -> None:
    make = Net(1)
    large = make("Add", "x", make.tensor([1e6]))
    graph = make.graph(make("Sub", large, make.tensor([1e6])))
    x = {"x": np.array([[0.3]], np.float32)}
    (exact,) = evaluate(graph, x).values()
    (rounded,) = evaluate(graph, x, dtype="float32").values()
    assert abs(exact - 0.3).max() < 1e-7
    assert 1e-3 < abs(rounded - 0.3).max() < 0.1


def test_means_lose_in_float32_what_they_lose_in_a_runtime() -> None:
    make = Net(2, 96, 96)
    images = np.full((1, 2, 96, 96), 0.1, np.float32)
    images[:, 1] = np.random.default_rng(0).random((96, 96))
    axes = make.tensor([2, 3], "int64")
    for node, more in (("GlobalAveragePool", ()), ("ReduceMean", (axes,))):
        graph = make.graph(make(node, "x", *more))
        feed = {next(iter(graph.inputs)): images}
        exact, near, rough = (
            next(iter(evaluate(graph, feed, **how).values()))
            for how in ({}, {"dtype": "float32"}, {"dtype": "float32", "rough": True})
        )
        assert abs(near - exact).max() < 1e-7 < 5e-7 < abs(rough - exact).max() < 1e-5


def test_beyond_the_family_the_reference_is_the_graph_in_float64() -> None:
    weights = Weights(net())
    found = reference_of(weights, IMAGES)
    exact = evaluate(weights.graph, {INPUT: IMAGES}, [LOGITS])[LOGITS]
    assert found.name == "the graph in float64"
    np.testing.assert_allclose(found.logits, exact, rtol=1e-12, atol=1e-12)


def test_of_many_images_float64_computes_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    weights = Weights(net())
    monkeypatch.setattr(reference, "MOST_WORK", 16 * multiply_adds(weights.graph))
    found = reference_of(weights, IMAGES)
    exact = evaluate(weights.graph, {INPUT: IMAGES}, [LOGITS])[LOGITS]
    assert found.name.startswith("PyTorch ")
    assert found.name.endswith("whose first 16 are the graph's in float64")
    np.testing.assert_allclose(found.logits[:16], exact[:16], rtol=1e-12, atol=1e-12)
    assert found.limit is not None
    assert 0 < np.abs(found.logits[16:] - exact[16:]).max() <= found.limit


def test_multiply_adds_are_those_of_the_layers() -> None:
    make = Net(2, 5, 5)
    y = make.conv("x", 2, 4, 3, group=2)
    assert multiply_adds(make.graph(make.head(y, 36))) == 36 * 9 + 36 * 5


def test_drawn_images_are_the_same_each_time_and_differ_from_another() -> None:
    again = drawn_images((3, 12, 12), 24)
    assert again.dtype == np.uint8
    assert np.array_equal(again, IMAGES)
    assert len({image.tobytes() for image in IMAGES}) == len(IMAGES)
    assert (IMAGES.min(), IMAGES.max()) == (0, 255)
    assert drawn_images((1, 1, 1), 2).shape == (2, 1, 1, 1)


def test_pytorch_leaves_a_core_to_the_runtime_that_computes_beside_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    weights, seen = Weights(net()), []
    values = GraphModule.values

    def watched(self: GraphModule, *inputs: torch.Tensor, **wanted: Any) -> list[torch.Tensor]:
        seen.append(torch.get_num_threads())
        return values(self, *inputs, **wanted)

    monkeypatch.setattr(GraphModule, "values", watched)
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        for spared, count in ((0, 3), (1, 2), (4, 1)):
            seen.clear()
            reference_logits(weights, IMAGES, spared)
            assert set(seen) == {count}
            assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)
