"""`cnnkit doctor` on files of others: every input type, any name, sizes that are free."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.in_process import in_process
from support.small_onnx import node, save

from cnnkit.doctor import foreign
from cnnkit.doctor.compatibility import check_compatibility
from cnnkit.doctor.made_up_inputs import parse_size, random_feeds, trials
from cnnkit.doctor.result import Compatibility
from cnnkit.errors import InputError
from cnnkit.formats.onnx.protobuf import read_onnx
from cnnkit.runtimes.third_party import Arrays, Outputs, ThirdPartyRun, reason, run_all

WEIGHT = np.ones((3, 32), np.float32)


@pytest.fixture(autouse=True)
def _runtimes_run_here(monkeypatch: pytest.MonkeyPatch) -> None:
    in_process(monkeypatch, "third_party")


def tried(path: Path) -> list[Compatibility]:
    return [found for found in check_compatibility(path) if found.basis != "inferred"]


def save_dense(path: Path, sizes: list[int | str]) -> Path:
    """A network for images of [2, 4, 4] only, whatever the file says."""
    nodes = [
        node("Flatten", ["x"], ["f"]),
        node("Gemm", ["f", "w"], ["y"], transB=1),
    ]
    return save(path, nodes, {"x": (1, sizes)}, ["y"], {"w": WEIGHT})


@pytest.mark.parametrize("kind", [1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13])
def test_inputs_of_every_type_of_numpy_run(tmp_path: Path, kind: int) -> None:
    path = save(tmp_path / "m.onnx", [node("Identity", ["x"], ["y"])], {"x": (kind, [2, 3])}, ["y"])
    assert tried(path)[0].reason == "it runs"
    (feed,) = random_feeds(read_onnx(path), trials(read_onnx(path))[0]).values()
    assert len(np.unique(feed)) > 1


@pytest.mark.parametrize(
    "name", ["file", "args", "kwds", "self", "allow_pickle", "a/b", "../x", "bild é 像", "x.npy"]
)
def test_inputs_and_outputs_may_have_any_name(tmp_path: Path, name: str) -> None:
    into = save(tmp_path / "i.onnx", [node("Relu", [name], ["y"])], {name: (1, ["N", 3])}, ["y"])
    out = save(tmp_path / "o.onnx", [node("Relu", ["x"], [name])], {"x": (1, ["N", 3])}, [name])
    for path in (into, out):
        assert tried(path)[0].reason == "it runs"


def test_a_free_size_may_be_written_as_minus_one(tmp_path: Path) -> None:
    assert tried(save_dense(tmp_path / "m.onnx", [-1, 2, 4, 4]))[0].reason == "it runs"


def test_a_file_that_takes_one_image_only_is_given_one(tmp_path: Path) -> None:
    nodes = [node("Reshape", ["x", "s"], ["y"])]
    tensors = {"s": np.array([1, 6])}
    path = save(tmp_path / "m.onnx", nodes, {"x": (1, ["N", 6])}, ["y"], tensors)
    assert tried(path)[0].loads is True


@pytest.mark.parametrize("sizes", [["N", 1, "H", "W"], ["N", "H", "W", 1], ["N", 1, 64, "W"]])
def test_free_heights_and_widths_are_those_of_an_image(tmp_path: Path, sizes: list[Any]) -> None:
    nodes = [node("Relu", ["x"], ["y"])]
    path = save(tmp_path / "m.onnx", nodes, {"x": (1, sizes)}, ["y"])
    shape = [{"N": 2, "H": 64, "W": 64}.get(size, size) for size in sizes]
    assert tried(path)[0].reason == f"it runs with x of {shape}"


def test_a_size_that_nobody_knows_is_no_failure(cli: Callable[..., Any], tmp_path: Path) -> None:
    path = save_dense(tmp_path / "m.onnx", ["N", 2, "H", "W"])
    result = cli("doctor", path)
    assert result.exit_code == 0
    assert "[not tried]" in result.stdout
    assert "--size HxW" in result.stdout
    named = cli("doctor", path, "--size", "4x4", "--json")
    host = json.loads(named.stdout)["hosts"][0]
    assert (host["loads"], host["reason"]) == (True, "it runs with x of [2, 2, 4, 4]")
    assert cli("doctor", path, "--size", "5x4").exit_code == 1


def test_a_size_that_is_none_is_refused(cli: Callable[..., Any], tmp_path: Path) -> None:
    path = save_dense(tmp_path / "m.onnx", ["N", 2, "H", "W"])
    for text in ("4", "0x4", "4x-1", "axb", "9999999x9999999"):
        result = cli("doctor", path, "--size", text)
        assert result.exit_code == 2
        assert "is not HxW" in result.stderr
    assert parse_size("224x320") == (224, 320)


def test_indices_stay_in_their_table(tmp_path: Path) -> None:
    tensors = {"table": np.eye(2, dtype=np.float32)}
    nodes = [node("Gather", ["table", "i"], ["y"])]
    path = save(tmp_path / "m.onnx", nodes, {"i": (7, ["N", 5])}, ["y"], tensors)
    assert tried(path)[0].loads is True


@pytest.mark.parametrize("shape", [None, [0, 3]])
def test_inputs_without_a_shape_are_not_tried(tmp_path: Path, shape: list[int] | None) -> None:
    path = save(tmp_path / "m.onnx", [node("Relu", ["x"], ["y"])], {"x": (1, shape)}, ["y"])
    found = tried(path)[0]
    assert (found.loads, found.basis) == (None, "not tried")
    assert "does not say the shape of its input x" in found.reason


def test_inputs_that_are_no_numbers_are_not_tried(tmp_path: Path) -> None:
    nodes = [node("Shape", ["x"], ["s"]), node("Cast", ["s"], ["y"], to=1)]
    for kind in (8, 16):  # string, bfloat16
        path = save(tmp_path / "m.onnx", nodes, {"x": (kind, [2])}, ["y"])
        assert {found.basis for found in tried(path)} == {"not tried"}


def test_a_file_that_onnx_runtime_refuses_fails_whatever_its_input(tmp_path: Path) -> None:
    path = save(tmp_path / "m.onnx", [node("Nonsense", ["x"], ["y"])], {"x": (1, None)}, ["y"])
    found = tried(path)[0]
    assert (found.loads, found.basis) == (False, "tested")


def test_nan_is_no_difference_from_oneself(cli: Callable[..., Any], tmp_path: Path) -> None:
    nodes = [node("Mul", ["x", "n"], ["y"])]
    tensors = {"n": np.array([np.nan], np.float32)}
    path = save(tmp_path / "m.onnx", nodes, {"x": (1, [2, 3])}, ["y"], tensors)
    result = cli("doctor", path)
    assert result.exit_code == 0
    assert "it runs; some of its outputs are NaN or infinite" in result.stdout


def runtime_that_gives(
    monkeypatch: pytest.MonkeyPatch, change: Callable[[Outputs], Outputs]
) -> None:
    """Install a runtime that gives ONNX Runtime's outputs, changed."""

    def fake(path: Path, feeds: Arrays, names: tuple[str, ...]) -> dict[str, ThirdPartyRun]:
        if "other" not in names:
            return run_all(path, feeds, names)
        (run,) = run_all(path, feeds, ("ONNX Runtime",)).values()
        assert run.outputs
        return {"other": ThirdPartyRun("1", change(run.outputs), loaded=True)}

    monkeypatch.setattr(foreign, "run_all", fake)
    monkeypatch.setattr(foreign, "installed", lambda: ["ONNX Runtime", "other"])


