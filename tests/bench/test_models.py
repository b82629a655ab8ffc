"""The suite `fuse`: a model before and after `cnnkit.fuse`, and each fused block alone."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from cnnkit.bench.case import run_case
from cnnkit.bench.measure.timing import TimingPlan
from cnnkit.bench.peers.registry import PEERS, select_peers
from cnnkit.bench.suites import MORE_SUITES, SUITES
from cnnkit.bench.workloads.base import Workload
from cnnkit.bench.workloads.models import BlockWorkload, ModelWorkload, model_works
from cnnkit.ops.reference import conv_relu_pool_ref

PLAN = TimingPlan(rounds=8, seconds=0.01)


@pytest.fixture(scope="module")
def works() -> list[Workload]:
    torch.manual_seed(0)
    model = nn.Sequential(
        *(nn.Conv2d(3, 8, 3, bias=False), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(3, 2, 1)),
        *(nn.Conv2d(8, 6, 5, padding=2), nn.ReLU(inplace=True), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(6 * 4 * 4, 10)),
    )
    return model_works("small", model.eval(), (2, 3, 18, 18))


def test_a_model_gives_itself_and_each_of_its_fused_blocks(works: list[Workload]) -> None:
    assert [work.name for work in works] == ["small", "small.0", "small.4"]
    assert [type(work) for work in works] == [ModelWorkload, BlockWorkload, BlockWorkload]
    assert "2 of 2 max-pools" in works[0].data
    assert works[0].output_shape == (2, 10)


def test_blocks_have_their_models_input_and_the_right_reference(
    works: list[Workload],
) -> None:
    _, first, second = works
    for work in (first, second):
        (block,) = work.blocks
        expected = conv_relu_pool_ref(work.x, block.weight, block.bias, *block.parameters)
        np.testing.assert_allclose(work.reference, expected, atol=1e-12)
    np.testing.assert_allclose(second.x, first.reference, atol=1e-5)


def test_flop_of_a_model_are_those_of_its_blocks_and_its_linear_layers(
    works: list[Workload],
) -> None:
    whole, *blocks = works
    assert whole.flop == sum(block.flop for block in blocks) + 2 * 2 * 96 * 10


def test_only_pytorch_runs_a_whole_model_and_all_peers_a_block(works: list[Workload]) -> None:
    whole, block, _ = works
    assert set(select_peers(block)) == set(PEERS)
    assert set(select_peers(whole)) == {
        "cnnkit",
        *(name for name in PEERS if name.startswith("torch")),
    }


def test_before_and_after_are_verified_and_timed(works: list[Workload]) -> None:
    for work in works:
        peers = select_peers(work, ("torch", "torch-channels-last"))
        case = run_case("fuse", work, peers, 1, PLAN)
        assert [row.status for row in case.rows] == ["timed"] * 3, case.rows


def test_it_runs_only_on_request() -> None:
    assert "fuse" in MORE_SUITES
    assert "fuse" not in SUITES
