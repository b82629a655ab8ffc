"""The reference artefacts under export/ are what `cnnkit train` and `cnnkit export` make today."""

from __future__ import annotations

from pathlib import Path

import pytest

from cnnkit import ops
from cnnkit.data.dataset import Dataset
from cnnkit.formats.checkpoint import read_tensors, read_weights, write_weights
from cnnkit.formats.options import Options
from cnnkit.formats.registry import FORMATS
from cnnkit.runtimes.native import network
from cnnkit.train.trainer import TrainConfig, train
from cnnkit.verify.run import verify

REFERENCE = Path(__file__).parents[2] / "export" / "reference"
WEIGHTS = REFERENCE / "weights.safetensors"
# Another instruction set rounds differently, and so learns other last bits.
MADE_WITH = ("amx", "avx512")


def test_the_default_training_still_gives_the_reference_weights(
    mnist: Dataset, tmp_path: Path
) -> None:
    reference = read_weights(WEIGHTS)
    run = train(TrainConfig(output=tmp_path / "run"))
    found = read_weights(run.weights)
    if ops.isa() in MADE_WITH:
        assert found.sha256 == reference.sha256
    accuracy = [
        float((network(weights.graph)(mnist.test.images).label == mnist.test.labels).mean())
        for weights in (found, reference)
    ]
    assert accuracy[0] == pytest.approx(accuracy[1], abs=0.005)
    assert accuracy[1] == pytest.approx(reference.metadata["test_accuracy"])


@pytest.mark.parametrize("format", ["onnx", "c"])
def test_the_same_weights_still_give_the_same_bytes(mnist: Dataset, format: str) -> None:
    files = FORMATS[format].write(read_weights(WEIGHTS), Options(mnist, stem="mnist"))
    for suffix, content in files.items():
        assert content == (REFERENCE / f"mnist{suffix}").read_bytes()


def test_weights_that_were_read_as_a_graph_are_written_as_they_were(tmp_path: Path) -> None:
    weights = read_weights(WEIGHTS)
    write_weights(tmp_path / "again", weights)
    (before, stated), (after, header) = map(read_tensors, (WEIGHTS, tmp_path / "again"))
    assert set(before) == set(after) == set(weights.tensors)
    assert all(before[name].tobytes() == after[name].tobytes() for name in before)
    assert all(header[key] == stated[key] for key in ("architecture", "metadata"))


@pytest.mark.parametrize("name", ["mnist.onnx", "mnist.pt", "mnist.c"])
def test_the_reference_artefacts_give_the_reference_answers(mnist: Dataset, name: str) -> None:
    # TorchScript's bytes depend on the version of PyTorch; its answers do not.
    assert verify([REFERENCE / name], read_weights(WEIGHTS), mnist)[0].passed
