"""PyTorch as a peer, in four forms: eager, channels-last, torch.compile, frozen TorchScript."""

from __future__ import annotations

import copy
import os
import shutil
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from cnnkit.bench.peers.ready import Ready
from cnnkit.bench.workloads.base import Float32, Workload
from cnnkit.bench.workloads.inference import RawWorkload
from cnnkit.bench.workloads.models import ModelWorkload
from cnnkit.errors import MissingError
from cnnkit.formats.pytorch.archive import deprecation_known
from cnnkit.graph.architecture import PIXEL_SCALE


class Scale(nn.Module):
    """Raw pixels uint8 to float32 in [0, 1]."""

    def forward(self, raw: Tensor) -> Tensor:
        """Compute [N, C, H, W] → [N, C, H, W]."""
        return raw.to(torch.float32) * PIXEL_SCALE


class Answers(nn.Module):
    """What an app asks of a model."""

    def forward(self, logits: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Compute [N, K] → logits, probabilities [N, K] and labels [N]."""
        return logits, logits.softmax(1), logits.argmax(1)


class Stack(nn.Module):
    """A workload as the module that a user of PyTorch would write."""

    def __init__(self, work: Workload) -> None:
        super().__init__()
        raw = isinstance(work, RawWorkload)
        modules: list[nn.Module] = [Scale()] if raw else []
        for layer in work.layers:
            cout, cin, rows, columns = layer.weight.shape
            conv = nn.Conv2d(
                cin, cout, (rows, columns), layer.stride, layer.padding, bias=layer.bias is not None
            )
            pool = nn.MaxPool2d(layer.pool_kernel, layer.pool_stride, layer.pool_padding)
            _fill(conv, layer.weight, layer.bias)
            modules += [conv, nn.ReLU(), pool]
        if work.head:
            classes, features = work.head.weight.shape
            linear = nn.Linear(features, classes)
            _fill(linear, work.head.weight, work.head.bias)
            modules += [nn.Flatten(), linear, Answers() if raw else nn.LogSoftmax(1)]
        self.layers = nn.Sequential(*modules)
        self.requires_grad_(False)
        self.eval()

    def forward(self, x: Tensor) -> Any:
        """Compute [N, C, H, W] → [N, C', H', W'] or [N, K], or what `Answers` gives."""
        return self.layers(x)


def _fill(module: nn.Conv2d | nn.Linear, weight: Float32, bias: Float32 | None) -> None:
    module.weight.data = torch.from_numpy(weight.copy())
    if bias is not None and module.bias is not None:
        module.bias.data = torch.from_numpy(bias.copy())


def module_of(work: Workload) -> nn.Module:
    """Return a workload as a module of its own, which a peer may change."""
    return copy.deepcopy(work.model) if isinstance(work, ModelWorkload) else Stack(work)


def ready_module(module: nn.Module, x: NDArray[Any], threads: int) -> Ready:
    """Run a module in inference mode."""
    return _ready(module, torch.from_numpy(x), threads)


def _read(answer: Any) -> Float32:
    """Return the only tensor of an answer, or its first: the logits."""
    tensor = answer[0] if isinstance(answer, tuple) else answer
    return np.ascontiguousarray(tensor.numpy())


def _ready(module: Any, x: Tensor, threads: int) -> Ready:
    torch.set_num_threads(threads)

    def call() -> Any:
        with torch.inference_mode():
            return module(x)

    return Ready(call, _read)


def eager(work: Workload, threads: int) -> Ready:
    """Run the modules as they are."""
    return _ready(module_of(work), torch.from_numpy(work.x), threads)


def channels_last(work: Workload, threads: int) -> Ready:
    """Run the modules with input and weights in channels-last order."""
    order = torch.channels_last
    x = torch.from_numpy(work.x).contiguous(memory_format=order)
    return _ready(module_of(work).to(memory_format=order), x, threads)


def check_compiler() -> None:
    """Raise MissingError if torch.compile would find no C++ compiler."""
    compilers = (os.environ.get("CXX", "c++"), "g++", "clang++", "cl")
    if not any(map(shutil.which, compilers)):
        raise MissingError("torch.compile", "finds no C++ compiler", "install g++ or clang++")


def compiled(work: Workload, threads: int) -> Ready:
    """Compile with Inductor for exactly these shapes.

    Raises:
        MissingError: there is no C++ compiler.
    """
    check_compiler()
    torch.compiler.reset()  # no guard of an earlier case stays in this one's way
    module = torch.compile(
        module_of(work), dynamic=False, fullgraph=True, options={"freezing": True}
    )
    return _ready(module, torch.from_numpy(work.x), threads)


def torchscript(work: Workload, threads: int, optimise: bool = False) -> Ready:
    """Trace and freeze."""
    x = torch.from_numpy(work.x)
    with deprecation_known():
        # PyTorch left the deprecated function untyped.
        traced = torch.jit.trace(module_of(work), x)  # type: ignore[no-untyped-call]
        module = torch.jit.freeze(traced)
        if optimise:
            module = torch.jit.optimize_for_inference(module)
    return _ready(module, x, threads)


def torchscript_optimised(work: Workload, threads: int) -> Ready:
    """Trace, freeze, optimise for inference: better with many images, worse with one."""
    return torchscript(work, threads, optimise=True)
