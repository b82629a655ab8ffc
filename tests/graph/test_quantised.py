"""Quantised networks: their integers are ONNX Runtime's to the bit, and bad input is refused."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from support.quantised import SIZE, images_of, mixed_network

from cnnkit.errors import InputError
from cnnkit.formats.onnx.model import to_model
from cnnkit.formats.onnx.session import open_session
from cnnkit.graph.builder import Builder
from cnnkit.graph.convnet import INPUT, LOGITS
from cnnkit.graph.costs import costs
from cnnkit.graph.graph import Graph
from cnnkit.graph.quantised import Quantised, plan, prepared, quantise, run_integers
from cnnkit.graph.quantised.layers import layer_noise, weakest
from cnnkit.graph.quantised.ranges import METHODS
from cnnkit.graph.quantised.scales import few_digits, rounded_weight, weight_scales
from cnnkit.graph.quantised.statistics import Values
from cnnkit.graph.reference import evaluate


def quantised(graph: Graph, images: NDArray[Any], **more: Any) -> Quantised:
    return quantise(graph, images, calibration=len(images), **{"method": "min-max", **more})


@pytest.fixture(scope="module")
def mixed() -> Quantised:
    return quantised(mixed_network(), images_of(24))


def test_the_integers_are_those_of_onnx_runtime(mixed: Quantised) -> None:
    images = images_of(40, seed=3)
    session = open_session(to_model(mixed.graph, 17).SerializeToString())
    (logits,) = session.run([LOGITS], {INPUT: images})
    np.testing.assert_array_equal(run_integers(mixed.integers, images), logits)


def test_every_layer_of_the_mixed_network_computes_with_integers(mixed: Quantised) -> None:
    found = {node.operator for node in mixed.integers.nodes}
    assert {"QLinearConv", "QGemm", "QLinearAdd", "QLinearAveragePool"} <= found
    assert {"QLinearGlobalAveragePool", "MaxPool", "Concat", "Relu"} <= found
    assert not {"Conv", "Gemm", "Add", "AveragePool", "GlobalAveragePool"} & found


def test_integers_count_as_the_parameters_that_they_stand_for(mixed: Quantised) -> None:
    graphs = (mixed.plan.graph, mixed.graph, mixed.integers)
    work = [sum(cost.macc for cost in costs(graph)) for graph in graphs]
    sizes = [sum(cost.parameters for cost in costs(graph)) for graph in graphs]
    assert work == [work[0]] * 3
    assert sizes == [sizes[0]] * 3


def test_additions_are_exact_in_any_order_of_rounding(mixed: Quantised) -> None:
    (node,) = (node for node in mixed.integers.nodes if node.operator == "QLinearAdd")
    scales = [mixed.integers.tensors[node.inputs[index]] for index in (1, 4, 6)]
    for scale in scales[:2]:
        mantissa, _ = np.frexp(scale / scales[2])
        assert float(mantissa) * 256 == round(float(mantissa) * 256)


def test_a_layer_in_float_stays_and_the_others_are_quantised() -> None:
    found = quantised(mixed_network(), images_of(8), keep_float=["inner"])
    kept = [node.name for node in found.integers.nodes if node.operator == "Conv"]
    assert kept == ["inner"]
    session = open_session(to_model(found.graph, 17).SerializeToString())
    (logits,) = session.run([LOGITS], {INPUT: images_of(8)})
    exact = evaluate(found.plan.graph, {INPUT: images_of(8)}, [LOGITS])[LOGITS]
    assert np.abs(logits - exact).max() < 0.2 * np.ptp(exact)


def test_a_layer_that_loses_much_is_named_by_its_noise() -> None:
    graph = mixed_network()
    weight = graph.tensors["inner.weight"].copy()
    weight[:, 0] *= 200  # one input channel drowns the others in the scale of each output
    tensors = {**graph.tensors, "inner.weight": weight}
    found = quantised(replace(graph, tensors=tensors), images_of(16))
    rows = {row.layer: row for row in layer_noise(found, images_of(8))}
    assert weakest([*rows.values()])[0] == "inner"
    assert 10 < rows["stem.conv"].snr_db < 60


@pytest.mark.parametrize("method", METHODS)
def test_ranges_hold_0_and_no_more_than_all_numbers(method: str) -> None:
    samples = np.random.default_rng(0).normal(1.0, 1.0, 20_000)
    values = Values(float(samples.min()), float(samples.max()), samples, np.zeros(1), np.zeros(1))
    low, high = METHODS[method](values)
    assert values.low <= low < 0 < high <= values.high


@pytest.mark.parametrize("method", ["percentile", "mse", "entropy"])
def test_one_outlier_does_not_set_the_range(method: str) -> None:
    samples = np.append(np.random.default_rng(0).uniform(0, 1, 50_000), 40.0)
    low, high = METHODS[method](Values(0.0, 40.0, samples, np.zeros(1), np.zeros(1)))
    assert low == 0
    assert high < 20


def test_biases_make_up_for_what_rounding_of_weights_adds() -> None:
    found = quantised(mixed_network(), images_of(24))
    name = "stem.norm.relu"
    node = next(n for n in found.plan.graph.nodes if n.outputs[0] == "stem.norm")
    weight, bias = (found.plan.graph.tensors[key] for key in node.inputs[1:])
    scales = weight_scales(weight, bias, float(found.scales["pixels"].scale))
    off = weight - rounded_weight(weight, scales) * scales[:, None, None, None]
    means = images_of(24).mean(axis=(0, 2, 3)) / 255
    step = found.graph.tensors[f"{name}.bias.scale"]
    plain = np.rint(bias / step)
    expected = np.rint(bias / step + np.einsum("kcij,c->k", off, means) / step)
    held = found.graph.tensors[f"{name}.bias.quantised"]
    assert np.abs(held - expected).max() <= 1
    assert np.abs(held - plain).max() > 1


@pytest.mark.parametrize(
    "images",
    [images_of(1), np.zeros((4, *SIZE), np.uint8), np.full((4, *SIZE), 255, np.uint8)],
    ids=["one image", "black ones", "white ones"],
)
def test_poor_images_still_give_finite_scales(images: NDArray[np.uint8]) -> None:
    found = quantised(mixed_network(), images, method="best")
    assert all(0 < scale.scale < 1e9 and 0 <= scale.zero <= 255 for scale in found.scales.values())
    assert np.isfinite(run_integers(found.integers, images_of(4))).all()


def test_values_that_are_not_finite_are_refused_by_name() -> None:
    graph = mixed_network()
    weight = np.full_like(graph.tensors["inner.weight"], 3e38)
    huge = replace(graph, tensors={**graph.tensors, "inner.weight": weight})
    grown = {**huge.tensors, "sum.weight_": weight}
    with pytest.raises(InputError, match=r"value .* is not finite for a training image"):
        quantised(replace(huge, tensors={**grown, "pixel_scale": np.array(1e300)}), images_of(4))


def test_what_is_chosen_must_be_there() -> None:
    with pytest.raises(InputError, match=r"--keep-float nothing: is not a layer.*stem.conv"):
        plan(prepared(mixed_network()), ["nothing"])
    with pytest.raises(InputError, match=r"--ranges best of all: is not a method.*min-max"):
        quantised(mixed_network(), images_of(4), method="best of all")
    with pytest.raises(InputError, match="the training images: are none"):
        quantised(mixed_network(), images_of(0))


def test_a_layer_of_one_channel_is_quantised() -> None:
    net = Builder((1, 8, 8))
    x = net.relu(net.conv(net.pixels, "thin", 1, 3, group=1))
    graph = net.classifier(net.max_pool(x, "pool"), 3)
    images = np.random.default_rng(1).integers(0, 256, (12, 1, 8, 8), dtype=np.uint8)
    found = quantised(graph, images)
    session = open_session(to_model(found.graph, 17).SerializeToString())
    (logits,) = session.run([LOGITS], {INPUT: images})
    np.testing.assert_array_equal(run_integers(found.integers, images), logits)


@pytest.mark.parametrize("value", [1e-30, 0.3, 1.0, 7 / 255, 1e20])
def test_scales_have_few_digits_and_cover_the_range(value: float) -> None:
    found = few_digits(value)
    mantissa, _ = np.frexp(found)
    assert value <= found * (1 + 1e-9) <= value * (1 + 2**-6)
    assert mantissa * 256 == round(mantissa * 256)
