"""The suites `network` and `zoo`: any graph, beside peers that read ONNX or PyTorch modules."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from support.graph_cases import Net
from typer.testing import CliRunner

from cnnkit import _core
from cnnkit.bench.case import run_case, verify_peer
from cnnkit.bench.measure.timing import TimingPlan
from cnnkit.bench.peers.ncnn_peer import _of_floats
from cnnkit.bench.peers.registry import GRAPH_PEERS, SUBJECT, select_peers
from cnnkit.bench.subject import Model
from cnnkit.bench.suites import SUITES, default_suites, make_suites
from cnnkit.bench.workloads.graph import GraphWorkload, graph_work
from cnnkit.bench.workloads.zoo import ZOO, zoo_network
from cnnkit.cli.program import app
from cnnkit.errors import InputError
from cnnkit.formats.checkpoint import write_weights
from cnnkit.formats.onnx.model import to_model
from cnnkit.graph.convnet import LOGITS
from cnnkit.graph.costs import costs
from cnnkit.graph.networks import build_network
from cnnkit.graph.reference import evaluate
from cnnkit.graph.weights import Weights
from cnnkit.runtimes.native import open_engine

# Millions of multiply-adds, as published or as the networks' papers and suites have them.
MMAC = {
    "lenet5": 0.42,
    "mnist-example": 12.0,
    "resnet8": 12.5,
    "ds-cnn": 2.66,
    "mobilenet-v1-025": 7.49,
    "vgg-mini": 38.7,
    "squeezenet1.1": 349,
    "mobilenet-v2": 301,
    "resnet18": 1814,
}


@pytest.fixture(scope="module")
def work() -> GraphWorkload:
    graph = build_network("resnet8", (3, 16, 16), 10)
    images = np.random.default_rng(0).integers(0, 256, (1, 3, 16, 16), np.uint8)
    return graph_work("resnet8", graph, images, "random images")


def test_the_networks_of_the_zoo_have_the_published_multiply_adds() -> None:
    found = {name: sum(cost.macc for cost in costs(zoo_network(name))) / 1e6 for name in ZOO}
    assert found == pytest.approx(MMAC, rel=0.01)


def test_values_neither_vanish_nor_overflow_in_the_zoo() -> None:
    for work in make_suites(["zoo"], batch=1)["zoo"][:6]:
        assert 0.1 < np.abs(work.reference).max() < 100, work.name


@pytest.mark.parametrize(
    "peer", ["cnnkit", "onnxruntime", "torch", "torch-channels-last", "cnnkit-c"]
)
def test_every_peer_computes_the_same_logits(work: GraphWorkload, peer: str) -> None:
    checked = verify_peer(peer, GRAPH_PEERS[peer], work, 1)
    assert checked.row.status == "timed", checked.row.reason
    assert checked.row.error is not None
    assert checked.row.error < 2e-6


def test_litert_computes_the_same_logits_or_says_what_it_needs(
    work: GraphWorkload, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = verify_peer("litert", GRAPH_PEERS["litert"], work, 1).row
    assert row.status in ("timed", "missing"), row.reason
    assert row.status == "missing" or (row.error is not None and row.error < 2e-6)
    monkeypatch.setenv("PATH", "")
    row = verify_peer("litert", GRAPH_PEERS["litert"], work, 1).row
    assert row.status == "missing"
    assert "pipx install onnx2tf" in row.reason or "pip install ai-edge-litert" in row.reason


def test_millions_of_parameters_as_numbers_are_not_compiled() -> None:
    (work,) = [each for each in make_suites(["zoo"], batch=1)["zoo"] if each.name == "resnet18"]
    with pytest.raises(InputError, match="for which a compiler takes minutes as numbers"):
        GRAPH_PEERS["emx"].factory(work, 1)


def test_the_pixels_of_ncnn_are_floats(work: GraphWorkload) -> None:
    graph = _of_floats(work.fixed)
    (images,) = graph.inputs.values()
    assert (images.dtype, graph.outputs) == ("float32", (LOGITS,))
    (name,) = graph.inputs
    found = evaluate(graph, {name: work.x.astype(np.float32)})[LOGITS]
    np.testing.assert_allclose(found, work.reference, rtol=1e-6)


def test_each_layer_has_its_time_and_its_algorithm(work: GraphWorkload) -> None:
    result = run_case("network", work, select_peers(work, ()), 1, TimingPlan(8, 0.01))
    engine = open_engine(work.graph)
    assert isinstance(engine, _core.ProgramNetwork)
    assert len(result.parts) == len(engine.algorithms)
    assert [part.name.split("[")[1][:-1] for part in result.parts] == engine.algorithms
    assert all(part.seconds > 0 for part in result.parts)
    assert 0 < sum(part.executed_flop for part in result.parts) <= result.flop
    (ours,) = [row for row in result.rows if row.peer == SUBJECT]
    assert ours.seconds is not None
    assert ours.p95 is not None
    assert ours.p95 >= ours.seconds.low


def test_a_file_of_another_tool_is_timed_as_a_network(tmp_path: Path) -> None:
    net = Net(3, 9, 8)
    graph = net.graph(net("Relu", net.head(net.conv("x", 3, 8, 3), 8 * 7 * 6, 4)))
    path = tmp_path / "net.onnx"
    path.write_bytes(to_model(graph, 17).SerializeToString())
    command = ["bench", str(path), "--preprocess", "unit", "--peers", "onnxruntime", "--json"]
    done = CliRunner().invoke(app, [*command, "--rounds", "8", "--seconds", "0.01"])
    assert done.exit_code == 0, done.output
    document = json.loads(done.stdout)
    assert [case["key"] for case in document["cases"]] == [
        "network/net.onnx N=1",
        "network/net.onnx N=16",
    ]
    for case in document["cases"]:
        assert [row["status"] for row in case["rows"]] == ["timed", "timed"]


def test_what_is_timed_of_a_model_depends_on_its_layers(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    write_weights(path, Weights(build_network("ds-cnn", (1, 20, 10), 4), {"names": list("abcd")}))
    assert list(make_suites(None, Model(str(path)), 2)) == ["network"]
    assert default_suites(Model()) == tuple(SUITES)
    with pytest.raises(InputError, match="Time it with `--suite network`"):
        make_suites(["infer"], Model(str(path)))
