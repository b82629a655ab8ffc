"""An ONNX export is one file with the promised contract, the same bytes always, nothing local."""

from __future__ import annotations

import getpass
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from support.in_process import in_process

from cnnkit.data.dataset import Dataset
from cnnkit.errors import InputError
from cnnkit.export.pipeline import export
from cnnkit.formats.onnx.protobuf import read_onnx
from cnnkit.formats.onnx.writer import write_onnx
from cnnkit.formats.options import Options
from cnnkit.formats.registry import FORMATS
from cnnkit.graph.architecture import Architecture, Block
from cnnkit.graph.weights import Weights

ROOT = Path(__file__).parents[2]
LOCAL = [str(ROOT), str(Path.home()), f"/{getpass.getuser()}/", sys.prefix, "/tmp", ".py"]


def session(content: bytes) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])


def test_the_file_declares_the_contract(artefacts: dict[str, Path]) -> None:
    opened = session(artefacts["onnx"].read_bytes())
    values = [(v.name, v.type, v.shape) for v in (*opened.get_inputs(), *opened.get_outputs())]
    assert values == [
        ("image", "tensor(uint8)", ["N", 1, 28, 28]),
        ("logits", "tensor(float)", ["N", 10]),
        ("probabilities", "tensor(float)", ["N", 10]),
        ("label", "tensor(int64)", ["N"]),
    ]


def test_opset_ir_version_and_weights_are_what_the_file_says(artefacts: dict[str, Path]) -> None:
    model = onnx.load(artefacts["onnx"], load_external_data=False)
    assert model.ir_version == 8
    assert [(opset.domain, opset.version) for opset in model.opset_import] == [("", 17)]
    assert all(not tensor.external_data for tensor in model.graph.initializer)
    assert {node.domain for node in model.graph.node} == {""}
    assert not model.graph.value_info
    assert not model.doc_string + model.graph.doc_string
    assert all(not node.doc_string and not node.metadata_props for node in model.graph.node)


def test_our_reader_sees_what_the_onnx_package_sees(artefacts: dict[str, Path]) -> None:
    ours, theirs = read_onnx(artefacts["onnx"]), onnx.load(artefacts["onnx"])
    assert ours.ir_version == theirs.ir_version
    assert ours.opsets == {opset.domain: opset.version for opset in theirs.opset_import}
    assert ours.metadata == {pair.key: pair.value for pair in theirs.metadata_props}
    assert list(ours.operators) == [node.op_type for node in theirs.graph.node]
    for tensor in theirs.graph.initializer:
        np.testing.assert_array_equal(
            ours.tensors[tensor.name], onnx.numpy_helper.to_array(tensor), strict=True
        )
    assert not ours.external
    assert not ours.notes


def test_every_metadata_value_is_json(artefacts: dict[str, Path], trained: Weights) -> None:
    texts = session(artefacts["onnx"].read_bytes()).get_modelmeta().custom_metadata_map
    values = {key: json.loads(text) for key, text in texts.items()}
    assert values["names"] == list("0123456789")
    assert (values["task"], values["imgsz"], values["channels"]) == ("classify", [28, 28], 1)
    assert values["cnnkit.weights_sha256"] == trained.sha256
    assert values["cnnkit.test_accuracy"] == trained.metadata["test_accuracy"]
    assert values["cnnkit.preprocessing"]["scaled_inside"] is True
    assert "license" not in values


def test_a_licence_is_carried_if_the_weights_have_one(trained: Weights, few: Dataset) -> None:
    licensed = replace(trained, metadata={**trained.metadata, "license": "CC0-1.0"})
    model = onnx.load_from_string(write_onnx(licensed, Options(few))[".onnx"])
    assert {p.key: p.value for p in model.metadata_props}["license"] == '"CC0-1.0"'


