"""Cross-layer equalisation computes the same network, and is taken where it loses less."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from support.quantised import images_of, mixed_network

from cnnkit.errors import InputError
from cnnkit.graph.builder import Builder
from cnnkit.graph.convnet import INPUT, LOGITS
from cnnkit.graph.graph import Graph
from cnnkit.graph.networks import separable
from cnnkit.graph.quantised import plan, prepared, quantise
from cnnkit.graph.quantised.equalising import equalised, exponents, links
from cnnkit.graph.quantised.form import Plan
from cnnkit.graph.quantised.layers import layer_noise
from cnnkit.graph.quantised.statistics import collect
from cnnkit.graph.reference import evaluate

STEM = "stem.norm.relu"


def uneven(limit: float | None = None) -> Graph:
    """Return a depthwise network, half of whose channels are small between two layers.

    With a limit, Clip stands where ReLU is otherwise.
    """
    net = Builder((3, 12, 10))
    x = net.unit(net.pixels, "stem", 8, 3)
    if limit is not None:
        for name, value in (("low", 0.0), ("high", limit)):
            net.tensors[name] = np.float32(value).reshape(())
        x = net.add("Clip", "limited", [x, "low", "high"])
    graph = net.classifier(separable(net, x, "separable", 8), 4)
    factor = np.where(np.arange(8) % 2, 1 / 64, 1).astype(np.float32)
    tensors = dict(graph.tensors)
    tensors["stem.norm.weight"] = tensors["stem.norm.weight"] * factor
    depthwise = "separable.depthwise.conv.weight"
    tensors[depthwise] = tensors[depthwise] / factor.reshape(-1, 1, 1, 1)
    return replace(graph, tensors=tensors)


def planned(graph: Graph) -> Plan:
    return plan(prepared(graph))


def test_an_equalised_network_computes_the_same_to_the_bit() -> None:
    found = planned(uneven())
    powers = exponents(found, collect(found, images_of(16)))
    assert min(powers[STEM]) == 0
    assert max(powers[STEM]) >= 5
    graph = equalised(found, powers)
    images = {INPUT: images_of(8, seed=4)}
    for dtype in ("float64", "float32"):
        one, other = (evaluate(g, images, [LOGITS], dtype=dtype) for g in (found.graph, graph))
        np.testing.assert_array_equal(one[LOGITS], other[LOGITS])


def test_the_quantiser_takes_it_where_it_adds_less_noise() -> None:
    images = images_of(48)
    found = quantise(uneven(), images, calibration=24)
    plain = quantise(uneven(), images, calibration=24, method="mse")
    assert found.equalised[STEM]
    assert not plain.equalised
    gain = [layer_noise(each, images[:8])[-1].snr_db for each in (found, plain)]
    assert gain[0] > gain[1] + 3


def test_only_values_between_two_layers_are_equalised() -> None:
    assert [link.value for link in links(planned(uneven()))] == [
        STEM,
        "separable.depthwise.norm.relu",
    ]
    between = {link.value for link in links(planned(mixed_network()))}
    assert "stem.norm.relu" not in between  # a residual takes it, too
    assert "separable.depthwise.norm.relu" in between


def test_a_limited_activation_is_left_alone() -> None:
    assert "limited" not in {link.value for link in links(planned(uneven(limit=6.0)))}


def test_a_network_without_depthwise_convolutions_is_left_alone() -> None:
    net = Builder((3, 12, 10))
    x = net.unit(net.unit(net.pixels, "one", 8, 3), "two", 8, 3)
    assert links(planned(net.classifier(x, 4))) == []


@pytest.mark.parametrize("powers", [{"nothing": [1]}, {STEM: [1, 2]}])
def test_other_values_or_channels_are_refused(powers: dict[str, list[int]]) -> None:
    with pytest.raises(InputError, match="cannot be equalised so"):
        equalised(planned(uneven()), powers)
