"""The engine for any graph: the C format's kernels against the float64 reference."""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.graph_cases import CASES, STACK, Net, convnet
from support.program_cases import TABLES, fast_convolutions, random_graph

import cnnkit
from cnnkit import _core
from cnnkit.errors import InputError
from cnnkit.formats.onnx.model import to_model
from cnnkit.graph.convnet_match import image_size
from cnnkit.graph.graph import Graph
from cnnkit.graph.networks import NETWORKS, build_network
from cnnkit.graph.program import Program, lower, lower_floats, prepare
from cnnkit.graph.reference import evaluate
from cnnkit.ops import available_isas
from cnnkit.ops.program import make_network
from cnnkit.runtimes.program import of_bytes, open_program, with_logits

ISAS = sorted(set(available_isas()) - {"amx"})  # whose tables are AVX-512's


def lowered(graph: Graph) -> Program:
    return lower(of_bytes(prepare(with_logits(graph, "net"))))


def offence(graph: Graph, isa: str) -> str:
    """Return what is wrong with the engine's values of a graph that gives one row an image."""
    (images,) = graph.inputs.values()
    x = np.random.default_rng(0).random((2, *images.shape[1:]), np.float32)
    (expected,) = evaluate(graph, {"x": x}, reproducible=False).values()
    found = make_network(lowered(graph), image_size(graph), isa)(x)[0]
    largest = max(1.0, float(np.abs(expected).max(initial=0)))
    if (
        found.shape != expected.shape
        or not np.abs(found - expected).max(initial=0) < 1e-5 * largest
    ):
        return f"{found.shape}, {expected.shape}, {np.abs(found - expected).max(initial=0):g}"
    return ""


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("table", TABLES)
@pytest.mark.filterwarnings("ignore:overflow encountered in cast:RuntimeWarning")
def test_every_operator_gives_the_references_values(table: str, isa: str) -> None:
    wrong = {name: found for name, graph in TABLES[table]() if (found := offence(graph, isa))}
    assert not wrong


@pytest.mark.parametrize("isa", sorted(set(ISAS) - {"scalar"}))
def test_fast_convolutions_give_the_references_values(isa: str) -> None:
    wrong, seen = {}, set()
    for name, graph in fast_convolutions():
        if found := offence(graph, isa):
            wrong[name] = found
        seen |= set(make_network(lowered(graph), image_size(graph), isa).algorithms)
    assert not wrong
    assert seen >= {"winograd-4x4", "winograd-4x2", "dense", "depthwise-3x3", "depthwise-5x5/2"}
    assert seen >= {"columns", "winograd-4x1", "winograd-4x1-pixels"}
    assert ("pairs" in seen) == (isa not in {"avx2", "neon"})
    assert "halves" not in seen or isa not in {"avx2", "neon"}


@pytest.mark.parametrize("isa", ISAS)
def test_functions_are_right_at_their_ends_and_for_any_count(isa: str) -> None:
    values = np.array([0, -0.0, 1e-8, 0.3, -2, 17, -17, 88, -88, -100, -110, 1e30, -1e30, np.inf])
    wanted = {
        "Sigmoid": lambda x: 1 / (1 + np.exp(-x)),
        "HardSwish": lambda x: x * np.clip(x / 6 + 0.5, 0, 1),
        "HardSigmoid": lambda x: np.clip(x * 0.2 + 0.5, 0, 1),
        "LeakyRelu": lambda x: np.where(x < 0, x * np.float32(0.01), x),
    }
    for count, (name, function) in itertools.product((1, 7, 14), wanted.items()):
        x = np.tile(values, 2)[5 : 5 + count].astype(np.float32)
        net = Net(1, 1, count)
        graph = net.graph(net("Flatten", net(name, net("Mul", "x", net.tensor(np.float32(1))))))
        network = make_network(lower_floats(prepare(graph)), (1, 1, count), isa)
        given, y = x.reshape(1, 1, 1, count), np.empty((1, count), np.float32)
        network.run_at(given.ctypes.data, 1, y.ctypes.data, 1)
        with np.errstate(all="ignore"):
            expected = function(x.astype(np.float64)).astype(np.float32)
        np.testing.assert_allclose(y[0], expected, rtol=3e-7, atol=1e-44, err_msg=name)


@pytest.mark.parametrize("isa", ISAS)
def test_several_images_give_the_bits_that_each_gives_alone(isa: str) -> None:
    graph = drawn("lenet5", (1, 28, 28))
    network = make_network(lowered(graph), image_size(graph), isa)
    images = np.random.default_rng(1).integers(0, 256, (37, 1, 28, 28), np.uint8)
    alone = np.concatenate([network(image)[0] for image in images])
    for threads in (1, 3):
        assert np.array_equal(network(images, threads)[0], alone)


