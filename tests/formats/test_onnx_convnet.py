"""ONNX files of any origin run in the own engine if they are a stack of blocks; else the node that
is in the way is named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from torch import nn

import cnnkit
from cnnkit.errors import InputError, StorageError
from cnnkit.formats.onnx.reader import read_graph
from cnnkit.graph import passes
from cnnkit.graph.architecture import Block
from cnnkit.graph.operators.base import CORRECT
from cnnkit.runtimes.convnet import open_convnet

Spec = tuple[str, list[str], list[str], dict[str, Any]]
RANDOM = np.random.default_rng(0)


def drawn(*shape: int) -> NDArray[np.float32]:
    return RANDOM.uniform(-0.3, 0.3, shape).astype(np.float32)


CONSTANTS: dict[str, NDArray[Any]] = {
    "w0": drawn(4, 3, 5, 5), "b0": drawn(4), "w1": drawn(6, 4, 3, 3), "w2": drawn(7, 36),
    "w2t": drawn(36, 7), "b2": drawn(7), "flat": np.array([-1, 36]), "side": np.array([2, 18]),
    "scale": np.float32(1 / 255), "other": np.float32(0.5), "bytes": np.float32([255]),
    "w8": np.zeros((4, 3, 5, 5), np.int8), "w64": np.zeros((4, 3, 5, 5)),
    "byte": np.array(255, np.uint8),
    "h": drawn(7).astype(np.float16), "one": drawn(1), "channels": drawn(3, 1, 1),
    "first": np.array(0), "second": np.array(1), "third": np.array(2), "axis": np.array([0]),
    "ends": np.array([1]), "rest": np.array([-1]), "columns": np.array([0, 6, -1]),
    "grouped": drawn(4, 1, 3, 3), "wide": drawn(6, 4, 3, 5),
}  # fmt: skip

# 3x14x18 → [4, 7, 9] → [6, 2, 3] → 7 classes
STACK: list[Spec] = [
    ("Cast", ["x"], ["raw"], {"to": TensorProto.FLOAT}),
    ("Mul", ["raw", "scale"], ["pixels"], {}),
    ("Conv", ["pixels", "w0", "b0"], ["c0"], {"pads": [2, 2, 2, 2]}),
    ("Relu", ["c0"], ["r0"], {}),
    ("MaxPool", ["r0"], ["p0"], {"kernel_shape": [2, 2], "strides": [2, 2]}),
    ("Conv", ["p0", "w1"], ["c1"], {}),
    ("MaxPool", ["c1"], ["p1"], {"kernel_shape": [2, 2], "strides": [2, 2]}),
    ("Relu", ["p1"], ["r1"], {}),
    ("Flatten", ["r1"], ["f"], {}),
    ("Gemm", ["f", "w2", "b2"], ["y"], {"transB": 1}),
]


def write(
    path: Path,
    changes: dict[int, list[Spec]],
    size: tuple[Any, ...] = ("N", 3, 14, 18),
    dtype: int = TensorProto.UINT8,
) -> Path:
    """Write STACK with some of its nodes replaced, by their position in it.

    The linear layer takes as many features as there are then.
    """
    specs = [spec for i, old in enumerate(STACK) for spec in changes.get(i, [old])]
    used = {name for _, inputs, *_ in specs for name in inputs}
    nodes = [
        helper.make_node(operator, inputs, outputs, name=f"the {outputs[0]}", **attributes)
        for operator, inputs, outputs, attributes in specs
    ]
    last = specs[-1][2][0]
    graph = helper.make_graph(
        nodes,
        "stack",
        [helper.make_tensor_value_info("x", dtype, size)],
        [helper.make_tensor_value_info(last, TensorProto.FLOAT, None)],
        [numpy_helper.from_array(v, name) for name, v in CONSTANTS.items() if name in used],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    inferred = onnx.shape_inference.infer_shapes(model, data_prop=True).graph.value_info
    sizes = [value.type.tensor_type.shape.dim for value in inferred if value.name == "f"]
    for tensor in model.graph.initializer:
        if tensor.name == "w2" and sizes and len(sizes[0]) == 2 and sizes[0][1].dim_value:
            features = drawn(7, sizes[0][1].dim_value)
            tensor.CopyFrom(numpy_helper.from_array(features, "w2"))
    onnx.save(model, path)
    return path


def test_a_stack_is_read_block_by_block(tmp_path: Path) -> None:
    model = cnnkit.load(write(tmp_path / "a.onnx", {}))
    assert model.architecture.input == (3, 14, 18)
    assert model.architecture.blocks == (Block(4, 5, 2, 2), Block(6, 3, 0, 2))
    assert model.architecture.classes == 7
    assert model.names == list("0123456")


SAME: dict[str, dict[int, list[Spec]]] = {
    "as it stands": {},
    "a division": {1: [("Div", ["raw", "bytes"], ["pixels"], {})]},
    "the factor first": {1: [("Mul", ["scale", "raw"], ["pixels"], {})]},
    "one factor for each channel": {1: [("Mul", ["raw", "channels"], ["pixels"], {})]},
    "another factor": {1: [("Mul", ["raw", "other"], ["pixels"], {})]},
    "no factor": {1: [("Identity", ["raw"], ["pixels"], {})]},
    "a shift": {1: [("Sub", ["raw", "other"], ["pixels"], {})]},
    "taken from a number": {1: [("Sub", ["other", "raw"], ["pixels"], {})]},
    "mean and deviation": {
        1: [
            ("Div", ["raw", "bytes"], ["unit"], {}),
            ("Sub", ["unit", "channels"], ["s"], {}),
            ("Div", ["s", "other"], ["pixels"], {}),
        ]
    },
    "by way of an integer": {
        0: [
            ("Cast", ["x"], ["i"], {"to": TensorProto.INT32}),
            ("Cast", ["i"], ["raw"], {"to": TensorProto.FLOAT}),
        ]
    },
    "same padding": {
        5: [("Conv", ["p0", "w1"], ["c1"], {"auto_pad": "SAME_UPPER"})],
    },
    "same padding, the other way": {
        5: [("Conv", ["p0", "w1"], ["c1"], {"auto_pad": "SAME_LOWER"})],
    },
    "ceil_mode where nothing is rounded": {
        4: [
            ("MaxPool", ["r0"], ["p0"], {"kernel_shape": [2, 2], "strides": [2, 2], "ceil_mode": 1})
        ]
    },
    "weights from a node": {
        2: [
            ("Identity", ["w0"], ["w"], {}),
            ("Conv", ["pixels", "w", "b0"], ["c0"], {"pads": [2, 2, 2, 2]}),
        ]
    },
    "half precision in the file": {
        9: [("Cast", ["h"], ["b"], {"to": 1}), ("Gemm", ["f", "w2", "b"], ["y"], {"transB": 1})]
    },
    "a product by a number": {
        9: [("Gemm", ["f", "w2", "b2"], ["y"], {"transB": 1, "alpha": 0.5, "beta": 2.0})]
    },
    "a bias for all": {9: [("Gemm", ["f", "w2", "one"], ["y"], {"transB": 1})]},
    "flatten from the back": {8: [("Flatten", ["r1"], ["f"], {"axis": -3})]},
    "a branch that nobody takes": {
        8: [("Sigmoid", ["r1"], ["dead"], {}), ("Flatten", ["r1"], ["f"], {})]
    },
    "nodes in another order": {
        0: [("Gemm", ["f", "w2", "b2"], ["y"], {"transB": 1}), STACK[0]],
        9: [("Identity", ["y"], ["z"], {})],
    },
    "view(x.size(0), -1)": {
        8: [
            ("Shape", ["r1"], ["s"], {}),
            ("Gather", ["s", "first"], ["n"], {}),
            ("Unsqueeze", ["n", "axis"], ["n1"], {}),
            ("Concat", ["n1", "rest"], ["to"], {"axis": 0}),
            ("Reshape", ["r1", "to"], ["f"], {}),
        ]
    },
    "a shape of numbers": {
        8: [
            ("Shape", ["x"], ["s"], {"end": 1}),
            ("Shape", ["r1"], ["t"], {"start": 1}),
            ("Gather", ["t", "first"], ["i"], {}),
            ("Gather", ["t", "second"], ["j"], {}),
            ("Gather", ["t", "third"], ["l"], {}),
            ("Mul", ["i", "j"], ["a"], {}),
            ("Mul", ["a", "l"], ["k"], {}),
            ("Unsqueeze", ["k", "axis"], ["k1"], {}),
            ("Concat", ["s", "k1"], ["to"], {"axis": 0}),
            ("Reshape", ["r1", "to"], ["f"], {}),
        ]
    },
    "a slice of a shape": {
        8: [
            ("Shape", ["r1"], ["s"], {}),
            ("Slice", ["s", "axis", "ends"], ["n"], {}),
            ("Concat", ["n", "rest"], ["to"], {"axis": 0}),
            ("Reshape", ["r1", "to"], ["f"], {}),
        ]
    },
    "two reshapes": {8: [("Reshape", ["r1", "columns"], ["q"], {}), ("Flatten", ["q"], ["f"], {})]},
    "a shape in the node": {
        8: [("Constant", [], ["k"], {"value_ints": [-1, 36]}), ("Reshape", ["r1", "k"], ["f"], {})]
    },
    "a factor in the node": {
        1: [
            ("Constant", [], ["s"], {"value_float": 1 / 255}),
            ("Mul", ["raw", "s"], ["pixels"], {}),
        ]
    },
    "a factor in double precision": {
        1: [
            ("Constant", [], ["d"], {"value": helper.make_tensor("", 11, [], [1 / 255])}),
            ("Cast", ["d"], ["s"], {"to": 1}),
            ("Mul", ["raw", "s"], ["pixels"], {}),
        ]
    },
    "valid padding": {5: [("Conv", ["p0", "w1"], ["c1"], {"auto_pad": "VALID"})]},
    "no pool": {
        4: [("Identity", ["r0"], ["q"], {})],
        5: [("Conv", ["q", "w1"], ["c1"], {"kernel_shape": [3, 3], "strides": [1, 1]})],
        6: [("MaxPool", ["c1"], ["p1"], {"kernel_shape": [5, 5], "strides": [5, 5]})],
        9: [("Gemm", ["f", "w2", "b2"], ["y"], {"transB": 1})],
    },
    "a reshape": {8: [("Reshape", ["r1", "flat"], ["f"], {})]},
    "a matrix product": {9: [("MatMul", ["f", "w2t"], ["m"], {}), ("Add", ["m", "b2"], ["y"], {})]},
    "the bias first": {9: [("MatMul", ["f", "w2t"], ["m"], {}), ("Add", ["b2", "m"], ["y"], {})]},
    "no bias": {9: [("Gemm", ["f", "w2t"], ["y"], {})]},
    "no bias of a product": {9: [("MatMul", ["f", "w2t"], ["y"], {})]},
    "dropout": {8: [("Dropout", ["r1"], ["d"], {}), ("Flatten", ["d"], ["f"], {"axis": 1})]},
    "a constant node": {
        8: [
            ("Constant", [], ["k"], {"value": helper.make_tensor("", 7, [2], [0, 36])}),
            ("Reshape", ["r1", "k"], ["f"], {}),
        ]
    },
    "floats as numbers": {
        1: [
            ("Constant", [], ["s"], {"value": helper.make_tensor("", 1, [1], [1 / 255])}),
            ("Mul", ["raw", "s"], ["pixels"], {}),
        ]
    },
}


@pytest.mark.parametrize("what", SAME)
def test_the_same_network_in_other_words_answers_as_in_onnx_runtime(
    what: str, tmp_path: Path
) -> None:
    path = write(tmp_path / "a.onnx", SAME[what])
    images = RANDOM.integers(0, 256, (9, 3, 14, 18), np.uint8)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    expected = session.run(None, {"x": images})[0]
    tolerance = 2e-5 * max(1.0, float(np.abs(expected).max()))
    np.testing.assert_allclose(cnnkit.load(path)(images).logits, expected, rtol=0, atol=tolerance)


REFUSED: dict[str, tuple[dict[int, list[Spec]], str]] = {
    "stride": (
        {5: [("Conv", ["p0", "w1"], ["c1"], {"strides": [2, 2]})]},
        r"node Conv the c1, which .* cannot run: its strides \[2, 2\]",
    ),
    "dilation": ({5: [("Conv", ["p0", "w1"], ["c1"], {"dilations": [2, 2]})]}, "it is dilated"),
    "groups": (
        {5: [("Conv", ["p0", "grouped"], ["c1"], {"group": 4})]},
        "Conv the c1.*its channels are in groups",
    ),
    "oblong": ({5: [("Conv", ["p0", "wide"], ["c1"], {})]}, "3x5 is not square"),
    "lopsided": ({5: [("Conv", ["p0", "w1"], ["c1"], {"pads": [1, 0, 1, 0]})]}, "from side to"),
    "same": (
        {5: [("Conv", ["p0", "w0"], ["c1"], {"auto_pad": "SAME_UPPER"})]}, "Conv the c1.*takes 3",
    ),
    "sin": ({3: [("Sin", ["c0"], ["r0"], {})]}, "Sin the r0.*not know this operator"),
    "average": (
        {4: [("AveragePool", ["r0"], ["p0"], {"kernel_shape": [2, 2], "strides": [2, 2]})]},
        "AveragePool the p0.* a Flatten should be",
    ),
    "overlap": ({4: [("MaxPool", ["r0"], ["p0"], {"kernel_shape": [2, 2]})]}, "MaxPool the p0"),
    "padded pool": (
        {4: [("MaxPool", ["r0"], ["p0"],
              {"kernel_shape": [2, 2], "strides": [2, 2], "pads": [1, 1, 1, 1]})]},
        "MaxPool the p0.*is not 0",
    ),
    "ceil": (
        {4: [("MaxPool", ["r0"], ["p0"],
              {"kernel_shape": [4, 4], "strides": [4, 4], "ceil_mode": 1})]},
        "MaxPool the p0.*ceil_mode",
    ),
    "reciprocal": ({1: [("Div", ["bytes", "raw"], ["pixels"], {})]}, "Div the pixels.*not a const"),
    "integer division": (
        {0: [("Div", ["x", "byte"], ["d"], {}), ("Cast", ["d"], ["raw"], {"to": 1})]},
        "node .*cannot run",
    ),
    "half precision": (
        {0: [("Cast", ["x"], ["h0"], {"to": 10}), ("Cast", ["h0"], ["raw"], {"to": 1})]},
        "node Cast the h0",
    ),
    "no convolution": (
        {2: [], 3: [("Relu", ["pixels"], ["r0"], {})], 5: [("Conv", ["p0", "w0"], ["c1"], {})]},
        "Relu the r0.*a Flatten should be",
    ),
    "branch": (
        {3: [("Relu", ["c0"], ["r"], {}), ("Add", ["r", "c0"], ["r0"], {})]},
        "Add the r0.*another node takes",
    ),
    "shape": ({8: [("Reshape", ["r1", "side"], ["f"], {})]}, "Reshape the f.*number of images"),
    "axis": ({8: [("Flatten", ["r1"], ["f"], {"axis": 2})]}, "Flatten the f.*of several images"),
    "no flatten": ({8: [("Gemm", ["r1", "w2"], ["f"], {})], 9: []}, "Gemm the f.*not two matrices"),
    "wrong way": ({9: [("Gemm", ["f", "w2", "b2"], ["y"], {})]}, "Gemm the y.*takes 7 values"),
    "two layers": (
        {9: [STACK[9], ("Relu", ["y"], ["z"], {})]}, "Relu the z.*it follows the logits",
    ),
    "quantised": (
        {2: [("DequantizeLinear", ["w8", "scale"], ["w"], {}),
             ("Conv", ["pixels", "w", "b0"], ["c0"], {})]},
        "Conv the c0.*input 1 is not a constant",
    ),
    "softmax twice": (
        {9: [STACK[9], ("Softmax", ["y"], ["p"], {}), ("Softmax", ["p"], ["z"], {})]},
        "Softmax the z.*it follows Softmax",
    ),
    "softmax, then its logarithm again": (
        {9: [STACK[9], ("Softmax", ["y"], ["p"], {}), ("LogSoftmax", ["p"], ["z"], {})]},
        "LogSoftmax the z.*it follows Softmax",
    ),
    "largest image": (
        {9: [STACK[9], ("ArgMax", ["y"], ["z"], {"keepdims": 0})]}, "ArgMax the z.*its axis is 0",
    ),
    "last of equals": (
        {9: [STACK[9], ("ArgMax", ["y"], ["z"], {"axis": 1, "select_last_index": 1})]},
        "ArgMax the z.*last of equal",
    ),
    "number of images": (
        {8: [("Shape", ["r1"], ["s"], {}), ("Add", ["s", "rest"], ["t"], {}),
             ("Reshape", ["r1", "t"], ["f"], {})]},
        "Add the t: it computes with the number of images",
    ),
    "double": (
        {2: [("Conv", ["pixels", "w64"], ["c0"], {})]}, "Conv the c0.*its weight is float64",
    ),
    "end": ({9: []}, "ends where a Gemm should be"),
}  # fmt: skip


# Beyond the family, but classifiers that the reference computes.
BEYOND = (
    "stride", "dilation", "groups", "oblong", "lopsided", "average", "overlap", "padded pool",
    "ceil", "reciprocal", "integer division", "half precision", "no convolution", "branch",
    "two layers", "softmax twice", "softmax, then its logarithm again", "end", "quantised",
)  # fmt: skip


def open_family(path: Path) -> None:
    graph = passes.canonical(passes.simplify(read_graph(path)))
    open_convnet(passes.split_input(graph)[1], path)


# What ONNX Runtime refuses is not sent to it.
IMAGES = RANDOM.integers(0, 256, (3, 3, 14, 18), np.uint8)
WAY_OUT = r"([Rr]un it in ONNX Runtime|Correct the model and export it again)"


@pytest.mark.parametrize("what", REFUSED)
def test_a_node_that_has_no_place_is_named(what: str, tmp_path: Path) -> None:
    changes, reason = REFUSED[what]
    path = write(tmp_path / "a.onnx", changes)
    with pytest.raises(InputError, match=f"{reason}.*{WAY_OUT}"):
        open_family(path)


@pytest.mark.parametrize("what", REFUSED)
def test_any_other_classifier_answers_as_in_onnx_runtime(what: str, tmp_path: Path) -> None:
    path = write(tmp_path / "a.onnx", REFUSED[what][0])
    if what not in BEYOND:
        with pytest.raises(InputError, match=WAY_OUT) as caught:
            cnnkit.load(path)
        if caught.value.remedy == CORRECT:
            with pytest.raises(Exception, match="ONNXRuntimeError"):
                onnxruntime.InferenceSession(path).run(None, {"x": IMAGES})
        return
    images = IMAGES
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (expected,) = session.run(None, {"x": images})
    found = cnnkit.load(path)(images)
    if what.startswith("softmax"):
        shares = expected if what == "softmax twice" else np.exp(expected)
        np.testing.assert_allclose(found.probabilities, shares, rtol=1e-5)
    else:
        np.testing.assert_allclose(found.logits, expected, rtol=1e-4, atol=1e-4)
    np.testing.assert_array_equal(found.label, expected.argmax(1))


@pytest.mark.parametrize(
    ("size", "reason"),
    [
        (("N", 3, "H", "W"), "does not say how large its images are"),
        (("N", 42), r"takes uint8\[free, 42\] at its input x, not images"),
        (None, "its input x has no shape"),
        (("N", 3, 2, 2), "window of 3 is larger than its input of 1"),
    ],
)
def test_images_of_no_size_are_refused(size: tuple[Any, ...], reason: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=reason):
        cnnkit.load(write(tmp_path / "a.onnx", {}, size))


class Foreign(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.Sequential(
            nn.Conv2d(3, 16, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(16, 8, 3, bias=False), nn.MaxPool2d(3), nn.ReLU(),
        )  # fmt: skip
        self.linear = nn.Linear(8 * 4 * 4, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.log_softmax(self.linear(self.blocks(x).flatten(1)), 1)


@pytest.fixture(scope="module")
def foreign(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, nn.Module]:
    """A file by PyTorch's exporter, with its weights in a second one."""
    network, path = Foreign().eval(), tmp_path_factory.mktemp("foreign") / "net.onnx"
    example = torch.zeros(2, 3, 32, 32)
    torch.onnx.export(
        network, (example,), path, dynamo=True, verbose=False, dynamic_shapes=({0: "N"},)
    )
    return path, network


