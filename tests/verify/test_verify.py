"""Verification proves what it says: every damage is found, near ties are told from real ones."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from support.corruptions import DAMAGES, Damage
from support.onnx_mutants import MUTANTS

from cnnkit.data.dataset import Dataset
from cnnkit.errors import InputError
from cnnkit.formats.base import PROOFS
from cnnkit.formats.checkpoint import write_weights
from cnnkit.formats.onnx.writer import write_onnx
from cnnkit.formats.options import Options
from cnnkit.graph.weights import Weights
from cnnkit.metrics import mcnemar_p, paired_interval
from cnnkit.runtimes.isolated import images_of, plan_batches, run_batches
from cnnkit.runtimes.loader import open_model
from cnnkit.runtimes.prediction import Prediction
from cnnkit.verify.comparison import compare
from cnnkit.verify.reference import Reference, reference_logits, reference_of
from cnnkit.verify.report import make_report
from cnnkit.verify.run import verify

EVERY_DAMAGE = [
    pytest.param(name, damage, id=f"{name}: {what}")
    for name, damages in DAMAGES.items()
    for what, damage in damages.items()
]


@pytest.fixture(scope="module")
def originals(artefacts: dict[str, Path]) -> dict[str, bytes]:
    return {name: path.read_bytes() for name, path in artefacts.items()}


@pytest.fixture
def home(trained_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A current folder whose runs/ holds the training."""
    (tmp_path / "runs").symlink_to(trained_run.parents[1])
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", DAMAGES)
def test_whole_artefacts_pass_the_same_checks(
    artefacts: dict[str, Path], trained: Weights, few: Dataset, name: str
) -> None:
    images = few.test.images
    plan, reference = plan_batches(images), reference_of(trained, images)
    outputs = run_batches(open_model(artefacts[name]), images, plan)
    report = make_report(artefacts[name], outputs, trained, reference, few, plan)
    assert [check for check in report.checks if not check.passed] == []


@pytest.mark.parametrize(("name", "damage"), EVERY_DAMAGE)
def test_every_damage_is_found(
    originals: dict[str, bytes],
    trained: Weights,
    few: Dataset,
    tmp_path: Path,
    name: str,
    damage: Damage,
) -> None:
    path = tmp_path / "net"
    path.write_bytes(damage(originals[name]))
    images = few.test.images
    try:
        model = open_model(path)
    except InputError:
        return  # the runtime itself refuses it
    plan, reference = plan_batches(images), reference_of(trained, images)
    outputs = run_batches(model, images, plan)
    assert not make_report(path, outputs, trained, reference, few, plan).passed


def test_whole_artefacts_are_verified_over_all_test_images(
    cli: Callable[..., Any], artefacts: dict[str, Path], weights_file: Path
) -> None:
    exact = [path for name, path in artefacts.items() if not name.endswith("int8")]
    result = cli("verify", *exact, "--weights", weights_file, "--json")
    assert result.exit_code == 0, result.stderr
    document = json.loads(result.stdout)
    assert document["passed"]
    for report in document["artefacts"]:
        agreement = report["agreement"]
        assert (agreement["images"], agreement["disagreements"]) == (10_000, [])
        assert agreement["accuracy"] == agreement["reference_accuracy"]
        assert agreement["mcnemar_p"] == 1.0
        assert agreement["difference_interval"] == pytest.approx([-1.96e-4, 1.96e-4], rel=1e-3)
        assert 0 <= agreement["logit_error"] <= agreement["logit_limit"]
        assert report["batches"] == [1, 2, 7, 64, 10_000]
        assert report["reference"].startswith("PyTorch ")
        assert report["unchecked"]


def test_a_damaged_artefact_exits_with_1_and_says_what_is_wrong(
    cli: Callable[..., Any], artefacts: dict[str, Path], weights_file: Path, tmp_path: Path
) -> None:
    wrong = tmp_path / "wrong.onnx"
    wrong.write_bytes(DAMAGES["onnx"]["missing scaling"](artefacts["onnx"].read_bytes()))
    result = cli("verify", artefacts["onnx"], wrong, "--weights", weights_file)
    assert result.exit_code == 1
    assert f"{wrong}: differs from the network" in result.stderr.replace("\n", " ")
    assert str(artefacts["onnx"]) not in result.stderr
    assert "NOT verified" in result.stdout
    assert "of 10000 differ" in result.stdout
    assert "near tie" in result.stdout or "real" in result.stdout


def test_a_branch_that_no_test_image_takes_is_found_and_named(
    cli: Callable[..., Any], artefacts: dict[str, Path], weights_file: Path, tmp_path: Path
) -> None:
    wrong = tmp_path / "wrong.onnx"
    wrong.write_bytes(MUTANTS["a corner pixel"][0](artefacts["onnx"].read_bytes()))
    result = cli("verify", wrong, "--weights", weights_file, "--json")
    assert result.exit_code == 1
    (report,) = json.loads(result.stdout)["artefacts"]
    assert [check["claim"] for check in report["checks"] if not check["passed"]] == [
        "its graph is the network's, node by node"
    ]
    assert report["agreement"]["disagreements"] == []