@pytest.mark.parametrize("factor", [1e20, np.inf, np.nan])
def test_values_that_winograd_would_spoil_come_out_as_they_are(factor: float) -> None:
    net = Net(1, 8, 9)
    y = net("Mul", net.conv("x", 1, 16, 1), net.tensor(np.float32(factor)))
    graph = net.graph(net("Flatten", net.conv(y, 16, 16, 3, pads=(1, 1, 1, 1))))
    x = np.random.default_rng(0).random((1, 1, 8, 9), np.float32)
    x[0, 0, :6] = 0
    with np.errstate(all="ignore"):
        (expected,) = evaluate(graph, {"x": x}, reproducible=False).values()
    network = make_network(lowered(graph), image_size(graph))
    assert "winograd-4x4" in network.algorithms or available_isas()[0] == "scalar"
    np.testing.assert_allclose(network(x)[0], expected, rtol=1e-5, atol=1e-5 * 1e20)


@pytest.mark.parametrize("large", [1e7, 1e12, 1e30])
def test_a_marker_in_one_pixel_leaves_pixels_that_do_not_see_it(large: float) -> None:
    net = Net(1, 12, 12)
    y = net.conv(net.conv("x", 1, 16, 1), 16, 16, 3, pads=(1, 1, 1, 1))
    graph = net.graph(net("Flatten", y))
    x = np.random.default_rng(0).random((1, 1, 12, 12), np.float32)
    x[0, 0, 5, 5] = large
    (expected,) = evaluate(graph, {"x": x}, reproducible=False).values()
    network = make_network(lowered(graph), image_size(graph))
    assert "winograd-4x4" in network.algorithms or available_isas()[0] == "scalar"
    found, expected = (v.reshape(16, 12, 12) for v in (network(x)[0], expected))
    apart = np.ones((12, 12), bool)
    apart[4:7, 4:7] = False
    np.testing.assert_allclose(found[:, apart], expected[:, apart], rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6 * large)


@pytest.mark.parametrize("factor", [1, np.inf, np.nan])
@pytest.mark.parametrize("isa", sorted(set(ISAS) - {"scalar"}))
def test_ten_rows_with_stride_two_take_the_algorithm_of_five(isa: str, factor: float) -> None:
    net = Net(1, 49, 10)
    y = net("Mul", "x", net.tensor(np.float32(factor)))
    y = net.conv(y, 1, 40, 10, 4, strides=(2, 2), pads=(5, 1, 5, 1))
    graph = net.graph(net("Flatten", net("Relu", y)))
    x = np.random.default_rng(0).random((1, 1, 49, 10), np.float32)
    x[0, 0, :30] = 0
    with np.errstate(all="ignore"):
        (expected,) = evaluate(graph, {"x": x}, reproducible=False).values()
    network = make_network(lowered(graph), image_size(graph), isa)
    assert "winograd-4x1" in network.algorithms
    found = network(x)[0]
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
    assert np.array_equal(network(x, 2)[0], found, equal_nan=True)


@pytest.mark.parametrize("factor", [1, 1e20, np.inf, np.nan])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_pool_taken_with_its_convolution_has_the_values_of_both(
    factor: float, channels: int
) -> None:
    net = Net(channels, 10, 36)
    x = net("Mul", "x", net.tensor(np.float32(factor)))
    y = net.conv(net("Relu", net.conv(x, channels, 1, 1)), 1, 6, 5, pads=(2, 2, 2, 2))
    y = net("MaxPool", net("Relu", y), kernel_shape=(2, 2), strides=(2, 2))
    y = net("MaxPool", net.conv(y, 6, 9, 5, pads=(2, 0, 2, 0)), kernel_shape=(2, 2), strides=(2, 2))
    graph = net.graph(net("Flatten", y))
    x = np.random.default_rng(0).random((1, channels, 10, 36), np.float32)
    x[0, :, :6] = 0
    with np.errstate(all="ignore"):
        (expected,) = evaluate(graph, {"x": x}, reproducible=False).values()
    network = make_network(lowered(graph), image_size(graph))
    scale = max(1.0, float(np.abs(expected[np.isfinite(expected)]).max(initial=0)))
    np.testing.assert_allclose(network(x)[0], expected, rtol=1e-5, atol=1e-5 * scale)


def test_a_pool_behind_a_pool_is_no_pool_of_a_convolution() -> None:
    net, two = Net(2, 4, 4), {"kernel_shape": (2, 2), "strides": (2, 2)}
    graph = net.graph(net("Flatten", net("MaxPool", net("MaxPool", "x", **two), **two)))
    x = np.random.default_rng(0).random((1, 2, 4, 4), np.float32)
    network = make_network(lowered(graph), image_size(graph))
    assert np.array_equal(network(x)[0], x.max((2, 3)))


