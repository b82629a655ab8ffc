"""Models with nodes that cnnkit has no operator for, to be carried in ONNX as they are.

`read_carried("net.onnx", Said(preprocess="unit"), error).compute(images)` runs the model itself:
a file in ONNX Runtime, a module in PyTorch.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cnnkit.data.drawn import drawn_images
from cnnkit.errors import InputError, MissingError, OperatorsError
from cnnkit.formats.onnx.carrying import Original, original, wrapped
from cnnkit.formats.onnx.reader import UNKNOWN
from cnnkit.graph.carried import carry
from cnnkit.graph.classifier import SAY
from cnnkit.graph.preprocessing import Preprocessing
from cnnkit.graph.weights import Weights
from cnnkit.models.network import Network, Outputs
from cnnkit.models.read import is_module, is_spec
from cnnkit.models.said import Said
from cnnkit.runtimes.original import logits_of

if TYPE_CHECKING:
    from onnx import ModelProto

PART = 16  # images at once
NOTE = "cnnkit has no operator for {nodes}; ONNX holds it as it is, and only runtimes compute it"


def read_carried(model: Any, said: Said, error: OperatorsError) -> Network:
    """Read a model that `cnnkit.models.read_model` has refused for its operators.

    Args:
        model: an ONNX file, or a module.
        said: what is said of it.
        error: the refusal, which names the nodes.

    Raises:
        OperatorsError: that one, if ONNX cannot hold the model either; the reason is in it.
        InputError: it is no classifier of images, or nothing says what its pixels mean.
        MissingError: onnx, or PyTorch, is not installed.
    """
    if is_module(model) or is_spec(model):
        from cnnkit.models.modules import opened, written

        module = opened(model, said)
        own = original(written(module, error), module.source, module.size)
        return _network(own, said, error, module.source, module.record, module.names, module.run)
    try:
        import onnx
    except ImportError as missing:
        raise MissingError.package("onnx", "carrying a model") from missing
    path = Path(model)
    try:
        whole: ModelProto = onnx.load(str(path))
    except Exception:  # of protobuf, or of external data
        raise error from None
    return _network(original(whole, path, said.size), said, error, str(path))


def _network(
    own: Original,
    said: Said,
    error: OperatorsError,
    source: str,
    stated: Preprocessing | None = None,
    known: list[str] | None = None,
    run: Any = None,
) -> Network:
    record = said.record(own.size) or stated
    if record is None and own.dtype != "uint8":
        raise InputError(source, f"takes {own.dtype} and does not say how pixels are scaled", SAY)
    batch = own.frozen or PART

    def in_onnx_runtime(images: NDArray[np.uint8]) -> Outputs:
        feeds = own.fed(images, record).astype(own.dtype)
        count = -len(feeds) % own.frozen if own.frozen else 0
        feeds = np.concatenate([feeds, feeds[:1].repeat(count, 0)])
        found = logits_of(own.model, own.input, feeds, batch)
        plain, optimised = (each[: len(images)] for each in (found.plain, found.optimised))
        return Outputs(_flat(plain), _flat(optimised), f"the model itself in {found.runtime}")

    def in_pytorch(images: NDArray[np.uint8]) -> Outputs:
        return Outputs(*run(own.fed(images, record)))

    drawn = own.fed(drawn_images(own.size, batch), record).astype(own.dtype)
    try:
        first = logits_of(own.model, own.input, drawn, batch).plain
    except InputError as failed:
        reason = f"{error.reason}; and {failed.subject} does not run it ({failed.reason})"
        raise OperatorsError(source, reason, "correct the model", error.details) from failed
    shape = first.shape
    if not np.isfinite(first).all():
        raise InputError(source, "gives NaN or infinity for random images", "train it again")
    if len(shape) < 2 or set(shape[2:]) - {1} or shape[0] != batch or shape[1] < 2:
        raise InputError(
            source,
            f"gives {list(shape)} for {batch} images, not one score per class [N, K]",
            "export the model with its logits [N, K] as its only output",
        )
    if run:
        _refuse_probabilities(source, first, run(drawn)[1])
    named = error.details or (error.reason.removeprefix("has the "),)
    nodes = "; ".join(line.removesuffix(f": {UNKNOWN}") for line in named)
    content = wrapped(own, record, shape)
    metadata: dict[str, Any] = {}
    metadata["preprocessing"] = (record or _as_is(own)).to_json(scaled_inside=True)
    names = said.class_names(shape[1]) or (known if known and len(known) == shape[1] else None)
    if names:
        metadata["names"] = names
    weights = Weights(carry(own.size, content, shape[1], nodes), metadata)
    notes = [NOTE.format(nodes=nodes)]
    if own.frozen:
        notes.append(f"its batch was frozen at {own.frozen}; the file is to take any number")
    compute = in_pytorch if run else in_onnx_runtime
    return Network(weights, source, (), tuple(notes), compute=compute)


def _refuse_probabilities(source: str, logits: NDArray[Any], outputs: NDArray[np.float64]) -> None:
    """Raise InputError for a module that returns what its logits become, not these."""
    flat = _flat(logits).astype(np.float64)
    if np.allclose(outputs, flat, rtol=1e-3, atol=1e-5):
        return
    logs = flat - flat.max(axis=1, keepdims=True)
    logs -= np.log(np.exp(logs).sum(axis=1, keepdims=True))
    for name, values in (("softmax", np.exp(logs)), ("log_softmax", logs)):
        if np.allclose(outputs, values, rtol=1e-3, atol=1e-5):
            raise InputError(
                source,
                f"ends in {name}, behind nodes that cnnkit does not know",
                f"leave {name} out of its forward: the file gives logits and probabilities",
            )


def _flat(logits: NDArray[Any]) -> NDArray[Any]:
    return logits.reshape(len(logits), -1)


def _as_is(own: Original) -> Preprocessing:
    return replace(Preprocessing.of(own.size), scale=1.0)