def test_notes_and_weights_in_another_file_are_no_difference(
    artefacts: dict[str, Path], trained: Weights, few: Dataset, tmp_path: Path
) -> None:
    model = onnx.load(artefacts["onnx"])
    model.metadata_props.add(key="author", value="someone, not in JSON")
    path = tmp_path / "net.onnx"
    onnx.save(model, path, save_as_external_data=True, location="net.data", size_threshold=0)
    report = verify([path], trained, few)[0]
    assert [check for check in report.checks if not check.passed] == []
    assert any("weights lie in another file" in check.found for check in report.checks)


def test_the_report_says_what_test_images_cannot_show(
    cli: Callable[..., Any], artefacts: dict[str, Path], weights_file: Path, small_data: Path
) -> None:
    files = [artefacts[name] for name in ("onnx", "pt2", "c", "torchscript")]
    words = ("--weights", weights_file, "--data", small_data, "--json")
    result = cli("verify", *files, weights_file, *words)
    reports = json.loads(result.stdout)["artefacts"]
    proofs = [report["proof"] for report in reports]
    assert proofs[:3] == ["graph", "graph", "source"]
    assert proofs[4] == "weights"
    for report in reports:
        assert report["unchecked"][0] == PROOFS[report["proof"]]
    assert "a branch which other images would take" in PROOFS["outputs"]


def test_other_weights_than_the_artefacts_own_are_not_verified(
    artefacts: dict[str, Path], trained: Weights, few: Dataset
) -> None:
    fresh = trained.architecture.initial_parameters(5)
    report = verify(
        [artefacts["onnx"]], Weights.of(trained.architecture, fresh, trained.metadata), few
    )[0]
    failed = {check.claim for check in report.checks if not check.passed}
    assert {"it holds exactly these weights", "every label is the reference's"} <= failed


def test_the_run_is_found_by_its_weights(
    artefacts: dict[str, Path], home: Path, few: Dataset
) -> None:
    assert verify([artefacts["onnx"]], None, few)[0].passed


