"""Commands take ONNX files of others, and ours with weights in a second file."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnx
import pytest
from PIL import Image

from cnnkit.data.dataset import Dataset


def save(model: onnx.ModelProto, path: Path, **options: Any) -> Path:
    onnx.save(model, path, **options)
    return path


@pytest.fixture
def other(artefacts: dict[str, Path], tmp_path: Path) -> Path:
    """The exported network as another tool would write it."""
    model = onnx.load(artefacts["onnx"])
    del model.metadata_props[:]
    return save(model, tmp_path / "other.onnx")


def test_eval_takes_a_stack_of_others_with_data(
    other: Path, artefacts: dict[str, Path], small_data: Path, cli: Callable[..., Any]
) -> None:
    refused = cli("eval", other)
    assert refused.exit_code == 2
    assert "does not say what data it was trained for. Name the folder of its data with --data" in (
        refused.stderr.replace("\n", " ")
    )
    found = [
        cli("eval", path, "--data", small_data, "--json") for path in (other, artefacts["onnx"])
    ]
    results = [json.loads(result.stdout) for result in found]
    assert results[0]["runtime"].startswith("cnnkit ")
    assert results[1]["runtime"].startswith("onnxruntime ")
    assert results[0]["accuracy"] == results[1]["accuracy"]
    assert results[0]["confusion"] == results[1]["confusion"]


def test_predict_takes_a_stack_of_others(
    other: Path, artefacts: dict[str, Path], mnist: Dataset, tmp_path: Path, cli: Callable[..., Any]
) -> None:
    picture = tmp_path / "a.png"
    Image.fromarray(mnist.test.images[0, 0]).save(picture)
    found = [cli("predict", path, picture, "--json") for path in (other, artefacts["onnx"])]
    names = [json.loads(result.stdout)["answers"][0]["name"] for result in found]
    assert names[0] == names[1] == "7"


def test_eval_says_how_to_run_a_file_that_does_not_state_its_scaling(
    artefacts: dict[str, Path], tmp_path: Path, small_data: Path, cli: Callable[..., Any]
) -> None:
    model = onnx.load(artefacts["onnx"])
    del model.metadata_props[:]
    scaled = model.graph.node[1].output[0]
    del model.graph.node[:2]
    model.graph.node[0].input[0] = model.graph.input[0].name
    model.graph.input[0].type.tensor_type.elem_type = onnx.TensorProto.FLOAT
    assert scaled
    result = cli("eval", save(model, tmp_path / "float.onnx"), "--data", small_data)
    assert result.exit_code == 2
    assert "cnnkit.load(path, scale=1/255)" in result.stderr.replace("\n", " ")


@pytest.mark.parametrize("verb", ["eval", "verify"])
def test_weights_in_a_second_file_are_found_beside_ours(
    verb: str, artefacts: dict[str, Path], weights_file: Path, small_data: Path, tmp_path: Path,
    cli: Callable[..., Any],
) -> None:  # fmt: skip
    options = {"save_as_external_data": True, "location": "net.data", "size_threshold": 0}
    path = save(onnx.load(artefacts["onnx"]), tmp_path / "net.onnx", **options)
    assert (tmp_path / "net.data").stat().st_size > 10_000
    arguments = ["--weights", weights_file] if verb == "verify" else []
    result = cli(verb, path, "--data", small_data, *arguments, "--json")
    found = json.loads(result.stdout)
    if verb == "eval":
        assert found["accuracy"] > 0.8
    else:
        (report,) = found["artefacts"]
        failed = {check["claim"] for check in report["checks"] if not check["passed"]}
        assert not {claim for claim in failed if "file" not in claim}