@pytest.mark.parametrize("factor", [1, np.inf])
def test_a_concatenation_in_place_has_the_values_of_its_parts(factor: float) -> None:
    net = Net(1, 8, 9)
    x = net("Mul", net.conv("x", 1, 16, 1), net.tensor(np.float32(factor)))
    parts = [net("Relu", net.conv(x, 16, 16, k, pads=(k // 2,) * 4)) for k in (1, 3)]
    graph = net.graph(net("Flatten", net("Concat", *parts, axis=1)))
    x = np.random.default_rng(0).random((1, 1, 8, 9), np.float32)
    x[0, 0, :6] = 0
    with np.errstate(all="ignore"):
        (expected,) = evaluate(graph, {"x": x}, reproducible=False).values()
    network = make_network(lowered(graph), image_size(graph))
    np.testing.assert_allclose(network(x)[0], expected, rtol=1e-5, atol=1e-5)


def test_steps_are_timed_one_by_one() -> None:
    graph = drawn("resnet8")
    program = lowered(graph)
    network = make_network(program, (3, 24, 24))
    times = network.time_steps(np.zeros((3, 24, 24), np.uint8), 3)
    assert times.shape == (3, len(program.steps)) == (3, len(network.algorithms))
    assert (times > 0).any(0).all()


@pytest.mark.parametrize("isa", ISAS)
def test_random_graphs_give_the_references_values(isa: str) -> None:
    wrong = {seed: found for seed in range(150) if (found := offence(random_graph(seed), isa))}
    assert not wrong


SINGLE = [case for case in CASES if len(case.graph.outputs) == 1 or "logits" in case.graph.outputs]


@pytest.mark.parametrize("case", SINGLE, ids=lambda case: case.name)
def test_small_networks_give_the_references_logits(case: Any) -> None:
    x = case.images(3)
    graph = with_logits(case.graph, "net")
    expected = evaluate(graph, x)["logits"].reshape(3, -1)
    images = x[next(iter(x))]
    found = open_program(case.graph, "net")(images)
    np.testing.assert_allclose(found[0], expected, rtol=0, atol=case.tolerance)
    np.testing.assert_array_equal(found[2], expected.argmax(1))


def drawn(name: str, size: tuple[int, int, int] = (3, 24, 24)) -> Graph:
    """Return a network of ours with parameters that leave no layer idle."""
    graph = build_network(name, size, 7)
    random = np.random.default_rng(4)
    tensors = {
        key: array + random.uniform(0, 0.1, array.shape).astype(np.float32)
        if array.dtype == np.float32 and array.ndim
        else array
        for key, array in graph.tensors.items()
    }
    return Graph(graph.inputs, graph.nodes, graph.outputs, tensors)


@pytest.mark.parametrize("name", NETWORKS)
def test_networks_to_train_give_the_references_logits(name: str) -> None:
    graph = drawn(name)
    x = np.random.default_rng(1).integers(0, 256, (2, 3, 24, 24), dtype=np.uint8)
    (input,) = graph.inputs
    expected = evaluate(graph, {input: x}, reproducible=False)["logits"]
    found = open_program(graph, "net")(x)[0]
    assert np.abs(found - expected).max() < 1e-5 * np.abs(expected).max()


def test_threads_and_batches_change_no_bit() -> None:
    graph = drawn("resnet8")
    network = open_program(graph, "net")
    x = np.random.default_rng(2).integers(0, 256, (37, 3, 24, 24), dtype=np.uint8)
    whole = network(x)
    singles = [network(image) for image in x]
    for index, values in enumerate(whole):
        assert values.tobytes() == network(x, 3)[index].tobytes()
        assert values.tobytes() == np.concatenate([each[index] for each in singles]).tobytes()
    with ThreadPoolExecutor(8) as pool:
        for found in pool.map(lambda count: network(x[:count], 2), range(1, 33)):
            for values, one in zip(whole, found, strict=True):
                assert values[: len(one)].tobytes() == one.tobytes()


@pytest.mark.parametrize(
    ("name", "size"), [("vgg-mini", (3, 24, 24)), ("mobilenet-v1-025", (1, 210, 160))]
)
def test_threads_that_share_an_image_change_no_bit(name: str, size: tuple[int, int, int]) -> None:
    network = open_program(drawn(name, size), "net")
    x = np.random.default_rng(5).integers(0, 256, (5, *size), dtype=np.uint8)
    for images in (x, (x / 255).astype(np.float32)):
        alone = network(images)
        for count, threads in ((1, 2), (1, 5), (3, 2), (5, 3)):
            for values, some in zip(alone, network(images[:count], threads), strict=True):
                assert values[:count].tobytes() == some.tobytes()


@pytest.mark.parametrize(("side", "channels"), [(16, 32), (8, 64)])
@pytest.mark.parametrize("residual", [False, True])
def test_threads_change_no_bit_of_what_one_of_them_declines(
    side: int, channels: int, residual: bool
) -> None:
    net = Net(1, side, side)
    x = net.conv("x", 1, channels, 1)
    y = net.conv(x, channels, channels, 3, pads=(1, 1, 1, 1))
    if residual:  # which is written over
        y = net("Add", net.conv(y, channels, channels, 3, pads=(1, 1, 1, 1)), x)
    graph = net.graph(net("Flatten", y))
    images = np.random.default_rng(0).random((1, 1, side, side), np.float32)
    images[0, 0, -1, -1] = np.inf
    with np.errstate(all="ignore"):
        (expected,) = evaluate(graph, {"x": images}, reproducible=False).values()
    network = make_network(lowered(graph), image_size(graph))
    assert "winograd-4x4" in network.algorithms or available_isas()[0] == "scalar"
    alone = network(images, 1)[0]
    np.testing.assert_allclose(alone, expected, rtol=1e-5, atol=1e-5 * side)
    for threads in (2, 3):
        assert network(images, threads)[0].tobytes() == alone.tobytes()


def test_earlier_results_are_overwritten_and_bytes_are_floats() -> None:
    network = open_program(convnet(STACK), "net")
    x = np.random.default_rng(3).integers(0, 256, (5, *STACK.input), dtype=np.uint8)
    first = network(x)
    again = network(x[::-1].copy(), out=first)
    assert all(one is other for one, other in zip(first, again, strict=True))
    scaled = network((x[::-1] / 255).astype(np.float32))
    np.testing.assert_allclose(scaled[0], again[0], rtol=0, atol=1e-5)
    np.testing.assert_allclose(
        network.log_probabilities(x[::-1].copy()), np.log(again[1]), atol=1e-5
    )


def test_a_file_of_another_tool_runs_with_its_own_outputs(tmp_path: Path) -> None:
    net = Net(3, 9, 8)
    y = net("Relu", net.conv("x", 3, 10, 3, strides=(2, 2)))
    y = net("GlobalAveragePool", net.conv(y, 10, 6, 1))
    graph = net.graph(net("Softmax", y, axis=1))
    (tmp_path / "net.onnx").write_bytes(to_model(graph, 17).SerializeToString())
    x = np.random.default_rng(5).random((4, 3, 9, 8), np.float32)
    (expected,) = evaluate(graph, {"x": x}).values()
    model = cnnkit.load(tmp_path / "net.onnx", scale=1 / 255, mean=[0.1, 0.2, 0.3])
    np.testing.assert_allclose(model(x).probabilities, expected.reshape(4, 6), atol=1e-6)
    raw = np.random.default_rng(6).integers(0, 256, (4, 3, 9, 8), dtype=np.uint8)
    shifted = (raw / 255 - np.reshape([0.1, 0.2, 0.3], (3, 1, 1))).astype(np.float32)
    np.testing.assert_allclose(model(raw).logits, model(shifted).logits, atol=1e-6)


def test_all_nodes_without_kernels_are_named_at_once() -> None:
    net = Net(3, 6, 6)
    y = net("Celu", net("Pow", "x", "x"), alpha=-1.0)
    with pytest.raises(InputError, match=r"^net, (.|\n)*exponent(.|\n)*negative") as raised:
        open_program(net.graph(net("Flatten", y)), "net")
    assert "ONNX Runtime" in str(raised.value)


def test_steps_that_would_leave_their_buffers_are_refused() -> None:
    """Every number of a program, changed to others: refused, or computed within the arena."""
    program, size = lowered(drawn("mobilenet-v1-025")), (3, 24, 24)
    image = np.zeros((1, *size), np.uint8)
    refused = 0
    for index, step in enumerate(program.steps[:12]):
        for name, value in step.numbers.items():
            for other in (-1, 0, 1 << 20, 2**31 - 1, -(2**31)):
                if isinstance(value, float):
                    continue
                number = other if isinstance(value, int) else (other, *value[1:])
                changed = type(step)(**{**step.__dict__, "numbers": {**step.numbers, name: number}})
                steps = (*program.steps[:index], changed, *program.steps[index + 1 :])
                try:
                    network = make_network(Program(**{**program.__dict__, "steps": steps}), size)
                except InputError:
                    refused += 1
                    continue
                if other != 1 << 20:  # a kernel as large takes long, and stays inside
                    network(image)
    assert refused > 100


@pytest.mark.parametrize("classes", [0, -1, 8, 2**40])
def test_a_result_of_another_size_is_refused(classes: int) -> None:
    with pytest.raises(InputError):
        _core.ProgramNetwork((1, 2, 2), classes, [], [], [classes], [0], 4, 0)
