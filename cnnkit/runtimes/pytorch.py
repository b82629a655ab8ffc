"""TorchScript and torch.export archives of ours in PyTorch."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cnnkit.errors import InputError
from cnnkit.formats import contract
from cnnkit.formats.contract import check_metadata
from cnnkit.formats.pytorch.archive import deprecation_known, require_torch
from cnnkit.formats.pytorch.pt2 import read_pt2
from cnnkit.formats.pytorch.torchscript import read_torchscript
from cnnkit.graph import identity
from cnnkit.graph.layout import NHWC, channels_first
from cnnkit.graph.weights import Weights
from cnnkit.runtimes.model import Model, feeder, held_weights
from cnnkit.runtimes.prediction import Prediction

if TYPE_CHECKING:
    import torch

NET = "net."  # where TorchScript archives have the network beyond the family


def load_torchscript(path: Path, threads: int) -> Model:
    """Open a TorchScript archive of ours in PyTorch; `threads` stays as PyTorch has it."""
    texts, archive = read_torchscript(path)
    metadata = contract.decode(path, texts, "a TorchScript archive")
    require_torch("running TorchScript")
    import torch

    size = contract.image_size(path, metadata)
    feed = feeder(metadata)
    try:
        with deprecation_known():
            # PyTorch left the deprecated function untyped.
            module = torch.jit.load(io.BytesIO(archive), map_location="cpu")  # type: ignore[no-untyped-call]
        names = [argument.name for argument in module.forward.schema.arguments[1:]]
        # Only a result tells the names of a named tuple's fields; one of no images takes no memory.
        outputs = module(torch.from_numpy(feed(np.zeros((0, *size), np.uint8))))
    except (RuntimeError, ValueError) as error:
        reason = str(error).strip().splitlines()[0]
        raise InputError(path, f"is refused by torch.jit ({reason})", "export it again") from error
    arrays = {
        name.removeprefix(NET): tensor.numpy() for name, tensor in module.state_dict().items()
    }

    def run(images: NDArray[np.uint8]) -> Prediction:
        with torch.inference_mode():
            outputs = module(torch.from_numpy(feed(images)))
            return Prediction(*(getattr(outputs, name).numpy() for name in contract.OUTPUTS))

    return Model(
        path,
        "torchscript",
        f"torch.jit {torch.__version__}",
        metadata,
        _only_weights(path, metadata, arrays),
        dict.fromkeys([*names, *getattr(outputs, "_fields", ())], "Tensor"),
        run,
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
        _only_weights(path, metadata, {**arrays, **program.constants}),
        _declared(program),
        run,
    )


def _only_weights(path: Path, metadata: dict[str, Any], arrays: dict[str, Any]) -> Weights:
    """Return the network whose parameters a program holds; it must hold no other tensors."""
    if contract.GRAPH in metadata:
        return _of_graph(path, metadata, arrays)
    weights = held_weights(path, metadata, arrays)
    others = sorted(arrays.keys() - weights.tensors.keys())
    if others:
        raise InputError(
            path, f"holds {others[0]}, which is not a parameter of its network", "export it again"
        )
    return weights


def _of_graph(path: Path, metadata: dict[str, Any], arrays: dict[str, Any]) -> Weights:
    """Return the network beyond the family that metadata describe, with the tensors of a program.

    Raises:
        InputError: it has others.
    """
    from cnnkit.nn.graphs.module import state_key

    stated = metadata[contract.GRAPH]
    tensors = stated.get("tensors", {}) if isinstance(stated, dict) else {}
    names = {state_key(name): name for name in tensors}
    held = {names.get(key, key): array for key, array in arrays.items()}
    graph = identity.from_json(stated, held, path)
    if contract.input_type(metadata) == NHWC:
        graph = channels_first(graph)
    weights = Weights(graph, metadata)
    check_metadata(path, metadata, weights.classes)
    return weights


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
