"""What quantising does with little data, tiny networks and damaged files: it says what is wrong."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support.quantised import SIZE, images_of, mixed_network

from cnnkit.data.dataset import Dataset, Split
from cnnkit.errors import InputError
from cnnkit.export.pipeline import export
from cnnkit.formats.c.source import read_c, write_c_int8
from cnnkit.formats.onnx.quantize import write_onnx_int8
from cnnkit.formats.onnx.session import open_session
from cnnkit.formats.options import Options
from cnnkit.graph.builder import Builder
from cnnkit.graph.convnet import INPUT, LOGITS
from cnnkit.graph.graph import Graph
from cnnkit.graph.quantised import quantise
from cnnkit.graph.weights import Weights
from cnnkit.runtimes.c import build


def pictures(train: np.ndarray) -> Dataset:
    test = images_of(20)
    labels = [np.arange(len(images)) % 5 for images in (train, test)]
    splits = map(Split, (train, test), labels)
    return Dataset("drawn", *splits, tuple("abcde"), {}, "random images")


def one_channel() -> Graph:
    net = Builder((1, 6, 5))
    x = net.relu(net.conv(net.pixels, "single", 1, 3))
    x = net.relu(net.conv(x, "depthwise", 1, 3))
    return net.classifier(net.add("GlobalAveragePool", "mean", [x]), 3)


@pytest.mark.parametrize(
    ("train", "said"),
    [
        (images_of(1), "the one training picture"),
        (np.zeros((20, *SIZE), np.uint8), "the one training picture"),
        (images_of(3), "the 3 training pictures"),
        (images_of(16), ""),
    ],
    ids=["one", "black", "three", "enough"],
)
def test_ranges_of_very_few_pictures_are_said_to_be(
    train: np.ndarray, said: str, tmp_path: Path
) -> None:
    options = Options(pictures(train), max_accuracy_drop=1.0, ranges="min-max")
    report = export(Weights(mixed_network(), {}), "onnx-int8", tmp_path / "net.x", options)
    about = [text for text in report.unchecked if "that ranges are of" in text]
    assert report.passed
    assert len(about) == bool(said)
    assert not said or said in about[0]


@pytest.mark.parametrize("form", ["onnx-int8", "c-int8"])
def test_a_network_of_zeros_goes_out(form: str, tmp_path: Path) -> None:
    """Its outputs are exact, and the tolerance of its golden vectors is not 0 all the same."""
    zeros = mixed_network()
    tensors = {
        name: np.zeros_like(array) if name.startswith("logits") else array
        for name, array in zeros.tensors.items()
    }
    weights = Weights(replace(zeros, tensors=tensors), {})
    options = Options(pictures(images_of(20)), ranges="min-max")
    assert export(weights, form, tmp_path / "net.x", options).passed


def test_layers_of_one_channel_are_onnx_runtimes_to_the_bit(tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (40, 1, 6, 5), dtype=np.uint8)
    data = replace(pictures(images_of(5)), train=Split(images, np.arange(40) % 3), names=("a",) * 3)
    options = Options(replace(data, test=data.train), stem="net")
    weights = Weights(one_channel(), {})
    for suffix, content in write_c_int8(weights, options).items():
        (tmp_path / f"net{suffix.removeprefix('.int8')}").write_bytes(content)
    content = write_onnx_int8(weights, options)[".int8.onnx"]
    (logits,) = open_session(content).run([LOGITS], {INPUT: images})
    np.testing.assert_array_equal(build(read_c(tmp_path / "net.c"))(images).logits, logits)


def test_values_that_are_not_finite_are_refused_by_their_name() -> None:
    graph = mixed_network()
    bias = graph.tensors["inner.norm.bias"].copy()
    bias[3] = np.nan
    damaged = replace(graph, tensors={**graph.tensors, "inner.norm.bias": bias})
    with pytest.raises(InputError, match=r"value .* is not finite for a training image"):
        quantise(damaged, images_of(4), calibration=4)
    with pytest.raises(InputError, match="the training images: are none"):
        quantise(graph, images_of(0), calibration=4)


def test_nothing_to_quantise_is_refused_with_what_to_do() -> None:
    net = Builder((1, 4, 4))
    net.add("Flatten", LOGITS, [net.pixels])
    nothing, images = net.with_heads(), np.zeros((4, 1, 4, 4), np.uint8)
    with pytest.raises(InputError, match=r"no layer that can be quantised. Use a format in float"):
        quantise(nothing, images, calibration=4)
    layers, images = ["single", "depthwise", "mean", "logits"], np.zeros((4, 1, 6, 5), np.uint8)
    with pytest.raises(InputError, match=r"--keep-float: leaves no layer.* use the format onnx"):
        quantise(one_channel(), images, calibration=4, keep_float=layers)


Change = Callable[[str], str]


def without(pattern: str) -> Change:
    return lambda text: re.sub(pattern, "", text, count=1)


def instead(pattern: str, new: str) -> Change:
    return lambda text: re.sub(pattern, new, text, count=1)


@pytest.mark.parametrize(
    ("suffix", "change", "reason"),
    [
        (".c", instead(r"(int8_t weight2\[\d+\] = \{)", r"\1 x,"), "weight2 has a value that is"),
        (".c", instead(r"(bias2\[\d+\] = \{)", rf"\1 {10**20},"), "bias2 has a value that is"),
        (".c", instead(r"(float factor2\[\d+\] = \{)", r"\1 inff,"), "factor2 has a value that"),
        (".c", without(r"static const float golden_logits(.|\n)*?};"), "golden_logits is missing"),
        (".c", instead(r'("float32",\[)\]', r"\g<1>1e400]"), "has a damaged graph"),
        (".c", instead(r'"QGemm"', '"QGem"'), r"has a damaged graph \(node QGem dense "),
        (".c", instead(r"sum.relu.scale", "sum.sale"), r"has a damaged graph \(.*sum.sale"),
        (".h", without(r'"channels": \d+,'), "has damaged metadata"),
        (".h", without(r'"cnnkit.golden.tolerance": [^,]*,'), "damaged golden vectors"),
    ],
)
def test_a_damaged_source_says_in_a_line_what_is_damaged(
    suffix: str, change: Change, reason: str, source: Path, tmp_path: Path
) -> None:
    for ending in (".c", ".h"):
        text = source.with_suffix(ending).read_text()
        changed = change(text) if ending == suffix else text
        assert (changed == text) == (ending != suffix)
        (tmp_path / f"net{ending}").write_text(changed)
    with pytest.raises(InputError, match=reason) as caught:
        read_c(tmp_path / "net.c")
    assert str(caught.value).count("\n") == 0
    assert str(caught.value).count("xport it again") == 1
    assert caught.value.subject == str(tmp_path / "net.c")


def test_the_header_of_another_model_is_refused(source: Path, tmp_path: Path) -> None:
    (tmp_path / "net.c").write_bytes(source.read_bytes())
    options = Options(pictures(images_of(30, seed=5)), stem="net", ranges="min-max")
    (tmp_path / "net.h").write_bytes(write_c_int8(Weights(mixed_network(), {}), options)[".h"])
    with pytest.raises(InputError, match=r"of another export than net.h.*--format c-int8"):
        read_c(tmp_path / "net.c")


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("integers")
    options = Options(pictures(images_of(24)), stem="net", ranges="min-max")
    files = write_c_int8(Weights(mixed_network(), {}), options)
    (folder / "net.c").write_bytes(files[".int8.c"])
    (folder / "net.h").write_bytes(files[".h"])
    return folder / "net.c"