def test_without_its_run_the_verb_asks_for_the_weights(
    cli: Callable[..., Any],
    artefacts: dict[str, Path],
    trained: Weights,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    other = Weights.of(
        trained.architecture, trained.architecture.initial_parameters(1), trained.metadata
    )
    write_weights(tmp_path / "runs" / "train" / "other" / "weights.safetensors", other)
    (tmp_path / "runs" / "train" / "broken").mkdir()
    (tmp_path / "runs" / "train" / "broken" / "weights.safetensors").write_bytes(b"nothing")
    monkeypatch.chdir(tmp_path)
    result = cli("verify", artefacts["onnx"])
    assert result.exit_code == 2
    assert "--weights" in result.stderr


def test_near_ties_fail_unless_they_are_allowed(
    artefacts: dict[str, Path], trained: Weights, few: Dataset
) -> None:
    images = few.test.images
    plan = [(0, len(images))]
    outputs = run_batches(open_model(artefacts["onnx"]), images, plan)
    reference, _ = reference_logits(trained, images)
    # A reference that rounding has moved to the other side of a tie.
    first, second = np.argsort(reference[0])[::-1][:2]
    prediction = outputs.prediction
    assert prediction is not None
    prediction.logits[0, second] = prediction.logits[0, first]
    reference[0, second] = np.nextafter(reference[0, first], np.float32(np.inf))
    powers = np.exp(prediction.logits[0].astype(np.float64) - prediction.logits[0].max())
    prediction.probabilities[0] = powers / powers.sum()
    prediction.label[0] = prediction.logits[0].argmax()
    if prediction.label[0] == second:  # the tie went to the lower index: let the reference lose
        reference[0, second] = np.nextafter(reference[0, first], np.float32(-np.inf))
    path = artefacts["onnx"]
    moved = Reference(reference, "moved")
    strict = make_report(path, outputs, trained, moved, few, plan)
    lenient = make_report(path, outputs, trained, moved, few, plan, allow_near_ties=True)
    assert strict.agreement is not None
    (case,) = strict.agreement.disagreements
    assert (case.image, case.near_tie) == (0, True)
    assert case.margin < 1e-4
    assert [check.claim for check in strict.checks if not check.passed] == [
        "every label is the reference's"
    ]
    assert lenient.passed


def test_a_real_disagreement_is_never_allowed() -> None:
    reference = np.array([[5.0, 1.0], [0.0, 3.0]], dtype=np.float32)
    outputs = Prediction(reference, reference, np.array([1, 1]))
    agreement = compare(reference, outputs, np.array([0, 1]), np.arange(2))
    (case,) = agreement.disagreements
    assert (case.image, case.reference, case.answer) == (0, 0, 1)
    assert case.margin == pytest.approx(4.0)
    assert not case.near_tie
    assert (agreement.accuracy, agreement.reference_accuracy) == (0.5, 1.0)


def test_outputs_that_are_not_numbers_never_pass() -> None:
    reference = np.zeros((2, 3), dtype=np.float32)
    logits = np.full((2, 3), np.nan, dtype=np.float32)
    outputs = Prediction(logits, logits, np.zeros(2, np.int64))
    agreement = compare(reference, outputs, np.zeros(2, np.int64), np.arange(2))
    assert not agreement.logit_error <= agreement.logit_limit


@pytest.mark.parametrize(
    ("first", "second", "p"),
    [(0, 0, 1.0), (1, 0, 1.0), (5, 0, 0.0625), (8, 2, 0.109375), (2, 8, 0.109375), (500, 500, 1.0)],
)
def test_mcnemar_is_the_exact_binomial_test(first: int, second: int, p: float) -> None:
    assert mcnemar_p(first, second) == pytest.approx(p, rel=1e-12)


def test_the_interval_of_the_accuracy_difference_covers_and_narrows() -> None:
    low, high = paired_interval(30, 10, 10_000)
    assert low < 0.002 < high
    assert low > 0  # 30 against 10 is no chance: McNemar's p is 0.002
    wide = paired_interval(3, 1, 1_000)
    assert wide[1] - wide[0] > high - low
    assert paired_interval(1, 3, 1_000) == pytest.approx((-wide[1], -wide[0]))


def test_mcnemar_overflows_for_no_count() -> None:
    assert 0.0 <= mcnemar_p(9_000, 1_000) < 1e-300


@pytest.mark.parametrize("count", [1, 2, 3, 9, 10, 73, 74, 75, 500, 10_000])
def test_batches_of_every_size_and_one_of_all_images(count: int) -> None:
    *small, last = plan_batches(np.zeros((count, 1, 28, 28), np.uint8))
    assert last == (0, count)
    sizes = [stop - start for start, stop in small]
    assert [start for start, _ in small] == [sum(sizes[:i]) for i in range(len(small))]
    assert set(sizes) == {size for size in (1, 2, 7, 64) if size in sizes}
    assert sum(sizes) <= count
    if count >= 500:
        assert set(sizes) == {1, 2, 7, 64}


@pytest.mark.parametrize(("side", "most"), [(32, 2_500), (224, 127)])
def test_large_images_are_not_all_run_at_once(side: int, most: int) -> None:
    images = np.broadcast_to(np.uint8(0), (10_000, 3, side, side))
    plan = plan_batches(images)
    whole = plan[plan.index((0, most)) :]
    assert max(stop - start for start, stop in plan) == most
    assert [*(start for start, _ in whole), 10_000] == [0, *(stop for _, stop in whole)]


def test_an_image_agrees_only_if_it_does_in_every_batch() -> None:
    reference = np.array([[5.0, 1.0], [0.0, 3.0]], dtype=np.float32)
    plan = [(1, 2), (0, 2)]
    logits = reference[images_of(plan)]
    outputs = Prediction(logits, logits, np.array([0, 0, 1]))  # image 1 is wrong by itself
    agreement = compare(reference, outputs, np.array([0, 1]), images_of(plan))
    assert [(case.image, case.answer) for case in agreement.disagreements] == [(1, 0)]
    assert agreement.accuracy == 1.0


def test_data_of_another_size_is_refused(
    artefacts: dict[str, Path], trained: Weights, few: Dataset
) -> None:
    small = replace(few, test=replace(few.test, images=few.test.images[:, :, ::2, ::2]))
    with pytest.raises(
        InputError, match=r"images of \[1, 14, 14\]; the network takes \[1, 28, 28\]"
    ):
        verify([artefacts["onnx"]], trained, small)


def test_artefacts_of_different_data_are_not_mixed(
    cli: Callable[..., Any],
    trained: Weights,
    artefacts: dict[str, Path],
    few: Dataset,
    tmp_path: Path,
) -> None:
    other = replace(trained, metadata={**trained.metadata, "dataset": "fashion-mnist"})
    (tmp_path / "fashion.onnx").write_bytes(write_onnx(other, Options(few))[".onnx"])
    result = cli("verify", artefacts["onnx"], tmp_path / "fashion.onnx")
    assert result.exit_code == 2
    assert "different data" in result.stderr


def test_a_crash_of_the_runtime_is_a_finding(
    artefacts: dict[str, Path],
    trained: Weights,
    few: Dataset,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # A runtime that dies stands in for the real one, in the child only.
    (tmp_path / "onnxruntime.py").write_text(
        "import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)"
    )
    monkeypatch.syspath_prepend(tmp_path)
    report = verify([artefacts["onnx"]], trained, few)[0]
    assert not report.passed
    assert "stopped by signal 11" in report.checks[0].found
