"""What a person may choose at export: input type, opset; and the card that tells of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from support.in_process import in_process

from cnnkit.data.dataset import Dataset
from cnnkit.errors import InputError, StorageError, VerdictError
from cnnkit.export.pipeline import export
from cnnkit.formats.onnx.writer import write_onnx
from cnnkit.formats.options import Options
from cnnkit.formats.registry import FORMATS
from cnnkit.graph.weights import Weights
from cnnkit.runtimes.loader import open_model
from cnnkit.system.files import replacing_together, sha256


def test_a_float32_input_takes_scaled_pixels(
    monkeypatch: pytest.MonkeyPatch, trained: Weights, few: Dataset, tmp_path: Path
) -> None:
    in_process(monkeypatch, "isolated")
    path = tmp_path / "net.onnx"
    assert export(trained, "onnx", path, Options(few, input="float32")).passed
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    assert session.get_inputs()[0].type == "tensor(float)"
    images = few.test.images[:20]
    scaled = images.astype(np.float32) / 255
    (logits,) = session.run(["logits"], {"image": scaled})
    np.testing.assert_allclose(logits, open_model(path)(images).logits, rtol=0, atol=1e-4)
    stated = open_model(path).metadata["cnnkit.preprocessing"]
    assert (stated["range"], stated["scaled_inside"]) == ([0, 1], False)
    assert "divided by 255" in (tmp_path / "net.onnx.md").read_text()


@pytest.mark.parametrize("name", ["torchscript", "pt2"])
def test_every_torch_format_can_take_float32(
    artefacts: dict[str, Path], trained: Weights, few: Dataset, tmp_path: Path, name: str
) -> None:
    options = Options(few, input="float32")
    (tmp_path / "net").write_bytes(next(iter(FORMATS[name].write(trained, options).values())))
    images = few.test.images[:50]
    np.testing.assert_allclose(
        open_model(tmp_path / "net")(images).logits,
        open_model(artefacts[name])(images).logits,
        rtol=0,
        atol=1e-4,
    )


@pytest.mark.parametrize(("opset", "ir_version"), [(9, 4), (13, 7), (17, 8), (18, 8), (21, 10)])
def test_an_opset_comes_with_the_lowest_ir_version_that_it_allows(
    trained: Weights, few: Dataset, opset: int, ir_version: int
) -> None:
    content = write_onnx(trained, Options(few, opset=opset))[".onnx"]
    model = onnx.load_from_string(content)
    assert (model.opset_import[0].version, model.ir_version) == (opset, ir_version)
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    assert session.run(["label"], {"image": few.test.images[:3]})[0].shape == (3,)


@pytest.mark.parametrize("opset", [-1, 0, 8, 999])
def test_an_opset_that_cannot_be_is_refused(trained: Weights, few: Dataset, opset: int) -> None:
    with pytest.raises(InputError, match=rf"--opset {opset}: .* Choose one from 9 to"):
        write_onnx(trained, Options(few, opset=opset))


def test_an_option_that_means_nothing_to_the_format_is_refused(
    cli: Callable[..., Any], weights_file: Path, tmp_path: Path
) -> None:
    result = cli(
        *("export", weights_file, "--format", "pt2", "--opset", "17"),
        *("-o", tmp_path / "a"),
    )
    assert result.exit_code == 2
    assert "--opset: has no effect on the format pt2" in result.stderr
    result = cli("export", weights_file, "--max-drop", "2", "-o", tmp_path / "a")
    assert (result.exit_code, list(tmp_path.iterdir())) == (2, [])
    assert "--max-drop: has no effect on the format onnx. Leave it out" in result.stderr
    result = cli("export", weights_file, "--input", "int4", "-o", tmp_path / "a")
    assert result.exit_code == 2
    assert "Use one of uint8, float32" in result.stderr


def test_a_file_that_its_runtime_refuses_is_not_kept(
    monkeypatch: pytest.MonkeyPatch, trained: Weights, few: Dataset, tmp_path: Path
) -> None:
    model = onnx.load_from_string(write_onnx(trained, Options(few))[".onnx"])
    model.opset_import[0].version = 999
    content = {".onnx": model.SerializeToString()}
    form = replace(FORMATS["onnx"], write=lambda *_: content)
    monkeypatch.setitem(FORMATS, "onnx", form)
    with pytest.raises(VerdictError, match="was not kept: it is refused by ONNX Runtime"):
        export(trained, "onnx", tmp_path / "net.onnx", Options(few))
    assert list(tmp_path.iterdir()) == []


def test_the_card_is_markdown_with_front_matter_and_the_same_each_time(
    monkeypatch: pytest.MonkeyPatch, trained: Weights, few: Dataset, tmp_path: Path
) -> None:
    in_process(monkeypatch, "isolated")
    path = tmp_path / "mnist.onnx"
    report = export(trained, "onnx", path, Options(few))
    card = (tmp_path / "mnist.onnx.md").read_text()
    _, front, body = card.split("---\n", 2)
    values = {
        key: json.loads(value) for key, value in (x.split(": ", 1) for x in front.splitlines())
    }
    assert values["pipeline_tag"] == "image-classification"
    metric = values["model-index"][0]["results"][0]["metrics"][0]
    assert report.agreement is not None
    assert metric == {"type": "accuracy", "value": report.agreement.accuracy}
    for text in (
        "2,710 parameters",
        sha256(path.read_bytes()),
        f"{path.stat().st_size:,}",
        "uint8[N,1,28,28]",
        "learning_rate 0.0001",
        "every label is the reference's: 0 of 500 differ",
        "Not checked",
    ):
        assert text in body
    assert str(tmp_path) not in card
    export(trained, "onnx", path, Options(few))
    assert (tmp_path / "mnist.onnx.md").read_text() == card


@pytest.fixture
def twins(monkeypatch: pytest.MonkeyPatch) -> None:
    """A format of two files, whose second one is a copy of the first."""

    def write(weights: Weights, options: Options) -> dict[str, bytes]:
        content = write_onnx(weights, options)[".onnx"]
        return {".onnx": content, ".twin": content + options.stem.encode()}

    row = replace(FORMATS["onnx"], name="twins", write=write)
    monkeypatch.setitem(FORMATS, "twins", row)


@pytest.mark.usefixtures("twins")
def test_a_format_may_have_several_files_which_are_kept_together(
    monkeypatch: pytest.MonkeyPatch, trained: Weights, few: Dataset, tmp_path: Path
) -> None:
    in_process(monkeypatch, "isolated")
    export(trained, "twins", tmp_path / "net.onnx", Options(few))
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "net.onnx",
        "net.onnx.md",
        "net.twin",
    ]
    assert (tmp_path / "net.twin").read_bytes().endswith(b"net")
    assert "| net.twin |" in (tmp_path / "net.onnx.md").read_text()


@pytest.mark.usefixtures("twins")
def test_if_one_of_several_files_cannot_be_written_all_are_as_before(
    monkeypatch: pytest.MonkeyPatch, trained: Weights, few: Dataset, tmp_path: Path
) -> None:
    in_process(monkeypatch, "isolated")
    (tmp_path / "net.onnx").write_bytes(b"older")
    (tmp_path / "net.twin").mkdir()  # in the way of the last file
    with pytest.raises(StorageError, match=r"net.onnx: cannot be written"):
        export(trained, "twins", tmp_path / "net.onnx", Options(few))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["net.onnx", "net.twin"]
    assert (tmp_path / "net.onnx").read_bytes() == b"older"


def test_nothing_is_left_of_files_that_were_not_finished(tmp_path: Path) -> None:
    def break_off() -> None:
        with replacing_together(tmp_path / "a") as beside:
            (beside / "a").write_bytes(b"half")
            raise KeyError

    with pytest.raises(KeyError):
        break_off()
    assert list(tmp_path.iterdir()) == []
