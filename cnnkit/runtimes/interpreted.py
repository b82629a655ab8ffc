"""Any classifier without an engine of its own: `interpret(graph)(images)`, right and slow.

It is the float64 reference, whose results are rounded. A quantised network's integers give the
logits that ONNX Runtime gives, to the bit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnkit.errors import InputError
from cnnkit.graph.architecture import PIXEL_SCALE
from cnnkit.graph.convnet import INPUT, OUTPUTS, with_contract
from cnnkit.graph.graph import Graph
from cnnkit.graph.quantised import to_integers
from cnnkit.graph.reference import evaluate

TYPES = ("float32", "float32", "int64")  # of OUTPUTS
BATCH = 64  # bounds the memory of the activations
Found = tuple[NDArray[Any], NDArray[Any], NDArray[Any]]


def interpret(graph: Graph) -> Callable[..., Found]:
    """Return an engine for a graph with the contract's names; its calls are those of the others."""
    taken = graph.inputs[INPUT]
    channels, height, width = taken.shape[1:]
    integers = any(node.operator == "QuantizeLinear" for node in graph.nodes)
    if integers:
        graph = to_integers(graph)
    dtype = "float32" if integers else "float64"

    def run(images: NDArray[Any], threads: int = 1, out: Any = None) -> Found:
        found = graph
        if images.dtype == np.float32 and taken.dtype == "uint8":
            found = with_contract(graph, "float32")
        if images.dtype == np.uint8 and taken.dtype == "float32":
            images = (images * PIXEL_SCALE).astype(np.float32)  # as the engines take raw pixels
        if images.ndim == 3 and images.shape[0] == channels != 1:
            images = images[None]
        elif channels == 1 and images.ndim in (2, 3):
            images = images.reshape(-1, 1, *images.shape[-2:])
        if images.ndim != 4 or images.shape[1:] != (channels, height, width):
            shape = f"[N, {channels}, {height}, {width}]"
            raise InputError("images", f"has shape {list(images.shape)}", f"pass {shape}")
        if images.dtype != found.inputs[INPUT].dtype:
            reason = f"is {images.dtype}, not {found.inputs[INPUT].dtype}"
            raise InputError("images", reason, "pass what the network takes")
        parts = [
            evaluate(
                found,
                {INPUT: images[start : start + BATCH]},
                OUTPUTS,
                reproducible=False,
                dtype=dtype,
            )
            for start in range(0, max(1, len(images)), BATCH)
        ]
        made = [
            np.concatenate([part[name] for part in parts]).astype(kind)
            for name, kind in zip(OUTPUTS, TYPES, strict=True)
        ]
        for array, target in zip(made, out or (), strict=False):
            if target.shape != array.shape or target.dtype != array.dtype:
                reason = f"holds {target.dtype}{list(target.shape)}, not {array.dtype}"
                raise InputError("out", reason, "pass a result for as many images")
            target[...] = array
        logits, probabilities, label = out or made
        return logits, probabilities, label

    return run
