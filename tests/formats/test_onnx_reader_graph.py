"""ONNX files are read into one form, whatever their opset, and refused by node and reason."""

from __future__ import annotations

import random
import resource
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from support.onnx_damages import DAMAGES

from cnnkit.errors import CnnkitError, InputError
from cnnkit.formats.onnx.reader import read_graph
from cnnkit.graph.passes import fuse_convolutions, simplify
from cnnkit.graph.reference import evaluate
from cnnkit.graph.shapes import infer_types
from cnnkit.graph.types import count

FLOAT, INT64 = TensorProto.FLOAT, TensorProto.INT64
Spec = tuple[str, list[str], list[str], dict[str, Any]]
RANDOM = np.random.default_rng(0)
TENSORS: dict[str, NDArray[Any]] = {
    "w": RANDOM.normal(size=(4, 3, 3, 3)).astype("f4"),
    "b": RANDOM.normal(size=4).astype("f4"),
    "w2": RANDOM.normal(size=(5, 4)).astype("f4"),
    **{name: RANDOM.uniform(0.5, 2, 4).astype("f4") for name in ("s", "o", "m", "v")},
    "axes": np.array([2, 3]), "flat": np.array([0, -1]), "pads": np.array([1, 0, 0, 2]),
    "last": np.array([-1, 2]), "zero": np.float32(0), "six": np.float32(6), "half": np.float32(0.5),
    "no": np.array(False), "yes": np.array(True), "all pads": np.array([0, 0, 0, 1, 0, 0, 2, 0]),
}  # fmt: skip


def model(
    specs: list[Spec],
    opset: int = 17,
    shape: tuple[Any, ...] = ("N", 3, 8, 9),
    dtype: int = FLOAT,
    listed: bool = False,
) -> onnx.ModelProto:
    """A model of nodes in a row, from x to the last one's first output."""
    last = specs[-1][2][0]
    used = {name for _, inputs, *_ in specs for name in inputs}
    tensors = {name: array for name, array in TENSORS.items() if name in used}
    inputs = [helper.make_tensor_value_info("x", dtype, shape)]
    if listed:  # as files before IR 4 have it
        inputs += [
            helper.make_tensor_value_info(n, helper.np_dtype_to_tensor_dtype(a.dtype), a.shape)
            for n, a in tensors.items()
        ]
    nodes = [
        helper.make_node(operator, inputs, outputs, name=f"the {outputs[0]}", **attributes)
        for operator, inputs, outputs, attributes in specs
    ]
    graph = helper.make_graph(
        nodes,
        "g",
        inputs,
        [helper.make_tensor_value_info(last, INT64 if last == "label" else FLOAT, None)],
        [numpy_helper.from_array(array, name) for name, array in tensors.items()],
    )
    return helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=3 if listed else 8
    )


def read(folder: Path, *arguments: Any, **options: Any) -> Any:
    path = folder / "a.onnx"
    path.write_bytes(model(*arguments, **options).SerializeToString())
    return read_graph(path)


CONV: Spec = ("Conv", ["x", "w", "b"], ["c"], {"kernel_shape": [3, 3], "pads": [1] * 4})
POOLED = {"kernel_shape": [3, 2], "strides": [2, 2]}

