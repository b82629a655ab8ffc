"""The drift between the engines, and the error of outputs beside PyTorch's own rounding."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from cnnkit import _core, ops
from cnnkit.bench.measure.native_flop import VECTOR_ISAS
from cnnkit.bench.parity import BATCH, FIRST, Parity, draw_parity, run_parity
from cnnkit.data.dataset import Dataset, Split
from cnnkit.errors import InputError
from cnnkit.graph.architecture import PIXEL_SCALE
from cnnkit.graph.weights import Weights
from cnnkit.nn.network import network_from

IMAGES = 1000


@pytest.fixture(scope="module")
def parity(mnist: Dataset) -> Parity:
    count = 40 * BATCH + 3  # the last 3 images make no step
    return run_parity(Split(mnist.train.images[:count], mnist.train.labels[:count]), epochs=2)


def test_all_three_trainings_make_the_same_steps(parity: Parity) -> None:
    assert parity.epoch == 40
    assert len(parity.native) == len(parity.torch) == len(parity.plain) == 80
    assert parity.means(parity.torch)[1] < parity.means(parity.torch)[0]
    assert parity.drift(parity.native).max() <= 1e-5
    assert parity.drift(parity.plain).max() <= 1e-5


def test_the_drift_is_described_and_drawn(parity: Parity, tmp_path: Path) -> None:
    found = json.loads(json.dumps(parity.to_json(), allow_nan=False))
    assert len(found["losses"]["native"]) == 2
    assert found["drift"]["native"]["first_steps"] == parity.drift(parity.native).max()
    assert str(FIRST) in str(parity)
    draw_parity(parity, tmp_path / "parity.png")
    with Image.open(tmp_path / "parity.png") as picture:
        picture.load()
        assert min(picture.size) > 400
    draw_parity(parity, tmp_path / "parity.svg")
    assert (tmp_path / "parity.svg").stat().st_size < 300_000
    with pytest.raises(InputError, match=r"neither \.png nor \.svg"):
        draw_parity(parity, tmp_path / "parity.doc")


def test_a_drift_is_found_where_there_is_one() -> None:
    same = np.linspace(2.0, 1.0, 20)
    off = same.copy()
    off[13] *= 1.001
    drifted = Parity(off, same, same, 10)
    assert drifted.drift(off).argmax() == 13
    assert drifted.to_json()["drift"]["native"]["first_steps"] == pytest.approx(1e-3)
    assert drifted.epoch_drift(off)[0] == 0
    assert drifted.epoch_drift(off)[1] > 0
    assert drifted.to_json()["drift"]["torch_without_onednn"]["epochs"] == 0


@pytest.fixture(scope="module")
def exact_and_pytorchs(trained: Weights, mnist: Dataset) -> tuple[Any, Any]:
    pixels = torch.from_numpy(mnist.test.images[:IMAGES])
    with torch.inference_mode():
        exact = network_from(trained.graph).double()(pixels.double() * PIXEL_SCALE).numpy()
        return exact, network_from(trained.graph)(pixels.float() * np.float32(PIXEL_SCALE)).numpy()


@pytest.mark.parametrize("isa", ops.available_isas())
def test_trained_log_probabilities_are_as_exact_as_pytorchs_own(
    isa: str, trained: Weights, mnist: Dataset, exact_and_pytorchs: tuple[Any, Any]
) -> None:
    """In float32, 1e-6 cannot be had of log-probabilities of 50 and more: PyTorch's errs more."""
    exact, theirs = exact_and_pytorchs
    sizes = trained.architecture.sizes
    network = _core.Network(trained.architecture.join(trained.tensors), isa, sizes)
    ours = network.log_probabilities(mnist.test.images[:IMAGES])
    error, own = (float(np.abs(each - exact).max()) for each in (ours, theirs))
    assert error <= own * (1.0 if isa in VECTOR_ISAS else 1.5)
    assert error <= 1e-6 * np.abs(exact).max()
