"""Any artefact in the runtime of its users: `cnnkit.runtimes.load("mnist.onnx")(images).label`.

Each format answers in the runtime that its users have: ONNX in ONNX Runtime, TorchScript in
PyTorch, weights in cnnkit's own kernels (without PyTorch).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnkit.architecture import Architecture
from cnnkit.checkpoint import Weights, check_names, find_weights, read_weights
from cnnkit.errors import InputError
from cnnkit.export import contract
from cnnkit.export.onnx_file import read_onnx
from cnnkit.export.torchscript import deprecation_known, read_metadata, require_torch
from cnnkit.inference import Prediction as Prediction
from cnnkit.inference import network
from cnnkit.ops import isa
from cnnkit.sniff import sniff

Run = Callable[[NDArray[np.uint8]], Prediction]


@dataclass(frozen=True)
class Model:
    """An artefact in its runtime; call it with images.

    Attributes:
        path: the file.
        format: "onnx", "torchscript" or "weights".
        runtime: what answers, with its version ("onnxruntime 1.32.0").
        metadata: the JSON values of the export contract.
        weights: the network as found in the artefact.
        declared: type and shape of input and outputs by name, as the runtime states them.
        notes: what the file says of itself beyond the contract (opset, IR version).
        run: the runtime itself, without checks.
    """

    path: Path
    format: str
    runtime: str
    metadata: dict[str, Any]
    weights: Weights
    declared: dict[str, str]
    run: Run
    notes: dict[str, Any] = field(default_factory=dict)

    @property
    def architecture(self) -> Architecture:
        """The network's shapes."""
        return self.weights.architecture

    @property
    def names(self) -> list[str]:
        """The K class labels."""
        return list(self.metadata["names"])

    @property
    def weights_sha256(self) -> str:
        """Digest of the parameters that are in the artefact."""
        return self.weights.sha256

    def __call__(self, images: NDArray[np.uint8]) -> Prediction:
        """Classify raw pixels, uint8 [N, C, H, W].

        Raises:
            InputError: `images` has another type or shape.
        """
        shape, images = self.architecture.input, np.asarray(images)
        if images.dtype != np.uint8 or images.shape[1:] != shape:
            raise InputError(
                "images",
                f"is {images.dtype}{list(images.shape)}, not uint8[N, {str(list(shape))[1:]}",
                "pass raw pixels from 0 to 255, as the dataset has them",
            )
        return self.run(np.ascontiguousarray(images))


def load(path: str | os.PathLike[str], threads: int = 1) -> Model:
    """Open an artefact, a weights file or a run folder in its runtime.

    Args:
        path: the file; its format is decided by its content.
        threads: how many it may use; PyTorch keeps its own (torch.set_num_threads).

    Raises:
        StorageError: the file cannot be read.
        InputError: it is damaged, or not a file of ours.
        MissingError: its runtime is not installed.
    """
    model = open_model(Path(path), threads)
    if model.weights_sha256 != model.metadata["cnnkit.weights_sha256"]:
        raise InputError(
            path,
            "holds other weights than its metadata says: damaged, or changed by another tool",
            "export it again, or use it without cnnkit",
        )
    return model


def open_model(path: Path, threads: int = 1) -> Model:
    """Open an artefact as `load` does, without holding its weights against its metadata."""
    return LOADERS[sniff(path)](path, threads)


def load_onnx(path: Path, threads: int) -> Model:
    """Open an ONNX file of ours in ONNX Runtime."""
    import onnxruntime

    file = read_onnx(path)
    metadata = contract.decode(path, file.metadata, "an ONNX file")
    weights = _weights(path, metadata, file.tensors)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 4  # it raises what it would log
    try:
        session = onnxruntime.InferenceSession(
            path.read_bytes(), options, providers=["CPUExecutionProvider"], enable_fallback=0
        )  # falling back, it would print on stdout
    except Exception as error:  # its errors have no common base class but this
        reason = str(error).strip().splitlines()[0]
        raise InputError(
            path, f"is refused by ONNX Runtime ({reason})", "export it again"
        ) from error

    def run(images: NDArray[np.uint8]) -> Prediction:
        return Prediction(*session.run(list(contract.OUTPUTS), {contract.INPUT: images}))

    types = {"tensor(uint8)": "uint8", "tensor(float)": "float32", "tensor(int64)": "int64"}
    return Model(
        path,
        "onnx",
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
        },
    )


def load_torchscript(path: Path, threads: int) -> Model:
    """Open a TorchScript archive of ours in PyTorch; `threads` stays as PyTorch has it."""
    metadata = contract.decode(path, read_metadata(path), "a TorchScript archive")
    require_torch("running TorchScript")
    import torch

    channels, height, width = Architecture.from_json(
        metadata.get("cnnkit.architecture"), path
    ).input
    try:
        with deprecation_known():
            module = torch.jit.load(str(path), map_location="cpu")  # type: ignore[no-untyped-call]
        names = [argument.name for argument in module.forward.schema.arguments[1:]]
        # Only an answer tells the names of a named tuple's fields.
        outputs = module(torch.zeros((1, channels, height, width), dtype=torch.uint8))
    except (RuntimeError, ValueError) as error:
        reason = str(error).strip().splitlines()[0]
        raise InputError(path, f"is refused by torch.jit ({reason})", "export it again") from error
    arrays = {name: tensor.numpy() for name, tensor in module.state_dict().items()}

    def run(images: NDArray[np.uint8]) -> Prediction:
        with torch.inference_mode():
            outputs = module(torch.from_numpy(images))
            return Prediction(*(getattr(outputs, name).numpy() for name in contract.OUTPUTS))

    return Model(
        path,
        "torchscript",
        f"torch.jit {torch.__version__}",
        metadata,
        _weights(path, metadata, arrays),
        dict.fromkeys([*names, *getattr(outputs, "_fields", ())], "Tensor"),
        run,
    )


def load_weights(path: Path, threads: int) -> Model:
    """Open a weights file or a run folder in cnnkit's own kernels."""
    file = find_weights(path)
    weights = read_weights(file)
    return Model(
        file,
        "weights",
        f"cnnkit ({isa()})",
        contract.metadata(weights),
        weights,
        contract.signature(weights.architecture),
        network(weights, threads),
    )


def _weights(path: Path, metadata: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> Weights:
    """Return the network whose parameters an artefact holds.

    Raises:
        InputError: a parameter is missing or has another type or shape, or a class has no name.
    """
    architecture = Architecture.from_json(metadata.get("cnnkit.architecture"), path)
    check_names(path, metadata, architecture)
    shapes = architecture.parameter_shapes()
    for name, shape in shapes.items():
        if name not in arrays or arrays[name].shape != shape or arrays[name].dtype != np.float32:
            raise InputError(
                path, f"holds no parameter {name} of float32{list(shape)}", "export it again"
            )
    return Weights(architecture, {name: arrays[name] for name in shapes}, metadata)


LOADERS: dict[str, Callable[[Path, int], Model]] = {
    "onnx": load_onnx,
    "torchscript": load_torchscript,
    "weights": load_weights,
}
