"""What quantisation does to each layer, as signal to noise: `layer_noise(quantised, images)`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cnnkit.graph.convnet import INPUT
from cnnkit.graph.quantised.form import LAYERS
from cnnkit.graph.quantised.integers import to_integers
from cnnkit.graph.quantised.rewriting import INTEGERS
from cnnkit.graph.quantised.static import Quantised
from cnnkit.graph.reference import evaluate

MOST_DB = 99.0  # of what nothing is lost


class LayerNoise(NamedTuple):
    """How close a layer's result is to the network's.

    Attributes:
        layer: the name of its node, which --keep-float takes.
        operator: ONNX's name.
        snr_db: the network's values by their differences, squared, in decibels.
        own_db: likewise by the noise that the layer adds to that of what it takes; the layer with
            the fewest hurts most.
    """

    layer: str
    operator: str
    snr_db: float
    own_db: float


def layer_noise(quantised: Quantised, images: NDArray[np.generic]) -> list[LayerNoise]:
    """Return the noise of every layer and addition, in the order of execution."""
    plan = quantised.plan
    nodes = [
        node
        for node in plan.graph.nodes
        if node.outputs[0] in plan.nodes and node.operator in (*LAYERS, "Add")
    ]
    names = {name for node in nodes for name in (plan.output(node), *node.inputs)}
    names -= plan.graph.tensors.keys()
    integers = to_integers(quantised.graph)
    made = {name for node in integers.nodes for name in node.outputs}
    rounded = {name: name + INTEGERS if name + INTEGERS in made else name for name in names}
    found = evaluate(
        integers,
        {INPUT: images},
        sorted(name for name in rounded.values() if name in made),
        reproducible=False,
        dtype="float32",
    )
    exact = evaluate(plan.graph, {INPUT: images}, sorted(names), reproducible=False)
    ratios = {}
    for name, integer in rounded.items():
        if integer not in made:  # the network's input itself
            ratios[name] = MOST_DB
            continue
        numbers = found[integer]
        if integer != name:
            scale = quantised.scales[name]
            numbers = (numbers.astype(np.float64) - scale.zero) * float(scale.scale)
        ratios[name] = _decibels(exact[name], numbers)
    rows = []
    for node in nodes:
        after = ratios[plan.output(node)]
        before = min(ratios[name] for name in node.inputs if name in ratios)
        title = node.name or node.outputs[0]
        rows.append(LayerNoise(title, node.operator, after, _own(before, after)))
    return rows


def _own(before: float, after: float) -> float:
    """Return the ratio for the noise that comes to what is there before."""
    added = 10 ** (-after / 10) - 10 ** (-before / 10)
    return round(min(MOST_DB, -10 * math.log10(added)), 1) if added > 0 else MOST_DB


def weakest(rows: Sequence[Sequence[Any]], count: int = 3) -> list[str]:
    """Return the names of the layers that add most noise, as rows of `LayerNoise` or lists."""
    return [str(row[0]) for row in sorted(rows, key=lambda row: float(row[3]))[:count]]


def _decibels(exact: NDArray[np.float64], found: NDArray[np.float64]) -> float:
    signal, noise = float(np.square(exact).sum()), float(np.square(exact - found).sum())
    if noise == 0:
        return MOST_DB
    return round(min(MOST_DB, 10 * math.log10(max(signal, 1e-30) / noise)), 1)
