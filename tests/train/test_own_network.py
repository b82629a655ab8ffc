"""A person's own module is trained as a graph, kept and exported as the named networks are."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from cnnkit.data.dataset import Dataset, Split
from cnnkit.errors import InputError, MissingError
from cnnkit.evaluation.accuracy import evaluate
from cnnkit.export.pipeline import export
from cnnkit.formats.checkpoint import read_weights
from cnnkit.formats.options import Options
from cnnkit.graph.architecture import Architecture, Block
from cnnkit.nn.factories import make_module
from cnnkit.nn.own_network import own_graph
from cnnkit.runtimes.loader import load
from cnnkit.train.config import TrainConfig
from cnnkit.train.trainer import TrainResult, resume, train

SIZE = (3, 8, 8)


class Net(nn.Module):
    """A residual, dropout and a log-softmax."""

    def __init__(self, num_classes: int, in_chans: int = 1, share: float = 0.3) -> None:
        super().__init__()
        self.stem = nn.Conv2d(in_chans, 8, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(8)
        self.wide = nn.Conv2d(8, 8, 3, padding=1)
        self.drop = nn.Dropout(share)
        self.logits = nn.Linear(8, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.norm(self.stem(x)))
        x = (x + self.wide(x)).relu_().mean((2, 3))
        scores: Tensor = self.logits(self.drop(x))
        return torch.log_softmax(scores, 1)


def family(classes: int, share: float = 0.0) -> nn.Module:
    return nn.Sequential(
        *(nn.Conv2d(3, 6, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()),
        *(nn.Dropout(share), nn.Linear(96, classes)),
    )


class Odd(nn.Module):
    """Does something else in training, has a scale of its own, or another momentum."""

    def __init__(self, what: str, num_classes: int) -> None:
        super().__init__()
        self.what = what
        self.conv = nn.Conv2d(3, 4, 3)
        self.norm = nn.BatchNorm2d(4, momentum=0.1 if what != "momentum" else 0.01)
        self.scale = nn.Parameter(torch.ones(4, 1, 1)) if what == "scale" else 1.0
        self.head = nn.Linear(4, num_classes)
        self.conv.weight.requires_grad_(what != "frozen")

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm(self.conv(x)) * self.scale
        if what_differs := self.training and self.what == "training":
            x = x * (1 + what_differs)
        x = torch.sin(x) if self.what == "operator" else x
        scores: Tensor = self.head(x.mean((2, 3)))
        return scores


@pytest.fixture(autouse=True)
def nets(monkeypatch: pytest.MonkeyPatch) -> None:
    module: Any = ModuleType("person_nets")
    module.Net, module.family, module.constant = Net, family, 3
    module.dropped = lambda classes: family(classes, 0.5)
    module.ready = nn.ReLU()
    module.five = lambda: family(5)
    module.broken = lambda: [][1]
    for what in ("momentum", "scale", "frozen", "training", "operator"):
        setattr(module, what, lambda num_classes, what=what: Odd(what, num_classes))
    monkeypatch.setitem(sys.modules, "person_nets", module)


def data(classes: int = 3, count: int = 48, channels: int = 3) -> Dataset:
    """Return images whose class is the brightest of their areas, as far as it goes."""
    random = np.random.default_rng(classes)
    labels = (np.arange(count) % classes).astype(np.int64)
    images = random.integers(0, 160, (count, channels, 8, 8), np.uint8)
    for index, label in enumerate(labels):
        images[index, :, :, 2 * label : 2 * label + 2] += 95
    half, rest = slice(count // 2), slice(count // 2, None)
    train, test = Split(images[half], labels[half]), Split(images[rest], labels[rest])
    return Dataset("own-data", train, test, tuple("abcd"[:classes]), {"x": "0"}, "made up")


CONFIG = TrainConfig(network="person_nets:Net", learning_rate=0.01, batch_size=8, epochs=3)


@pytest.fixture
def run(tmp_path: Path) -> TrainResult:
    return train(replace(CONFIG, output=tmp_path / "run"), data=data(), pictures=False)


def test_a_module_learns_and_its_weights_give_what_the_run_saw(run: TrainResult) -> None:
    assert run.config.engine == "torch"
    assert run.history[-1]["train_loss"] < run.history[0]["train_loss"]
    weights = read_weights(run.weights)
    assert evaluate(load(run.weights), data().test).accuracy == run.test_accuracy
    assert {"stem.weight", "norm.running_var", "logits.bias"} <= set(weights.graph.tensors)
    assert {node.operator for node in weights.graph.nodes}.isdisjoint({"Dropout", "LogSoftmax"})


def test_a_run_resumes_to_the_bit_though_it_drops_and_its_factory_is_gone(
    run: TrainResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train(replace(CONFIG, epochs=1, output=tmp_path / "two"), data=data(), pictures=False)
    monkeypatch.delitem(sys.modules, "person_nets")
    torch.rand(3)  # what else the process draws does not matter
    again = resume(tmp_path / "two", epochs=3, data=data(), pictures=False)
    assert again.weights.read_bytes() == run.weights.read_bytes()


def test_its_onnx_file_is_proven_and_has_its_identity(run: TrainResult, tmp_path: Path) -> None:
    weights, path = read_weights(run.weights), tmp_path / "net.onnx"
    assert export(weights, "onnx", path, Options(data())).passed
    assert load(path).weights.sha256 == weights.sha256


def test_its_weights_are_a_start_for_other_classes(run: TrainResult, tmp_path: Path) -> None:
    start = replace(CONFIG, epochs=1, learning_rate=1e-9, weights=run.folder)
    more = train(replace(start, output=tmp_path / "more"), data=data(4), pictures=False)
    found, known = (read_weights(each).graph.tensors for each in (more.weights, run.weights))
    np.testing.assert_allclose(found["stem.weight"], known["stem.weight"], atol=1e-6)
    assert found["logits.weight"].shape == (4, 8)


def test_a_stack_of_convolution_relu_and_pool_is_trained_natively(tmp_path: Path) -> None:
    config = replace(CONFIG, network="person_nets:family", epochs=1)
    result = train(replace(config, output=tmp_path / "run"), data=data(), pictures=False)
    assert result.config.engine == "native"
    architecture = Architecture(SIZE, (Block(6),), 3)
    assert read_weights(result.weights).architecture == architecture


def test_such_a_stack_with_dropout_is_trained_natively_too(tmp_path: Path) -> None:
    config = replace(CONFIG, network="person_nets:dropped", epochs=1)
    result = train(replace(config, output=tmp_path / "run"), data=data(), pictures=False)
    assert result.config.engine == "native"
    assert read_weights(result.weights).architecture == Architecture(SIZE, (Block(6),), 3)
    assert evaluate(load(result.weights), data().test).accuracy == result.test_accuracy


def test_a_seed_determines_the_drawn_parameters() -> None:
    first, again, other = (
        own_graph("person_nets:Net", SIZE, 3, seed).tensors["stem.weight"] for seed in (1, 1, 2)
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_torchvision_builds_its_networks_without_a_download() -> None:
    graph = own_graph("torchvision:squeezenet1_1", (3, 32, 32), 5, 0)
    assert graph.tensors["classifier.1.weight"].shape == (5, 512, 1, 1)


def test_timm_gets_classes_and_channels_and_no_pretrained_weights(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: dict[str, Any] = {}

    def create_model(name: str, **given: Any) -> nn.Module:
        asked.update(given, name=name)
        return Net(given["num_classes"], given["in_chans"])

    fake = SimpleNamespace(
        create_model=create_model, is_model=lambda name: name == "tiny", list_models=lambda: []
    )
    monkeypatch.setitem(sys.modules, "timm", fake)
    make_module("timm:tiny", 1, 4, 0)
    assert asked == {"name": "tiny", "pretrained": False, "num_classes": 4, "in_chans": 1}
    with pytest.raises(InputError, match="timm:huge: is not a network of timm"):
        make_module("timm:huge", 1, 4, 0)
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(MissingError, match=r"timm: is not installed.*'cnnkit\[timm\]'"):
        make_module("timm:tiny", 1, 4, 0)


@pytest.mark.parametrize(
    ("network", "reason"),
    [
        ("person_nets:gone", "is not there: person_nets has no gone"),
        ("person_nets:momentun", "Perhaps person_nets:momentum is meant"),
        ("person_gone:Net", "cannot be imported .*No module named 'person_gone'"),
        ("person_nets:constant", "is not a function that makes a module"),
        ("person_nets:ready", "is not a function that makes a module"),
        ("person_nets:broken", r"cannot be made \(list index out of range"),
        ("person_nets:five", "gives 5 scores, and there are 3 classes. Give it .* num_classes"),
        ("person_nets:momentum", "norm.running_mean with another momentum"),
        ("person_nets:scale", r"does not train as its graph would.*\n  scale \(Mul .*would not"),
        ("person_nets:frozen", r"\n  conv.weight \(Conv conv\): is not a parameter .* frozen"),
        ("person_nets:training", "computes something else in training"),
        ("person_nets:operator", r"no operator for.*\n  sin sin: cnnkit does not know"),
        ("torchvision:resnet", "is not a classification network of torchvision. Use one of"),
        ("torchvision:alexnet", "cannot be exported for images of 3x8x8"),
        ("torchvision:", r"--network: is torchvision:. Make it one of .*, torchvision:NAME"),
        ("a b.:f", "--network: is a b.:f. Make it one of"),
    ],
)
def test_what_cannot_be_trained_is_refused_before_a_run(
    tmp_path: Path, network: str, reason: str
) -> None:
    with pytest.raises(InputError, match=f"(?s){reason}"):
        train(replace(CONFIG, network=network, output=tmp_path / "run"), data=data())
    assert not (tmp_path / "run").exists()


def test_torchvision_takes_no_gray_images() -> None:
    with pytest.raises(InputError, match="takes images of 3 channels, and these have 1"):
        own_graph("torchvision:resnet18", (1, 32, 32), 3, 0)


def test_help_says_how_a_factory_is_called(cli: Callable[..., Any]) -> None:
    text = " ".join(cli("train", "--help").stdout.replace("│", " ").split())
    assert "timm:NAME, or package.module:factory (a function or class" in text
    assert "called with num_classes, or classes, and in_channels, in_chans or channels" in text
