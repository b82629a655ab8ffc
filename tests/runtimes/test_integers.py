"""Quantised networks in cnnkit's engine: the bits of the oracle, whatever runs them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from support.quantised import SIZE, images_of, mixed_network

import cnnkit
from cnnkit.errors import InputError
from cnnkit.formats.onnx.model import to_model
from cnnkit.formats.onnx.reader import read_graph
from cnnkit.graph.builder import Builder
from cnnkit.graph.convnet import INPUT, LOGITS, with_contract
from cnnkit.graph.graph import Graph
from cnnkit.graph.networks import separable
from cnnkit.graph.quantised import Quantised, quantise, run_integers
from cnnkit.graph.quantised.lowering import lower_integers
from cnnkit.ops.fused import available_isas
from cnnkit.ops.program import make_integer_network
from cnnkit.runtimes.integers import IntegerEngine, open_integers
from cnnkit.runtimes.interpreted import interpret
from cnnkit.runtimes.native import open_engine, prepare

IMAGES = images_of(9, seed=5)


@pytest.fixture(scope="module")
def mixed() -> Quantised:
    return quantise(mixed_network(), images_of(24), calibration=24, method="min-max")


@pytest.mark.parametrize("isa", [None, *available_isas()])
def test_every_instruction_set_has_the_oracles_bits(isa: str | None, mixed: Quantised) -> None:
    network = make_integer_network(lower_integers(mixed.integers), SIZE, isa)
    logits, _, labels = network(IMAGES)
    expected = run_integers(mixed.integers, IMAGES)
    np.testing.assert_array_equal(logits, expected)
    np.testing.assert_array_equal(labels, expected.argmax(axis=1))


def test_threads_never_change_a_bit() -> None:
    net = Builder((3, 33, 31))  # large enough that each image is shared out
    x = net.unit(net.pixels, "first", 40, 3)
    x = separable(net, net.unit(x, "second", 48, 3), "third", 64, stride=2)
    graph = net.classifier(net.add("GlobalAveragePool", "mean", [x]), 10)
    images = np.random.default_rng(1).integers(0, 256, (5, 3, 33, 31), dtype=np.uint8)
    found = quantise(graph, images, calibration=5, method="min-max").integers
    network = make_integer_network(lower_integers(found), (3, 33, 31))
    for threads in (1, 2, 3):
        logits, _, _ = network(images, threads)
        np.testing.assert_array_equal(logits, run_integers(found, images))


@pytest.mark.parametrize("isa", [None, *available_isas()])
def test_images_that_share_a_matrix_keep_their_own_values(isa: str | None) -> None:
    net = Builder((1, 6, 6))
    x = net.max_pool(net.unit(net.pixels, "first", 5, 3), "pool")
    x = net.relu(net.dense(net.relu(net.dense(x, "second", 37)), "third", 21))
    graph = net.classifier(x, 10)
    images = np.random.default_rng(2).integers(0, 256, (35, 1, 6, 6), dtype=np.uint8)
    found = quantise(graph, images, calibration=35, method="min-max").integers
    network = make_integer_network(lower_integers(found), (1, 6, 6), isa)
    expected = run_integers(found, images)
    for count in (1, 2, 16, 17, 35):
        np.testing.assert_array_equal(network(images[:count])[0], expected[:count])


@pytest.mark.parametrize("isa", [None, *available_isas()])
@pytest.mark.parametrize(("size", "channels"), [((3, 8, 8), 24), ((3, 9, 11), 40), ((1, 4, 4), 64)])
def test_square_kernels_have_the_oracles_bits(
    isa: str | None, size: tuple[int, int, int], channels: int
) -> None:
    net = Builder(size)
    x = net.unit(net.unit(net.pixels, "first", channels, 3), "second", channels + 8, 3)
    graph = net.classifier(net.add("GlobalAveragePool", "mean", [x]), 10)
    images = np.random.default_rng(3).integers(0, 256, (3, *size), dtype=np.uint8)
    found = quantise(graph, images, calibration=3, method="min-max").integers
    network = make_integer_network(lower_integers(found), size, isa)
    np.testing.assert_array_equal(network(images)[0], run_integers(found, images))


def test_winograd_computes_square_kernels_where_it_is_faster() -> None:
    cpu = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    if "AuthenticAMD" not in cpu or "avx2" not in cpu or re.search(r"family\t: (?!25)", cpu):
        pytest.skip("measured on AMD's Zen 3 and 4")
    net = Builder((3, 8, 8))
    x = net.unit(net.unit(net.pixels, "first", 32, 3), "second", 32, 3)
    graph = net.classifier(net.add("GlobalAveragePool", "mean", [x]), 10)
    images = np.random.default_rng(5).integers(0, 256, (3, 3, 8, 8), dtype=np.uint8)
    found = quantise(graph, images, calibration=3, method="min-max").integers
    for isa in {*available_isas()} - {"scalar"}:
        chosen = make_integer_network(lower_integers(found), (3, 8, 8), isa).algorithms
        assert chosen[1:3] == ["int8-dense", "int8-winograd-4x4"]


@pytest.mark.parametrize("isa", [None, *available_isas()])
@pytest.mark.parametrize("channels", [16, 64, 128])
def test_depthwise_pixels_of_whole_vectors_have_the_oracles_bits(
    isa: str | None, channels: int
) -> None:
    net = Builder((2, 7, 5))
    x = separable(net, net.unit(net.pixels, "first", channels, 3), "second", 8)
    graph = net.classifier(net.add("GlobalAveragePool", "mean", [x]), 10)
    images = np.random.default_rng(4).integers(0, 256, (3, 2, 7, 5), dtype=np.uint8)
    found = quantise(graph, images, calibration=3, method="min-max").integers
    network = make_integer_network(lower_integers(found), (2, 7, 5), isa)
    np.testing.assert_array_equal(network(images)[0], run_integers(found, images))


def test_the_fast_algorithms_compute_the_layers(mixed: Quantised) -> None:
    fast = {"int8-dense", "int8-depthwise", "int8-scores", "int8-max-pool", "int8-add"}
    if available_isas() != ["scalar"]:
        assert fast <= {*make_integer_network(lower_integers(mixed.integers), SIZE).algorithms}


def test_floats_give_the_same_bits_as_pixels(mixed: Quantised) -> None:
    engine = open_engine(mixed.integers)
    assert isinstance(engine, IntegerEngine)
    images = scaled(IMAGES)
    found, expected = engine(images), interpret(mixed.graph)(images)
    np.testing.assert_array_equal(found[0], expected[0])
    np.testing.assert_array_equal(found[2], expected[2])


def test_images_of_another_shape_are_refused(mixed: Quantised) -> None:
    engine = open_engine(mixed.integers)
    for kind in (np.uint8, np.float32):
        with pytest.raises(InputError, match=r"images: (is|has shape)"):
            engine(np.zeros((2, 3, 4, 4), kind))


def scaled(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    return images.astype(np.float32) / np.float32(255)


class Reader(CalibrationDataReader):  # type: ignore[misc]
    def __init__(self, name: str, images: np.ndarray) -> None:
        self.rows = iter([{name: image[None]} for image in images])

    def get_next(self) -> Any:
        return next(self.rows, None)


def theirs(path: Path, activation: QuantType, form: QuantFormat) -> Path:
    """Write what ONNX Runtime's own quantiser makes of a network of floats."""
    plain, made = path / "float.onnx", path / "int8.onnx"
    net = Builder(SIZE)
    x = net.relu(net.conv(net.pixels, "stem", 9, 3, stride=2))
    x = net.relu(net.add("Add", "sum", [net.conv(x, "inner", 9, 3), x]))
    left = net.relu(net.conv(x, "left", 5, 1))
    x = net.add("Concat", "joined", [x, left], axis=1)
    graph = net.classifier(net.add("GlobalAveragePool", "mean", [x]), 5)
    graph = with_contract(graph, "float32")  # as most files of others
    model = to_model(Graph(graph.inputs, graph.nodes, (LOGITS,), graph.tensors), 17)
    onnx.save(model, plain)
    quantize_static(
        plain, made, Reader(INPUT, scaled(images_of(12))), quant_format=form, per_channel=True,
        activation_type=activation, weight_type=QuantType.QInt8,
        extra_options={"ActivationSymmetric": False},
    )  # fmt: skip
    return made


