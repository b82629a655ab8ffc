"""An ONNX file of others that prepares its own pixels goes out, and its record says how."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import helper, numpy_helper
from support.in_process import in_process

from cnnkit.data.drawn import drawn_images
from cnnkit.errors import InputError
from cnnkit.export import export
from cnnkit.formats.detect import read_contract
from cnnkit.formats.onnx.reader import read_graph
from cnnkit.graph.convnet import INPUT, LOGITS
from cnnkit.graph.reference import evaluate
from cnnkit.models.read import read_model

SIZE = (3, 8, 6)
IMAGES = drawn_images(SIZE, 20)
UINT8, FLOAT = 2, 1
Step = tuple[str, Any]


def row(*numbers: float) -> Any:
    return np.array(numbers, np.float32).reshape(-1, 1, 1)


def number(value: float) -> Any:
    return np.float32(value)


def file_with(path: Path, steps: list[Step], kind: int = UINT8, nan: bool = False) -> Path:
    """Write steps on the pixels, Conv, BatchNormalization, ReLU, mean and Gemm."""
    random = np.random.default_rng(0)
    tensors = {
        "w": random.normal(size=(4, 3, 3, 3)),
        "f": random.normal(size=(5, 4)),
        **{name: np.ones(4) for name in "abcd"},
    }
    if nan:
        tensors["c"] = tensors["c"] * np.nan
    constants = {name: np.asarray(array, np.float32) for name, array in tensors.items()}
    nodes, value = [], "x"
    if kind == UINT8:
        nodes, value = [helper.make_node("Cast", ["x"], ["float"], to=FLOAT)], "float"
    for at, (operator, constant) in enumerate(steps):
        constants[f"constant{at}"] = np.asarray(constant, np.float32)
        nodes.append(helper.make_node(operator, [value, f"constant{at}"], [f"pixels{at}"]))
        value = f"pixels{at}"
    nodes += [
        helper.make_node("Conv", [value, "w"], ["conv"]),
        helper.make_node("BatchNormalization", ["conv", *"abcd"], ["norm"]),
        helper.make_node("Relu", ["norm"], ["relu"]),
        helper.make_node("GlobalAveragePool", ["relu"], ["mean"]),
        helper.make_node("Flatten", ["mean"], ["flat"]),
        helper.make_node("Gemm", ["flat", "f"], ["scores"], transB=1),
    ]
    info = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes,
        "net",
        [info("x", kind, ["N", *SIZE])],
        [info("scores", FLOAT, ["N", 5])],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    opset = helper.make_opsetid("", 17)
    model = helper.make_model(graph, opset_imports=[opset], ir_version=8)
    path.write_bytes(model.SerializeToString())
    return path


# The steps of a file, the type of its pixels, and scale, mean and std of the record.
UNIT = number(1 / 255)
MEAN, STD = row(0.4, 0.5, 0.6), row(0.2, 0.3, 0.2)
CASES: dict[str, tuple[list[Step], int, tuple[float, Any, Any]]] = {
    "times 1/255": ([("Mul", UNIT)], UINT8, (1 / 255, 0.0, 1.0)),
    "by 255": ([("Div", number(255))], FLOAT, (1 / 255, 0.0, 1.0)),
    "from -1 to 1": ([("Div", number(127.5)), ("Sub", number(1))], UINT8, (1 / 255, 0.5, 0.5)),
    "mean and std of bytes": (
        [("Sub", row(123, 116, 103)), ("Div", row(58, 57, 57))],
        UINT8,
        (1.0, (123, 116, 103), (58, 57, 57)),
    ),
    "mean and std of shares": (
        [("Mul", UNIT), ("Sub", MEAN), ("Div", STD)],
        UINT8,
        (1 / 255, (0.4, 0.5, 0.6), (0.2, 0.3, 0.2)),
    ),
    "as they are": ([], UINT8, (1.0, 0.0, 1.0)),
}


@pytest.mark.parametrize("name", CASES)
def test_a_file_that_scales_its_pixels_has_a_record_of_that(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_process(monkeypatch, "isolated")
    steps, kind, (scale, mean, std) = CASES[name]
    source, path = file_with(tmp_path / "net.onnx", steps, kind), tmp_path / "out.onnx"
    assert export(source, path, data=IMAGES).passed
    record = read_contract(path)["cnnkit.preprocessing"]
    for key, value in (("scale", scale), ("mean", mean), ("std", std)):
        np.testing.assert_allclose(record[key], value, rtol=1e-6)
    scaled = IMAGES * record["scale"] - np.reshape(record["mean"], (-1, 1, 1))
    scaled = scaled / np.reshape(record["std"], (-1, 1, 1))
    bare = read_graph(file_with(tmp_path / "bare.onnx", [], FLOAT))
    (name,) = bare.inputs
    expected = evaluate(bare, {name: scaled.astype(np.float32)})["scores"]
    found = evaluate(read_model(path).weights.graph, {INPUT: IMAGES}, [LOGITS])[LOGITS]
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max())


def test_a_record_that_says_another_scale_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_process(monkeypatch, "isolated")
    source, path = file_with(tmp_path / "net.onnx", [("Mul", UNIT)]), tmp_path / "out.onnx"
    export(source, path, data=IMAGES)
    content = path.read_bytes()
    at = content.index(b'"std": [1.0, 1.0, 1.0]')
    path.write_bytes(content.replace(b'"std": [1.0, 1.0, 1.0]', b'"std": [1.0, 1.0, 1.1]'))
    assert at
    with pytest.raises(InputError, match="scales pixels differently from what its metadata says"):
        read_model(path)


def test_a_statistic_that_is_nan_is_refused_by_name(tmp_path: Path) -> None:
    source = file_with(tmp_path / "net.onnx", [("Mul", UNIT)], nan=True)
    with pytest.raises(InputError, match=r"holds a parameter that is not finite \(c\)"):
        read_model(source)
