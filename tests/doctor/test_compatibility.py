"""`cnnkit doctor MODEL` shows which runtimes load a file; `--fix` rewrites it for more of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import helper, numpy_helper
from support.corruptions import DAMAGES

from cnnkit.data.dataset import Dataset
from cnnkit.doctor import onnx_rewrite
from cnnkit.doctor.compatibility import check_compatibility
from cnnkit.doctor.onnx_rewrite import fix
from cnnkit.errors import InputError, StorageError, VerdictError
from cnnkit.formats.onnx.protobuf import read_onnx
from cnnkit.formats.onnx.writer import write_onnx
from cnnkit.formats.options import Options
from cnnkit.graph.weights import Weights


def foreign(path: Path, opset: int = 21, ir_version: int = 10, external: bool = False) -> None:
    """A model of another exporter; its operators have other inputs or attributes in old opsets."""
    weight = np.random.default_rng(0).random((6, 3), dtype=np.float32)
    graph = helper.make_graph(
        [
            helper.make_node("MatMul", ["x", "weight"], ["product"]),
            helper.make_node("Relu", ["product"], ["positive"]),
            helper.make_node("ReduceMean", ["positive", "axes"], ["y"], keepdims=0),
        ],
        "other",
        [helper.make_tensor_value_info("x", 1, ["N", 6])],
        [helper.make_tensor_value_info("y", 1, ["N"])],
        [
            numpy_helper.from_array(weight, "weight"),
            numpy_helper.from_array(np.array([1]), "axes"),
        ],
    )
    opsets = [helper.make_opsetid("", opset)]
    model = helper.make_model(graph, ir_version=ir_version, opset_imports=opsets)
    helper.set_model_props(model, {"author": "somebody"})
    onnx.save(
        model,
        path,
        save_as_external_data=external,
        location="weights.bin",
        size_threshold=0,
    )


def test_every_installed_host_is_tested_on_the_golden_images(artefacts: dict[str, Path]) -> None:
    findings = check_compatibility(artefacts["onnx"])
    tested = [finding for finding in findings if finding.basis == "tested"]
    assert f"ONNX Runtime {onnxruntime.__version__}" in [finding.runtime for finding in tested]
    assert all(finding.loads for finding in tested), findings
    assert all("0 of 16 golden labels differ" in finding.reason for finding in tested)
    inferred = {f.runtime: f for f in findings if f.basis == "inferred"}
    assert inferred["ONNX Runtime 1.12 or newer (C, C++, C#, Java, Node, web)"].loads
    assert inferred["OpenCV 4.6 or newer (C++)"].loads


@pytest.mark.parametrize("name", ["pt2", "torchscript"])
def test_other_formats_are_tested_in_their_own_runtime(
    artefacts: dict[str, Path], name: str
) -> None:
    first = check_compatibility(artefacts[name])[0]
    assert (first.loads, first.basis) == (True, "tested")
    assert "0 of 16 golden labels differ" in first.reason


def test_a_file_whose_answers_are_wrong_exits_with_1(
    cli: Callable[..., Any], artefacts: dict[str, Path], tmp_path: Path
) -> None:
    damage = DAMAGES["onnx"]["missing scaling"]
    (tmp_path / "net.onnx").write_bytes(damage(artefacts["onnx"].read_bytes()))
    result = cli("doctor", tmp_path / "net.onnx")
    assert result.exit_code == 1
    assert "✗ ONNX Runtime" in result.stdout
    assert "gives wrong outputs in ONNX Runtime" in result.stderr


def test_what_is_newer_or_not_standard_is_not_promised(tmp_path: Path) -> None:
    foreign(tmp_path / "new.onnx", opset=22, ir_version=10)
    inferred = [f for f in check_compatibility(tmp_path / "new.onnx") if f.basis == "inferred"]
    assert [finding.loads for finding in inferred] == [None, None]
    assert "is newer than its table" in inferred[0].reason
    assert "not tested: MatMul, ReduceMean" in inferred[1].reason


def test_no_version_of_a_runtime_is_promised_that_fails_here(tmp_path: Path) -> None:
    path = tmp_path / "a.onnx"
    foreign(path, opset=17, ir_version=8)
    damaged = onnx.load(path)
    damaged.graph.node[-1].input[0] = "missing"
    onnx.save(damaged, path)
    found = [f for f in check_compatibility(path) if f.runtime.startswith("ONNX Runtime ")]
    assert [(f.basis, f.loads) for f in found] == [
        ("tested", False),
        ("inferred", None),
    ]


def test_a_foreign_file_is_compared_with_onnx_runtime(
    cli: Callable[..., Any], tmp_path: Path
) -> None:
    foreign(tmp_path / "other.onnx")
    result = cli("doctor", tmp_path / "other.onnx", "--json")
    hosts = json.loads(result.stdout)["hosts"]
    assert hosts[0]["host"].startswith("ONNX Runtime ")
    assert (hosts[0]["loads"], hosts[0]["basis"]) == (True, "tested")


def test_fix_lowers_opset_and_ir_and_brings_data_in(
    cli: Callable[..., Any], tmp_path: Path
) -> None:
    path = tmp_path / "other.onnx"
    foreign(path, external=True)
    before = path.read_bytes()
    assert read_onnx(path).external
    result = cli("doctor", path, "--fix")
    assert result.exit_code == 0, result.stderr
    for change in ("embedded the external data", "opset 21 → 17", "IR 10 → 8"):
        assert change in result.stdout
    assert path.read_bytes() == before
    fixed = read_onnx(tmp_path / "other.fixed.onnx")
    assert (fixed.opsets[""], fixed.ir_version, fixed.external) == (17, 8, False)
    assert fixed.metadata == {"author": "somebody"}
    (tmp_path / "weights.bin").unlink()
    x = np.random.default_rng(1).random((5, 6), dtype=np.float32)
    (y,) = onnxruntime.InferenceSession(tmp_path / "other.fixed.onnx").run(None, {"x": x})
    weight = np.random.default_rng(0).random((6, 3), dtype=np.float32)
    np.testing.assert_allclose(y, np.maximum(x @ weight, 0).mean(axis=1), rtol=1e-5)


def test_our_own_file_survives_fix_with_its_contract(
    trained: Weights, few: Dataset, tmp_path: Path
) -> None:
    path = tmp_path / "net.onnx"
    path.write_bytes(write_onnx(trained, Options(few, opset=21))[".onnx"])
    (tmp_path / "fixed.onnx").write_bytes(fix(path).content)
    assert read_onnx(tmp_path / "fixed.onnx").metadata == read_onnx(path).metadata
    tested = [f for f in check_compatibility(tmp_path / "fixed.onnx") if f.basis == "tested"]
    assert all(finding.loads for finding in tested), tested


def test_a_file_that_is_good_already_is_left_alone(
    cli: Callable[..., Any], artefacts: dict[str, Path], tmp_path: Path
) -> None:
    (tmp_path / "net.onnx").write_bytes(artefacts["onnx"].read_bytes())
    assert "nothing to change" in cli("doctor", tmp_path / "net.onnx", "--fix").stdout
    assert [path.name for path in tmp_path.iterdir()] == ["net.onnx"]


def test_a_conversion_that_changes_the_answers_is_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    foreign(tmp_path / "other.onnx")

    def wrong(path: Path, model: onnx.ModelProto, opset: int) -> onnx.ModelProto:
        tensor = model.graph.initializer[0]
        tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor) * 2, tensor.name))
        return model

    monkeypatch.setattr(onnx_rewrite, "_convert", wrong)
    with pytest.raises(VerdictError, match="gives other outputs after the rewrite"):
        fix(tmp_path / "other.onnx")


@pytest.mark.parametrize("opset", [3, 999])
def test_an_opset_that_is_not_there_is_refused(tmp_path: Path, opset: int) -> None:
    foreign(tmp_path / "other.onnx")
    with pytest.raises(InputError, match=f"--opset {opset}"):
        fix(tmp_path / "other.onnx", opset)


def test_data_that_is_missing_is_named(tmp_path: Path) -> None:
    foreign(tmp_path / "other.onnx", external=True)
    (tmp_path / "weights.bin").unlink()
    with pytest.raises(StorageError, match=r"weights\.bin: is not there"):
        fix(tmp_path / "other.onnx")


def test_fix_without_a_model_or_of_no_onnx_file_exits_with_2(
    cli: Callable[..., Any], artefacts: dict[str, Path]
) -> None:
    assert "needs a model" in cli("doctor", "--fix").stderr
    result = cli("doctor", artefacts["pt2"], "--fix")
    assert result.exit_code == 2


def test_an_input_of_gigabytes_is_refused_before_it_is_made(tmp_path: Path) -> None:
    sizes = [1, 100_000, 100_000]
    values = [helper.make_tensor_value_info(name, 1, sizes) for name in "xy"]
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "g", *[[v] for v in values])
    onnx.save(helper.make_model(graph), tmp_path / "huge.onnx")
    for examine in (check_compatibility, fix):
        with pytest.raises(InputError, match=r"is an input of \[1, 100000, 100000\], more than"):
            examine(tmp_path / "huge.onnx")