def test_a_file_by_pytorchs_exporter_answers_as_pytorch_does(
    foreign: tuple[Path, nn.Module],
) -> None:
    path, network = foreign
    assert path.with_name("net.onnx.data").is_file()
    images = RANDOM.random((7, 3, 32, 32), np.float32)
    with torch.inference_mode():
        expected = network(torch.from_numpy(images)).numpy()
    found = cnnkit.load(path)(images)
    np.testing.assert_allclose(np.log(found.probabilities), expected, rtol=0, atol=2e-6)
    np.testing.assert_array_equal(found.label, expected.argmax(1))


def test_weights_in_a_second_file_are_needed_and_stay_in_the_folder(
    foreign: tuple[Path, nn.Module], tmp_path: Path
) -> None:
    path = foreign[0]
    (tmp_path / "net.onnx").write_bytes(path.read_bytes())
    with pytest.raises(StorageError, match=r"net.onnx.data: is not there"):
        cnnkit.load(tmp_path / "net.onnx")
    (tmp_path / "net.onnx.data").write_bytes(b"short")
    with pytest.raises(InputError, match="truncated or damaged"):
        cnnkit.load(tmp_path / "net.onnx")
    elsewhere = path.read_bytes().replace(b"net.onnx.data", b"/etc/password")
    (tmp_path / "net.onnx").write_bytes(elsewhere)
    with pytest.raises(InputError, match=r"/etc/password: is named as the weights of a model"):
        cnnkit.load(tmp_path / "net.onnx")


def test_damage_is_refused_or_changes_the_answer_at_most(tmp_path: Path) -> None:
    content = write(tmp_path / "a.onnx", {}).read_bytes()
    images = np.zeros((1, 3, 14, 18), np.uint8)
    random = np.random.default_rng(0)
    for _ in range(400):
        damaged = bytearray(content)
        damaged[random.integers(len(content))] ^= 1 << int(random.integers(8))
        (tmp_path / "b.onnx").write_bytes(damaged)
        try:
            model = cnnkit.load(tmp_path / "b.onnx")
        except InputError:
            continue
        model(np.zeros((1, *model.architecture.input), images.dtype))
