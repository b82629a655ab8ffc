"""`cnnkit doctor --fix` lowers opsets where the onnx package has no rule, and says how far."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from support.in_process import in_process
from support.small_onnx import node, save, save_pooled

from cnnkit.doctor.onnx_rewrite import fix
from cnnkit.errors import InputError, VerdictError
from cnnkit.formats.onnx.protobuf import read_onnx


@pytest.fixture(autouse=True)
def _runtimes_run_here(monkeypatch: pytest.MonkeyPatch) -> None:
    in_process(monkeypatch, "third_party")


def fixed(path: Path, opset: int, size: tuple[int, int] | None = None) -> Path:
    new = path.with_name("new.onnx")
    new.write_bytes(fix(path, opset, size).content)
    onnx.checker.check_model(new, full_check=True)
    return new


@pytest.mark.parametrize("opset", range(9, 18))
def test_relu_and_means_go_down_to_any_opset(tmp_path: Path, opset: int) -> None:
    new = read_onnx(fixed(save_pooled(tmp_path / "m.onnx"), opset))
    assert new.opsets[""] == opset
    assert {"Conv", "Relu", "ReduceMean"} <= set(new.operators)


@pytest.mark.parametrize("operator", ["Add", "Sub", "Mul", "Div"])
def test_arithmetic_goes_down_to_opset_9(tmp_path: Path, operator: str) -> None:
    nodes = [node(operator, ["x", "c"], ["y"])]
    tensors = {"c": np.array([2, 3, 4], np.float32)}
    path = save(tmp_path / "m.onnx", nodes, {"x": (1, ["N", 3])}, ["y"], tensors)
    assert read_onnx(fixed(path, 9)).opsets[""] == 9


@pytest.mark.parametrize("opset", [7, 8, 9])
def test_weights_never_have_to_become_inputs(tmp_path: Path, opset: int) -> None:
    nodes = [node("MatMul", ["x", "w"], ["y"])]
    tensors = {"w": np.ones((3, 2), np.float32)}
    path = save(tmp_path / "m.onnx", nodes, {"x": (1, ["N", 3])}, ["y"], tensors, opset=opset)
    new = read_onnx(fixed(path, 17))
    assert (new.ir_version, new.opsets[""]) == (4, opset)
    assert fix(path.with_name("new.onnx"), 17).changes == ()


def test_an_opset_too_low_is_refused_with_one_that_works(
    cli: Callable[..., Any], tmp_path: Path
) -> None:
    nodes = [node("Gelu", ["x"], ["g"]), node("Relu", ["g"], ["y"])]
    path = save(tmp_path / "m.onnx", nodes, {"x": (1, ["N", 3])}, ["y"], opset=21, ir_version=10)
    result = cli("doctor", path, "--fix", "--opset", "13")
    assert result.exit_code == 2
    assert "Gelu" in result.stderr
    assert "/tmp/cnnkit-" not in result.stderr
    assert "BaseConverter" not in result.stderr
    remedy = re.search(r"choose --opset (\d+)", result.stderr, re.IGNORECASE)
    assert remedy
    works = cli("doctor", path, "--fix", "--opset", remedy[1])
    assert works.exit_code == 0, works.stderr


def test_a_free_size_is_made_up_or_named_for_the_comparison(tmp_path: Path) -> None:
    free = save_pooled(tmp_path / "m.onnx", inputs={"x": (1, ["N", 1, "H", "W"])})
    assert read_onnx(fixed(free, 13)).opsets[""] == 13
    nodes = [node("Flatten", ["x"], ["f"]), node("MatMul", ["f", "w"], ["y"])]
    tensors = {"w": np.ones((20, 2), np.float32)}
    strict = save(tmp_path / "n.onnx", nodes, {"x": (1, ["N", 1, "H", "W"])}, ["y"], tensors)
    with pytest.raises(InputError, match="Name height and width with --size HxW"):
        fix(strict, 13)
    assert read_onnx(fixed(strict, 13, (4, 5))).opsets[""] == 13


def test_a_meaning_that_changes_with_the_opset_is_not_kept(tmp_path: Path) -> None:
    nodes = [node("Relu", ["x"], ["r"]), node("Softmax", ["r"], ["y"], axis=1)]
    path = save(tmp_path / "m.onnx", nodes, {"x": (1, ["N", 3, 4])}, ["y"])
    assert read_onnx(fixed(path, 13)).opsets[""] == 13
    with pytest.raises(VerdictError, match="gives other outputs after the rewrite"):
        fix(path, 12)


def test_a_file_newer_than_every_runtime_is_lowered(tmp_path: Path) -> None:
    path = save_pooled(tmp_path / "m.onnx", ir_version=99)
    assert read_onnx(fixed(path, 17)).ir_version == 8
