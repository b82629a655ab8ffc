"""Well-known networks are trained, resumed, reused and exported as the published one is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cnnkit.data.dataset import Dataset, Split
from cnnkit.errors import InputError
from cnnkit.evaluation.accuracy import evaluate
from cnnkit.export.pipeline import export
from cnnkit.formats.checkpoint import read_weights
from cnnkit.formats.options import Options
from cnnkit.runtimes.loader import load
from cnnkit.train.config import TrainConfig
from cnnkit.train.trainer import TrainResult, resume, train


def data(classes: int = 3, count: int = 48) -> Dataset:
    """Return images of 3x8x8 whose class is the brightest of three areas, as far as it goes."""
    random = np.random.default_rng(classes)
    labels = np.arange(count) % classes
    images = random.integers(0, 160, (count, 3, 8, 8), np.uint8)
    for index, label in enumerate(labels):
        images[index, :, :, 2 * label : 2 * label + 2] += 95
    half = Split(images[: count // 2], labels[: count // 2].astype(np.int64))
    other = Split(images[count // 2 :], labels[count // 2 :].astype(np.int64))
    return Dataset("own-data", half, other, tuple("abcd"[:classes]), {"x": "0"}, "made up")


CONFIG = TrainConfig(network="resnet8", learning_rate=0.01, batch_size=8, epochs=3)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> TrainResult:
    folder = tmp_path_factory.mktemp("networks") / "run"
    return train(replace(CONFIG, output=folder), data=data(), pictures=False)


def test_a_network_learns_and_its_weights_give_what_the_run_saw(run: TrainResult) -> None:
    assert run.config.engine == "torch"
    assert run.history[-1]["train_loss"] < run.history[0]["train_loss"]
    model = load(run.weights)
    assert evaluate(model, data().test).accuracy == run.test_accuracy
    assert model.names == ["a", "b", "c"]


def test_a_resumed_run_has_the_bits_of_one_that_never_stopped(
    run: TrainResult, tmp_path: Path
) -> None:
    train(replace(CONFIG, epochs=1, output=tmp_path / "run"), data=data(), pictures=False)
    again = resume(tmp_path / "run", epochs=3, data=data(), pictures=False)
    assert again.weights.read_bytes() == run.weights.read_bytes()


@pytest.mark.parametrize("input", ["uint8", "float32"])
def test_its_onnx_file_is_proven_and_has_its_identity(
    run: TrainResult, tmp_path: Path, input: str
) -> None:
    weights, path = read_weights(run.weights), tmp_path / "net.onnx"
    report = export(weights, "onnx", path, Options(data(), input=input))
    assert report.passed
    assert load(path).weights.sha256 == weights.sha256


def test_other_weights_are_a_start_and_the_last_layer_may_differ(
    run: TrainResult, tmp_path: Path
) -> None:
    start = replace(CONFIG, epochs=1, learning_rate=1e-9, weights=run.folder)
    same = train(replace(start, output=tmp_path / "same"), data=data(), pictures=False)
    known = read_weights(run.weights).graph.tensors
    for name, array in read_weights(same.weights).graph.tensors.items():
        if "running" not in name:
            np.testing.assert_allclose(array, known[name], atol=1e-6)
    more = train(replace(start, output=tmp_path / "more"), data=data(4), pictures=False)
    found = read_weights(more.weights).graph.tensors
    np.testing.assert_allclose(found["stem.conv.weight"], known["stem.conv.weight"], atol=1e-6)
    assert found["linear.weight"].shape == (4, 64)
    with pytest.raises(InputError, match=r"--weights: is .* of another network"):
        train(replace(start, network="ds-cnn", output=tmp_path / "no"), data=data())


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"network": "resnet50"}, "--network: is resnet50. Make it one of paper, lenet5"),
        ({"network": "lenet5", "kernel": 5}, "--kernel: describes blocks, which --network lenet5"),
        ({"engine": "native"}, "--engine native: trains sequences of layers, and this one"),
    ],
)
def test_settings_that_contradict_the_network_are_refused(
    tmp_path: Path, options: dict[str, Any], reason: str
) -> None:
    config = replace(CONFIG, output=tmp_path / "run", **options)
    with pytest.raises(InputError, match=reason):
        train(config, data=data())
    assert not (tmp_path / "run").exists()


def test_help_lists_the_networks(cli: Callable[..., Any]) -> None:
    assert "mobilenet-v1-025" in cli("train", "--help").stdout