# Each is one network in several forms: (opset, nodes).
FORMS: dict[str, list[tuple[int, list[Spec]]]] = {
    "clip": [
        (7, [CONV, ("Clip", ["c"], ["y"], {"min": 0.0, "max": 6.0})]),
        (11, [CONV, ("Clip", ["c", "zero", "six"], ["y"], {})]),
        (18, [CONV, ("Clip", ["c", "zero", "six"], ["y"], {})]),
    ],
    "half a clip": [
        (9, [CONV, ("Clip", ["c"], ["y"], {"max": 0.5})]),
        (13, [CONV, ("Clip", ["c", "", "half"], ["y"], {})]),
    ],
    "mean": [
        (7, [CONV, ("ReduceMean", ["c"], ["y"], {"axes": [2, 3], "keepdims": 0})]),
        (11, [CONV, ("ReduceMean", ["c"], ["y"], {"axes": [-2, -1], "keepdims": 0})]),
        (18, [CONV, ("ReduceMean", ["c", "axes"], ["y"], {"keepdims": 0})]),
    ],
    "squeeze": [
        (7, [("GlobalAveragePool", ["x"], ["p"], {}), ("Squeeze", ["p"], ["y"], {"axes": [2, 3]})]),
        (13, [("GlobalAveragePool", ["x"], ["p"], {}), ("Squeeze", ["p", "axes"], ["y"], {})]),
    ],
    "pad": [
        (7, [("Pad", ["x"], ["y"], {"pads": [0, 0, 0, 1, 0, 0, 2, 0], "value": 0.5})]),
        (11, [("Pad", ["x", "all pads", "half"], ["y"], {})]),
    ],
    "pad of two axes": [
        (11, [("Pad", ["x", "all pads"], ["y"], {"mode": "edge"})]),
        (18, [("Pad", ["x", "some pads", "", "last"], ["y"], {"mode": "edge"})]),
    ],
    "dropout": [
        (7, [CONV, ("Dropout", ["c"], ["y", "mask"], {"ratio": 0.3})]),
        (13, [CONV, ("Dropout", ["c", "half", "no"], ["y"], {"seed": 3})]),
    ],
    "batch norm": [
        (7, [CONV, ("BatchNormalization", ["c", "s", "o", "m", "v"], ["y"], {"spatial": 1})]),
        (9, [CONV, ("BatchNormalization", ["c", "s", "o", "m", "v"], ["y"], {"momentum": 0.5})]),
        (15, [CONV, ("BatchNormalization", ["c", "s", "o", "m", "v"], ["y"], {})]),
    ],
    "same": [
        (7, [("MaxPool", ["x"], ["y"], {**POOLED, "auto_pad": "SAME_UPPER"})]),
        (12, [("MaxPool", ["x"], ["y"], {**POOLED, "pads": [0, 0, 1, 1]})]),
    ],
    "same, the other way": [
        (7, [("AveragePool", ["x"], ["y"], {**POOLED, "auto_pad": "SAME_LOWER"})]),
        (19, [("AveragePool", ["x"], ["y"], {**POOLED, "pads": [1, 1, 0, 0]})]),
    ],
    "valid": [
        (7, [("Conv", ["x", "w"], ["y"], {"auto_pad": "VALID"})]),
        (11, [("Conv", ["x", "w"], ["y"], {"kernel_shape": [3, 3]})]),
    ],
    "softmax over all": [
        (7, [("Softmax", ["x"], ["y"], {})]),
        (11, [("Softmax", ["x"], ["y"], {"axis": 1})]),
        (13, [("Flatten", ["x"], ["f"], {}), ("Softmax", ["f"], ["g"], {}),
              ("Reshape", ["g", "x shape"], ["y"], {})]),
    ],
    "softmax along the last": [
        (7, [("LogSoftmax", ["x"], ["y"], {"axis": 3})]),
        (13, [("LogSoftmax", ["x"], ["y"], {})]),
    ],
    "constants": [
        (9, [("Mul", ["x", "half"], ["y"], {})]),
        (9, [("Constant", [], ["k"], {"value": helper.make_tensor("", 1, [], [0.5])}),
             ("Mul", ["x", "k"], ["y"], {})]),
        (13, [("Constant", [], ["k"], {"value_float": 0.5}), ("Mul", ["x", "k"], ["y"], {})]),
        (13, [("Constant", [], ["k"], {"value_floats": [0.5]}), ("Mul", ["x", "k"], ["y"], {})]),
    ],
    "a list": [
        (13, [CONV, ("Reshape", ["c", "flat"], ["y"], {})]),
        (13, [CONV, ("Constant", [], ["k"], {"value_ints": [0, -1]}),
              ("Reshape", ["c", "k"], ["y"], {})]),
        (14, [CONV, ("Flatten", ["c"], ["y"], {"axis": -3})]),
    ],
}  # fmt: skip
TENSORS |= {"some pads": np.array([1, 0, 0, 2]), "x shape": np.array([-1, 3, 8, 9])}


