"""PyTorch as a peer: eager, channels-last, torch.compile, TorchScript, and after cnnkit.fuse."""

from __future__ import annotations

import copy
import os
import shutil
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from cnnkit.bench.peers.prepared import PreparedCall
from cnnkit.bench.workloads.base import Float32, Workload
from cnnkit.bench.workloads.graph import GraphWorkload
from cnnkit.bench.workloads.inference import InferenceWorkload
from cnnkit.bench.workloads.models import ModelWorkload
from cnnkit.errors import MissingError
from cnnkit.formats.pytorch.archive import deprecation_known
from cnnkit.graph.architecture import PIXEL_SCALE
from cnnkit.nn.graphs.module import GraphModule

FIRST = 4  # calls of a fused model until it has its native programs


class Scale(nn.Module):
    """Raw pixels uint8 to float32 in [0, 1]."""

    def forward(self, raw: Tensor) -> Tensor:
        """Compute [N, C, H, W] → [N, C, H, W]."""
        return raw.to(torch.float32) * PIXEL_SCALE


class Outputs(nn.Module):
    """The outputs that an app asks a model for."""

    def forward(self, logits: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Compute [N, K] → logits, probabilities [N, K] and labels [N]."""
        return logits, logits.softmax(1), logits.argmax(1)


class WorkloadModule(nn.Module):
    """A workload as a user of PyTorch would write it."""

    def __init__(self, work: Workload) -> None:
        super().__init__()
        raw = isinstance(work, InferenceWorkload)
        modules: list[nn.Module] = [Scale()] if raw else []
        for block in work.blocks:
            cout, cin, rows, columns = block.weight.shape
            conv = nn.Conv2d(
                cin, cout, (rows, columns), block.stride, block.padding, bias=block.bias is not None
            )
            pool = nn.MaxPool2d(block.pool_kernel, block.pool_stride, block.pool_padding)
            _fill(conv, block.weight, block.bias)
            modules += [conv, nn.ReLU(), pool]
        if work.head:
            classes, features = work.head.weight.shape
            linear = nn.Linear(features, classes)
            _fill(linear, work.head.weight, work.head.bias)
            modules += [nn.Flatten(), linear, Outputs() if raw else nn.LogSoftmax(1)]
        self.layers = nn.Sequential(*modules)
        self.requires_grad_(False)
        self.eval()

    def forward(self, x: Tensor) -> Any:
        """Compute [N, C, H, W] → [N, C', H', W'] or [N, K], or what `Outputs` returns."""
        return self.layers(x)


def _fill(module: nn.Conv2d | nn.Linear, weight: Float32, bias: Float32 | None) -> None:
    module.weight.data = torch.from_numpy(weight.copy())
    if bias is not None and module.bias is not None:
        module.bias.data = torch.from_numpy(bias.copy())


def module_of(work: Workload) -> nn.Module:
    """Return a workload as a module of its own, which the peer may change."""
    if isinstance(work, GraphWorkload):
        return GraphModule(work.graph).eval().requires_grad_(False)
    return copy.deepcopy(work.model) if isinstance(work, ModelWorkload) else WorkloadModule(work)


def _prepared(module: Any, x: Tensor, threads: int) -> PreparedCall:
    """Return the call of a module in inference mode."""
    torch.set_num_threads(threads)

    def run() -> Any:
        with torch.inference_mode():
            return module(x)

    return PreparedCall(run, _to_array)


def _to_array(output: Any) -> Float32:
    """Return the only tensor of an output, or its first, the logits."""
    tensor = output[0] if isinstance(output, tuple) else output
    return np.ascontiguousarray(tensor.numpy())


def fused_model(work: Workload, threads: int) -> PreparedCall:
    """Run a model after `cnnkit.fuse`, in the same way as `eager`."""
    assert isinstance(work, ModelWorkload)
    call = _prepared(work.fused, torch.from_numpy(work.x), threads)
    for _ in range(FIRST):
        call.run()
    return call


def eager(work: Workload, threads: int) -> PreparedCall:
    """Run the modules as they are."""
    return _prepared(module_of(work), torch.from_numpy(work.x), threads)


def channels_last(work: Workload, threads: int) -> PreparedCall:
    """Run the modules with input and weights in channels-last memory format."""
    x = torch.from_numpy(work.x).contiguous(memory_format=torch.channels_last)
    return _prepared(module_of(work).to(memory_format=torch.channels_last), x, threads)


def check_compiler() -> None:
    """Raise MissingError if there is no C++ compiler for torch.compile."""
    compilers = (os.environ.get("CXX", "c++"), "g++", "clang++", "cl")
    if not any(map(shutil.which, compilers)):
        raise MissingError("torch.compile", "finds no C++ compiler", "install g++ or clang++")


def compiled(work: Workload, threads: int) -> PreparedCall:
    """Compile with Inductor for exactly these shapes.

    Raises:
        MissingError: there is no C++ compiler.
    """
    check_compiler()
    torch.compiler.reset()  # drops the guards of earlier cases
    module = torch.compile(
        module_of(work), dynamic=False, fullgraph=True, options={"freezing": True}
    )
    return _prepared(module, torch.from_numpy(work.x), threads)


def torchscript(work: Workload, threads: int, optimise: bool = False) -> PreparedCall:
    """Trace and freeze."""
    x = torch.from_numpy(work.x)
    with deprecation_known():
        # PyTorch has no types for the deprecated function.
        traced = torch.jit.trace(module_of(work), x)  # type: ignore[no-untyped-call]
        module = torch.jit.freeze(traced)
        if optimise:
            module = torch.jit.optimize_for_inference(module)
    return _prepared(module, x, threads)


def torchscript_optimised(work: Workload, threads: int) -> PreparedCall:
    """Trace, freeze, optimise for inference: better with many images, worse with one."""
    return torchscript(work, threads, optimise=True)
