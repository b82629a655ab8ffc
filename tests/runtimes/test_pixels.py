"""Pixels are taken in the type and the range that a file states, and never scaled on a guess."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

import cnnkit
from cnnkit.errors import InputError
from cnnkit.formats.onnx.reader import REMEDY

Steps = list[tuple[str, list[str], dict[str, Any]]]
RANDOM = np.random.default_rng(0)
RAW = RANDOM.integers(0, 256, (5, 3, 8, 8), np.uint8)
FLOAT = {"to": TensorProto.FLOAT}
TENSORS: dict[str, NDArray[Any]] = {
    "w": RANDOM.uniform(-0.3, 0.3, (4, 3, 3, 3)).astype("f4"),
    "v": RANDOM.uniform(-0.3, 0.3, (3, 64)).astype("f4"),
    "k": np.float32(255), "mean": np.float32([0.4, 0.5, 0.6]).reshape(3, 1, 1),
    "std": np.float32([0.2, 0.3, 0.4]).reshape(1, 3, 1, 1),
}  # fmt: skip


def write(path: Path, dtype: str, steps: Steps) -> Path:
    """Write a stack with these steps before it, each an operator and its other input."""
    nodes, value = [], "x"
    for index, (operator, inputs, attributes) in enumerate(steps):
        nodes.append(helper.make_node(operator, [value, *inputs], [f"s{index}"], **attributes))
        value = f"s{index}"
    nodes += [
        helper.make_node("Conv", [value, "w"], ["c"], pads=[1] * 4),
        helper.make_node("Relu", ["c"], ["r"]),
        helper.make_node("MaxPool", ["r"], ["p"], kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("Flatten", ["p"], ["f"]),
        helper.make_node("Gemm", ["f", "v"], ["y"], transB=1),
    ]
    used = {name for node in nodes for name in node.input}
    type = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", type, ["N", 3, 8, 8])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(array, n) for n, array in TENSORS.items() if n in used],
    )
    opsets = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), path)
    return path


def onnx_runtime(path: Path, images: NDArray[Any]) -> NDArray[np.float32]:
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    outputs: NDArray[np.float32] = session.run(None, {"x": images})[0]
    return outputs


def check(path: Path, images: NDArray[Any], given: NDArray[Any] | None = None) -> None:
    """Compare with ONNX Runtime, which is given `images`, what cnnkit makes of `given`."""
    expected = onnx_runtime(path, images)
    found = cnnkit.load(path)(images if given is None else given).logits
    scale = max(1.0, float(np.abs(expected).max()))
    np.testing.assert_allclose(found, expected, rtol=0, atol=2e-5 * scale)


FILES: dict[str, tuple[str, Steps]] = {
    "bytes, scaled": ("uint8", [("Cast", [], FLOAT), ("Div", ["k"], {})]),
    "bytes as they are": ("uint8", [("Cast", [], FLOAT)]),
    "int32 as they are": ("int32", [("Cast", [], FLOAT)]),
    "int64, scaled": ("int64", [("Cast", [], FLOAT), ("Div", ["k"], {})]),
    "float, from 0 to 1": ("float32", []),
    "float, from 0 to 255": ("float32", [("Div", ["k"], {})]),
    "float, normalised inside": ("float32", [("Sub", ["mean"], {}), ("Div", ["std"], {})]),
    "double": ("float64", [("Cast", [], FLOAT)]),
    "half": ("float16", [("Cast", [], FLOAT)]),
}


@pytest.mark.parametrize("what", FILES)
def test_a_file_is_given_what_it_takes(what: str, tmp_path: Path) -> None:
    dtype, steps = FILES[what]
    path = write(tmp_path / "a.onnx", dtype, steps)
    check(path, RAW.astype(dtype))
    if dtype.startswith("float"):
        check(path, RANDOM.normal(size=RAW.shape).astype(dtype))


@pytest.mark.parametrize("what", ["bytes as they are", "int32 as they are", "int64, scaled"])
def test_bytes_are_any_integers_and_floats_are_not(what: str, tmp_path: Path) -> None:
    dtype, steps = FILES[what]
    path = write(tmp_path / "a.onnx", dtype, steps)
    check(path, RAW.astype(dtype), RAW)
    with pytest.raises(InputError, match=f"images: is float32, and the file takes {dtype}"):
        cnnkit.load(path)(RAW.astype(np.float32))


@pytest.mark.parametrize("what", ["float, from 0 to 1", "float, normalised inside", "double"])
def test_bytes_are_not_scaled_on_a_guess(what: str, tmp_path: Path) -> None:
    dtype, steps = FILES[what]
    path = write(tmp_path / "a.onnx", dtype, steps)
    with pytest.raises(InputError, match=r"without saying how pixels are scaled.*scale=1/255"):
        cnnkit.load(path)(RAW)
    for options, images in (
        ({"scale": 1 / 255}, RAW / 255),
        ({"scale": 1.0}, RAW * 1.0),
        ({"mean": 0.1307, "std": 0.3081}, (RAW / 255 - 0.1307) / 0.3081),
        (
            {"mean": [0.4, 0.5, 0.6], "std": (0.2, 0.3, 0.4)},
            (RAW / 255 - TENSORS["mean"]) / TENSORS["std"],
        ),
    ):
        expected = onnx_runtime(path, images.astype(dtype))
        model = cnnkit.load(path, **options)  # type: ignore[call-overload]
        scale = max(1.0, float(np.abs(expected).max()))
        np.testing.assert_allclose(model(RAW).logits, expected, rtol=0, atol=2e-5 * scale)
        again = model(images.astype(dtype)).logits  # floating point is passed as it is
        np.testing.assert_allclose(again, expected, rtol=0, atol=2e-5 * scale)


def test_bytes_that_the_file_scales_itself_are_taken(tmp_path: Path) -> None:
    path = write(tmp_path / "a.onnx", *FILES["float, from 0 to 255"])
    check(path, RAW.astype(np.float32), RAW)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"scale": 0}, "scale=0: .*other than 0"),
        ({"scale": float("nan")}, "scale=nan: "),
        ({"std": [1.0, 0.0, 1.0]}, "std="),
        ({"mean": [1.0, 2.0]}, r"mean=.*or 3, one for each channel"),
    ],
)
def test_numbers_that_do_not_fit_are_refused(
    options: dict[str, Any], reason: str, tmp_path: Path
) -> None:
    path = write(tmp_path / "a.onnx", "float32", [])
    with pytest.raises(InputError, match=reason):
        cnnkit.load(path, **options)


def test_a_file_that_says_how_it_scales_takes_no_other_numbers(
    artefacts: dict[str, Path], tmp_path: Path
) -> None:
    for path in (artefacts["onnx"], write(tmp_path / "a.onnx", *FILES["int64, scaled"])):
        with pytest.raises(InputError, match="says itself how pixels are scaled"):
            cnnkit.load(path, scale=1 / 255)


@pytest.mark.parametrize("value", [-0.01, 1.01, 255, np.nan, np.inf])
def test_own_files_take_floats_from_0_to_1_only(
    value: float, artefacts: dict[str, Path], weights_file: Path
) -> None:
    images = np.full((2, 1, 28, 28), 0.5, np.float32)
    images[1, 0, 3, 4] = value
    for path in (artefacts["onnx"], weights_file):
        with pytest.raises(InputError, match=r"images: (hold NaN|are float32 from .* not from 0)"):
            cnnkit.load(path)(images)


def test_a_refused_file_runs_in_onnx_runtime_as_the_error_says(tmp_path: Path) -> None:
    path = write(tmp_path / "a.onnx", "float32", [("Sin", [], {})])
    with pytest.raises(InputError, match="node Sin") as refusal:
        cnnkit.load(path)
    assert "onnxruntime.InferenceSession" in REMEDY
    assert REMEDY in str(refusal.value)
    assert onnx_runtime(path, RAW.astype(np.float32)).shape == (5, 3)


def test_a_stack_of_others_runs_in_the_own_engine_only(tmp_path: Path) -> None:
    path = write(tmp_path / "a.onnx", *FILES["bytes, scaled"])
    with pytest.raises(InputError, match=r"another tool's file.*Load it without runtime="):
        cnnkit.load(path, runtime="onnxruntime")
    check(path, RAW)


def test_tensors_that_numpy_cannot_read_are_refused_plainly(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    model = cnnkit.load(write(tmp_path / "net.onnx", "float32", []))
    pixels = torch.rand(2, 3, 8, 8)
    for images in (pixels.bfloat16(), pixels.to("meta"), pixels.clone().requires_grad_()):
        with pytest.raises(InputError, match="are not an array"):
            model(images)
    remedied = pixels.requires_grad_().detach().cpu().float().numpy()
    np.testing.assert_array_equal(model(remedied).logits, model(pixels.detach()).logits)
