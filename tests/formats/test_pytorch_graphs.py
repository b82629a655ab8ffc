"""TorchScript and pt2 hold any network, with the contract; what is no mathematics is refused."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from support.corruptions import edit_archive
from support.graph_cases import inverted_residual, multiplier_and_groups, padded_pools

from cnnkit.errors import InputError
from cnnkit.evaluation.proof import drawn
from cnnkit.formats.options import Options
from cnnkit.formats.pytorch.archive import deprecation_known, pack
from cnnkit.formats.pytorch.pure import impure_code
from cnnkit.formats.registry import FORMATS
from cnnkit.graph.architecture import Architecture, Block
from cnnkit.graph.classifier import as_classifier
from cnnkit.graph.convnet import INPUT, LOGITS
from cnnkit.graph.graph import Graph
from cnnkit.graph.normalisation import normalise
from cnnkit.graph.preprocessing import Preprocessing
from cnnkit.graph.reference import evaluate
from cnnkit.graph.weights import Weights
from cnnkit.runtimes.loader import load, open_model

CODE = "archive/code/__torch__.py"
PROGRAM = "archive/models/model.json"


def classifier(graph: Graph) -> Weights:
    size = next(iter(graph.inputs.values())).shape[1:]
    record = Preprocessing.of(tuple(map(int, size)))  # type: ignore[arg-type]
    return Weights(
        as_classifier(Graph(graph.inputs, graph.nodes, graph.outputs[:1], graph.tensors), record)
    )


def normalised() -> Weights:
    architecture = Architecture((3, 9, 8), (Block(4),), 3)
    plain = Weights.of(architecture, architecture.initial_parameters(1)).graph
    mean, std = (0.5, 0.4, 0.3), (0.2, 0.3, 0.4)
    record = replace(Preprocessing.of((3, 9, 8)), mean=mean, std=std)
    return Weights(normalise(plain, mean, std), {"preprocessing": record.to_json(True)})


# Each is written by a process of its own.
CASES: dict[str, tuple[Callable[[], Weights], str, str]] = {
    "residual": (lambda: classifier(inverted_residual()), "torchscript", "uint8-nhwc"),
    "pools": (lambda: classifier(padded_pools()), "torchscript", "uint8"),
    "groups": (lambda: classifier(multiplier_and_groups()), "pt2", "uint8"),
    "normalised": (normalised, "pt2", "float32"),
}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder, made = tmp_path_factory.mktemp("graphs"), {}
    for name, (make, form, input) in CASES.items():
        weights = make()
        made[name] = folder / f"{name}{FORMATS[form].suffix}"
        (content,) = FORMATS[form].write(weights, Options(drawn(weights), input)).values()
        made[name].write_bytes(content)
    return made


@pytest.mark.parametrize("name", CASES)
def test_an_archive_holds_the_network_and_computes_it(name: str, files: dict[str, Path]) -> None:
    weights, model = CASES[name][0](), load(files[name])
    images = drawn(weights).test.images[:7]
    expected = evaluate(weights.graph, {INPUT: images}, [LOGITS])[LOGITS]
    assert model.weights_sha256 == weights.sha256
    for count in (1, 7):
        found = model(images[:count])
        np.testing.assert_allclose(found.logits, expected[:count], atol=1e-5)
        assert found.label.tolist() == expected[:count].argmax(1).tolist()


@pytest.mark.parametrize("name", ["residual", "groups"])
def test_its_program_is_compared_part_by_part(name: str, files: dict[str, Path]) -> None:
    make, form, _ = CASES[name]
    weights, model = make(), open_model(files[name])
    about = {"metadata": model.metadata, "weights_sha256": model.weights_sha256}
    (check,) = FORMATS[form].check_content(files[name], about, weights, drawn(weights))
    assert check.passed, check.found


def test_other_code_in_a_script_is_seen(files: dict[str, Path], tmp_path: Path) -> None:
    make, form, _ = CASES["pools"]
    with zipfile.ZipFile(files["pools"]) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    name = next(n for n in parts if n.endswith(".py") and b"torch.relu" in parts[n])
    changed = {**parts, name: parts[name].replace(b"torch.relu", b"torch.tanh", 1)}
    path = tmp_path / "net.pt"
    path.write_bytes(pack(changed))
    about = {"metadata": open_model(path).metadata}
    (check,) = FORMATS[form].check_content(path, about, make(), drawn(make()))
    assert (check.passed, check.found) == (False, f"{name} is another")


@pytest.mark.parametrize(
    ("line", "danger"),
    [
        ('    torch.save(image, "x")\n', "the call torch.save"),
        ('    ops.aten.from_file("x")\n', "the call ops.aten.from_file"),
        ("    ops.aten.relu.forward(image)\n", "the call ops.aten.relu.forward"),
        ("    import os\n", "a Import in its code"),
        ("    while True:\n      pass\n", "a While in its code"),
    ],
)
def test_code_that_is_no_mathematics_never_runs(
    line: str, danger: str, files: dict[str, Path], tmp_path: Path
) -> None:
    path = tmp_path / "net.pt"
    first = b"    image: Tensor) -> __torch__.Prediction:\n"
    edit = edit_archive(CODE, lambda code: code.replace(first, first + line.encode()))
    path.write_bytes(edit(files["pools"].read_bytes()))
    with pytest.raises(InputError, match="could run code when it is loaded") as caught:
        load(path)
    assert danger in str(caught.value)


def test_a_program_with_a_function_of_others_never_runs(
    files: dict[str, Path], tmp_path: Path
) -> None:
    def edit(content: bytes) -> bytes:
        program = json.loads(content)
        program["graph_module"]["graph"]["nodes"][3]["target"] = "torch.ops.aten.from_file.default"
        return json.dumps(program).encode()

    path = tmp_path / "net.pt2"
    path.write_bytes(edit_archive(PROGRAM, edit)(files["groups"].read_bytes()))
    with pytest.raises(InputError, match=r"the function torch\.ops\.aten\.from_file"):
        load(path)


def test_any_pytorch_finds_named_outputs_and_refuses_other_pixels(files: dict[str, Path]) -> None:
    with deprecation_known():
        module = torch.jit.load(files["pools"])
    found = module(torch.zeros(3, 3, 10, 12, dtype=torch.uint8))
    assert found._fields == ("logits", "probabilities", "label")
    with pytest.raises(torch.jit.Error, match="image must be uint8"):
        module(torch.zeros(3, 3, 10, 12))


def test_mathematics_is_told_from_other_code() -> None:
    assert impure_code("x = torch.relu(torch.add(a, b))\n") == ""
    assert impure_code("x = open(a)\n") == "the call open"
    assert impure_code("x = (") == "code that cannot be read"