@pytest.mark.parametrize("activation", [QuantType.QUInt8, QuantType.QInt8])
@pytest.mark.parametrize("form", [QuantFormat.QDQ, QuantFormat.QOperator])
def test_files_of_onnx_runtimes_quantiser_run_to_the_oracles_bits(
    activation: QuantType, form: QuantFormat, tmp_path: Path
) -> None:
    path = theirs(tmp_path, activation, form)
    model = cnnkit.load(path)
    images = scaled(IMAGES)
    expected = interpret(model.weights.graph)(images)
    np.testing.assert_array_equal(model(images).logits, expected[0])
    assert "int8" in model.engine


def test_weights_of_8_bits_are_computed_widely(mixed: Quantised) -> None:
    tensors = dict(mixed.integers.tensors)
    draw = np.random.default_rng(4)
    for node in mixed.integers.nodes:
        if node.operator in ("QLinearConv", "QGemm"):
            shape = tensors[node.inputs[3]].shape
            tensors[node.inputs[3]] = draw.integers(-127, 128, shape).astype(np.int8)
    whole = mixed.integers
    graph = Graph(whole.inputs, whole.nodes, whole.outputs, tensors)
    network = make_integer_network(lower_integers(graph), SIZE)
    np.testing.assert_array_equal(network(IMAGES)[0], run_integers(graph, IMAGES))


def test_a_network_with_layers_in_float_runs_on_the_reference(tmp_path: Path) -> None:
    found = quantise(
        mixed_network(), images_of(8), calibration=8, method="min-max", keep_float=["inner"]
    )
    path = tmp_path / "mixed.onnx"
    path.write_bytes(to_model(found.graph, 17).SerializeToString())
    with pytest.raises(InputError, match=r"no kernel of integers|computes in float"):
        open_integers(prepare(read_graph(path)), "net")
    model = cnnkit.load(path)
    assert "reference" in model.engine
    assert "reference" in repr(model)
    np.testing.assert_array_equal(model(IMAGES).logits, run_integers(found.integers, IMAGES))


def test_sums_that_may_overflow_are_left_to_the_reference(mixed: Quantised) -> None:
    tensors = dict(mixed.integers.tensors)
    bias = next(n.inputs[8] for n in mixed.integers.nodes if n.operator == "QLinearConv")
    tensors[bias] = np.full_like(tensors[bias], 2**31 - 1)
    whole = mixed.integers
    with pytest.raises(InputError, match="more than 32 bits"):
        open_integers(Graph(whole.inputs, whole.nodes, whole.outputs, tensors), "net")
