"""ONNX files of ours in ONNX Runtime."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnkit.errors import InputError
from cnnkit.formats import contract
from cnnkit.formats.onnx.format import variant
from cnnkit.formats.onnx.protobuf import read_onnx
from cnnkit.formats.onnx.session import open_session
from cnnkit.formats.onnx.weights import read_weights
from cnnkit.formats.quantisation import digest
from cnnkit.ops.ort_op import DOMAIN, ort_custom_ops
from cnnkit.runtimes.model import Model, feeder, held_weights
from cnnkit.runtimes.prediction import Prediction


def load_onnx(path: Path, threads: int) -> Model:
    """Open an ONNX file of ours in ONNX Runtime."""
    import onnxruntime

    file = read_onnx(path)
    metadata = contract.decode(path, file.metadata, "an ONNX file")
    quantised = bool(contract.quantisation(metadata))
    family = "cnnkit.architecture" in metadata and not contract.normalises(metadata)
    if family and not quantised:
        weights = held_weights(path, metadata, file.tensors)
    else:
        weights = read_weights(path)
    custom_ops = ort_custom_ops() if DOMAIN in file.opsets else None
    try:
        # Only a path says where a file's other parts are.
        session = open_session(path if file.external else path.read_bytes(), threads, custom_ops)
    except Exception as error:  # its errors have no common base class but this
        reason = str(error).strip().splitlines()[0]
        raise InputError(
            path, f"is refused by ONNX Runtime ({reason})", "export it again"
        ) from error

    feed = feeder(metadata)

    batch = session.get_inputs()[0].shape[0]

    def run(images: NDArray[np.uint8]) -> Prediction:
        fed = feed(images)
        if isinstance(batch, int):  # frozen by another tool, as some hosts want it
            return Prediction(*_in_batches(session, fed, batch))
        return Prediction(*session.run(list(contract.OUTPUTS), {contract.INPUT: fed}))

    types = {"tensor(uint8)": "uint8", "tensor(float)": "float32", "tensor(int64)": "int64"}
    return Model(
        path,
        variant(file, metadata),
        f"onnxruntime {onnxruntime.__version__}",
        metadata,
        weights,
        {
            value.name: f"{types.get(value.type, value.type)}[{','.join(map(str, value.shape))}]"
            for value in [*session.get_inputs(), *session.get_outputs()]
        },
        run,
        {
            "opset": file.opsets.get(""),
            "ir_version": file.ir_version,
            "operators": sorted(set(file.operators)),
            "one_file": not file.external,
            "source_notes": file.notes,
            **({"tensors_sha256": digest(file.tensors)} if quantised else {}),
        },
    )


def _in_batches(session: Any, images: NDArray[Any], batch: int) -> list[NDArray[Any]]:
    """Return the outputs for images whose number a file does not take, a batch at a time.

    The last image is repeated to fill the last batch; what it gives there is left out.
    """
    count = len(images)
    if not count:  # one image tells of what type and shape no outputs are
        images = np.zeros((1, *images.shape[1:]), images.dtype)
    whole = -(-len(images) // batch) * batch
    rows = np.minimum(np.arange(whole), len(images) - 1)
    parts = [
        session.run(list(contract.OUTPUTS), {contract.INPUT: images[rows[start : start + batch]]})
        for start in range(0, whole, batch)
    ]
    return [np.concatenate(found)[:count] for found in zip(*parts, strict=True)]
