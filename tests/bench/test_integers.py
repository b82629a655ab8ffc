"""Quantised networks in the benchmark: cnnkit to the bit, others within steps of 8 bits."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from support.quantised import images_of, mixed_network

from cnnkit.bench.case import verify_peer
from cnnkit.bench.measure.breakdown import time_parts
from cnnkit.bench.peers.registry import SUBJECT, select_peers
from cnnkit.bench.subject import Model
from cnnkit.bench.suites import network_suite
from cnnkit.bench.workloads.graph import GraphWorkload
from cnnkit.bench.workloads.integers import IntegerWorkload, network_work, twin_of
from cnnkit.data.dataset import Dataset
from cnnkit.errors import InputError
from cnnkit.formats.onnx.quantize import write_onnx_int8
from cnnkit.formats.options import Options
from cnnkit.formats.registry import TABLE
from cnnkit.graph.networks import build_network
from cnnkit.graph.quantised import quantise
from cnnkit.graph.types import Array
from cnnkit.graph.weights import Weights
from cnnkit.models.read import read_model


@pytest.fixture(scope="module")
def work() -> IntegerWorkload:
    found = quantise(mixed_network(), images_of(16), calibration=16, method="min-max")
    made = network_work("mixed", found.graph, images_of(1, seed=4), "random images")
    assert isinstance(made, IntegerWorkload)
    return made


def test_cnnkit_and_onnx_runtime_have_the_integers_bits(work: IntegerWorkload) -> None:
    peers = select_peers(work)
    for name in (SUBJECT, "onnxruntime"):
        row = verify_peer(name, peers[name], work, 1).row
        assert (row.status, row.error) == ("timed", 0.0)


def test_another_bit_of_cnnkits_is_wrong(work: IntegerWorkload) -> None:
    tensors = dict(work.graph.tensors)
    name = "logits.bias.quantised"
    tensors[name] = tensors[name] + tensors[name].dtype.type(1)
    other = dataclasses.replace(work, graph=dataclasses.replace(work.graph, tensors=tensors))
    logits: Array = other.reference
    assert 0 < work.error_of(logits.astype(np.float32)) < work.peer_tolerance
    assert work.tolerance == 0


def test_the_float32_twin_computes_nearly_the_same(work: IntegerWorkload) -> None:
    row = verify_peer("cnnkit-float32", select_peers(work)["cnnkit-float32"], work, 1).row
    assert row.status == "timed"
    assert row.error is not None
    assert 0 < row.error < 0.1
    left = {node.operator for node in twin_of(work).graph.nodes}
    assert "Relu" in left
    assert not {"QuantizeLinear", "DequantizeLinear"} & left


def test_each_step_of_integers_is_timed(work: IntegerWorkload) -> None:
    names = [part.name for part in time_parts(work)]
    assert any("QLinearConv" in name and "int8" in name for name in names)


def test_a_network_of_floats_is_compared_with_float64() -> None:
    graph = build_network("lenet5", (1, 28, 28), 10)
    made = network_work("lenet5", graph, np.zeros((1, 1, 28, 28), np.uint8), "")
    assert type(made) is GraphWorkload


def test_an_8_bit_file_of_ours_is_timed_as_it_is(
    trained: Weights, few: Dataset, tmp_path: Path
) -> None:
    path = tmp_path / "net.int8.onnx"
    path.write_bytes(write_onnx_int8(trained, Options(few))[".int8.onnx"])
    (work, *_) = network_suite(Model(str(path)), 1)
    assert isinstance(work, IntegerWorkload)
    row = verify_peer(SUBJECT, select_peers(work)[SUBJECT], work, 1).row
    assert (row.status, row.error) == ("timed", 0)
    with pytest.raises(InputError, match="or embed it with `--format c-int8`"):
        read_model(path)


def test_c_of_integers_is_refused_by_the_file_that_is_timed_instead(
    trained: Weights, few: Dataset, tmp_path: Path
) -> None:
    path = tmp_path / "net.int8.c"
    path.write_bytes(TABLE["c-int8"].write(trained, Options(few))[".int8.c"])
    with pytest.raises(InputError, match="cnnkit export RUN --format onnx-int8"):
        network_suite(Model(str(path)), 1)
