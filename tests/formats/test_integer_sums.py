"""Sums of integers are rounded as ONNX Runtime rounds them, by every engine."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import cnnkit
from cnnkit.data.dataset import Dataset, Split
from cnnkit.errors import InputError
from cnnkit.formats.c.source import read_c, write_c_int8
from cnnkit.formats.onnx.model import to_model
from cnnkit.formats.onnx.session import open_session
from cnnkit.formats.options import Options
from cnnkit.graph.builder import Builder
from cnnkit.graph.convnet import INPUT, LOGITS
from cnnkit.graph.graph import Graph
from cnnkit.graph.quantised import quantise, run_integers, to_integers
from cnnkit.graph.quantised.lowering import lower_integers
from cnnkit.graph.weights import Weights
from cnnkit.runtimes.c import build

SIDE = 16
BYTES = np.arange(256, dtype=np.uint8)
PAIRS = np.stack(np.meshgrid(BYTES, BYTES)).reshape(2, 256, SIDE, SIDE).swapaxes(0, 1).copy()
# Of two values and their sum; another order of rounding gives another byte for some pair.
SCALES = [
    (0.05856, 0.00699, 0.07674, 43),
    (0.03009, 0.04195, 0.03626, 7),
    (0.00773, 0.01002, 0.03034, 9),
]


def sums(left: float, right: float, total: float, zero: int) -> Graph:
    """Return a network that adds the two channels of an image: 256 sums are its logits."""
    net = Builder((2, SIDE, SIDE))
    picked = [net.conv(net.pixels, name, 1, 1) for name in ("left", "right")]
    for channel, name in enumerate(picked):
        net.tensors[f"{name}.weight"] = np.eye(2, dtype=np.float32)[channel].reshape(1, 2, 1, 1)
        net.tensors[f"{name}.bias"] = np.zeros(1, np.float32)
    net.add("Flatten", LOGITS, [net.add("Add", "sum", picked)])
    found = quantise(net.with_heads(), PAIRS, calibration=256, method="min-max").graph
    tensors = dict(found.tensors)
    for name, scale in (("left", left), ("right", right)):
        weight = np.float32(scale) / tensors["pixels.scale"] / 64  # so that bytes stay as they are
        tensors[f"{name}.scale"] = np.asarray(scale, np.float32)
        tensors[f"{name}.weight.scale"] = np.full(1, weight, np.float32)
        tensors[f"{name}.bias.scale"] = tensors["pixels.scale"] * tensors[f"{name}.weight.scale"]
    tensors["sum.scale"] = np.asarray(total, np.float32)
    tensors["sum.zero_point"] = np.asarray(zero, np.uint8)
    return replace(found, tensors=tensors)


@pytest.mark.parametrize("scales", SCALES)
def test_sums_of_all_pairs_are_onnx_runtimes(
    scales: tuple[float, float, float, int], tmp_path: Path
) -> None:
    graph = sums(*scales)
    content = to_model(graph, 17).SerializeToString()
    (tmp_path / "net.onnx").write_bytes(content)
    (logits,) = open_session(content).run([LOGITS], {INPUT: PAIRS})
    np.testing.assert_array_equal(run_integers(to_integers(graph), PAIRS), logits)
    np.testing.assert_array_equal(cnnkit.load(tmp_path / "net.onnx")(PAIRS).logits, logits)
    split = Split(PAIRS, np.arange(256))
    data = Dataset("pairs", split, split, tuple(map(str, range(256))), {}, "drawn")
    for suffix, text in write_c_int8(Weights(graph, {}), Options(data, stem="net")).items():
        (tmp_path / f"net{suffix.removeprefix('.int8')}").write_bytes(text)
    np.testing.assert_array_equal(build(read_c(tmp_path / "net.c"))(PAIRS).logits, logits)


def test_scales_whose_sums_doubles_round_twice_are_refused() -> None:
    graph = sums(0.01, 0.02, 0.03, 0)
    far = replace(graph, tensors={**graph.tensors, "left.scale": np.float32(1.1e-10)})
    with pytest.raises(InputError, match="QLinearAdd sum: its scales are too far apart"):
        lower_integers(to_integers(far))
