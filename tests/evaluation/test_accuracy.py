"""Evaluation counts right, names what does not fit, and prints what it counted."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cnnkit.data.dataset import Dataset, Split
from cnnkit.errors import InputError
from cnnkit.evaluation.accuracy import evaluate
from cnnkit.graph.weights import Weights
from cnnkit.metrics import class_scores, confusion_matrix
from cnnkit.runtimes.loader import load


def test_rows_are_the_truth_and_columns_the_answers() -> None:
    matrix = confusion_matrix(np.array([0, 0, 2]), np.array([0, 1, 1]), 3)
    assert matrix.tolist() == [[1, 1, 0], [0, 0, 0], [0, 1, 0]]
    assert matrix.dtype == np.int64


def test_scores_are_those_of_the_definitions() -> None:
    matrix = np.array([[5, 1], [2, 4]])
    first = class_scores(matrix, ["a", "b"])[0]
    assert first.precision == pytest.approx(5 / 7)
    assert first.recall == pytest.approx(5 / 6)
    assert first.f1 == pytest.approx(2 * (5 / 7) * (5 / 6) / (5 / 7 + 5 / 6))
    assert first.support == 6


def test_a_class_that_is_never_seen_or_answered_scores_zero() -> None:
    score = class_scores(np.array([[3, 0], [0, 0]]), ["a", "b"])[1]
    assert (score.precision, score.recall, score.f1, score.support) == (0.0, 0.0, 0.0, 0)


@pytest.mark.parametrize("name", ["onnx", "torchscript"])
def test_an_artefact_has_the_accuracy_that_training_saw(
    artefacts: dict[str, Path], trained: Weights, mnist: Dataset, name: str
) -> None:
    result = evaluate(load(artefacts[name]), mnist.test)
    assert result.accuracy == pytest.approx(trained.metadata["test_accuracy"], abs=1e-9)
    assert result.confusion.sum() == 10_000
    assert result.confusion.sum(axis=1).tolist() == np.bincount(mnist.test.labels).tolist()


def test_data_that_does_not_fit_is_refused(artefacts: dict[str, Path], mnist: Dataset) -> None:
    model = load(artefacts["onnx"])
    images, labels = mnist.test.images[:3], mnist.test.labels[:3]
    with pytest.raises(InputError, match="is empty"):
        evaluate(model, Split(images[:0], labels[:0]))
    with pytest.raises(InputError, match="beyond the model's 10 classes"):
        evaluate(model, Split(images, labels + 10))
    with pytest.raises(InputError, match=r"images of \[1, 14, 14\]; the model takes \[1, 28"):
        evaluate(model, Split(images[:, :, ::2, ::2], labels))


def test_the_verb_prints_accuracy_scores_and_matrix(
    cli: Callable[..., Any], artefacts: dict[str, Path]
) -> None:
    result = cli("eval", artefacts["onnx"])
    assert result.exit_code == 0, result.stderr
    assert "onnxruntime" in result.stdout
    for word in ("accuracy", "precision", "recall", "F1", "support", "true \\ predicted"):
        assert word in result.stdout


def test_the_verb_prints_one_json_document_and_draws(
    cli: Callable[..., Any], artefacts: dict[str, Path], tmp_path: Path
) -> None:
    result = cli("eval", artefacts["torchscript"], "--json", "--picture", tmp_path / "matrix.png")
    document = json.loads(result.stdout)
    assert (document["command"], document["format"]) == ("eval", "torchscript")
    assert document["runtime"].startswith("torch.jit ")
    assert np.array(document["confusion"]).shape == (10, 10)
    assert [Path(path).name for path in document["pictures"]] == ["matrix.png", "matrix.svg"]
    assert all(Path(path).stat().st_size > 1000 for path in document["pictures"])


def test_without_a_model_the_newest_run_is_evaluated(
    cli: Callable[..., Any],
    trained_run: Path,
    trained: Weights,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "runs").symlink_to(trained_run.parents[1])
    monkeypatch.chdir(tmp_path)
    document = json.loads(cli("eval", "--json").stdout)
    assert document["runtime"].startswith("cnnkit (")
    assert document["accuracy"] == pytest.approx(trained.metadata["test_accuracy"], abs=1e-9)


def test_without_any_run_the_verb_says_what_to_do(
    cli: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = cli("eval")
    assert result.exit_code == 2
    assert "cnnkit train" in result.stderr


def test_the_labels_of_a_foreign_set_come_from_the_model(
    artefacts: dict[str, Path], few: Dataset
) -> None:
    model = load(artefacts["onnx"])
    renamed = replace(few, names=tuple("abcdefghij"))
    assert [score.name for score in evaluate(model, renamed.test).per_class] == list("0123456789")
