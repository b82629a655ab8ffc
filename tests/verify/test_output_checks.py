"""The three outputs of an artefact agree with each other, as far as float32 can."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from cnnkit.runtimes.prediction import Prediction
from cnnkit.verify.checks import output_checks


def of_float32(logits: NDArray[np.float32]) -> Prediction:
    """Return the outputs of a program that adds up in float32, class by class."""
    powers = np.exp(logits - logits.max(1, keepdims=True))
    total = np.cumsum(powers, axis=1, dtype=np.float32)[:, -1:]
    return Prediction(logits, powers / total, logits.argmax(1))


@pytest.mark.parametrize("classes", [10, 1000, 10_000])
def test_sums_of_many_probabilities_may_round(classes: int) -> None:
    random = np.random.default_rng(0)
    outputs = of_float32(random.normal(0, 0.1, (200, classes)).astype(np.float32))
    assert all(check.passed for check in output_checks(outputs))


@pytest.mark.parametrize("classes", [10, 1000])
def test_probabilities_of_another_sum_are_refused(classes: int) -> None:
    outputs = of_float32(np.zeros((3, classes), np.float32))
    wrong = Prediction(outputs.logits, outputs.probabilities * np.float32(1.001), outputs.label)
    failed = [check.claim for check in output_checks(wrong) if not check.passed]
    assert "probabilities sum to 1" in failed
