"""Any model is exported from Python and the command line, and proven on what data there is."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from onnx import TensorProto
from PIL import Image
from support.pictures import noise
from support.small_onnx import node, save
from torch import Tensor, nn

import cnnkit
from cnnkit.data.drawn import drawn_images
from cnnkit.data.own import reading
from cnnkit.data.preparation import prepare
from cnnkit.errors import InputError, VerdictError
from cnnkit.evaluation.proof import is_unlabelled, proof_data
from cnnkit.export import export
from cnnkit.export.models import format_of
from cnnkit.formats.description import preprocessing
from cnnkit.models.modules import SAME
from cnnkit.models.read import read_model
from cnnkit.models.said import Said
from cnnkit.runtimes.loader import load

SIZE = (3, 9, 8)


class Net(nn.Module):
    def __init__(self, num_classes: int = 4) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 5, 3, stride=2)
        self.head = nn.Linear(5, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        scores: Tensor = self.head(nn.functional.silu(self.conv(x)).mean((2, 3)))
        return scores.softmax(1)


@pytest.fixture(autouse=True)
def nets(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("person_nets")
    vars(module)["Net"] = Net
    monkeypatch.setitem(sys.modules, "person_nets", module)


def test_a_module_becomes_a_proven_file_that_takes_raw_pixels(tmp_path: Path) -> None:
    module, images, path = Net(), drawn_images(SIZE, 20, seed=3), tmp_path / "net.onnx"
    report = export(module, path, data=images, preprocessing="unit", names=["a", "b", "c", "d"])
    assert report.passed
    assert report.checks[0].claim == SAME
    assert report.data == "unlabelled pictures"
    expected = module(torch.from_numpy(images) / 255).detach().numpy()
    for found in (load(path)(images), cnnkit.load(path)(images)):
        np.testing.assert_allclose(found.probabilities, expected, atol=1e-6)
    assert load(path).names == ["a", "b", "c", "d"]


def test_what_was_proven_on_drawn_images_is_proven_on_them_again(
    cli: Callable[..., Any], tmp_path: Path
) -> None:
    first, second = tmp_path / "first.onnx", tmp_path / "second.onnx"
    assert export(Net(), first, preprocessing="unit", size=SIZE).data == "random images"
    assert export(first, second).data == "random images"
    done = cli("verify", second, "--against", first)
    assert done.exit_code == 0, done.stderr
    done = cli("verify", second)
    assert "`cnnkit verify FILE --against MODEL`" in " ".join(done.stderr.split())


def test_plain_pictures_are_data_without_labels(cli: Callable[..., Any], tmp_path: Path) -> None:
    for index, image in enumerate(drawn_images((3, 12, 10), 6)):
        Image.fromarray(image.transpose(1, 2, 0)).save(tmp_path / f"{index}.png")
    assert is_unlabelled(tmp_path)
    options = ["--format", "onnx", "--size", "3x9x8", "--preprocess", "unit", "--data", tmp_path]
    target = tmp_path / "out.onnx"
    result = cli("export", "person_nets:Net", *map(str, options), "-o", str(target))
    assert result.exit_code == 0, result.stderr
    assert "verifying on all unlabelled pictures" in result.stderr
    assert target.exists()


@pytest.mark.parametrize("labelled", [True, False])
def test_pictures_of_one_size_say_how_large_a_module_s_images_are(
    cli: Callable[..., Any], tmp_path: Path, labelled: bool
) -> None:
    folder = tmp_path / "signs"
    for index in range(8):
        place = folder / "abcd"[index % 4] if labelled else folder
        place.mkdir(parents=True, exist_ok=True)
        noise(index, (8, 9)).save(place / f"{index}.png")
    command = ("export", "person_nets:Net", "--format", "onnx", "--preprocess", "unit")
    target = tmp_path / "out.onnx"
    result = cli(*command, "--data", folder, "-o", target)
    assert result.exit_code == 0, result.stderr
    assert "for images of 3x9x8, the size of those in" in result.stderr
    assert load(target).weights.size == (3, 9, 8)
    noise(9, (20, 20)).save(place / "9.png")
    refused = cli(*command, "--data", folder, "-o", target)
    assert "does not say how large its images are. Say it with --size" in refused.stderr


def test_unlabelled_pictures_are_prepared_as_predict_does(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for index in range(4):
        noise(index, (12, 9)).save(tmp_path / f"{index}.jpg")
    turned = Image.Exif()
    turned[0x0112] = 6
    noise(4, (12, 9)).save(tmp_path / "4.jpg", exif=turned)
    noise(5, (9, 12), "L").save(tmp_path / "5.png")
    frames = [noise(6), noise(7)]
    frames[0].save(tmp_path / "6.gif", save_all=True, append_images=frames[1:])
    network = read_model(Net(), Said(preprocess="unit", size=SIZE))
    monkeypatch.setattr(reading, "ALONE", 2)  # pictures a process: several of them
    monkeypatch.setattr(reading, "CHUNK", 2)
    found = proof_data(network, folder=tmp_path, quiet=True).test.images
    record = preprocessing(network.weights)
    expected = [prepare(path, record).image for path in sorted(tmp_path.iterdir())]
    assert len(found) == 7
    np.testing.assert_array_equal(found, expected)


def test_an_unlabelled_picture_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    noise(0).save(tmp_path / "0.png")
    (tmp_path / "1.png").write_bytes(b"none")
    network = read_model(Net(), Said(preprocess="unit", size=SIZE))
    with pytest.raises(InputError, match=r"1\.png: is not a picture"):
        proof_data(network, folder=tmp_path, quiet=True)


def test_a_folder_with_classes_or_a_table_has_labels(tmp_path: Path) -> None:
    Image.new("RGB", (4, 4)).save(tmp_path / "1.png")
    (tmp_path / "metadata.csv").write_text("file_name,label\n1.png,a\n")
    assert not is_unlabelled(tmp_path)
    assert not is_unlabelled(tmp_path / "gone")


class Normalised(nn.Module):
    """A mean of what was normalised to a mean of 0."""

    def __init__(self, bias: bool) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.conv = nn.Conv2d(3, 16, 3, padding=1)
        self.norm = nn.InstanceNorm2d(16)
        self.head = nn.Linear(16, 4, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        scores: Tensor = self.head(self.norm(self.conv(x)).mean((2, 3)))
        return scores


def test_a_mean_behind_a_normalisation_rounds_as_runtimes_do(tmp_path: Path) -> None:
    report = export(
        Normalised(bias=True), tmp_path / "net.onnx", preprocessing="unit", size=(3, 32, 32)
    )
    assert report.agreement is not None
    assert report.agreement.logit_error < report.agreement.logit_limit


def test_logits_that_are_rounding_alone_are_said_to_be(tmp_path: Path) -> None:
    with pytest.raises(VerdictError, match="leaves little but rounding"):
        export(Normalised(bias=False), tmp_path / "net.onnx", preprocessing="unit", size=(3, 8, 8))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "form"),
    [("a.onnx", "onnx"), ("a.fused.onnx", "onnx-fused"), ("a.c", "c"), ("a.pt2", "pt2")],
)
def test_the_suffix_names_the_format(name: str, form: str) -> None:
    assert format_of(Path(name)) == form
    with pytest.raises(InputError, match="has no suffix of a format"):
        format_of(Path("a.txt"))


def test_a_normalised_stack_of_another_tool_becomes_c_with_cnnkits_names(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    nodes = [
        node("Conv", ["image", "w"], ["c"], kernel_shape=[3, 3]),
        node("Relu", ["c"], ["r"]),
        node("MaxPool", ["r"], ["p"], kernel_shape=[2, 2], strides=[2, 2]),
        node("Flatten", ["p"], ["f"]),
        node("Gemm", ["f", "a"], ["scores"], transB=1),
    ]
    tensors = {
        "w": random.normal(0, 0.3, (3, 2, 3, 3)).astype(np.float32),
        "a": random.normal(0, 0.1, (4, 27)).astype(np.float32),
    }
    image = {"image": (TensorProto.FLOAT, ["N", 2, 8, 8])}
    save(tmp_path / "other.onnx", nodes, image, ["scores"], tensors)
    said = {"scale": 1 / 255, "mean": [0.1, 0.2], "std": [0.5, 0.25]}
    path = tmp_path / "net.c"
    assert export(str(tmp_path / "other.onnx"), path, preprocessing=said).passed
    images = random.integers(0, 256, (3, 2, 8, 8), np.uint8)
    other = cnnkit.load(tmp_path / "other.onnx", scale=1 / 255, mean=[0.1, 0.2], std=[0.5, 0.25])
    np.testing.assert_allclose(cnnkit.load(path)(images)[0], other(images)[0], atol=1e-5)
