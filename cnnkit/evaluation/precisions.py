"""A network in float32 and in 8 bits side by side: `side_by_side({"float32": a, "int8": b})`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnkit.data.dataset import Split
from cnnkit.errors import InputError
from cnnkit.evaluation.accuracy import evaluate
from cnnkit.formats.c.body import Body
from cnnkit.formats.c.integers import integer_body
from cnnkit.formats.c.source import body_of
from cnnkit.graph.costs import costs
from cnnkit.graph.graph import Graph
from cnnkit.graph.quantised import to_integers
from cnnkit.graph.weights import Weights
from cnnkit.runtimes.classifier import Classifier
from cnnkit.runtimes.native import SLOW
from cnnkit.system.cpu import pinned
from cnnkit.system.stopwatch import microseconds

FLOAT, INT8 = "float32", "int8"
# What each figure of a row is, for people, in the order of a table.
TITLES = {
    "macc": "multiply-adds of an image",
    "constant_bytes": "constants as C, bytes",
    "ram_bytes": "RAM as C, bytes",
    "accuracy": "accuracy on the test images",
    "microseconds": "µs an image in cnnkit's engine",
}


@dataclass(frozen=True)
class Precision:
    """What a network costs and gives in one precision; None is not known.

    Attributes:
        engine: what cnnkit's engine computes it with, such as "int8 (AVX-512 VNNI)".
        macc: multiplications of an image that are added up.
        constant_bytes: of its constants as C; None if C cannot hold it.
        ram_bytes: what a call needs as C.
        accuracy: the share of test images whose label is right, 0 to 1.
        microseconds: the least time of one image alone in cnnkit's engine, one thread; None where
            no kernel computes it.
    """

    engine: str
    macc: int
    constant_bytes: int | None
    ram_bytes: int | None
    accuracy: float | None
    microseconds: float | None


def side_by_side(
    networks: Mapping[str, Weights],
    image: NDArray[np.uint8],
    test: Split | None = None,
    accuracies: Mapping[str, float] | None = None,
) -> dict[str, Precision]:
    """Return what networks cost and give, by their precisions; their times are of the same seconds.

    Args:
        networks: by `FLOAT` and `INT8`; a quantised one is a QDQ or an integer graph.
        image: uint8 [1, C, H, W], which is timed.
        test: labelled images, on which all are run; None leaves accuracies out.
        accuracies: those that are known already, which saves the run.
    """
    models = {name: Classifier(Path(name), weights) for name, weights in networks.items()}
    calls = {name: partial(model, image) for name, model in models.items() if model.engine != SLOW}
    with pinned(1):
        times = microseconds(calls)
    found = {}
    for name, weights in networks.items():
        body = _body(name, weights)
        accuracy = (accuracies or {}).get(name)
        if accuracy is None and test is not None:
            accuracy = evaluate(models[name], test).accuracy
        found[name] = Precision(
            models[name].engine,
            sum(cost.macc for cost in costs(_counted(name, weights.graph))),
            body.constant_bytes if body else None,
            body.ram_bytes if body else None,
            accuracy,
            times.get(name),
        )
    return found


def table_of(rows: Mapping[str, Mapping[str, Any]]) -> list[tuple[str, ...]]:
    """Return precisions, as JSON has them, as the rows of a table of texts, its header first.

    A figure that none of them has is left out.
    """
    lines = [("", *rows)]
    for key, title in TITLES.items():
        values = [row[key] for row in rows.values()]
        if any(value is not None for value in values):
            lines.append((title, *(_text(key, value) for value in values)))
    return lines


def engines_of(rows: Mapping[str, Mapping[str, Any]]) -> str:
    """Return what cnnkit's engine computes precisions with, as a list of words."""
    return " and ".join(dict.fromkeys(str(row["engine"]) for row in rows.values()))


def _text(key: str, value: float | None) -> str:
    if value is None:
        return "-"
    if key == "accuracy":
        return f"{value:.2%}"
    return f"{value:,.1f}" if key == "microseconds" else f"{value:,}"


def _counted(name: str, graph: Graph) -> Graph:
    return to_integers(graph) if name == INT8 else graph


def _body(name: str, weights: Weights) -> Body | None:
    """Return the network as C; None if C has no kernel for some node of it."""
    try:
        if name == INT8:
            return integer_body(to_integers(weights.graph), "the network")
        return body_of(weights)
    except InputError:
        return None
