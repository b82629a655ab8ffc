"""ONNX with 8-bit weights and activations: `write_onnx_int8(weights, options)[".int8.onnx"]`.

Static quantisation by onnxruntime.quantization: QDQ nodes, one scale per output channel, activation
ranges from training images. Weights use 7 of their 8 bits: on x86 processors without VNNI
instructions, sums of full-range products overflow, and outputs would depend on the processor.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnkit.data.dataset import Split
from cnnkit.errors import InputError
from cnnkit.formats import contract
from cnnkit.formats.base import family
from cnnkit.formats.description import describe
from cnnkit.formats.golden_vectors import choose, exact_logits, vectors
from cnnkit.formats.onnx.session import open_session
from cnnkit.formats.onnx.writer import set_metadata, write_onnx
from cnnkit.formats.options import Options
from cnnkit.graph.architecture import PIXEL_SCALE, Architecture
from cnnkit.graph.weights import Weights
from cnnkit.system.subprocesses import exchange_folder

LOWEST_OPSET = 13  # DequantizeLinear with a scale per channel
CALIBRATION = 1000  # training images; the ranges were seen to stay the same from 500 on
QUANTISED = ("Conv", "Relu", "MaxPool", "Flatten", "Gemm")
WEIGHT_LIMIT = 64  # the largest weight: 7 bits and a sign
GOLDEN_FROM = 200  # test images among which the golden ones are chosen


def write_onnx_int8(weights: Weights, options: Options) -> dict[str, bytes]:
    """Return a quantised ONNX model with the contract's input and outputs.

    Logits stay float32, and so do all that follows. Golden images are those to which it gives the
    network's own label; their tolerance is twice the largest error seen.

    Raises:
        InputError: the network is not of the family, the opset is too old for it, or the training
            images do not fit the network.
        MissingError: the onnx package is not installed.
    """
    if options.opset is not None and options.opset < LOWEST_OPSET:
        raise InputError(
            f"--opset {options.opset}",
            "is too old for a scale per channel",
            f"choose one from {LOWEST_OPSET} on",
        )
    family(weights, "onnx-int8")
    content = write_onnx(weights, options)[".onnx"]
    import onnx
    from onnx import numpy_helper

    model = _quantise(onnx.load_from_string(content), _calibration(weights, options))
    for tensor in model.graph.initializer:  # raw, as cnnkit's own reader takes them
        tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor), tensor.name))
    del model.graph.value_info[:]
    tensors = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}
    values = describe(weights, options)
    values[contract.QUANTISATION] = {
        "scheme": "QDQ; activations uint8; weights int8 in 7 bits, per output channel",
        "calibration_images": min(CALIBRATION, len(options.dataset.train.images)),
        "max_accuracy_drop": options.max_accuracy_drop,
        "tensors_sha256": digest(tensors),
    }
    values |= _golden(weights, options, model.SerializeToString())
    set_metadata(model, dict(sorted(values.items())))
    onnx.checker.check_model(model, full_check=True)
    return {".int8.onnx": bytes(model.SerializeToString(deterministic=True))}


def dequantise(
    tensors: Mapping[str, NDArray[Any]], architecture: Architecture
) -> dict[str, NDArray[np.float32]]:
    """Return the parameters, float32, that a quantised model's tensors stand for.

    Raises:
        KeyError: one is missing.
        ValueError: one has a shape that does not fit.
    """
    parameters = {}
    for name, shape in architecture.parameter_shapes().items():
        whole, scale = tensors[f"{name}_quantized"], steps(tensors, name)
        column = scale.reshape(-1, *[1] * (len(shape) - 1))
        parameters[name] = whole.reshape(shape).astype(np.float32) * column
    return parameters


def steps(tensors: Mapping[str, NDArray[Any]], name: str) -> NDArray[np.float32]:
    """Return the value of one step of a parameter, float32 [output channels]."""
    scale = tensors.get(f"{name}_scale")
    return tensors[f"{name}_quantized_scale"] if scale is None else scale


def digest(tensors: Mapping[str, NDArray[Any]]) -> str:
    """Return the SHA-256 of all tensors of a model: weights, scales and zero points."""
    state = hashlib.sha256()
    for name in sorted(tensors):
        state.update(f"{name} {tensors[name].dtype} {tensors[name].shape} ".encode())
        state.update(np.ascontiguousarray(tensors[name]).tobytes())
    return state.hexdigest()


def speed(weights: Weights, options: Options, content: bytes) -> dict[str, Any]:
    """Time a quantised model beside the float one: microseconds per image, one thread, medians."""
    images = _feed(options, options.dataset.test.images[:64])
    files = {"int8": content, "float": write_onnx(weights, options)[".onnx"]}
    sessions = {name: open_session(file) for name, file in files.items()}
    found: dict[str, Any] = {}
    for batch in (1, len(images)):
        times: dict[str, list[float]] = {name: [] for name in sessions}
        for _ in range(21):
            for name, session in sessions.items():
                start = time.perf_counter()
                for _ in range(max(1, 64 // batch)):
                    session.run(["label"], {contract.INPUT: images[:batch]})
                times[name].append((time.perf_counter() - start) / max(64, batch) * 1e6)
        found[f"batch {batch}"] = {name: round(median(t), 2) for name, t in times.items()}
    return found


def _quantise(model: Any, images: NDArray[Any]) -> Any:
    import onnx
    from onnxruntime.quantization import (
        CalibrationDataReader,
        CalibrationMethod,
        QuantFormat,
        QuantType,
        quantize_static,
    )

    # ONNX Runtime has no type information.
    class Reader(CalibrationDataReader):  # type: ignore[misc]
        """Hands over a hundred images at a time."""

        def __init__(self) -> None:
            self.batches = iter(np.array_split(images, max(1, len(images) // 100)))

        def get_next(self) -> dict[str, NDArray[Any]] | None:
            batch = next(self.batches, None)
            return None if batch is None else {contract.INPUT: batch}

    with exchange_folder() as folder, _advice_known():
        quantize_static(
            model,
            str(folder / "quantised.onnx"),
            Reader(),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=list(QUANTISED),
            per_channel=True,
            reduce_range=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=CalibrationMethod.MinMax,
            extra_options={"OpTypesToExcludeOutputQuantization": ["Gemm"]},
        )
        return onnx.load(folder / "quantised.onnx")


@contextmanager
def _advice_known() -> Iterator[None]:
    """Silence the advice to optimise the graph first: ours has nothing to fold or to infer."""

    def wanted(record: logging.LogRecord) -> bool:
        return "pre-processing" not in record.getMessage()

    logging.getLogger().addFilter(wanted)
    try:
        yield
    finally:
        logging.getLogger().removeFilter(wanted)


def _calibration(weights: Weights, options: Options) -> NDArray[Any]:
    images = options.dataset.train.images[:CALIBRATION]
    if images.shape[1:] != weights.size or not len(images):
        raise InputError(
            options.dataset.name,
            f"has training images of {list(images.shape[1:])}; "
            f"the network takes {list(weights.size)}",
            "choose the data that the network was trained for",
        )
    return _feed(options, images)


def _feed(options: Options, images: NDArray[np.uint8]) -> NDArray[Any]:
    return images if options.input == "uint8" else images * np.float32(PIXEL_SCALE)


def _golden(weights: Weights, options: Options, content: bytes) -> dict[str, Any]:
    test = options.dataset.test
    images, truth = test.images[:GOLDEN_FROM], test.labels[:GOLDEN_FROM]
    expected = exact_logits(weights, images)
    (logits,) = open_session(content).run(["logits"], {contract.INPUT: _feed(options, images)})
    same = logits.argmax(axis=1) == expected.argmax(axis=1)
    chosen = choose(Split(images[same], truth[same]) if same.any() else Split(images, truth))
    tolerance = float(f"{2 * float(np.abs(logits - expected).max()):.1e}")
    return {**vectors(weights, chosen).to_json(), "cnnkit.golden.tolerance": tolerance}
