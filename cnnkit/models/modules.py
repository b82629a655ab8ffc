"""PyTorch modules as networks: `read_module("torchvision:resnet18", Said(parameters=path))`."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from cnnkit.data.drawn import drawn_images
from cnnkit.errors import InputError, MissingError, OperatorsError, VerdictError
from cnnkit.formats.base import Check
from cnnkit.formats.preprocess import listed_names
from cnnkit.graph import passes
from cnnkit.graph.classifier import SAY, as_classifier, record_of
from cnnkit.graph.graph import Graph
from cnnkit.graph.preprocessing import Preprocessing
from cnnkit.graph.reference import evaluate
from cnnkit.graph.types import Array
from cnnkit.graph.weights import Weights
from cnnkit.graph.work import multiply_adds
from cnnkit.metrics import LOGIT_TOLERANCE
from cnnkit.models.network import Network, named_as_ours
from cnnkit.models.said import Said, Size
from cnnkit.nn.exported.program import free_images, graph_of
from cnnkit.nn.factories import AUXILIARY, make_module
from cnnkit.nn.full_precision import full_precision
from cnnkit.nn.plain import plain
from cnnkit.nn.published import Stated, stated
from cnnkit.nn.state_dicts import classes_in, load_state, misfits, read_state

PART = 16  # images at once
IMAGES = 4  # on which a module and its graph are compared
LARGE = 1_000_000_000  # multiply-adds; of such a network fewer images
EXACT = 1e-6  # of the largest output, in float64; numbers of layers are float32 in files
SAME = "the graph computes what the module computes"


@dataclass(frozen=True)
class Opened:
    """A module on the CPU, with its parameters.

    Attributes:
        module: the module.
        source: what errors call it.
        size: C, H, W of its images.
        about: what its makers say of it.
    """

    module: nn.Module
    source: str
    size: Size
    about: Stated | None

    @property
    def record(self) -> Preprocessing | None:
        """What its makers do to raw pixels."""
        return None if self.about is None else self.about.of_size(self.size)

    @property
    def names(self) -> list[str] | None:
        """Its makers' names of the classes."""
        return None if self.about is None else list(self.about.names)

    def run(self, images: Array) -> tuple[Array, Array, str]:
        """Return its outputs in float64 where it runs so, in float32, and what computed them."""
        wide, narrow = (torch.from_numpy(images.astype(kind)) for kind in ("float64", "float32"))
        name = f"the module in PyTorch {torch.__version__}"
        with warnings.catch_warnings(), torch.no_grad(), full_precision():
            warnings.simplefilter("ignore")
            module = copy.deepcopy(self.module).eval()
            rounded = _in_parts(module, narrow)
            try:
                return _in_parts(module.double(), wide), rounded, f"{name}, in float64"
            except (RuntimeError, ValueError, TypeError):  # it has float32 in its own code
                return rounded, rounded, name


def opened(model: Any, said: Said) -> Opened:
    """Return a module, or what a person's, torchvision's or timm's function makes.

    Raises:
        InputError: as `read_module`.
    """
    if isinstance(model, nn.Module):
        source, module, about = type(model).__name__, copy.deepcopy(model), None
        if said.parameters is not None:
            load_state(module, said.parameters, read_state(said.parameters))
    else:
        source = str(model)
        module = _made(source, said)
        about = stated(source, module)
    module = plain(module, source)
    _check_parameters(module, source)
    return Opened(module.cpu(), source, _size(source, said, about), about)


def written(model: Opened, error: OperatorsError) -> Any:
    """Return a module as PyTorch's own exporter writes it in ONNX, as the onnx package has it.

    Args:
        model: the module.
        error: what is raised where that fails: it names the nodes that cnnkit does not know.

    Raises:
        OperatorsError: PyTorch does not write it.
        MissingError: onnxscript is not installed, which PyTorch needs for that.
    """
    example = torch.zeros((2, *model.size))
    free = free_images(model.module)
    try:
        with warnings.catch_warnings(), redirect_stdout(StringIO()), full_precision():
            warnings.simplefilter("ignore")
            module = copy.deepcopy(model.module).eval()
            program = torch.onnx.export(
                module, (example,), dynamo=True, dynamic_shapes=free, verbose=False
            )
    except ImportError as missing:
        raise MissingError(
            "onnxscript",
            "is not installed, and PyTorch's ONNX exporter needs it",
            "install it with `python -m pip install onnxscript`",
        ) from missing
    except Exception as failed:  # whatever the exporter raises
        first = next(iter(str(failed).strip().splitlines()), type(failed).__name__)
        reason = f"{error.reason}; and PyTorch does not write it as ONNX ({first:.200})"
        raise OperatorsError(model.source, reason, "change the module", error.details) from failed
    assert program is not None
    return program.model_proto


