"""PyTorch modules as networks: `read_module("torchvision:resnet18", Said(parameters=path))`."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from cnnkit.data.drawn import drawn_images
from cnnkit.errors import InputError, VerdictError
from cnnkit.formats.base import Check
from cnnkit.formats.preprocess import listed_names
from cnnkit.graph import passes
from cnnkit.graph.classifier import as_classifier, record_of
from cnnkit.graph.graph import Graph
from cnnkit.graph.preprocessing import Preprocessing
from cnnkit.graph.reference import evaluate
from cnnkit.graph.weights import Weights
from cnnkit.metrics import LOGIT_TOLERANCE
from cnnkit.models.network import Network, named_as_ours
from cnnkit.models.said import Said, Size
from cnnkit.nn.exported import graph_of
from cnnkit.nn.factories import AUXILIARY, make_module
from cnnkit.nn.published import Stated, stated
from cnnkit.nn.state_dicts import classes_in, load_state, misfits, read_state

IMAGES = 4  # on which a module and its graph are compared
EXACT = 1e-9  # of the largest output, in float64
SAME = "the graph computes what the module computes"


def read_module(model: Any, said: Said) -> Network:
    """Read a module, or what a person's, torchvision's or timm's function makes.

    Raises:
        InputError: as `cnnkit.models.read.read_model`.
        VerdictError: its graph computes something else.
    """
    if isinstance(model, nn.Module):
        source, module, about = type(model).__name__, copy.deepcopy(model), None
        if said.parameters is not None:
            load_state(module, said.parameters, read_state(said.parameters))
    else:
        source = str(model)
        module = _made(source, said)
        about = stated(source, module)
    _check_parameters(module, source)
    module = module.cpu()
    size = _size(source, said, about)
    graph = graph_of(module, size, source)
    check = compare(module, graph, size)
    if not check.passed:
        raise VerdictError(
            source,
            f"was not read right: {check.found}",
            "make its forward compute the same whenever it is called in evaluation mode",
        )
    record = said.record(size)
    if record is None and about is not None:
        record = about.of_size(size)
    graph = passes.idle_free(graph)
    whole = as_classifier(graph, record, source)
    known = record_of(whole, record)
    weights = Weights(whole, {"preprocessing": known.to_json(scaled_inside=True)})
    names = said.class_names(weights.classes) or _names(about, weights.classes)
    if names:
        weights = Weights(whole, {**weights.metadata, "names": names})
    drawn = said.parameters is None and not isinstance(model, nn.Module)
    notes = _notes(said, about, known, drawn)
    return Network(named_as_ours(weights), source, (check,), notes)


def _made(spec: str, said: Said) -> nn.Module:
    """Return a module, with the parameters of a file if there is one."""
    channels = None if said.size is None else said.size[0]
    classes = _count(said.names)
    if said.parameters is None:
        return make_module(spec, channels, classes)
    state = read_state(said.parameters)
    module = make_module(spec, channels, classes)
    if classes is None and misfits(dict(module.state_dict()), state):
        classes = classes_in(module, state)
        module = module if classes is None else make_module(spec, channels, classes)
    ignored = AUXILIARY.get(spec.partition(":")[2], ()) if spec.startswith("torchvision:") else ()
    load_state(module, said.parameters, state, ignored)
    return module


def _count(names: Path | Sequence[str] | None) -> int | None:
    """Return how many class names a person gives; None if none."""
    if names is None or not isinstance(names, Path):
        return None if names is None else len(names)
    return len(listed_names(names))


def _check_parameters(module: nn.Module, source: str) -> None:
    """Raise InputError for a module whose parameters are no numbers of float32."""
    tensors = {**dict(module.named_parameters()), **dict(module.named_buffers())}
    for name, tensor in tensors.items():
        if is_lazy(tensor):
            raise InputError(
                source,
                f"has a lazy layer, whose shape is not known yet ({name})",
                "call it once with images, or give its parameters with --weights",
            )
        if tensor.is_meta:
            raise InputError(
                source,
                f"has parameters on no device, without values ({name} is on meta)",
                "build it on the CPU, or load its parameters with assign=True",
            )
        if tensor.is_floating_point() and tensor.dtype not in (torch.float32, torch.float64):
            kind = str(tensor.dtype).removeprefix("torch.")
            raise InputError(source, f"computes in {kind} ({name})", "call module.float() first")
        if not torch.isfinite(tensor).all():
            raise InputError(
                source, f"holds NaN or infinity ({name})", "train it with a lower learning rate"
            )


def _size(source: str, said: Said, about: Stated | None) -> Size:
    if said.size is not None:
        return said.size
    if about is None:
        raise InputError(
            source,
            "does not say how large its images are",
            "say it with --size CxHxW, such as 3x32x32 (in Python: size=), or give data of one "
            "size with --data",
        )
    return about.record.size


def _names(about: Stated | None, classes: int) -> list[str] | None:
    known = about is not None and len(about.names) == classes
    return list(about.names) if known and about is not None else None


def _notes(said: Said, about: Stated | None, record: Preprocessing, drawn: bool) -> tuple[str, ...]:
    notes = []
    if drawn and about is not None:
        notes.append("its weights are drawn, not trained: --weights FILE loads others")
    if about is not None and said.preprocess is None:
        mean, std = (", ".join(f"{n:g}" for n in each) for each in (record.mean, record.std))
        notes.append(
            f"its preprocessing is that of its makers: mean {mean}, std {std} of pixels / 255; "
            "--preprocess says otherwise"
        )
    return tuple(notes)


def compare(module: nn.Module, graph: Graph, size: Size) -> Check:
    """Compare a module with its graph on drawn images, in float64 where the module runs so."""
    images = drawn_images(size, IMAGES).astype(np.float32) / 255
    (name,) = graph.inputs
    expected = list(evaluate(graph, {name: images}, reproducible=False).values())
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        try:
            found = copy.deepcopy(module).eval().double()(torch.from_numpy(images).double())
            kind, most = "float64", EXACT
        except (RuntimeError, ValueError, TypeError):  # it has float32 in its own code
            found, kind, most = module.eval()(torch.from_numpy(images)), "float32", LOGIT_TOLERANCE
    error = _error(_tensors(found), expected)
    on = f"{IMAGES} drawn images in {kind}"
    return Check(SAME, error <= most, f"{on}: off by {error:.1e} of the largest output")


def _tensors(found: Any) -> list[Tensor]:
    if isinstance(found, Tensor):
        return [found]
    values = found.values() if isinstance(found, Mapping) else found
    return [tensor for each in values for tensor in _tensors(each)]


def _error(outputs: Sequence[Tensor], expected: Sequence[Any]) -> float:
    if [tuple(each.shape) for each in outputs] != [each.shape for each in expected]:
        return float("inf")
    return max(
        float(np.abs(found.double().numpy() - right).max(initial=0.0))
        / max(1.0, float(np.abs(right).max(initial=0.0)))
        for found, right in zip(outputs, expected, strict=True)
    )