@pytest.mark.parametrize("what", FORMS)
def test_forms_of_a_network_compute_the_same(what: str, tmp_path: Path) -> None:
    images = {"x": RANDOM.normal(size=(2, 3, 8, 9)).astype("f4")}
    first = None
    for opset, specs in FORMS[what]:
        found = evaluate(read(tmp_path, specs, opset=opset), images)["y"]
        content = model(specs, opset=opset).SerializeToString()
        session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
        expected = session.run(["y"], images)[0]
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
        first = found if first is None else first
        np.testing.assert_array_equal(found, first)


def test_files_that_list_weights_as_inputs_are_read(tmp_path: Path) -> None:
    graph = read(tmp_path, [CONV], opset=7, listed=True)
    assert list(graph.inputs) == ["x"]
    assert set(graph.tensors) == {"w", "b"}


def test_values_that_nobody_asks_for_are_left_out(tmp_path: Path) -> None:
    specs: list[Spec] = [CONV, ("MaxPool", ["c"], ["y", "indices"], {"kernel_shape": [2, 2]})]
    graph = read(tmp_path, specs)
    assert graph.nodes[1].outputs == ("y",)


REFUSED: dict[str, tuple[list[Spec], dict[str, Any], str]] = {
    "operator": ([("Einsum", ["x"], ["y"], {"equation": "abcd"})], {},
                 "node Einsum the y: cnnkit does not know this operator"),
    "domain": ([("FusedConv", ["x", "w"], ["y"], {"kernel_shape": [3, 3]})], {},
               "node FusedConv the y: cnnkit does not know"),
    "attribute": ([("Relu", ["x"], ["y"], {"slope": 1.0})], {},
                  "node Relu the y: its attribute slope is unknown"),
    "kind": ([("Flatten", ["x"], ["y"], {"axis": 1.0})], {}, "y: its attribute axis is not an int"),
    "kernel": ([("Conv", ["x", "w"], ["y"], {"kernel_shape": "3x3"})], {},
               "kernel_shape is not a list of integers"),
    "auto_pad": ([("Conv", ["x", "w"], ["y"], {"auto_pad": "SAME"})], {}, "auto_pad 'SAME' is"),
    "old opset": ([CONV], {"opset": 5}, "opset 5, which is too old: cnnkit reads 6 to"),
    "new opset": ([CONV], {"opset": 99}, "opset 99, which is too new"),
    "missing": ([("Relu", ["r"], ["y"], {})], {},
                "node Relu the y: its input r is neither a result before it nor a known constant"),
    "cycle": ([("Add", ["y", "x"], ["r"], {}), ("Relu", ["r"], ["y"], {})], {},
              "node Relu the y: its input r is neither a result before it"),
    "twice": ([("Relu", ["x"], ["y"], {}), ("Relu", ["x"], ["y"], {})], {},
              "its output y is made twice"),
    "free width": ([CONV], {"shape": ("N", 3, 8, "W")}, "axis 3 of x is free"),
    "no shape": ([CONV], {"shape": None}, "node Conv the c: .*its input float32"),
    "text": ([CONV], {"dtype": TensorProto.STRING}, "input x, which is not a tensor"),
    "too large": ([("Relu", ["x"], ["y"], {})], {"shape": ("N", 2**40, 1, 1)}, "too large"),
    "training": ([("Dropout", ["x", "half", "yes"], ["y"], {})], {}, "it is in training mode"),
    "batch norm": ([CONV, ("BatchNormalization", ["c", "s", "o", "m", "v"], ["y"],
                           {"training_mode": 1})], {}, "it is in training mode"),
    "spatial": ([CONV, ("BatchNormalization", ["c", "s", "o", "m", "v"], ["y"], {"spatial": 0})],
                {"opset": 7}, "by itself"),
    "cast": ([("Cast", ["x"], ["y"], {"to": TensorProto.BFLOAT16})], {}, "casts to bfloat16"),
    "number of images": ([("Shape", ["x"], ["z"], {}), ("Add", ["z", "pads"], ["t"], {}),
                          ("Reshape", ["x", "t"], ["y"], {})], {},
                         "Add the t: it computes with the number of images"),
    "sequence": ([("Constant", [], ["y"], {"value_string": "a"})], {}, "not a tensor of numbers"),
    "broadcast": ([("Add", ["x", "b"], ["y"], {"axis": 1, "broadcast": 1})], {"opset": 6},
                  "along an axis"),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_be_read_is_refused_by_node_and_reason(what: str, tmp_path: Path) -> None:
    specs, options, reason = REFUSED[what]
    with pytest.raises(InputError, match=rf"a\.onnx: .*{reason}"):
        read(tmp_path, specs, **options)


@pytest.mark.parametrize("what", ["missing", "cycle", "twice"])
def test_what_no_runtime_takes_is_not_sent_to_one(what: str, tmp_path: Path) -> None:
    specs, options, _ = REFUSED[what]
    with pytest.raises(InputError) as caught:
        read(tmp_path, specs, **options)
    assert caught.value.remedy == "correct the model and export it again"


def test_a_file_without_opset_is_refused(tmp_path: Path) -> None:
    found = model([CONV])
    del found.opset_import[:]
    (tmp_path / "a.onnx").write_bytes(found.SerializeToString())
    with pytest.raises(InputError, match="does not say which opset it uses"):
        read_graph(tmp_path / "a.onnx")


def test_free_sizes_are_fixed_as_the_remedy_says(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is free") as caught:
        read(tmp_path, [CONV], shape=("N", 3, "H", "W"))
    command = caught.value.remedy.partition("python ")[2].split()
    assert command[-3:] == ["1,3,H,W", "OLD", "NEW"]
    command[-3:] = ["1,3,8,9", str(tmp_path / "a.onnx"), str(tmp_path / "b.onnx")]
    subprocess.run([sys.executable, *command], check=True)
    (images,) = read_graph(tmp_path / "b.onnx").inputs.values()
    assert images.shape == (1, 3, 8, 9)


def test_the_share_of_a_dropout_is_kept(tmp_path: Path) -> None:
    graph = read(tmp_path, [("Dropout", ["x", "half"], ["y"], {})])
    assert graph.nodes[0].inputs == ("x", "half")


def test_all_nodes_that_cannot_be_read_are_named_at_once(tmp_path: Path) -> None:
    specs: list[Spec] = [
        ("Sin", ["x"], ["e"], {}),
        ("Relu", ["e"], ["r"], {}),
        ("Relu", ["x"], ["odd"], {"slope": 1.0}),
        ("Add", ["r", "odd"], ["y"], {}),
    ]
    with pytest.raises(InputError, match="has 2 nodes that cnnkit does not know") as caught:
        read(tmp_path, specs)
    assert caught.value.details == (
        "node Sin the e: cnnkit does not know this operator",
        "node Relu the odd: its attribute slope is unknown",
    )


def test_a_constant_of_any_size_takes_no_memory(tmp_path: Path) -> None:
    TENSORS["sizes"] = np.array([2**12, 2**15])
    specs: list[Spec] = [("ConstantOfShape", ["sizes"], ["k"], {})]
    tracemalloc.start()
    read(tmp_path, specs)
    assert tracemalloc.get_traced_memory()[1] < 2**21
    tracemalloc.stop()
    TENSORS["sizes"] = np.array([2**13, 2**15])
    with pytest.raises(InputError, match=r"ConstantOfShape the k: .*too many"):
        read(tmp_path, specs)


# A network of most of tier 1, to be damaged.
WHOLE: list[Spec] = [
    ("Cast", ["x"], ["f"], {"to": FLOAT}),
    ("Mul", ["f", "half"], ["scaled"], {}),
    ("Pad", ["scaled", "all pads"], ["padded"], {}),
    ("Conv", ["padded", "w", "b"], ["c"],
     {"kernel_shape": [3, 3], "strides": [2, 1], "dilations": [1, 2]}),
    ("BatchNormalization", ["c", "s", "o", "m", "v"], ["n"], {"epsilon": 1e-3}),
    ("Clip", ["n", "zero", "six"], ["a"], {}),
    ("MaxPool", ["a"], ["p"], {"kernel_shape": [3, 3], "pads": [1] * 4, "ceil_mode": 1}),
    ("AveragePool", ["a"], ["q"], {"kernel_shape": [3, 3], "auto_pad": "SAME_UPPER"}),
    ("Concat", ["p", "q"], ["both"], {"axis": 1}),
    ("Transpose", ["both"], ["t"], {"perm": [0, 2, 3, 1]}),
    ("ReduceMean", ["t"], ["r"], {"axes": [1, 2], "keepdims": 1}),
    ("Squeeze", ["r", "inner"], ["flat8"], {}),
    ("Gemm", ["flat8", "w8"], ["logits"], {"transB": 1, "alpha": 0.5}),
    ("Softmax", ["logits"], ["probabilities"], {"axis": 1}),
    ("ArgMax", ["probabilities"], ["label"], {"axis": 1, "keepdims": 0}),
]  # fmt: skip
TENSORS |= {"inner": np.array([1, 2]), "w8": RANDOM.normal(size=(5, 8)).astype("f4")}


FILES = 1000


def peak_memory() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


@pytest.mark.parametrize("part", range(4))
def test_a_damaged_file_raises_nothing_but_our_errors(part: int, tmp_path: Path) -> None:
    content = model(WHOLE, dtype=TensorProto.UINT8).SerializeToString()
    path, refused, slowest = tmp_path / "a.onnx", 0, 0.0
    before = peak_memory()
    for seed in range(part, FILES, 4):
        die = random.Random(seed)
        path.write_bytes(die.choice(DAMAGES)(content, die))
        start = time.process_time()
        try:
            graph = read_graph(path)
            # Larger ones are legal, and only slow.
            if all(count(type.shape) < 2**18 for type in infer_types(graph).values()):
                feeds = {
                    name: np.ones([2 if s == "N" else int(s) for s in type.shape], type.dtype)
                    for name, type in graph.inputs.items()
                }
                evaluate(graph, feeds, reproducible=False)
                evaluate(fuse_convolutions(simplify(graph)), feeds, reproducible=False)
        except CnnkitError:
            refused += 1
        slowest = max(slowest, time.process_time() - start)
    print(f"{refused} of {FILES // 4} refused, the slowest took {slowest:.2f} s")
    assert FILES // 16 < refused < FILES // 4
    assert slowest < 5
    assert peak_memory() - before < 2**30


def test_the_whole_network_is_read_and_agrees(tmp_path: Path) -> None:
    images = {"x": RANDOM.integers(0, 256, (2, 3, 8, 9), np.uint8)}
    content = model(WHOLE, dtype=TensorProto.UINT8)
    content.graph.output.append(helper.make_tensor_value_info("probabilities", FLOAT, None))
    (tmp_path / "a.onnx").write_bytes(content.SerializeToString())
    found = evaluate(read_graph(tmp_path / "a.onnx"), images)
    session = onnxruntime.InferenceSession(
        content.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    label, probabilities = session.run(["label", "probabilities"], images)
    np.testing.assert_array_equal(found["label"], label)
    np.testing.assert_allclose(found["probabilities"], probabilities, rtol=0, atol=1e-5)


def test_reading_needs_no_other_package() -> None:
    code = (
        "import sys; from cnnkit.formats.onnx.reader import read_graph;"
        "print({'torch', 'onnx', 'onnxruntime', 'matplotlib', 'rich'}"
        " & set(sys.modules))"
    )
    found = subprocess.run(
        [sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == "set()"
