"""Damage an artefact at random many times and say what became of each: for test_damaged.py.

`python fuzz_artefact.py ARTEFACT WEIGHTS COUNT SEED` prints counts as JSON. "refused": it was not
opened; "wrong": a check fails; "harmless": the weights, the metadata and every output are
bit for bit those of the whole file; "silent": anything else.
"""

from __future__ import annotations

import json
import random
import sys
import tempfile
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnkit.data.dataset import Split
from cnnkit.data.load import load_dataset
from cnnkit.errors import CnnkitError
from cnnkit.formats import quantised_checks
from cnnkit.formats.checkpoint import read_weights
from cnnkit.graph.quantised.form import Plan
from cnnkit.graph.quantised.statistics import Values
from cnnkit.graph.weights import Weights
from cnnkit.runtimes.isolated import plan_batches, run_batches
from cnnkit.runtimes.loader import load, open_model
from cnnkit.verify.reference import reference_of
from cnnkit.verify.report import make_report
from support.corruptions import flip_bit


def remember_ranges() -> None:
    """Compute the values that a file in 8 bits is held against once: no damage changes them.

    Only what the file says of layers that stay in float does.
    """
    compute, known = quantised_checks.collect, dict[tuple[Any, ...], dict[str, Values]]()

    def collect(plan: Plan, images: NDArray[np.generic]) -> dict[str, Values]:
        key = (images.dtype, tuple(plan.values))
        if key not in known:
            known[key] = compute(plan, images)
        return known[key]

    quantised_checks.collect = collect


def main(artefact: Path, weights: Weights, count: int, seed: int) -> Counter[str]:
    content = artefact.read_bytes()
    mnist = load_dataset("mnist")
    few = Split(mnist.test.images[:80], mnist.test.labels[:80])
    data = replace(
        mnist, train=Split(mnist.train.images[:1000], mnist.train.labels[:1000]), test=few
    )
    images = few.images
    reference = reference_of(weights, images)
    plan = plan_batches(images)  # rounding depends on the size of the batch
    whole = run_batches(load(artefact), images, plan).prediction
    assert whole is not None
    remember_ranges()
    chosen = random.Random(seed)
    found: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, artefact.name)
        for trial in range(count):
            if trial % 5:
                path.write_bytes(flip_bit(content, chosen.randrange(8 * len(content))))
            else:
                path.write_bytes(content[: chosen.randrange(len(content))])
            try:
                model = open_model(path)
            except CnnkitError:
                found["refused"] += 1
                continue
            outputs = run_batches(model, images, plan)
            if not make_report(path, outputs, weights, reference, data, plan).passed:
                found["wrong"] += 1
                continue
            assert outputs.prediction is not None
            same = all(map(np.array_equal, outputs.prediction, whole))
            found["harmless" if same else "silent"] += 1
    return found


if __name__ == "__main__":
    artefact, weights, count, seed = sys.argv[1:]
    print(json.dumps(main(Path(artefact), read_weights(Path(weights)), int(count), int(seed))))