def _in_parts(module: nn.Module, images: Tensor) -> Array:
    parts = [_tensors(module(images[at : at + PART]))[0] for at in range(0, len(images), PART)]
    return torch.cat(parts).double().flatten(1).numpy()


def read_module(model: Any, said: Said) -> Network:
    """Read a module, or what a person's, torchvision's or timm's function makes.

    Raises:
        InputError: as `cnnkit.models.read.read_model`.
        VerdictError: its graph computes something else.
    """
    own = opened(model, said)
    module, source, size, about = own.module, own.source, own.size, own.about
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
        if tensor.is_meta and name not in module.state_dict():
            reason = (
                f"has a buffer without values that no file of weights holds ({name} is on meta)"
            )
            raise InputError(source, reason, "build it on the CPU")
        if tensor.is_meta:
            raise InputError(
                source,
                f"has parameters on no device, without values ({name} is on meta)",
                "build it on the CPU, or give its parameters with --weights",
            )
        if tensor.is_floating_point() and tensor.dtype not in (torch.float32, torch.float64):
            kind = str(tensor.dtype).removeprefix("torch.")
            raise InputError(source, f"computes in {kind} ({name})", "call module.float() first")
        if isinstance(tensor, nn.Parameter) and tensor.dtype == torch.float64:
            raise InputError(source, f"computes in float64 ({name})", "call module.float() first")
        if not torch.isfinite(tensor).all():
            raise InputError(
                source, f"holds NaN or infinity ({name})", "train it with a lower learning rate"
            )


def _size(source: str, said: Said, about: Stated | None) -> Size:
    if said.size is not None:
        return said.size
    if about is None:
        remedy = "say it with --size CxHxW, such as 3x32x32 (in Python: size=)"
        if said.preprocess is None:  # else a person learns that only after the next attempt
            remedy += f"; and unless it scales pixels itself, {SAY}"
        raise InputError(source, "does not say how large its images are", remedy)
    return about.record.size


def _names(about: Stated | None, classes: int) -> list[str] | None:
    known = about is not None and len(about.names) == classes
    return list(about.names) if known and about is not None else None


def _notes(said: Said, about: Stated | None, record: Preprocessing, drawn: bool) -> tuple[str, ...]:
    notes = []
    if drawn:
        random = "random, not trained" if about is not None else "random, unless it loads its own"
        notes.append(f"its weights are {random}: --weights FILE loads others")
    if about is not None and said.preprocess is None:
        mean, std = (", ".join(f"{n:g}" for n in each) for each in (record.mean, record.std))
        notes.append(
            f"its preprocessing is that of its makers: mean {mean}, std {std} of pixels / 255; "
            "--preprocess says otherwise"
        )
    return tuple(notes)


def compare(module: nn.Module, graph: Graph, size: Size) -> Check:
    """Compare a module with its graph on random images, in float64 where the module runs so."""
    count = IMAGES if multiply_adds(graph) < LARGE else 2
    images = drawn_images(size, count).astype(np.float32) / 255
    (name,) = graph.inputs
    expected = list(evaluate(graph, {name: images}, reproducible=False).values())
    with warnings.catch_warnings(), torch.no_grad(), full_precision():
        warnings.simplefilter("ignore")
        try:
            found = copy.deepcopy(module).eval().double()(torch.from_numpy(images).double())
            kind, most = "float64", EXACT
        except (RuntimeError, ValueError, TypeError):  # it has float32 in its own code
            found, kind, most = module.eval()(torch.from_numpy(images)), "float32", LOGIT_TOLERANCE
    outputs = _tensors(found)
    if not all(bool(torch.isfinite(each).all()) for each in outputs):
        remedy = "look for divisions by 0 and roots of negative numbers, such as of a variance"
        raise InputError(type(module).__name__, "gives NaN or infinity for random images", remedy)
    error = _error(outputs, expected)
    on = f"{count} random images in {kind}"
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
        float(np.abs(found.detach().double().numpy() - right).max(initial=0.0))
        / max(1.0, float(np.abs(right).max(initial=0.0)))
        for found, right in zip(outputs, expected, strict=True)
    )
