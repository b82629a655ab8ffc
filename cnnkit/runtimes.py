"""Any artefact in the runtime of its users: `cnnkit.runtimes.load("mnist.onnx")(images).label`.

Each format answers in the runtime that its users have: ONNX in ONNX Runtime, TorchScript and
torch.export in PyTorch, C compiled by the C compiler, weights in cnnkit's own kernels (without
PyTorch).
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cnnkit.architecture import PIXEL_SCALE, Architecture
from cnnkit.checkpoint import Weights, check_names, find_weights, read_weights
from cnnkit.compiled import build
from cnnkit.errors import InputError
from cnnkit.export import contract
from cnnkit.export.c import read_c
from cnnkit.export.onnx_file import OnnxFile, read_onnx
from cnnkit.export.onnx_int8 import dequantise, digest
from cnnkit.export.pt2 import read_pt2
from cnnkit.export.torch_archive import deprecation_known, require_torch
from cnnkit.export.torchscript import read_torchscript
from cnnkit.inference import Prediction as Prediction
from cnnkit.inference import network
from cnnkit.ops import isa
from cnnkit.ort import DOMAIN, ort_custom_ops
from cnnkit.sniff import sniff

if TYPE_CHECKING:
    import torch

Run = Callable[[NDArray[np.uint8]], Prediction]


@dataclass(frozen=True)
class Model:
    """An artefact in its runtime; call it with images.

    Attributes:
        path: the file.
        format: a row of `cnnkit.export.FORMATS`, or "weights".
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

    @property
    def intact(self) -> bool:
        """Whether the artefact holds the tensors that its metadata tell of."""
        quantised = contract.quantisation(self.metadata)
        if quantised:
            return bool(quantised.get("tensors_sha256") == self.notes["tensors_sha256"])
        return bool(self.weights_sha256 == self.metadata["cnnkit.weights_sha256"])

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
        MissingError: its runtime is not installed, or its operators were not built.
    """
    model = open_model(Path(path), threads)
    if not model.intact:
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
    quantised = bool(contract.quantisation(metadata))
    weights = _weights(
        path, metadata, _parameters(path, metadata, file) if quantised else file.tensors
    )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 4  # it raises what it would log
    fused = DOMAIN in file.opsets
    if fused:
        options.register_custom_ops_library(ort_custom_ops())
    try:
        session = onnxruntime.InferenceSession(
            path.read_bytes(), options, providers=["CPUExecutionProvider"], enable_fallback=0
        )  # falling back, it would print on stdout
    except Exception as error:  # its errors have no common base class but this
        reason = str(error).strip().splitlines()[0]
        raise InputError(
            path, f"is refused by ONNX Runtime ({reason})", "export it again"
        ) from error

    feed = feeder(metadata)

    def run(images: NDArray[np.uint8]) -> Prediction:
        return Prediction(*session.run(list(contract.OUTPUTS), {contract.INPUT: feed(images)}))

    types = {"tensor(uint8)": "uint8", "tensor(float)": "float32", "tensor(int64)": "int64"}
    return Model(
        path,
        "onnx-int8" if quantised else "onnx-fused" if fused else "onnx",
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


def _parameters(path: Path, metadata: dict[str, Any], file: OnnxFile) -> dict[str, NDArray[Any]]:
    """Return the parameters that a quantised file's tensors stand for."""
    architecture = Architecture.from_json(metadata.get("cnnkit.architecture"), path)
    try:
        return dequantise(file.tensors, architecture)
    except (KeyError, ValueError) as error:
        raise InputError(
            path, f"holds no quantised parameters of its network ({error})", "export it again"
        ) from error


def load_torchscript(path: Path, threads: int) -> Model:
    """Open a TorchScript archive of ours in PyTorch; `threads` stays as PyTorch has it."""
    metadata = contract.decode(path, read_torchscript(path), "a TorchScript archive")
    require_torch("running TorchScript")
    import torch

    channels, height, width = Architecture.from_json(
        metadata.get("cnnkit.architecture"), path
    ).input
    try:
        with deprecation_known():
            # PyTorch left the deprecated function untyped.
            module = torch.jit.load(str(path), map_location="cpu")  # type: ignore[no-untyped-call]
        names = [argument.name for argument in module.forward.schema.arguments[1:]]
        # Only an answer tells the names of a named tuple's fields.
        example = torch.zeros((1, channels, height, width))
        outputs = module(example.to(getattr(torch, contract.input_type(metadata))))
    except (RuntimeError, ValueError) as error:
        reason = str(error).strip().splitlines()[0]
        raise InputError(path, f"is refused by torch.jit ({reason})", "export it again") from error
    feed = feeder(metadata)
    arrays = {name: tensor.numpy() for name, tensor in module.state_dict().items()}

    def run(images: NDArray[np.uint8]) -> Prediction:
        with torch.inference_mode():
            outputs = module(torch.from_numpy(feed(images)))
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


def load_c(path: Path, threads: int) -> Model:
    """Open a C source of ours, compiled by this machine's C compiler; it uses one thread."""
    source = read_c(path)
    compiled = build(source)
    return Model(
        path,
        "c",
        compiled.compiler,
        source.metadata,
        source.weights,
        compiled.declared,
        compiled,
    )


def load_pt2(path: Path, threads: int) -> Model:
    """Open a torch.export archive of ours in PyTorch; `threads` stays as PyTorch has it."""
    texts, archive = read_pt2(path)
    metadata = contract.decode(path, texts, "a torch.export archive")
    require_torch("running torch.export programs")
    import torch

    try:
        program = torch.export.load(io.BytesIO(archive))
        module = program.module()
    except Exception as error:  # its errors have no common base class but this
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise InputError(path, f"is refused by torch.export ({reason})", "export it again") from (
            error
        )
    arrays = {name: tensor.numpy() for name, tensor in program.state_dict.items()}
    feed = feeder(metadata)

    def run(images: NDArray[np.uint8]) -> Prediction:
        with torch.inference_mode():
            outputs = module(torch.from_numpy(feed(images)))
            return Prediction(*(outputs[name].numpy() for name in contract.OUTPUTS))

    return Model(
        path,
        "pt2",
        f"torch.export {torch.__version__}",
        metadata,
        _weights(path, metadata, arrays),
        _declared(program),
        run,
    )


def _declared(program: torch.export.ExportedProgram) -> dict[str, str]:
    """Return type and shape of a program's input and of its outputs, by name."""
    outputs = program.call_spec.out_spec
    tensors = {node.name: node.meta.get("val") for node in program.graph.nodes}
    names = [*program.graph_signature.user_inputs, *(outputs.context if outputs else ())]
    nodes = [*program.graph_signature.user_inputs, *program.graph_signature.user_outputs]
    result = {}
    for name, node in zip(names, nodes, strict=False):
        tensor = tensors[str(node)]
        sizes = ",".join(str(size) if isinstance(size, int) else "N" for size in tensor.shape)
        result[str(name)] = f"{str(tensor.dtype).removeprefix('torch.')}[{sizes}]"
    return result


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


def feeder(metadata: Mapping[str, Any]) -> Callable[[NDArray[np.uint8]], NDArray[Any]]:
    """Return what makes of raw pixels what an artefact takes: itself, or float32 in [0, 1]."""
    if contract.input_type(metadata) == "uint8":
        return lambda images: images
    return lambda images: images * np.float32(PIXEL_SCALE)


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
    "c": load_c,
    "onnx": load_onnx,
    "torchscript": load_torchscript,
    "pt2": load_pt2,
    "weights": load_weights,
}