def save_two(path: Path) -> Path:
    nodes = [
        node("Relu", ["x"], ["a"]),
        node("ReduceMean", ["x"], ["b"], keepdims=0),
    ]
    return save(path, nodes, {"x": (1, [2, 3])}, ["a", "b"])


@pytest.mark.parametrize(
    ("change", "loads", "words"),
    [
        (lambda o: tuple((f"n{i}", x) for i, (_, x) in enumerate(o)), True, "names (n0, n1)"),
        (lambda o: (o[1], o[0]), True, "by 0.0e+00"),
        (lambda o: (o[0], ("b", o[1][1].reshape(1))), True, "b in the shape [1] instead of []"),
        (lambda o: (("a", o[0][1].T), o[1]), False, "a has the shape [3, 2], not [2, 3]"),
        (lambda o: o[:1], False, "it has 1 outputs, not 2"),
        (lambda o: (("a", o[0][1] + 1), o[1]), False, "by 1.0e+00"),
        (lambda o: (("a", o[0][1] * np.nan), o[1]), False, "a is not finite"),
    ],
    ids=["names", "order", "scalar", "shape", "number", "values", "nan"],
)
def test_other_runtimes_are_compared_by_position(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    change: Callable[[Outputs], Outputs],
    loads: bool,
    words: str,
) -> None:
    path = save_two(tmp_path / "m.onnx")
    runtime_that_gives(monkeypatch, change)
    found = tried(path)[1]
    assert (found.runtime, found.loads) == ("other 1", loads)
    assert words in found.reason
    assert "inf" not in found.reason.replace("infinit", "")


def test_without_onnx_runtime_others_have_no_reference(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = save_two(tmp_path / "m.onnx")
    run = ThirdPartyRun("1", (("a", np.zeros(1)),), loaded=True)
    monkeypatch.setattr(foreign, "installed", lambda: ["other"])
    monkeypatch.setattr(
        foreign, "run_all", lambda path, feeds, names: {"other": run} if "other" in names else {}
    )
    found = tried(path)[0]
    assert (found.loads, found.basis) == (None, "tested")


def test_an_input_of_gigabytes_is_refused_for_a_named_size_too(tmp_path: Path) -> None:
    path = save_dense(tmp_path / "m.onnx", ["N", 2, "H", "W"])
    with pytest.raises(InputError, match="more than 67,108,864 values"):
        check_compatibility(path, (99999, 99999))


def test_outputs_that_are_no_tensors_are_runs_too(tmp_path: Path) -> None:
    nodes = [node("SplitToSequence", ["x"], ["y"], axis=0)]
    path = save(tmp_path / "m.onnx", nodes, {"x": (1, [2, 3])}, ["y"])
    assert tried(path)[0].reason == "it runs"


def test_of_a_long_message_the_line_that_says_most_is_shown() -> None:
    openvino = """Exception from src/inference/src/cpp/core.cpp:132:
Check 'false' failed at src/frontends/common_translators/src/unconverted_ops_report.cpp:151:
FrontEnd API failed with OpConversionFailure:
-- Dropout-13 with a message:
Training mode is not supported for Dropout op

Summary:
-- Conversion is failed for: Dropout-13
"""
    assert reason(openvino) == "Training mode is not supported for Dropout op"
    assert reason("\nno such operator:\n") == "no such operator:"
    assert reason(" \n") == ""
