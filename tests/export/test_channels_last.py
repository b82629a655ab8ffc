"""Files that take images with the channels last, as cameras have them, are proven as any other."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

import cnnkit
from cnnkit.data.dataset import Dataset, Split
from cnnkit.errors import InputError
from cnnkit.export.pipeline import export
from cnnkit.formats.detect import detect, read_contract
from cnnkit.formats.onnx.quantise_checks import check_quantised
from cnnkit.formats.onnx.quantize import write_onnx_int8
from cnnkit.formats.onnx.session import open_session
from cnnkit.formats.options import Options
from cnnkit.formats.registry import TABLE
from cnnkit.graph.architecture import Architecture, Block
from cnnkit.graph.convnet import draw
from cnnkit.graph.networks import build_network
from cnnkit.graph.normalisation import normalise
from cnnkit.graph.weights import Weights
from cnnkit.runtimes.loader import load

SIZE = (3, 8, 6)
FAMILY = Weights(draw(Architecture(SIZE, (Block(4), Block(5)), 3), seed=1), {"names": list("abc")})
LARGER = Weights(build_network("resnet8", SIZE, 3, seed=1), {"names": list("abc")})


def data() -> Dataset:
    random = np.random.default_rng(1)
    images, labels = random.integers(0, 256, (40, *SIZE), np.uint8), np.arange(40) % 3
    split = Split(images, labels.astype(np.int64))
    return Dataset("own-data", split, split, ("a", "b", "c"), {"x": "0"}, "made up")


@pytest.mark.parametrize("format", ["onnx", "torchscript", "pt2"])
def test_a_file_with_channels_last_is_proven(tmp_path: Path, format: str) -> None:
    path = tmp_path / f"net{TABLE[format].suffix}"
    report = export(FAMILY, format, path, Options(data(), input="uint8-nhwc"))
    assert report.passed
    model = load(path)
    assert model.metadata["cnnkit.preprocessing"]["layout"] == "NHWC"
    assert model.metadata["cnnkit.signature"]["image"] == "uint8[N,8,6,3]"
    assert model.weights_sha256 == FAMILY.sha256
    images = data().test.images
    expected = cnnkit.load(save(tmp_path))(images)
    np.testing.assert_allclose(model(images).logits, expected.logits, atol=1e-5)
    assert detect(path) in ("onnx", format)


def save(folder: Path) -> Path:
    export(FAMILY, "onnx", folder / "plain.onnx", Options(data()))
    return folder / "plain.onnx"


def test_onnx_runtime_takes_pictures_as_they_are_decoded(tmp_path: Path) -> None:
    path, images = tmp_path / "net.onnx", data().test.images
    export(FAMILY, "onnx", path, Options(data(), input="uint8-nhwc"))
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    decoded = np.ascontiguousarray(images.transpose(0, 2, 3, 1))
    logits = session.run(["logits"], {"image": decoded})[0]
    np.testing.assert_array_equal(cnnkit.load(path)(images).logits.shape, logits.shape)
    np.testing.assert_allclose(cnnkit.load(path)(images).logits, logits, atol=1e-5)


def test_8_bits_take_channels_last_too(tmp_path: Path) -> None:
    path, images = tmp_path / "net.int8.onnx", data().test.images
    options = Options(data(), input="uint8-nhwc", ranges="mse")
    path.write_bytes(write_onnx_int8(LARGER, options)[".int8.onnx"])
    checks = check_quantised(path, read_contract(path), LARGER, data())
    assert all(check.passed for check in checks)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    decoded = np.ascontiguousarray(images.transpose(0, 2, 3, 1))
    (logits,) = session.run(["logits"], {"image": decoded})
    plain = open_session(write_onnx_int8(LARGER, replace(options, input="uint8"))[".int8.onnx"])
    np.testing.assert_array_equal(plain.run(["logits"], {"image": images})[0], logits)


@pytest.mark.parametrize("normalised", [False, True])
def test_networks_beyond_the_family_take_channels_last_too(
    tmp_path: Path, normalised: bool
) -> None:
    weights = LARGER
    if normalised:
        numbers = (0.5, 0.25, 0.125), (0.25, 0.5, 0.5)
        record = {"mean": list(numbers[0]), "std": list(numbers[1])}
        graph = normalise(LARGER.graph, *numbers)
        weights = Weights(graph, {"names": list("abc"), "preprocessing": record})
    path = tmp_path / "net.onnx"
    assert export(weights, "onnx", path, Options(data(), input="uint8-nhwc")).passed
    assert load(path).weights_sha256 == weights.sha256


@pytest.mark.parametrize(
    ("format", "reason"),
    [
        ("c", "--input: has no effect on the format c"),
        ("onnx-fused", "--input uint8-nhwc: is not for the format onnx-fused"),
        ("c-int8", "--input: has no effect on the format c-int8"),
    ],
)
def test_other_formats_refuse_it(tmp_path: Path, format: str, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        export(FAMILY, format, tmp_path / "net", Options(data(), input="uint8-nhwc"))
    assert not list(tmp_path.iterdir())


def test_an_unknown_input_is_refused() -> None:
    with pytest.raises(InputError, match="--input nhwc: is unknown"):
        Options(data(), input="nhwc")
