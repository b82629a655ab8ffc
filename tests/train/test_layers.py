"""The native engine on sequences of layers: what PyTorch computes, repeatable to the bit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from cnnkit import _core, ops
from cnnkit.data.dataset import Split
from cnnkit.errors import InputError
from cnnkit.graph.builder import Builder
from cnnkit.graph.graph import Graph
from cnnkit.graph.learning import for_inference
from cnnkit.graph.networks import build_network
from cnnkit.graph.normalisation import normalise
from cnnkit.nn.graphs.operators import OPERATORS
from cnnkit.runs.training_state import fresh_state
from cnnkit.train.engines.base import EngineSettings, choose_engine, native_limit
from cnnkit.train.engines.native import NativeEngine
from cnnkit.train.engines.pytorch import TorchEngine, one_thread
from tests.support.training import all_losses

DIGIT = (1, 28, 28)
ENGINES = (NativeEngine, TorchEngine)
EXACT = 1e-5  # of the largest gradient; float32's own error is 4e-6 in PyTorch, too


def strided(net: Builder) -> Graph:
    x = net.relu(net.conv(net.pixels, "a", 6, (3, 2), stride=2))
    x = net.relu(net.conv(x, "b", 21, 5, padded=False))
    x = net.conv(x, "c", 9, 3, stride=2)
    return net.classifier(net.relu(net.conv(x, "d", 5, 1, bias=False)), 10)


def many_channels(net: Builder) -> Graph:
    x = net.relu(net.conv(net.pixels, "a", 16, 3))
    x = net.max_pool(net.relu(net.conv(x, "b", 32, 3)), "p")
    x = net.relu(net.dense(net.relu(net.conv(x, "c", 24, 3)), "d", 8))
    return net.classifier(x, 10)


def normalised(net: Builder) -> Graph:
    x = net.max_pool(net.unit(net.pixels, "a", 6, 3, stride=2), "p", 3, 2, padded=True)
    x = net.relu(net.norm(net.conv(x, "b", 16, 3), "n"))
    return net.classifier(net.relu(net.dense(x, "c", 12)), 10)


def pooled(net: Builder) -> Graph:
    x = net.max_pool(net.conv(net.pixels, "a", 7, 3), "p", 3, 2, padded=True)
    square = {"kernel_shape": (3, 2), "strides": (2, 2), "pads": (1, 0, 0, 1)}
    x = net.add("AveragePool", "q", [net.relu(x)], **square)
    x = net.add("AveragePool", "r", [x], **square, count_include_pad=1)
    x = net.relu(net.max_pool(net.conv(x, "b", 11, 2), "s", 2, 1))
    x = net.relu(net.conv(x, "c", 10, 1))
    net.add("Flatten", "logits", [net.add("GlobalAveragePool", "g", [x])])
    return net.with_heads()


def deep(net: Builder) -> Graph:
    x = net.relu(net.dense(net.pixels, "a", 33))
    return net.classifier(net.relu(net.dense(x, "b", 70)), 10)


def tiled(net: Builder) -> Graph:
    x = net.relu(net.conv(net.pixels, "a", 16, 3))
    x = net.conv(net.relu(net.conv(x, "b", 32, 3)), "c", 16, 3, padded=False)
    return net.classifier(net.relu(net.conv(x, "d", 16, 3, bias=False)), 10)


def first(net: Builder) -> Graph:
    x = net.relu(net.max_pool(net.conv(net.pixels, "a", 21, 3), "p"))
    x = net.max_pool(net.relu(net.conv(x, "b", 16, 3)), "q")
    return net.classifier(net.relu(net.dense(x, "c", 9)), 10)


def shifted(net: Builder) -> Graph:
    return normalise(many_channels(net), (0.4, 0.5, 0.6), (0.2, 0.3, 0.1))


SMALL: dict[str, Callable[[Builder], Graph]] = {
    "strided": strided,
    "many channels": many_channels,
    "normalised": normalised,
    "pooled": pooled,
    "deep": deep,
    "tiled": tiled,
    "first": first,
    "shifted": shifted,
}
NAMED = {
    "lenet5": build_network("lenet5", DIGIT, 10),
    "mnist-example": for_inference(build_network("mnist-example", DIGIT, 10)),
}
GRAPHS = {
    **{name: make(Builder((3, 17, 15), 1)) for name, make in SMALL.items()},
    "tiled in bands": tiled(Builder((1, 33, 31), 1)),
    "first of one channel": first(Builder((1, 13, 10), 1)),
    **NAMED,
}
WITH_DRAWS = build_network("mnist-example", DIGIT, 10)


def settings_of(graph: Graph, count: int, **changes: Any) -> EngineSettings:
    size = next(iter(graph.inputs.values())).shape[1:]
    random = np.random.default_rng(3)
    images = random.integers(0, 256, (count, *map(int, size)), np.uint8)
    split = Split(images, random.integers(0, 10, count))
    given = {"state": fresh_state(graph), "learning_rate": 1e-3, "device": "cpu", **changes}
    return EngineSettings(graph, split, **given)


def gradients(engine: NativeEngine, count: int) -> tuple[float, dict[str, NDArray[Any]]]:
    loss, values, _ = engine.trainer.gradients(np.arange(count))
    ends = np.cumsum([np.prod(shape, dtype=int) for shape in engine.shapes.values()])
    parts = np.split(values, ends[:-1])
    named = zip(engine.shapes.items(), parts, strict=True)
    return loss, {name: part.reshape(shape) for (name, shape), part in named}


@one_thread()
def check_against_float64(
    settings: EngineSettings, isa: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    count = len(settings.split.images)
    monkeypatch.setitem(OPERATORS, "Cast", lambda attributes, x, training: [x[0].double()])
    reference = TorchEngine(settings)
    network = reference.network.double().train()
    wanted = F.nll_loss(network(reference.images), reference.labels)
    torch.autograd.backward(wanted)
    loss, found = gradients(NativeEngine(settings, isa), count)
    assert loss == pytest.approx(wanted.item(), rel=2e-6)
    named = network.named()
    largest = max(float(named[name].grad.abs().max()) for name in found)  # type: ignore[union-attr]
    for name, array in found.items():
        exact = named[name].grad.numpy()  # type: ignore[union-attr]
        scale = max(float(np.abs(exact).max()), 2e-2 * largest)  # a bias before a norm has none
        assert float(np.abs(array - exact).max()) <= EXACT * scale, name


@pytest.mark.parametrize("isa", ops.available_isas())
@pytest.mark.parametrize("name", GRAPHS)
def test_gradients_are_those_of_float64(
    name: str, isa: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for count in (1, 13) if name not in NAMED else (5,):
        if name == "normalised" and count == 1:
            continue  # PyTorch refuses to normalise one value
        check_against_float64(settings_of(GRAPHS[name], count), isa, monkeypatch)


@pytest.mark.parametrize("name", ["lenet5", "mnist-example", "normalised"])
def test_steps_are_those_of_pytorch(name: str) -> None:
    graph = GRAPHS[name]
    given = settings_of(
        graph, 56, weight_decay=0.1, label_smoothing=0.1,
        class_weights=np.linspace(0.5, 1.5, 10, dtype=np.float32), learning_rate=1e-4,
    )  # fmt: skip
    ours, theirs = NativeEngine(given), TorchEngine(given)
    losses = [all_losses(engine, np.arange(56), 16) for engine in (ours, theirs)]
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-5)
    found = ours.state()
    for key, array in theirs.state().items():
        largest = float(np.abs(array).max())
        idle = name == "normalised" and key.endswith("b.bias")  # whose gradient is 0
        if key.startswith("parameters") and not idle:
            most = max(1e-3 * largest, 2e-5)  # a step changes each by 1e-4
            np.testing.assert_allclose(found[key], array, rtol=0, atol=most, err_msg=key)
    shown = given.split.images[:20]
    log_p = [engine.log_probabilities(shown) for engine in (ours, theirs)]
    np.testing.assert_allclose(log_p[0], log_p[1], rtol=0, atol=1e-4)


def test_a_batch_in_several_parts_has_the_gradient_of_the_whole(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("strided", "pooled"):
        check_against_float64(settings_of(GRAPHS[name], 150), ops.isa(), monkeypatch)


# What is dropped


def bits(state: dict[str, NDArray[np.float32]]) -> dict[str, bytes]:
    return {name: array.tobytes() for name, array in state.items()}


@pytest.mark.parametrize("graph", [WITH_DRAWS, *map(GRAPHS.get, ("normalised", "tiled", "first"))])
def test_threads_groups_of_steps_and_a_resumed_run_have_the_same_bits(graph: Graph) -> None:
    given = settings_of(graph, 40, seed=5)
    order, written = np.arange(40), []
    for threads, at_once in ((1, 40), (3, 16)):
        engine = NativeEngine(given)
        for start in range(0, 40, at_once):
            engine.trainer.train(order[start : start + at_once], 8, 1e-3, 0.0, None, threads)
        written.append(bits(engine.state()))
    first = NativeEngine(given)
    all_losses(first, order[:16], 8)
    second = NativeEngine(replace(given, state=first.state()))
    all_losses(second, order[16:], 8)
    assert written[0] == written[1] == bits(second.state())


def mixed(x: Any, shifts: tuple[int, int, int], factors: tuple[int, int], width: int) -> Any:
    """Return the hashes of `csrc/training/random.h` and `kernels/pixels.inl.h`."""
    mask = (1 << width) - 1
    for shift, factor in zip(shifts[:2], factors, strict=True):
        x = ((x ^ (x >> shift)) * factor) & mask
    return x ^ (x >> shifts[2])


def of_place(value: int) -> int:
    step = (value + 0x9E3779B97F4A7C15) % 2**64
    return int(mixed(step, (30, 27, 31), (0xBF58476D1CE4E5B9, 0x94D049BB133111EB), 64))


def kept(seed: int, layer: int, image: int, count: int, share: float) -> NDArray[np.bool_]:
    key = of_place(of_place(of_place(of_place(seed)) + layer) + image)
    shifts, factors = (16, 15, 16), (0x7FEB352D, 0x846CA68B)
    places = (np.arange(count, dtype=np.uint64) + key % 2**32) % 2**32
    drawn = mixed(mixed(places, shifts, factors, 32) ^ (key >> 32), shifts, factors, 32)
    return np.asarray(drawn >> 8 >= round(share * 2**24))


def test_dropped_values_follow_from_seed_step_layer_and_image() -> None:
    net = Builder((1, 6, 6), 0)
    x = net.dropout(net.relu(net.dense(net.pixels, "a", 40)), "drop", 0.25)
    graph = net.classifier(x, 10)
    given = settings_of(graph, 9, seed=7)
    loss, found = gradients(NativeEngine(given), 9)
    arrays = [torch.from_numpy(graph.tensors[name]).double() for name in found]
    weight, bias, last, last_bias = (array.requires_grad_() for array in arrays)
    images = torch.from_numpy(given.split.images).double().flatten(1) / 255
    masks = np.stack([kept(7, 0, image, 40, 0.25) for image in range(9)])
    assert 0.65 < masks.mean() < 0.85
    hidden = F.relu(F.linear(images, weight, bias)) * torch.from_numpy(masks / 0.75)
    wanted = F.cross_entropy(
        F.linear(hidden, last, last_bias), torch.from_numpy(given.split.labels)
    )
    torch.autograd.backward(wanted)
    assert loss == pytest.approx(wanted.item(), rel=1e-6)
    for array, exact in zip(found.values(), (weight, bias, last, last_bias), strict=True):
        assert exact.grad is not None
        np.testing.assert_allclose(array, exact.grad.numpy(), rtol=0, atol=1e-6)


# Which networks


def test_auto_trains_sequences_natively_and_names_what_it_cannot() -> None:
    for graph in (*GRAPHS.values(), WITH_DRAWS, build_network("vgg-mini", (3, 32, 32), 10)):
        assert choose_engine("auto", "cpu", graph) == "native"
    for name, reason in (("resnet8", "another node takes"), ("ds-cnn", "are in groups")):
        graph = build_network(name, (3, 32, 32), 10)
        assert choose_engine("auto", "cpu", graph) == "torch"
        assert reason in native_limit(graph)


@pytest.mark.parametrize("name", GRAPHS)
def test_its_predictions_are_those_of_pytorch(name: str) -> None:
    given = settings_of(GRAPHS[name], 7)
    log_p = [engine(given).log_probabilities(given.split.images) for engine in ENGINES]
    np.testing.assert_allclose(log_p[0], log_p[1], rtol=0, atol=1e-5)


def test_normalised_features_are_for_pytorch() -> None:
    net = Builder((1, 6, 6), 0)
    graph = net.classifier(net.norm(net.dense(net.pixels, "a", 3), "n"), 10)
    assert "normalises features" in native_limit(graph)


@pytest.mark.parametrize(
    "layers",
    [
        [],
        [("linear", [9, 1], [])],
        [("conv", [10, 3, 3, 1, 1, 0, 0, 99, 1, 1], [])],
        [("conv", [10, 3, 3], [])],
        [("max_pool", [16, 16, 1, 1, 0, 0, 1, 1], []), ("linear", [10, 1], [])],
        [("gru", [10], [])],
        [("linear", [10, 1], []), ("dropout", [0], [1.5])],
    ],
)
def test_layers_that_cannot_be_are_refused(layers: list[Any]) -> None:
    images, labels, none = (
        np.zeros((2, 1, 6, 6), np.uint8),
        np.zeros(2, np.uint8),
        np.zeros(0, "f4"),
    )
    state = (none, none, none, 0, none)
    with pytest.raises(InputError, match=r"^layers: "):
        _core.LayerTrainer(images, labels, *state, layers, (1, 6, 6), 10, ((), ()), 0)
