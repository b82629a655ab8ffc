"""Every peer computes the same workload, or is listed with the command that installs it."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from cnnkit.bench.case import verify_peer
from cnnkit.bench.peers.registry import (
    INFERENCE_PEERS,
    MODEL_PEERS,
    PEERS,
    TRAINING_PEERS,
    check_names,
    select_peers,
)
from cnnkit.bench.subject import BenchData
from cnnkit.bench.suites import SUITES, make_suites, real_blocks
from cnnkit.bench.workloads.base import PEER_TOLERANCE, ConvBlock, Head, Workload
from cnnkit.errors import InputError
from cnnkit.graph.weights import Weights

ROOT = Path(__file__).parents[2]


def odd_block() -> Workload:
    """Nothing square, nothing equal: what a peer's factory could mix up."""
    draw = np.random.default_rng(0)
    x = draw.random((3, 2, 19, 16), np.float32) - np.float32(0.5)
    weight = draw.standard_normal((5, 2, 3, 5), np.float32)
    sizes = ((2, 1), (1, 2), (3, 2), (2, 1), (1, 0))
    return Workload("odd", x, (ConvBlock(weight, None, *sizes),), None, 1e-6, "random")


def small_net() -> Workload:
    draw = np.random.default_rng(1)
    x = draw.random((3, 1, 12, 10), np.float32)
    shapes = ((4, 1, 3, 3), (3, 4, 3, 3))
    blocks = tuple(
        ConvBlock(
            draw.standard_normal(shape, np.float32),
            draw.random(shape[0], np.float32),
            padding=(1, 1),
        )
        for shape in shapes
    )
    head = Head(draw.standard_normal((7, 3 * 3 * 2), np.float32), draw.random(7, np.float32))
    return Workload("net", x, blocks, head, 1e-6, "random")


OPTIONAL = {
    requirement.partition(">=")[0]
    for requirement in tomllib.loads((ROOT / "pyproject.toml").read_text())["project"][
        "optional-dependencies"
    ]["peers"]
}
# torch.compile takes many seconds a workload: one has to do.
PAIRS = [(name, make) for name in PEERS for make in (odd_block, small_net)]
PAIRS.remove(("torch-compile", small_net))


@pytest.mark.parametrize(("name", "make"), PAIRS)
def test_a_peer_is_right_or_missing_with_its_remedy(
    name: str, make: Callable[[], Workload]
) -> None:
    verified = verify_peer(name, PEERS[name], make(), threads=1)
    if verified.row.status == "missing":
        assert name in OPTIONAL, verified.row.reason
        assert f"`python -m pip install {name}`" in verified.row.reason
    else:
        assert verified.row.status == "timed", verified.row.reason
        assert verified.row.error is not None
        assert verified.row.error <= PEER_TOLERANCE


def test_the_timed_call_returns_the_verified_output_every_time() -> None:
    for name in ("cnnkit", "torch", "onnxruntime"):
        work = small_net()
        prepared = verify_peer(name, PEERS[name], work, 1).prepared
        assert prepared is not None
        prepared.run()
        assert work.error_of(prepared.to_array(prepared.run())) <= PEER_TOLERANCE


def test_peers_are_selected_by_workload_and_name() -> None:
    suites = make_suites(["net", "infer", "train"], batch=1)
    net, infer, train = (workloads[0] for workloads in suites.values())
    assert select_peers(net) == PEERS
    assert select_peers(infer) == INFERENCE_PEERS
    assert select_peers(train) == TRAINING_PEERS
    assert list(select_peers(net, ["onnxruntime"])) == ["cnnkit", "onnxruntime"]
    assert list(select_peers(net, ["torch-loop"])) == ["cnnkit"], "it only trains"
    assert list(select_peers(train, ["torch-loop"])) == ["cnnkit", "torch-loop"]
    assert list(select_peers(train, [])) == ["cnnkit"]
    check_names([*PEERS, *MODEL_PEERS, *INFERENCE_PEERS, *TRAINING_PEERS])
    with pytest.raises(InputError, match="'keras' is not a peer"):
        check_names(["keras"])


def test_every_case_has_varied_data_and_a_finite_reference() -> None:
    works = [work for suite in make_suites(list(SUITES), batch=2).values() for work in suite]
    assert {work.name for work in works} >= {"block1", "block2", "conv64", "mnist"}
    for work in works:
        assert work.batch == 2
        assert np.isfinite(work.reference).all()
        assert work.reference.shape == work.output_shape
        assert min(np.abs(block.weight).max() for block in work.blocks) > 0
        assert work.x.std() > 0


def test_reference_blocks_get_trained_weights_and_real_activations(trained: Weights) -> None:
    images = np.random.default_rng(0).integers(0, 256, (2, 1, 28, 28), np.uint8)
    blocks = real_blocks(BenchData(trained, images, np.zeros(2, np.int64), ""), 3)
    x, block = blocks[(16, 14, 14), (4, 16, 3, 3)]
    assert x.shape == (3, 16, 14, 14)
    assert x.min() == 0.0  # behind a ReLU
    np.testing.assert_array_equal(block.weight, trained.tensors["convs.1.weight"])


def test_nominal_flop_are_those_of_direct_convolution() -> None:
    net = make_suites(["net"], batch=1)["net"][0]
    assert net.flop == 2 * 28 * 28 * 16 * 9 + 2 * 14 * 14 * 4 * 16 * 9 + 2 * 196 * 10
    block = odd_block()
    assert block.flop == 2 * 3 * 5 * 10 * 16 * (2 * 3 * 5)
    assert block.bytes == 4 * (3 * 2 * 19 * 16 + 5 * 2 * 3 * 5 + 3 * 5 * 5 * 15)


def test_unknown_suites_and_batches_are_refused() -> None:
    with pytest.raises(InputError, match="'speed' is not a suite"):
        make_suites(["speed"])
    with pytest.raises(InputError, match="--batch: 0 is below 1"):
        make_suites(["net"], batch=0)
