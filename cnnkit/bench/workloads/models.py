"""Models of torchvision before and after `cnnkit.fuse`, and each block that it fused alone."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np

from cnnkit.bench.workloads.base import ConvBlock, Float32, Float64, Workload
from cnnkit.errors import MissingError

if TYPE_CHECKING:
    from torch import nn

MODELS = ("vgg11", "alexnet", "squeezenet1_1", "resnet18", "mobilenet_v2")
SIDE = 224
TOLERANCE = 1e-5


@dataclass(frozen=True)
class BlockWorkload(Workload):
    """One fused block on its input in the model."""

    @cached_property
    def reference(self) -> Float64:
        """The output in float64, by PyTorch: the simple algorithm would take too long."""
        import torch

        from cnnkit.ops.torch_op import three_operations

        (block,) = self.blocks
        x, weight = (torch.from_numpy(array).double() for array in (self.x, block.weight))
        bias = None if block.bias is None else torch.from_numpy(block.bias).double()
        y = three_operations(x, weight, bias, *map(list, block.parameters))
        return np.asarray(y.numpy())


@dataclass(frozen=True)
class ModelWorkload(Workload):
    """A whole model, which only PyTorch, in all its forms, runs beside cnnkit.

    Attributes:
        model: an nn.Module in eval mode.
        fused: the model after `cnnkit.fuse`.
    """

    model: Any = None
    fused: Any = None

    @cached_property
    def reference(self) -> Float64:
        """The output in float64."""
        import torch

        with torch.no_grad():
            y = copy.deepcopy(self.model).double()(torch.from_numpy(self.x).double())
        return np.asarray(y.numpy())

    @property
    def output_shape(self) -> tuple[int, ...]:
        """[N, K]."""
        return self.reference.shape

    @cached_property
    def flop(self) -> int:
        """Nominal FLOP of one call, as PyTorch counts them: convolutions and linear layers."""
        import torch
        from torch.utils.flop_counter import FlopCounterMode

        with torch.no_grad(), FlopCounterMode(display=False) as counter:
            self.model(torch.from_numpy(self.x))
        return int(counter.get_total_flops())

    @property
    def bytes(self) -> int:
        """Bytes of input, weights and output, once."""
        weights = sum(t.numel() * t.element_size() for t in self.model.parameters())
        return int(self.x.nbytes + weights + 4 * self.reference.size)


def fuse_suite(batch: int | None) -> list[Workload]:
    """Models with random weights on random images, 224×224: each whole, then its fused blocks.

    Raises:
        MissingError: torchvision is not installed.
    """
    if find_spec("torchvision") is None:
        raise MissingError(
            "torchvision",
            "is not installed, but provides the models",
            "pip install 'cnnkit[train]'",
        )
    import torch
    import torchvision

    works: list[Workload] = []
    with torch.random.fork_rng(devices=[]):
        for name in MODELS:
            torch.manual_seed(0)
            model = torchvision.models.get_model(name, weights=None).eval()
            works += model_works(name, model, (batch or 1, 3, SIDE, SIDE))
    return works


def model_works(name: str, model: nn.Module, shape: tuple[int, ...]) -> list[Workload]:
    """Return a model as a workload, then each of its fused blocks as one.

    Args:
        name: for the tables.
        model: in eval mode.
        shape: [N, C, H, W] of the input, drawn from U(-1, 1).
    """
    from cnnkit.nn.fusion.model import fuse

    x = np.random.default_rng(0).uniform(-1, 1, shape).astype(np.float32)
    fused, report = fuse(model)
    native = sum(not part.reason for part in report.parts)
    about = (
        f"random weights and images; cnnkit is torch after cnnkit.fuse: {len(report.fused)} of "
        f"{len(report.candidates)} max-pools, {native} native part{'s' * (native != 1)}"
    )
    blocks = [
        BlockWorkload(f"{name}.{place}", given, (block,), None, TOLERANCE, "as in its model")
        for place, block, given in fused_blocks(fused, x)
    ]
    whole = ModelWorkload(name, x, (), None, TOLERANCE, about, model=model, fused=fused)
    return [whole, *blocks]


def fused_blocks(fused: nn.Module, x: Float32) -> list[tuple[str, ConvBlock, Float32]]:
    """Return each fused block's name, the block, and its input when the model runs on x."""
    import torch

    from cnnkit.nn.block import observe_calls
    from cnnkit.nn.fused.conv import FusedConv2d

    modules = [(name, m) for name, m in fused.named_modules() if isinstance(m, FusedConv2d)]
    names = {m.fused.block: name for name, m in modules}
    found: list[tuple[str, ConvBlock, Float32]] = []
    with torch.no_grad(), observe_calls() as calls:
        fused(torch.from_numpy(x))
    for call in calls:
        weight, bias = (None if t is None else t.detach().numpy() for t in (call.weight, call.bias))
        assert weight is not None
        block = ConvBlock(weight, bias, *call.sizes)
        found.append((names[call.block], block, call.x.contiguous().numpy()))
    return found
