"""A file in 8 bits proves nothing by what it states of itself: all of it follows from the network.

Every mutant here has the digest of its own tensors, allows itself any loss of accuracy and any
error of its golden vectors, and so contradicts nothing that it says.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper
from support.corruptions import Damage, edit_onnx, initializer

from cnnkit.data.dataset import Dataset, Split
from cnnkit.errors import InputError
from cnnkit.formats.base import Check
from cnnkit.formats.detect import read_contract
from cnnkit.formats.onnx.quantise_checks import check_quantised
from cnnkit.formats.onnx.quantize import write_onnx_int8
from cnnkit.formats.options import Options
from cnnkit.formats.quantisation import digest
from cnnkit.formats.quantised_checks import SAME_GRAPH, SAME_RANGES, SAME_WEIGHTS
from cnnkit.graph.architecture import Architecture
from cnnkit.graph.weights import Weights
from cnnkit.verify.run import verify

Model = onnx.ModelProto


@pytest.fixture(scope="module")
def weights(few: Dataset) -> Weights:
    architecture = Architecture()
    known = {"dataset": "mnist", "dataset_sha256": dict(few.sha256)}
    return Weights.of(architecture, architecture.initial_parameters(1), known)


@pytest.fixture(scope="module")
def content(weights: Weights, few: Dataset) -> bytes:
    return write_onnx_int8(weights, Options(few))[".int8.onnx"]


def trusting(edit: Callable[[Model], Any]) -> Damage:
    """Return a damage whose file agrees with all that it states."""

    def change(model: Model) -> None:
        edit(model)
        tensors = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}
        for pair in model.metadata_props:
            if pair.key == "cnnkit.quantization":
                own = {"tensors_sha256": digest(tensors), "max_accuracy_drop": 1.0}
                pair.value = json.dumps({**json.loads(pair.value), **own})
            if pair.key == "cnnkit.golden.tolerance":
                pair.value = "1e9"

    return edit_onnx(change)


def tensor(name: str, edit: Callable[[Any], Any]) -> Callable[[Model], None]:
    def change(model: Model) -> None:
        found = initializer(model, name)
        before = numpy_helper.to_array(found).copy()
        after = np.asarray(edit(before), before.dtype).reshape(before.shape)
        found.CopyFrom(numpy_helper.from_array(after, name))

    return change


def both(*edits: Callable[[Model], None]) -> Callable[[Model], None]:
    def change(model: Model) -> None:
        for edit in edits:
            edit(model)

    return change


def one_weight(whole: Any) -> Any:
    whole.reshape(-1)[7] += 3
    return whole


def without_quantisation(model: Model) -> None:
    """Take the pair of nodes behind the first pool out."""
    kept = [n for n in model.graph.node if not n.name.startswith("pool0.")]
    del model.graph.node[:]
    model.graph.node.extend(kept)
    for node in model.graph.node:
        node.input[:] = ["pool0.exact" if name == "pool0" else name for name in node.input]


def other_pair(model: Model) -> None:
    """Dequantise with another scale than what quantised."""
    other = numpy_helper.from_array(np.float32(0.5), "other_scale")
    model.graph.initializer.append(other)
    after = next(n for n in model.graph.node if n.name == "relu1.dequantised")
    after.input[1] = "other_scale"


def float_bias(model: Model) -> None:
    """Use a bias in float32 in the place of the quantised one."""
    node = next(n for n in model.graph.node if n.name == "logits.bias.dequantised")
    model.graph.node.remove(node)
    used = numpy_helper.from_array(np.zeros(10, np.float32), "logits.bias.dequantised")
    model.graph.initializer.append(used)
    gone = [
        t for t in model.graph.initializer if t.name.startswith("logits.bias.") and t is not used
    ]
    for item in gone:
        model.graph.initializer.remove(item)


def clip_logits(model: Model) -> None:
    gemm = next(node for node in model.graph.node if node.op_type == "Gemm")
    gemm.output[0] = "raw_logits"
    at = list(model.graph.node).index(gemm) + 1
    rest = list(model.graph.node)[at:]
    del model.graph.node[at:]
    model.graph.node.extend([helper.make_node("Identity", ["raw_logits"], ["logits"]), *rest])


TIMES_8 = both(
    tensor("relu1.scale", lambda scale: scale * 8),
    tensor("logits.bias.scale", lambda scale: scale * 8),
    tensor("logits.bias.quantised", lambda whole: np.round(whole / 8)),
)
MUTANTS: dict[str, tuple[Callable[[Model], None], str, str]] = {
    "an activation's scale": (TIMES_8, SAME_RANGES, "relu1 has the scale"),
    "an activation's scale, a little": (
        tensor("relu0.scale", lambda scale: scale * 1.01),
        SAME_RANGES,
        "relu0 has the scale",
    ),
    "an activation's zero point": (
        tensor("scaled.zero_point", lambda zero: zero + 3),
        SAME_RANGES,
        "scaled has the zero point 3",
    ),
    "no ReLU": (
        tensor("relu0.zero_point", lambda zero: zero + 3),
        SAME_GRAPH,
        "Conv stands where the network has Relu relu0",
    ),
    "a weight": (
        tensor("relu1.weight.quantised", one_weight),
        SAME_WEIGHTS,
        "does not hold the values",
    ),
    "a bias": (
        tensor("relu0.bias.quantised", one_weight),
        SAME_WEIGHTS,
        "does not hold the values",
    ),
    "a weight's scale": (
        tensor("logits.weight.scale", lambda scale: scale * 1.001),
        SAME_WEIGHTS,
        "logits.weight.scale does not hold",
    ),
    "a coarser weight": (
        both(
            tensor("relu1.weight.scale", lambda scale: scale * 2),
            tensor("relu1.weight.quantised", lambda whole: np.round(whole / 2)),
        ),
        SAME_WEIGHTS,
        "relu1.weight",
    ),
    "a bias's scale": (
        tensor("logits.bias.scale", lambda scale: scale * 1.001),
        SAME_WEIGHTS,
        "logits.bias.scale does not hold",
    ),
    "a weight's zero point": (
        tensor("logits.weight.zero_point", lambda zero: zero + 1),
        SAME_WEIGHTS,
        "logits.weight.zero_point does not hold",
    ),
    "the pixels' scale": (
        tensor("pixel_scale", lambda scale: scale * 1.00001),
        SAME_GRAPH,
        "pixel_scale does not hold the values",
    ),
    "an activation in float32": (
        without_quantisation,
        SAME_GRAPH,
        "MaxPool stands where the network has DequantizeLinear",
    ),
    "a pair of two scales": (other_pair, SAME_GRAPH, "other_scale does not hold the values"),
    "a bias in float32": (float_bias, SAME_GRAPH, "logits.bias.dequantised is not computed"),
    "another node": (clip_logits, SAME_GRAPH, "Identity stands where the network has Gemm"),
}


def failed(path: Path, weights: Weights, data: Dataset) -> list[Check]:
    checks = check_quantised(path, read_contract(path), weights, data)
    return [check for check in checks if not check.passed]


def test_a_whole_file_passes(
    content: bytes, weights: Weights, few: Dataset, tmp_path: Path
) -> None:
    path = tmp_path / "net.onnx"
    path.write_bytes(content)
    checks = check_quantised(path, read_contract(path), weights, few)
    assert [check.claim for check in checks if check.passed] == [
        SAME_GRAPH,
        SAME_WEIGHTS,
        SAME_RANGES,
    ]


@pytest.mark.parametrize("what", MUTANTS)
def test_every_mutant_in_8_bits_is_found_and_named(
    content: bytes, weights: Weights, few: Dataset, tmp_path: Path, what: str
) -> None:
    edit, claim, reason = MUTANTS[what]
    path = tmp_path / "net.onnx"
    path.write_bytes(trusting(edit)(content))
    found = {check.claim: check.found for check in failed(path, weights, few)}
    assert any(part in found[claim] for part in reason.split("|")), found


def test_a_network_with_a_dead_channel_and_a_large_bias_passes(
    weights: Weights, few: Dataset, tmp_path: Path
) -> None:
    tensors = {name: array.copy() for name, array in weights.tensors.items()}
    tensors["convs.0.weight"][3] = 0
    tensors["convs.1.weight"][2] *= 1e-9  # its bias does not fit into 32 bits of such steps
    tensors["convs.1.bias"][2] = 4
    odd = Weights.of(weights.architecture, tensors, weights.metadata)
    path = tmp_path / "net.onnx"
    path.write_bytes(write_onnx_int8(odd, Options(few))[".int8.onnx"])
    assert failed(path, odd, few) == []


def test_scaled_input_and_a_newer_opset_pass(
    weights: Weights, few: Dataset, tmp_path: Path
) -> None:
    path = tmp_path / "net.onnx"
    options = Options(few, input="float32", opset=19)
    path.write_bytes(write_onnx_int8(weights, options)[".int8.onnx"])
    assert failed(path, weights, few) == []


def test_on_other_images_the_scales_have_to_be_plausible(
    content: bytes, weights: Weights, few: Dataset, tmp_path: Path
) -> None:
    path = tmp_path / "net.onnx"
    path.write_bytes(content)
    train = Split(few.train.images[30_000:31_000], few.train.labels[30_000:31_000])
    other = replace(few, train=train, sha256={"images": "other"})
    assert failed(path, weights, other) == []
    path.write_bytes(trusting(TIMES_8)(content))
    assert SAME_RANGES in {check.claim for check in failed(path, weights, other)}


def test_the_bound_on_accuracy_is_the_verifiers_own(
    artefacts: dict[str, Path], trained: Weights, few: Dataset, tmp_path: Path
) -> None:
    path = tmp_path / "net.onnx"
    path.write_bytes(trusting(TIMES_8)(artefacts["onnx-int8"].read_bytes()))
    report = verify([path], trained, few)[0]
    bad = {check.claim: check.found for check in report.checks if not check.passed}
    assert "its golden tolerance lets no more pass than it needs" in bad
    assert SAME_RANGES in bad
    black = edit_onnx(lambda model: tensor("relu1.scale", lambda s: s * 1000)(model))
    path.write_bytes(trusting(lambda model: None)(black(artefacts["onnx-int8"].read_bytes())))
    report = verify([path], trained, few)[0]
    assert "its accuracy is at most 0.50% below the reference's" in {
        check.claim for check in report.checks if not check.passed
    }
    whole = verify([artefacts["onnx-int8"]], trained, few, max_accuracy_drop=0.25)[0]
    assert whole.passed
    assert "its accuracy is at most 25.00% below the reference's" in {c.claim for c in whole.checks}
    with pytest.raises(InputError, match="--max-drop 2: is not a share"):
        verify([path], trained, few, max_accuracy_drop=2)


def test_the_command_line_sets_the_bound(
    cli: Callable[..., Any], artefacts: dict[str, Path], weights_file: Path
) -> None:
    result = cli(
        *("verify", artefacts["onnx-int8"], "--weights", weights_file),
        *("--max-drop", "0.125", "--json"),
    )
    (report,) = json.loads(result.stdout)["artefacts"]
    claims = {check["claim"]: check["passed"] for check in report["checks"]}
    assert claims["its accuracy is at most 12.50% below the reference's"]
    assert report["proof"] == "graph"
    assert "node by node" in report["unchecked"][0]
