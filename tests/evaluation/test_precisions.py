"""A network in float32 and in 8 bits side by side."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cnnkit.data.dataset import Dataset, Split
from cnnkit.evaluation.accuracy import evaluate
from cnnkit.evaluation.precisions import FLOAT, INT8, Precision, side_by_side, table_of
from cnnkit.formats.onnx.weights import read_weights
from cnnkit.graph.networks import build_network
from cnnkit.graph.quantised import quantise
from cnnkit.graph.weights import Weights
from cnnkit.runtimes.loader import load
from cnnkit.runtimes.native import SLOW
from tests.support.quantised import images_of, mixed_network

IMAGES = images_of(12)


@pytest.fixture(scope="module")
def both() -> dict[str, Weights]:
    network = build_network("resnet8", (3, 12, 10), 5)
    found = quantise(network, IMAGES, calibration=12, method="min-max")
    return {FLOAT: Weights(network, {}), INT8: Weights(found.graph, {})}


def test_8_bits_do_the_same_work_with_a_third_of_the_constants(both: dict[str, Weights]) -> None:
    rows = side_by_side(both, IMAGES[:1])
    assert rows[FLOAT].macc == rows[INT8].macc
    assert rows[FLOAT].engine == "float32"
    assert rows[INT8].engine.startswith("int8")
    constants, floats = rows[INT8].constant_bytes, rows[FLOAT].constant_bytes
    assert constants
    assert floats
    assert constants < floats / 3
    assert all(row.microseconds and row.ram_bytes for row in rows.values())
    assert all(row.accuracy is None for row in rows.values())


def test_labelled_images_give_each_precision_its_accuracy(both: dict[str, Weights]) -> None:
    labels = np.zeros(len(IMAGES), np.int64)
    rows = side_by_side(both, IMAGES[:1], Split(IMAGES, labels), {FLOAT: 0.25})
    assert rows[FLOAT].accuracy == 0.25  # it was known
    assert rows[INT8].accuracy in {n / len(IMAGES) for n in range(len(IMAGES) + 1)}


def test_what_no_kernel_computes_has_no_time_and_what_c_lacks_no_memory() -> None:
    kept = {"method": "min-max", "keep_float": ("both",)}
    found = quantise(mixed_network(), IMAGES, calibration=12, **kept)
    row = side_by_side({INT8: Weights(found.graph, {})}, IMAGES[:1])[INT8]
    assert row.engine == SLOW
    assert row.microseconds is row.ram_bytes is row.constant_bytes is None


def test_a_table_leaves_out_what_nobody_knows() -> None:
    rows = {
        FLOAT: asdict(Precision("float32", 1200, 4000, 900, None, None)),
        INT8: asdict(Precision("int8 (scalar)", 1200, None, 300, None, None)),
    }
    assert table_of(rows) == [
        ("", FLOAT, INT8),
        ("multiply-adds of an image", "1,200", "1,200"),
        ("constants as C, bytes", "4,000", "-"),
        ("RAM as C, bytes", "900", "300"),
    ]


def test_doctor_compares_a_run_with_8_bits_of_it_on_labelled_data(
    cli: Callable[..., Any], weights_file: Path, small_data: Path, few: Dataset
) -> None:
    done = cli("doctor", weights_file, "--data", small_data, "--json")
    assert done.exit_code == 0, done.stderr
    rows = json.loads(done.stdout)["precisions"]
    assert rows[FLOAT]["accuracy"] == evaluate(load(weights_file), few.test).accuracy
    assert abs(rows[INT8]["accuracy"] - rows[FLOAT]["accuracy"]) <= 0.01
    assert rows[INT8]["constant_bytes"] < 0.4 * rows[FLOAT]["constant_bytes"]


def test_doctor_shows_the_float_twin_of_a_file_in_8_bits(
    cli: Callable[..., Any], artefacts: dict[str, Path], small_data: Path, few: Dataset
) -> None:
    done = cli("doctor", artefacts["onnx-int8"], "--data", small_data)
    lines = [line.split() for line in done.stdout.splitlines()]
    (row,) = (line for line in lines if line[:1] == ["accuracy"])
    exact = evaluate(load(artefacts["onnx-int8"]), few.test).accuracy
    assert row[-1] == f"{exact:.2%}"
    assert "the engine computes with float32 and int8" in done.stdout


def test_the_card_of_a_file_in_8_bits_has_both_precisions(artefacts: dict[str, Path]) -> None:
    for name in ("onnx-int8", "c-int8"):
        card = Path(f"{artefacts[name]}.md").read_text("utf-8")
        assert "## Float32 and 8 bits" in card
        assert "| RAM as C, bytes | 10,328 |" in card
        assert ("in ONNX Runtime, batch 64 |" in card) is (name == "onnx-int8")
    assert "8 bits" not in Path(f"{artefacts['onnx']}.md").read_text("utf-8")


def test_integers_of_a_file_cost_what_its_graph_costs(artefacts: dict[str, Path]) -> None:
    weights = read_weights(artefacts["onnx-int8"])
    image = np.zeros((1, 1, 28, 28), np.uint8)
    (row,) = side_by_side({INT8: replace(weights, metadata={})}, image).values()
    assert row.macc == 16 * 9 * 28 * 28 + 4 * 16 * 9 * 14 * 14 + 10 * 196