def test_the_same_weights_give_the_same_bytes_anywhere(
    artefacts: dict[str, Path],
    weights_file: Path,
    trained: Weights,
    few: Dataset,
    tmp_path: Path,
) -> None:
    program = (
        "import sys; from pathlib import Path; from cnnkit.formats.onnx.writer import write_onnx;"
        "from cnnkit.formats.checkpoint import read_weights; from cnnkit.data import load_dataset;"
        "from cnnkit.formats.options import Options; options = Options(load_dataset('mnist'));"
        "files = write_onnx(read_weights(Path(sys.argv[1])), options);"
        "sys.stdout.buffer.write(files['.onnx'])"
    )
    elsewhere = subprocess.run(
        [sys.executable, "-c", program, weights_file],
        cwd=tmp_path,
        env={**os.environ, "PYTHONHASHSEED": "7"},
        capture_output=True,
        check=True,
    )
    here = write_onnx(trained, Options(few))[".onnx"]
    assert artefacts["onnx"].read_bytes() == here == elsewhere.stdout


def test_nothing_local_is_in_the_file(artefacts: dict[str, Path]) -> None:
    content = artefacts["onnx"].read_bytes()
    for text in LOCAL:
        assert text.encode() not in content, text


@pytest.mark.parametrize(
    "architecture",
    [
        Architecture(),
        Architecture((3, 32, 32), (Block(8, 5, 2, 3), Block(6), Block(5, 1, 0, 1)), 7),
        Architecture((1, 9, 12), (), 2),
    ],
    ids=["published", "three blocks", "no block"],
)
def test_every_member_of_the_family_is_exported_and_verified(
    monkeypatch: pytest.MonkeyPatch, architecture: Architecture, mnist: Dataset, tmp_path: Path
) -> None:
    in_process(monkeypatch, "isolated")
    weights = Weights.of(architecture, architecture.initial_parameters(3))
    generator = np.random.default_rng(0)
    shape = (200, *architecture.input)
    images = generator.integers(0, 256, shape, dtype=np.uint8)
    labels = generator.integers(0, architecture.classes, 200)
    test = replace(mnist.test, images=images, labels=labels)
    options = Options(replace(mnist, test=test))
    report = export(weights, "onnx", tmp_path / "net.onnx", options)
    assert report.passed
    assert report.batches == (1, 2, 7, 64, 200)


@pytest.mark.parametrize("count", [0, 1, 2, 7, 64])
def test_the_batch_axis_is_free(artefacts: dict[str, Path], mnist: Dataset, count: int) -> None:
    answers = session(artefacts["onnx"].read_bytes()).run(
        None, {"image": mnist.test.images[:count]}
    )
    assert [answer.shape for answer in answers] == [(count, 10), (count, 10), (count,)]


def test_the_graph_agrees_with_pytorchs_own_exporter(
    artefacts: dict[str, Path], trained: Weights, mnist: Dataset
) -> None:
    from cnnkit.formats.pytorch.export_process import Classifier

    program = torch.onnx.export(
        Classifier(trained.graph).eval(),
        (torch.zeros((2, 1, 28, 28), dtype=torch.uint8),),
        dynamo=True,
        dynamic_shapes={"image": {0: torch.export.Dim("N")}},
        verbose=False,
    )
    assert program is not None
    theirs = session(program.model_proto.SerializeToString())
    name = theirs.get_inputs()[0].name
    images = mnist.test.images[:2000]
    expected = theirs.run(None, {name: images})
    answers = session(artefacts["onnx"].read_bytes()).run(None, {"image": images})
    np.testing.assert_allclose(answers[0], expected[0], rtol=0, atol=1e-4)
    np.testing.assert_allclose(answers[1], expected[1], rtol=0, atol=1e-5)
    np.testing.assert_array_equal(answers[2], expected[2])


def test_an_unknown_format_lists_the_known_ones(
    trained: Weights, few: Dataset, tmp_path: Path
) -> None:
    with pytest.raises(
        InputError, match="Choose one of c, c-int8, onnx, onnx-fused, onnx-int8, pt2, torchscript"
    ):
        export(trained, "tflite", tmp_path / "a", Options(few))
    assert {"c", "onnx", "pt2", "torchscript"} <= set(FORMATS)
