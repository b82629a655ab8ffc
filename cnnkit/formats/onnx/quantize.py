"""ONNX with 8-bit weights and activations: `write_onnx_int8(weights, options)[".int8.onnx"]`.

Static quantisation by `cnnkit.graph.quantised`, written as QDQ nodes, which ONNX Runtime fuses to
operators of integers.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from cnnkit.errors import InputError
from cnnkit.formats import contract
from cnnkit.formats.onnx.model import as_written
from cnnkit.formats.onnx.session import open_session
from cnnkit.formats.onnx.writer import serialise, write_onnx
from cnnkit.formats.options import Options
from cnnkit.formats.quantisation import described, digest, feed, quantised, record
from cnnkit.graph.weights import Weights
from cnnkit.system.stopwatch import microseconds

LOWEST_OPSET = 13  # DequantizeLinear with a scale per channel


def write_onnx_int8(weights: Weights, options: Options) -> dict[str, bytes]:
    """Return a quantised ONNX model with the contract's input and outputs.

    Logits stay float32, and so do all that follows. Golden images are those to which it gives the
    network's own label; their tolerance is twice the largest error seen.

    Raises:
        InputError: nothing of the network can be quantised, the opset is too old for it, or the
            training images do not fit the network.
        MissingError: the onnx package is not installed.
    """
    if options.opset is not None and options.opset < LOWEST_OPSET:
        raise InputError(
            f"--opset {options.opset}",
            "is too old for a scale per channel",
            f"choose one from {LOWEST_OPSET} on",
        )
    found = quantised(weights, options)
    values = described(weights, found.integers, options)
    tensors = {name: as_written(array) for name, array in found.graph.tensors.items()}
    values[contract.QUANTISATION] = record(found, options) | {"tensors_sha256": digest(tensors)}
    content = serialise(found.graph, dict(sorted(values.items())), options)
    return {".int8.onnx": content}


def speed(weights: Weights, options: Options, content: bytes) -> dict[str, Any]:
    """Time a quantised model beside the float one: microseconds an image, one thread."""
    images = feed(options.input, options.dataset.test.images[:64])
    files = {"int8": content, "float": write_onnx(weights, options)[".onnx"]}
    sessions = {name: open_session(file) for name, file in files.items()}
    found: dict[str, Any] = {}
    for batch in (1, len(images)):
        shown = {contract.INPUT: images[:batch]}
        calls = {name: partial(s.run, ["label"], shown) for name, s in sessions.items()}
        times = microseconds(calls)
        found[f"batch {batch}"] = {name: round(t / batch, 2) for name, t in times.items()}
    return found
