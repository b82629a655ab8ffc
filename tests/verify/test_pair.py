"""Any two models are compared, each with the same pictures as it takes them."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from support.in_process import in_process
from torch import Tensor, nn

from cnnkit.data.dataset import DRAWN, Dataset, Split
from cnnkit.data.drawn import drawn_images
from cnnkit.errors import InputError
from cnnkit.export.pipeline import export
from cnnkit.formats.checkpoint import write_weights
from cnnkit.formats.options import Options
from cnnkit.formats.registry import FORMATS
from cnnkit.graph.networks import build_network
from cnnkit.graph.normalisation import normalise
from cnnkit.graph.preprocessing import Preprocessing
from cnnkit.graph.weights import Weights
from cnnkit.models.said import Said
from cnnkit.verify.pair import against, compare_sides
from cnnkit.verify.report import HARDLY
from cnnkit.verify.sides import open_side

SIZE = (3, 12, 12)
GRAPH = build_network("lenet5", SIZE, 4, seed=1)
WEIGHTS = Weights(GRAPH, {"names": ["a", "b", "c", "d"]})


def with_statistics() -> Weights:
    """Return the network behind a mean and a std, and the record of them."""
    mean, std = (0.4,) * 3, (0.2,) * 3
    record = replace(Preprocessing.of(SIZE), mean=mean, std=std)
    known = {**WEIGHTS.metadata, "preprocessing": record.to_json(scaled_inside=True)}
    return Weights(normalise(GRAPH, mean, std), known)


class Model(nn.Module):
    def __init__(self, num_classes: int = 4) -> None:
        super().__init__()
        torch.manual_seed(5)
        self.conv, self.head = nn.Conv2d(3, 8, 3), nn.Linear(8, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        scores: Tensor = self.head(torch.relu(self.conv(x)).mean((2, 3)))
        return scores


def of_drawn(count: int = 20) -> Dataset:
    split = Split(drawn_images(SIZE, count), np.zeros(count, np.int64))
    return Dataset(DRAWN, split, split, tuple(WEIGHTS.names), {}, DRAWN, kind=DRAWN)


def written(folder: Path, form: str, weights: Weights, stem: str = "net") -> Path:
    options = replace(Options(of_drawn()), stem=stem)
    for suffix, content in FORMATS[form].write(weights, options).items():
        (folder / f"{stem}{suffix}").write_bytes(content)
    return folder / f"{stem}{FORMATS[form].suffix}"


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    in_process(monkeypatch, "isolated")


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    path = tmp_path / "weights.safetensors"
    write_weights(path, WEIGHTS)
    return {"weights": path, "onnx": written(tmp_path, "onnx", WEIGHTS)} | {
        "c": written(tmp_path, "c", WEIGHTS)
    }


def test_files_of_one_network_are_the_same(files: dict[str, Path]) -> None:
    for one, other in (("onnx", "weights"), ("c", "onnx"), ("weights", "c")):
        found = against(files[one], files[other])
        assert found.passed, (one, other, found.checks)
        assert found.explanation == ()
        assert found.data == DRAWN
        assert found.agreement.logit_error <= found.agreement.logit_limit
    assert found.reference.startswith(("cc", "gcc", "clang")) or "cc" in found.reference
    assert found.runtime == "the graph in float64"


def test_a_module_is_compared_with_its_program_and_its_file(tmp_path: Path) -> None:
    module = Model().eval()
    path = tmp_path / "net.pt2"
    free = ({0: torch.export.Dim("N")},)
    torch.export.save(
        torch.export.export(module, (torch.zeros(2, *SIZE),), dynamic_shapes=free), path
    )
    said = Said(preprocess="unit")
    assert against(path, module, said=replace(said, size=SIZE)).passed
    normalised = Said(preprocess={"mean": [0.5] * 3, "std": [0.5] * 3}, size=SIZE)
    sides = open_side(path, said), open_side(module, normalised)
    found = compare_sides(*sides, of_drawn(), of_drawn())
    assert not found.passed
    assert any("mean and std are missing" in sentence for sentence in found.explanation)


def test_a_module_takes_size_and_preprocessing_of_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = ModuleType("persons_model")
    vars(module)["Model"] = Model
    monkeypatch.setitem(sys.modules, "persons_model", module)
    spec = "persons_model:Model"
    graph = open_side(Model(), Said(preprocess="imagenet", size=SIZE)).network.weights
    path = written(tmp_path, "onnx", graph)
    assert against(spec, path).passed
    assert against(path, spec).passed


def test_a_difference_names_layer_and_culprit(files: dict[str, Path], tmp_path: Path) -> None:
    path = written(tmp_path, "onnx", with_statistics(), "other")
    found = against(files["onnx"], path, of_drawn())
    assert not found.passed
    assert found.explanation[0].startswith("the first layer that differs is ")
    assert "mean and std are missing" in found.explanation[1]
    worst = np.abs(found.agreement.logit_error)
    assert worst > found.agreement.logit_limit
    assert json.loads(json.dumps(found.to_json()))["passed"] is False


def test_other_classes_and_other_sizes_are_refused(files: dict[str, Path], tmp_path: Path) -> None:
    three = tmp_path / "three.safetensors"
    write_weights(three, Weights(build_network("lenet5", SIZE, 3, seed=1)))
    with pytest.raises(InputError, match=r"has 4 classes, and .* has 3"):
        against(files["onnx"], three)
    large = tmp_path / "large.safetensors"
    write_weights(large, Weights(build_network("lenet5", (3, 16, 16), 4, seed=1)))
    with pytest.raises(InputError, match="takes images of"):
        against(files["onnx"], large)


def test_the_command_compares_and_exits_with_the_verdict(
    files: dict[str, Path], tmp_path: Path, cli: Callable[..., Any]
) -> None:
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for index, image in enumerate(drawn_images(SIZE, 6)):
        Image.fromarray(image.transpose(1, 2, 0)).save(pictures / f"{index}.png")
    same = ["verify", files["c"], "--against", files["onnx"], "--data", pictures]
    result = cli(*same, "--json")
    assert result.exit_code == 0, result.stderr
    (comparison,) = json.loads(result.stdout)["comparisons"]
    assert (comparison["data"], comparison["agreement"]["images"]) == ("unlabelled pictures", 6)
    result = cli("verify", files["onnx"], "--weights", files["weights"], "--data", pictures)
    assert result.exit_code == 0, result.stderr
    assert "6 of 6 unlabelled pictures get the same label" in result.stdout
    assert "accuracy 1" not in result.stdout
    wrong = tmp_path / "wrong.safetensors"
    write_weights(wrong, Weights(build_network("lenet5", SIZE, 4, seed=2), WEIGHTS.metadata))
    result = cli("verify", wrong, "--against", files["onnx"], "--data", pictures)
    assert result.exit_code == 1
    assert "none of the usual mistakes explains the difference" in result.stdout
    assert "the first layer that differs is Conv" in result.stdout


def test_the_gate_says_why_it_refuses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from cnnkit.errors import VerdictError
    from cnnkit.formats import registry
    from cnnkit.graph.normalisation import take_off

    form = FORMATS["onnx"]

    def without_statistics(given: Weights, options: Options) -> dict[str, bytes]:
        plain = take_off(given.graph)[1]
        return dict(form.write(replace(given, graph=plain, metadata=WEIGHTS.metadata), options))

    monkeypatch.setitem(registry.FORMATS, "onnx", replace(form, write=without_statistics))
    with pytest.raises(VerdictError, match="mean and std are missing"):
        export(with_statistics(), "onnx", tmp_path / "net.onnx", Options(of_drawn()))


def test_without_labels_the_card_claims_no_accuracy(tmp_path: Path) -> None:
    export(WEIGHTS, "onnx", tmp_path / "net.onnx", Options(of_drawn()))
    text = (tmp_path / "net.onnx.md").read_text()
    assert "on 20 random images, which have no labels" in text
    assert "20 of 20 random images (seed 13) get the same label" in text
    assert "against the graph in float64" in text
    assert '"metrics"' not in text
    assert "100.00%" not in text


def test_a_network_whose_logits_hardly_depend_on_images_is_said_to(tmp_path: Path) -> None:
    usual = export(WEIGHTS, "onnx", tmp_path / "net.onnx", Options(of_drawn()))
    faint = {name: a * np.float32(1e-6) for name, a in GRAPH.tensors.items() if a.ndim == 4}
    weights = replace(WEIGHTS, graph=replace(GRAPH, tensors={**GRAPH.tensors, **faint}))
    report = export(weights, "onnx", tmp_path / "faint.onnx", Options(of_drawn()))
    assert HARDLY in report.unchecked
    assert HARDLY not in usual.unchecked


def test_two_models_whose_logits_hardly_depend_on_images_are_said_to(
    cli: Callable[..., Any], tmp_path: Path
) -> None:
    faint = {name: a * np.float32(1e-6) for name, a in GRAPH.tensors.items() if a.ndim == 4}
    weights = replace(WEIGHTS, graph=replace(GRAPH, tensors={**GRAPH.tensors, **faint}))
    for name, each in (("net", WEIGHTS), ("faint", weights)):
        write_weights(tmp_path / f"{name}.safetensors", each)
    usual, untrained = tmp_path / "net.safetensors", tmp_path / "faint.safetensors"
    assert against(usual, usual).unchecked == ()
    assert against(untrained, untrained).unchecked == (HARDLY,)
    said = cli("verify", untrained, "--against", untrained)
    assert said.exit_code == 0
    assert "its logits hardly depend on these images" in said.stderr
