"""Fine-tuning for 8 bits: a run of its own, whose exports take the scales that it trained with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from cnnkit.data.dataset import Dataset, Split
from cnnkit.errors import InputError
from cnnkit.formats.checkpoint import read_weights
from cnnkit.formats.detect import read_contract
from cnnkit.formats.onnx.quantise_checks import check_quantised
from cnnkit.formats.onnx.quantize import write_onnx_int8
from cnnkit.formats.options import Options
from cnnkit.formats.quantisation import Trained, quantised
from cnnkit.graph.quantised import run_integers
from cnnkit.train import TrainConfig, TrainResult, fine_tuning, resume, train
from cnnkit.train.engines.pytorch import open_network


def data(count: int = 48) -> Dataset:
    """Return images of 3x8x8 whose class is the brightest of three areas, as far as it goes."""
    random = np.random.default_rng(3)
    labels = np.arange(count) % 3
    images = random.integers(0, 160, (count, 3, 8, 8), np.uint8)
    for index, label in enumerate(labels):
        images[index, :, :, 2 * label : 2 * label + 2] += 95
    half = Split(images[: count // 2], labels[: count // 2].astype(np.int64))
    other = Split(images[count // 2 :], labels[count // 2 :].astype(np.int64))
    return Dataset("own-data", half, other, tuple("abc"), {"x": "0"}, "made up")


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> TrainResult:
    folder = tmp_path_factory.mktemp("float") / "run"
    config = TrainConfig(network="resnet8", learning_rate=0.01, batch_size=8, epochs=1)
    return train(replace(config, output=folder), data=data(), pictures=False)


@pytest.fixture(scope="module")
def tuned(start: TrainResult, tmp_path_factory: pytest.TempPathFactory) -> TrainResult:
    folder = tmp_path_factory.mktemp("tuned") / "run"
    config = fine_tuning(start.folder, epochs=2, schedule="constant", output=folder)
    return train(config, data=data(), pictures=False)


def test_a_fine_tuned_run_is_another_one_without_batch_norm(
    start: TrainResult, tuned: TrainResult
) -> None:
    before, after = (read_weights(result.weights) for result in (start, tuned))
    operators = {node.operator for node in after.graph.nodes}
    assert "BatchNormalization" in {node.operator for node in before.graph.nodes}
    assert "BatchNormalization" not in operators
    assert tuned.config.learning_rate == 1e-4
    assert tuned.config.network == "resnet8"


def test_training_computes_what_the_integers_do(tuned: TrainResult) -> None:
    weights, images = read_weights(tuned.weights), data().test.images
    trained = Trained.of(weights)
    assert trained is not None
    integers = run_integers(quantised(weights, Options(data())).integers, images)
    network, feed = open_network(weights.graph, trained.scales)
    with torch.no_grad():
        logits = network.eval()(feed(torch.from_numpy(images))).numpy()
    expected = integers - np.log(np.exp(integers).sum(axis=1, keepdims=True))
    assert (logits.argmax(axis=1) == integers.argmax(axis=1)).all()
    assert np.median(np.abs(logits - expected)) < 1e-5  # float32 rounds a few values otherwise
    assert (integers.argmax(axis=1) == data().test.labels).mean() == tuned.test_accuracy


def test_its_8_bit_file_takes_the_trained_scales_and_is_checked_for_them(
    tuned: TrainResult, tmp_path: Path
) -> None:
    weights, path = read_weights(tuned.weights), tmp_path / "net.int8.onnx"
    path.write_bytes(write_onnx_int8(weights, Options(data()))[".int8.onnx"])
    stated = read_contract(path)
    assert stated["cnnkit.quantization"]["ranges"] == "trained"
    assert all(check.passed for check in check_quantised(path, stated, weights, data()))
    known = weights.metadata["quantisation"]
    moved = {**known, "scales": {**known["scales"], "pixels": [0.01, 0]}}
    other = replace(weights, metadata={**weights.metadata, "quantisation": moved})
    found = [check.found for check in check_quantised(path, stated, other, data())]
    assert "pixels has another scale" in found[-1]


def test_a_resumed_fine_tuning_has_the_bits_of_one_that_never_stopped(
    start: TrainResult, tuned: TrainResult, tmp_path: Path
) -> None:
    config = fine_tuning(start.folder, epochs=1, schedule="constant", output=tmp_path / "run")
    train(config, data=data(), pictures=False)
    again = resume(tmp_path / "run", epochs=2, data=data(), pictures=False)
    assert again.weights.read_bytes() == tuned.weights.read_bytes()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"network": "ds-cnn"}, "--network: is ds-cnn, and that of .* is resnet8"),
        ({"engine": "native"}, "--qat: trains with PyTorch"),
        ({"weights": Path("x")}, "--weights: means nothing with --qat"),
    ],
)
def test_what_a_fine_tuning_cannot_change_is_refused(
    start: TrainResult, tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        train(fine_tuning(start.folder, output=tmp_path / "run", **changes), data=data())
    assert not (tmp_path / "run").exists()


def test_other_data_and_folders_without_a_run_are_refused(
    start: TrainResult, tmp_path: Path, cli: Callable[..., Any]
) -> None:
    other = replace(data(), sha256={"x": "1"})
    with pytest.raises(InputError, match="is not the data of this run"):
        train(fine_tuning(start.folder, output=tmp_path / "run"), data=other)
    result = cli("train", "--qat", tmp_path)
    assert result.exit_code == 2
    assert "holds no run" in result.stderr


def test_damaged_scales_are_refused(tuned: TrainResult) -> None:
    weights = read_weights(tuned.weights)
    for scales in ({"pixels": [-1.0, 0]}, {"pixels": [1.0]}, [], {"pixels": [1.0, 300]}):
        odd = {"ranges": "mse", "scales": scales}
        damaged = replace(weights, metadata={**weights.metadata, "quantisation": odd})
        with pytest.raises(InputError, match="has damaged scales"):
            quantised(damaged, Options(data()))
