"""Pixels are normalised in training as in every file, and the record says with which numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import cnnkit
from cnnkit.data.dataset import Dataset, Split
from cnnkit.errors import InputError, VerdictError
from cnnkit.evaluation.accuracy import evaluate
from cnnkit.export.pipeline import export
from cnnkit.formats.checkpoint import read_weights, write_weights
from cnnkit.formats.description import preprocessing
from cnnkit.formats.options import Options
from cnnkit.formats.registry import FORMATS
from cnnkit.graph.graph import Graph
from cnnkit.graph.normalisation import take_off
from cnnkit.graph.reference import evaluate as reference
from cnnkit.graph.weights import Weights
from cnnkit.runtimes.loader import load
from cnnkit.train.config import TrainConfig
from cnnkit.train.normalising import mean_and_std
from cnnkit.train.trainer import TrainResult, resume, train


def data(channels: int = 3, name: str = "own-data") -> Dataset:
    random = np.random.default_rng(channels)
    labels = np.arange(48) % 3
    images = random.integers(0, 120, (48, channels, 9, 8), np.uint8)
    images += (np.arange(channels) * 40).astype(np.uint8).reshape(-1, 1, 1)
    for index, label in enumerate(labels):
        images[index, :, :, 2 * label : 2 * label + 2] += 30
    half = Split(images[:24], labels[:24].astype(np.int64))
    other = Split(images[24:], labels[24:].astype(np.int64))
    return Dataset(name, half, other, ("a", "b", "c"), {"x": "0"}, "made up")


CONFIG = TrainConfig(normalize="dataset", learning_rate=0.01, batch_size=8, epochs=2)


@pytest.fixture(scope="module", params=["paper", "resnet8"])
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> TrainResult:
    config = replace(CONFIG, network=request.param, output=tmp_path_factory.mktemp("run") / "run")
    return train(config, data=data(), pictures=False)


def test_the_record_has_mean_and_deviation_of_the_training_images(run: TrainResult) -> None:
    record, images = preprocessing(read_weights(run.weights)), data().train.images / 255
    np.testing.assert_allclose(record.mean, images.mean((0, 2, 3)), atol=1e-6)
    np.testing.assert_allclose(record.std, images.std((0, 2, 3)), atol=1e-6)
    assert run.config.engine == {"paper": "native", "resnet8": "torch"}[run.config.network]


def test_validation_images_are_no_part_of_the_statistics() -> None:
    halved = replace(CONFIG, val_split=0.5, seed=3)
    whole, part = (each.normalised(data()).preprocessing for each in (CONFIG, halved))
    assert whole
    assert part
    assert whole.mean != part.mean


def test_the_weights_give_what_the_run_saw(run: TrainResult) -> None:
    assert evaluate(load(run.weights), data().test).accuracy == run.test_accuracy


def test_the_reference_normalises_as_torchvision(run: TrainResult) -> None:
    from torchvision.transforms.v2.functional import normalize

    graph, images = read_weights(run.weights).graph, data().test.images
    normalisation, plain = take_off(graph)
    assert normalisation
    x = torch.from_numpy(images).double() / 255
    x = normalize(x, *map(list, normalisation.numbers))
    pixels = next(iter(plain.nodes[1].outputs))
    scaled = {pixels: replace(plain.inputs["image"], dtype="float32")}
    rest = Graph(scaled, plain.nodes[2:], plain.outputs, plain.tensors)
    expected = reference(rest, {pixels: x.numpy()})["logits"]
    np.testing.assert_allclose(reference(graph, {"image": images})["logits"], expected, rtol=1e-12)


@pytest.mark.parametrize("input", ["uint8", "float32"])
def test_onnx_takes_raw_or_scaled_pixels_and_is_proven(
    run: TrainResult, tmp_path: Path, input: str
) -> None:
    weights, path = read_weights(run.weights), tmp_path / "net.onnx"
    assert export(weights, "onnx", path, Options(data(), input=input)).passed
    stated = load(path).metadata["cnnkit.preprocessing"]
    assert tuple(stated["mean"]) == preprocessing(weights).mean
    assert stated["scaled_inside"] == (input == "uint8")


def test_c_normalises_raw_pixels_and_is_proven(tmp_path: Path) -> None:
    result = train(replace(CONFIG, epochs=1, output=tmp_path / "run"), data=data(), pictures=False)
    weights, path = read_weights(result.weights), tmp_path / "net.c"
    assert export(weights, "c", path, Options(data())).passed
    assert load(path).weights_sha256 == weights.sha256
    images = data().test.images
    native = cnnkit.load(path)(images).logits
    np.testing.assert_allclose(load(path)(images).logits, native, atol=1e-5)
    source = path.read_text()
    assert "- pixel_mean[c]) / pixel_std[c]" in source
    path.write_text(source.replace("pixel_std[3] = {", "pixel_std[3] = { ", 1))
    with pytest.raises(InputError, match="is not what this version of cnnkit writes"):
        cnnkit.load(path)


@pytest.mark.parametrize("form", ["onnx-int8", "c-int8"])
def test_a_quantised_network_normalises_raw_pixels(
    run: TrainResult, tmp_path: Path, form: str
) -> None:
    path = tmp_path / f"net{FORMATS[form].suffix}"
    assert export(
        read_weights(run.weights), form, path, Options(data(), max_accuracy_drop=1)
    ).passed
    stated = load(path).metadata["cnnkit.preprocessing"]
    assert tuple(stated["mean"]) == preprocessing(read_weights(run.weights)).mean


def test_the_native_engine_normalises_as_pytorch(tmp_path: Path) -> None:
    for channels in (1, 3):
        config = replace(CONFIG, epochs=1, output=tmp_path / str(channels))
        result = train(config, data=data(channels), pictures=False)
        images = data(channels).test.images
        native = cnnkit.load(result.weights)
        expected = reference(read_weights(result.weights).graph, {"image": images})["logits"]
        np.testing.assert_allclose(native(images).logits, expected, atol=2e-5)
        scaled = (images * np.float32(1 / 255)).astype(np.float32)
        np.testing.assert_array_equal(native(scaled).logits, native(images).logits)
        with pytest.raises(InputError, match="images"):
            native(images[:, :, 1:])
    one = data(1).test.images
    native = cnnkit.load(tmp_path / "1")
    np.testing.assert_array_equal(native(one[:, 0]).logits, native(one).logits)
    np.testing.assert_array_equal(native(one[0, 0]).logits[0], native(one).logits[0])


def test_a_resumed_run_has_the_bits_of_one_that_never_stopped(tmp_path: Path) -> None:
    whole = train(replace(CONFIG, output=tmp_path / "one"), data=data(), pictures=False)
    train(replace(CONFIG, epochs=1, output=tmp_path / "two"), data=data(), pictures=False)
    again = resume(tmp_path / "two", epochs=2, data=data(), pictures=False)
    assert again.weights.read_bytes() == whole.weights.read_bytes()


def test_digits_keep_their_recipe_beside_the_numbers(tmp_path: Path) -> None:
    config = replace(CONFIG, normalize="0.1307,0.3081", epochs=1, output=tmp_path / "run")
    digits = replace(data(1, "mnist"), sha256={})
    record = preprocessing(read_weights(train(config, data=digits, pictures=False).weights))
    assert (record.mean, record.std) == ((0.1307,), (0.3081,))


def test_a_record_of_other_numbers_is_refused(run: TrainResult, tmp_path: Path) -> None:
    weights = read_weights(run.weights)
    record = {**weights.metadata["preprocessing"], "mean": [0.5, 0.5, 0.5]}
    other = Weights(weights.graph, {**weights.metadata, "preprocessing": record})
    write_weights(tmp_path / "weights.safetensors", other)
    with pytest.raises(InputError, match="normalises pixels with the mean"):
        read_weights(tmp_path / "weights.safetensors")
    with pytest.raises(VerdictError, match="was not kept: it normalises pixels with the mean"):
        export(other, "onnx", tmp_path / "net.onnx", Options(data()))
    assert not (tmp_path / "net.onnx").exists()


def test_numbers_are_for_all_channels_or_for_each() -> None:
    images = data().train.images
    assert mean_and_std("0.5,0.25", images) == ((0.5,) * 3, (0.25,) * 3)
    assert mean_and_std("1,2,3,4,5,6", images) == ((1, 2, 3), (4, 5, 6))
    assert mean_and_std("imagenet", images) == ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    assert mean_and_std("none", images) == ((0,) * 3, (1,) * 3)
    flat = np.full((2, 1, 3, 3), 51, np.uint8)
    assert mean_and_std("dataset", flat) == ((0.2,), (1.0,))


@pytest.mark.parametrize(
    ("option", "channels", "reason"),
    [
        ("all", 3, "--normalize: is all. Make it none, dataset"),
        ("0.5", 3, "--normalize: is 0.5"),
        ("0.5,0", 3, "STD is at least 0.001"),
        ("nan,1", 3, "--normalize: is nan,1"),
        ("1,2,3,4", 3, "is 1,2,3,4, and the images have 3 channels"),
        ("imagenet", 1, "is imagenet, of red, green and blue, and the images have 1 channels"),
    ],
)
def test_what_fits_no_images_is_refused(
    tmp_path: Path, option: str, channels: int, reason: str
) -> None:
    config = replace(CONFIG, normalize=option, output=tmp_path / "run")
    with pytest.raises(InputError, match=reason):
        train(config, data=data(channels), pictures=False)
    assert not (tmp_path / "run").exists()


def test_help_shows_the_option(cli: Callable[..., Any]) -> None:
    assert "--normalize" in cli("train", "--help").stdout
