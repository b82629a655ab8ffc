"""The onnx wheel's own tests as cases of the reader and the reference.

What a case says at run time but tier 1 has constant (a shape, axes, pads) becomes an initialiser,
with the value that the case gives.
"""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

from cnnkit.formats.onnx.reader import read_graph
from cnnkit.graph.reference import evaluate

MODULES = (
    *("add", "argmax", "averagepool", "batch_normalization", "cast", "clip", "concat", "constant"),
    *("constantofshape", "conv", "div", "dropout", "flatten", "gemm", "globalaveragepool"),
    *("identity", "logsoftmax", "matmul", "maxpool", "mul", "pad", "reducemean", "relu", "reshape"),
    *("softmax", "squeeze", "sub", "sum", "transpose", "unsqueeze"),
    *("elu", "globalmaxpool", "hardsigmoid", "hardswish", "leakyrelu", "lrn", "prelu", "sigmoid"),
    *("slice", "split", "tanh"),  # of tier 2
    *("abs", "argmin", "ceil", "celu", "convtranspose", "depthtospace", "erf", "exp", "expand"),
    *("floor", "gather", "gelu", "groupnormalization", "instance_normalization"),
    *("layernormalization", "log", "max", "min", "mish", "neg", "pow", "reciprocal", "reducel1"),
    *("reducel2", "reducemax", "reducemin", "reducesum", "reducesumsquare", "resize", "round"),
    *("selu", "sign", "softplus", "softsign", "spacetodepth", "sqrt", "swish", "thresholdedrelu"),
    *("tile", "upsample", "where"),
)
KINDS = ("pytorch-converted", "pytorch-operator", "simple")
CONSTANT_INPUTS = {  # by operator: those that tier 1 takes as constants only
    "Reshape": (1,), "Squeeze": (1,), "Unsqueeze": (1,), "ReduceMean": (1,), "Pad": (1, 2, 3),
    "Dropout": (1, 2), "ConstantOfShape": (0,), "Slice": (1, 2, 3, 4), "Split": (1,),
    "Expand": (1,), "Gather": (1,), "GroupNormalization": (1, 2), "Tile": (1,), "Upsample": (1,),
    "Resize": (1, 2, 3),
    **dict.fromkeys(
        [f"Reduce{kind}" for kind in ("Sum", "Max", "Min", "L1", "L2", "SumSquare")], (1,)
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Case:
    name: str
    model: onnx.ModelProto
    data: list[tuple[list[Any], list[Any]]]
    rtol: float
    atol: float


@cache
def node_cases() -> tuple[Case, ...]:
    """Every node test of the modules of tier 1's operators; onnx computes them when imported."""
    import onnx.backend.test.case.node as node

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for module in MODULES:
            importlib.import_module(f"onnx.backend.test.case.node.{module}")
    return tuple(
        Case(case.name, case.model, list(case.data_sets), case.rtol, case.atol)
        for case in node._NodeTestCases
    )


def file_cases() -> Iterator[Case]:
    """The tests that PyTorch wrote, and the simple ones."""
    folder = Path(onnx.__file__).parent / "backend/test/data"
    for kind in KINDS:
        for path in sorted((folder / kind).glob("*/model.onnx")):
            data = [
                tuple(
                    [read_value(path) for path in sorted(values.glob(f"{side}_*.pb"), key=number)]
                    for side in ("input", "output")
                )
                for values in sorted(path.parent.glob("test_data_set_*"))
            ]
            yield Case(f"{kind}/{path.parent.name}", onnx.load(path), data, 1e-3, 1e-7)


def number(path: Path) -> int:
    return int(path.stem.rpartition("_")[2])


def read_value(path: Path) -> Any:
    content = path.read_bytes()
    try:
        return numpy_helper.to_array(onnx.TensorProto.FromString(content))
    except Exception:  # a sequence, which no operator of tier 1 takes
        return content


def as_array(value: Any) -> NDArray[Any]:
    if isinstance(value, onnx.TensorProto):
        return numpy_helper.to_array(value)
    return np.asarray(value)


def check(case: Case, folder: Path) -> None:
    """Read a case's model and compare what it computes with the expected outputs."""
    for inputs, outputs in case.data:
        model = onnx.ModelProto()
        model.CopyFrom(case.model)
        feeds = freeze(model, inputs)
        path = folder / "model.onnx"
        path.write_bytes(model.SerializeToString())
        graph = read_graph(path)
        found = evaluate(graph, feeds)
        for name, expected in zip(graph.outputs, outputs, strict=True):
            compare(case, name, found[name], as_array(expected))


def freeze(model: onnx.ModelProto, values: list[Any]) -> dict[str, NDArray[Any]]:
    """Make initialisers of what has to be constant; return the other inputs by name."""
    names = [value.name for value in model.graph.input]
    known = {tensor.name for tensor in model.graph.initializer}
    arrays = [as_array(value) for value in values]
    feeds = dict(zip([name for name in names if name not in known], arrays, strict=True))
    for node in model.graph.node:
        for index in CONSTANT_INPUTS.get(node.op_type, ()):
            if index < len(node.input) and node.input[index] in feeds:
                name = node.input[index]
                tensor = numpy_helper.from_array(feeds.pop(name), name)
                model.graph.initializer.append(tensor)
    return feeds


def compare(case: Case, name: str, found: NDArray[Any], expected: NDArray[Any]) -> None:
    assert found.shape == expected.shape, f"{name}: {found.shape}, not {expected.shape}"
    if expected.dtype.kind == "f":
        assert found.dtype == np.float64
        np.testing.assert_allclose(found, expected, case.rtol, case.atol, err_msg=name)
    else:
        assert found.dtype == expected.dtype
        np.testing.assert_array_equal(found, expected, err_msg=name)
