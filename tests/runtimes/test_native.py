"""The table of native engines over graphs: the first that takes a network runs it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from support.graph_cases import STACK, Net, convnet, late_relu, resnet_block

import cnnkit
from cnnkit import _core
from cnnkit.bench.measure.native_flop import VECTOR_ISAS
from cnnkit.errors import InputError
from cnnkit.formats.onnx.model import to_model
from cnnkit.graph.architecture import Architecture, Block
from cnnkit.graph.graph import Graph
from cnnkit.graph.reference import evaluate
from cnnkit.ops import isa
from cnnkit.runtimes import native
from cnnkit.runtimes.convnet import STEPWISE_ISAS
from cnnkit.runtimes.native import ENGINES, Engine, network, open_engine, prepare

DECLINED = "^net.onnx: has the node .*, which cnnkit's engine cannot run: .*Run it in ONNX Runtime"


def name_of(engine: Engine) -> str:
    if isinstance(engine, _core.ProgramNetwork):
        return "program"
    assert isinstance(engine, _core.Network)
    return engine.engine


def normalised() -> Graph:
    """A convnet whose blocks have batch normalisation, as people train it."""
    net = Net(3, 12, 10)
    y = net("Relu", net.norm(net.conv("x", 3, 8, 3, pads=(1, 1, 1, 1), bias=False), 8))
    y = net("MaxPool", y, kernel_shape=(2, 2), strides=(2, 2))
    return net.graph(net.head(y, 8 * 6 * 5))


def test_the_best_engine_stands_first() -> None:
    assert list(ENGINES) == ["mnist", "convnet", "normalised", "integers", "program"]
    published = "mnist" if isa() in VECTOR_ISAS else "convnet"
    assert name_of(open_engine(convnet(Architecture()))) == published
    assert name_of(open_engine(convnet(STACK))) == "convnet"
    assert name_of(open_engine(resnet_block())) == "program"
    with pytest.raises(InputError, match=r"^net: is not the published network"):
        ENGINES["mnist"](convnet(STACK), "net")


@pytest.mark.skipif(isa() not in STEPWISE_ISAS, reason="where steps are faster")
def test_convnets_of_many_channels_are_run_step_by_step() -> None:
    blocks = (Block(16), Block(32), Block(64))
    assert name_of(open_engine(convnet(Architecture((3, 32, 32), blocks)))) == "program"
    assert name_of(open_engine(convnet(Architecture((1, 28, 28), blocks[:2])))) == "convnet"


def test_the_published_engine_declines_where_the_processor_lacks_it() -> None:
    code = """
from support.graph_cases import Architecture, convnet
from cnnkit.runtimes.native import ENGINES, open_engine
print(open_engine(convnet(Architecture())).engine)
ENGINES["mnist"](convnet(Architecture()), "net")
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False,
        env={**os.environ, "CNNKIT_ISA": "scalar", "PYTHONPATH": "tests"},
    )  # fmt: skip
    assert done.stdout == "convnet\n"
    assert "net: has no engine of its own on this processor" in done.stderr


@pytest.mark.parametrize("name", ["mnist", "convnet"])
@pytest.mark.parametrize("graph", [resnet_block(), late_relu()], ids=["ResNet", "late ReLU"])
def test_an_engine_declines_other_networks_by_node_and_reason(name: str, graph: Graph) -> None:
    with pytest.raises(InputError, match=DECLINED):
        ENGINES[name](graph, "net.onnx")


def test_what_no_engine_takes_is_declined_by_node_and_reason() -> None:
    with pytest.raises(InputError, match=DECLINED):
        open_engine(late_relu(), "net.onnx")


def test_sizes_beyond_an_engine_are_left_to_the_next() -> None:
    many, none = convnet(Architecture(classes=257)), convnet(Architecture(blocks=()))
    for graph in (many, none):
        with pytest.raises(InputError, match=r"^a: has sizes that cnnkit's engine cannot run"):
            ENGINES["convnet"](graph, "a")
        assert name_of(open_engine(graph, "a")) == "program"


def test_another_engine_is_one_more_row(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []

    def open_other(graph: Graph, source: object) -> Engine:
        asked.append(source)
        if source == "three":
            raise InputError(source, "is too much for the last engine", "try it elsewhere")
        return lambda images, threads=1, out=None: (images, threads, out)

    monkeypatch.setitem(native.ENGINES, "other", open_other)
    assert name_of(open_engine(convnet(STACK), "one"))
    assert asked == []
    assert open_engine(late_relu(), "two")(1) == (1, 1, None)
    with pytest.raises(InputError, match=r"^three: is too much for the last engine"):
        open_engine(late_relu(), "three")
    assert asked == ["two", "three"]


@pytest.mark.parametrize("architecture", [Architecture(), STACK], ids=["published", "other"])
def test_the_way_through_the_graph_changes_no_bit(architecture: Architecture) -> None:
    images = np.random.default_rng(0).integers(0, 256, (9, *architecture.input), dtype=np.uint8)
    graph = convnet(architecture)
    parameters = architecture.join({n: graph.tensors[n] for n in architecture.parameter_shapes()})
    direct = _core.Network(parameters, None, architecture.sizes)(images)
    for one, other in zip(network(graph)(images), direct, strict=True):
        assert one.tobytes() == other.tobytes()


def test_batch_normalisation_is_folded_for_the_engine(tmp_path: Path) -> None:
    graph = normalised()
    images = np.random.default_rng(1).random((5, 3, 12, 10), np.float32)
    (expected,) = evaluate(graph, {"x": images}).values()
    found = open_engine(graph)(images)[0]
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)
    (tmp_path / "net.onnx").write_bytes(to_model(graph, 17).SerializeToString())
    model = cnnkit.load(tmp_path / "net.onnx")
    assert model(images).logits.tobytes() == found.tobytes()
    assert model.architecture == Architecture((3, 12, 10), (Block(8, 3, 1, 2),), 5)
    assert model.names == list("01234")


def test_the_passes_leave_a_network_of_the_family_alone() -> None:
    graph = convnet(STACK)
    assert prepare(graph) is graph
    assert {node.operator for node in prepare(normalised()).nodes} == {
        *("Conv", "Relu", "MaxPool", "Flatten", "Gemm")
    }
