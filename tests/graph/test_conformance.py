"""The onnx wheel's own tests: what has tier 1's operators passes, and the rest is refused by name.

Nothing is left out: each case passes, or has an operator of a later tier, or stands in EXCEPTIONS.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from support.onnx_conformance import Case, check, file_cases, node_cases

from cnnkit.errors import InputError
from cnnkit.formats.onnx.reader import NEWEST, read_graph
from cnnkit.graph.operators import carried, quantised
from cnnkit.graph.operators.table import OPERATORS
from cnnkit.graph.reference import evaluate

# Constants are no nodes of graphs, and FusedConv is no operator of files.
KNOWN = {*OPERATORS, "Constant", "ConstantOfShape", "Shape", "Upsample"} - {"FusedConv"}

EXCEPTIONS = (  # a pattern of names, what the refusal says, and why it is one
    (r"test_cast_.*(BFLOAT16|FLOAT8|FLOAT4|INT4|INT2).*", "NumPy has", "NumPy lacks the type"),
    (r"test_identity_(opt|sequence)", "is not a tensor", "values are tensors"),
    (r"test_(training_dropout|batchnorm_\w+_training_mode).*", "training mode", "inference only"),
    (r"test_maxpool_with_argmax_2d_.*", "2 outputs", "indices of maxima serve training only"),
    (r"test_celu_bfloat16", "NumPy has", "NumPy lacks the type"),
    (r"test_reduce_\w+_empty_set.*", "is free", "an image without elements"),
    (r"test_reduce_(max|min)_bool_inputs", "bool", "reductions are of numbers"),
    (r"test_resize_.*(tf_crop_and_resize).*", "have no kernel", "images are resized as a whole"),
    (r"test_resize_.*antialias", "antialias", "no network of the field has it"),
    (r"test_resize_.*_not_(larger|smaller)", "aspect_ratio", "sizes are stated"),
    (
        r"test_resize_downsample_.*_align_corners",
        "no whole size",
        "ONNX Runtime takes other corners",
    ),
    (r"test_split_zero_size_splits_opset\d+", "leave images out", "the batch has no images"),
    (r"test_reshape_allowzero_reordered", "fixed number of images", "the batch has no images"),
    (
        r"pytorch-operator/test_operator_add(_size1\w*)?_broadcast|.*_add_size1_singleton_broadcast",
        "along an axis",
        "opset 6 broadcast by attribute",
    ),
)


def outcomes(cases: Iterable[Case], folder: Path) -> tuple[Counter[str], list[str]]:
    """Return how many cases had which outcome, and what is wrong."""
    counts, wrong = Counter[str](), []
    for case in cases:
        expected = [row for row in EXCEPTIONS if re.fullmatch(row[0], case.name)]
        unknown = sorted({node.op_type for node in case.model.graph.node} - KNOWN)
        refusal = expected[0][1] if expected else r"node |not a tensor"
        try:
            check(case, folder)
        except InputError as error:
            if (not expected and not unknown) or not re.search(refusal, str(error)):
                wrong.append(f"{case.name} is refused: {error}")
            counts[expected[0][2] if expected else "later tier"] += 1
        except AssertionError as error:
            wrong.append(f"{case.name} gives other outputs: {error}")
        else:
            if expected or unknown:
                wrong.append(f"{case.name} passes, and should not with {expected or unknown}")
            counts["passed"] += 1
    return counts, wrong


@pytest.mark.filterwarnings("ignore:.*encountered:RuntimeWarning")  # numbers that types cannot hold
def test_node_tests_of_known_operators_pass(tmp_path: Path) -> None:
    counts, wrong = outcomes(node_cases(), tmp_path)
    print(dict(counts))
    assert not wrong
    assert counts["passed"] >= 200


def test_graphs_that_pytorch_wrote_pass(tmp_path: Path) -> None:
    counts, wrong = outcomes(file_cases(), tmp_path)
    print(dict(counts))
    assert not wrong
    assert counts["passed"] >= 65


CLASSIC = Path(onnx.__file__).parent / "backend/test/data/light"
READ = ("densenet121", "inception_v2", "resnet50", "shufflenet", "squeezenet", "vgg19")
READ += ("bvlc_alexnet", "inception_v1", "zfnet512")


def test_every_classic_network_is_tried() -> None:
    names = {path.stem.removeprefix("light_") for path in CLASSIC.glob("*.onnx")}
    assert names == {*READ}


@pytest.mark.parametrize("name", READ)
def test_a_classic_network_gives_its_published_output(name: str) -> None:
    graph = read_graph(CLASSIC / f"light_{name}.onnx")
    feeds = {}
    for value, type in graph.inputs.items():
        count = int(np.prod([int(size) for size in type.shape]))
        feeds[value] = (np.arange(count).reshape(type.shape) / count).astype(type.dtype)
    found = evaluate(graph, feeds, reproducible=False)[graph.outputs[0]]
    expected = CLASSIC / f"light_{name}_output_0.pb"
    tensor = numpy_helper.to_array(onnx.TensorProto.FromString(expected.read_bytes()))
    np.testing.assert_allclose(found, tensor, rtol=1e-3, atol=1e-7)


def test_the_documentation_lists_every_operator() -> None:
    text = (Path(__file__).parents[2] / "docs/operators.md").read_text()
    integers, whole = quantised.OPERATORS.keys(), carried.OPERATORS.keys()
    assert OPERATORS.keys() - integers - whole - {"FusedConv"} <= set(re.findall(r"\w+", text))


def test_the_newest_opset_is_that_of_the_onnx_package() -> None:
    assert onnx.defs.onnx_opset_version() <= NEWEST
