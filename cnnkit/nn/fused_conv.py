"""The convolution of a block that `cnnkit.fuse` fused: an `nn.Conv2d` whose output waits.

It waits for the rest of its block only when the model that was traced calls it at the traced place;
for everybody else it is an `nn.Conv2d`.
"""

from __future__ import annotations

import sys
from types import FrameType
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor, nn

from cnnkit.nn.block import Block, Norm, Pair, Sizes, output_size
from cnnkit.nn.conv_relu_pool import explicit_padding, unsupported_convolution
from cnnkit.nn.direct import attach, is_observed, is_own, split
from cnnkit.nn.fusion_patterns import POOL_ARGUMENTS, PoolReader, both, has_hooks
from cnnkit.nn.waiting import Start, Waiting, modes, pooled
from cnnkit.ops.torch_autograd import is_plain

DEEPEST = 40  # frames between a model's forward and its convolution's


class Place(NamedTuple):
    """Where a block is called.

    Attributes:
        source: the Python module with the forward method of the module that holds the block, ...
        function: ... and the method's qualified name there.
        conv: the convolution's dotted name in that module, split.
        parts: those of the block's modules, and of the modules around them.
    """

    source: str
    function: str
    conv: tuple[str, ...]
    parts: tuple[tuple[str, ...], ...]


class FusedConv2d(nn.Conv2d):
    """A convolution in a model that `cnnkit.fuse` returned. See the module."""

    if TYPE_CHECKING:  # torch.jit.script reads annotations, and knows none of these
        _place: Place
        block: Block
        _read_pool: PoolReader
        _checked: tuple[object, Pair, Pair]  # options that are supported, stride and padding

    def forward(self, input: Tensor) -> Tensor:
        """Compute `nn.Conv2d`, or wait for the block."""
        if torch.jit.is_scripting():  # type: ignore[attr-defined]
            y: Tensor = self._conv_forward(input, self.weight, self.bias)
            return y
        return self._forward(input)

    @torch.jit.unused
    def _forward(self, x: Tensor) -> Tensor:
        weight, bias = self._parameters.get("weight"), self._parameters.get("bias")
        if weight is not None and is_plain(x, weight, bias) and not is_observed():
            images = self._images(x, weight)
            if images is not None and self._is_called_in_block():
                start = Start(
                    *(self.block, self._read_pool, self._conv_forward, x, weight, bias),
                    *(*self._checked[1:], modes()),
                )
                return Waiting.after(start, images)
        y: Tensor = self._conv_forward(x, self.weight, self.bias)
        return y

    def _images(self, x: Tensor, weight: Tensor) -> Pair | None:
        """Return the rows and columns of the output; None if the kernels do not support it."""
        if x.ndim != 4 or x.shape[1] != weight.shape[1] or not self._is_supported():
            return None
        shapes, (_, stride, padding) = (x.shape, weight.shape), self._checked
        rows = output_size(*shapes, stride, padding, 0)
        columns = output_size(*shapes, stride, padding, 1)
        return (rows, columns) if rows > 0 and columns > 0 else None

    def _is_called_in_block(self) -> bool:
        owner = caller(sys._getframe(3), self._place)
        if owner is None or not holds_block(owner, self, self._place):
            return False
        attach(owner, FusedConv2d)
        return True

    def compute_directly(
        self, x: Tensor, following: tuple[nn.Module, ...]
    ) -> tuple[Tensor | None, int]:
        """Compute the block that this and the following modules of an `nn.Sequential` are.

        Returns:
            The output and how many of those were computed; no output if there is no such block.
        """
        norm, pool, count = split(following)
        weight, bias = self._parameters.get("weight"), self._parameters.get("bias")
        if not count or weight is None or not all(map(is_own, (self, *following[:count]))):
            return None, 0
        read = self._read_pool((), {name: getattr(pool, name) for name in POOL_ARGUMENTS})
        images = self._images(x, weight)
        if read is None or images is None or min(pooled(images, read)) < 1:
            return None, 0
        given = None
        if norm is not None:
            given = Norm(norm.running_mean, norm.running_var, norm.weight, norm.bias, norm.eps)
            if norm.training or given.mean is None or given.variance is None:
                return None, 0
        sizes = Sizes(*self._checked[1:], *read[:3])
        return self.block(x, weight, bias, given, sizes, read.ceil_mode), count

    def _is_supported(self) -> bool:
        """Tell whether the kernels support the options; they are checked when they change."""
        options = (self.stride, self.padding, self.dilation, self.groups, self.padding_mode)
        if self._checked[0] == options:
            return True
        padding = explicit_padding(self)
        if unsupported_convolution(self) or padding is None:
            return False
        self._checked = options, both(self.stride), padding
        return True

    def train(self, mode: bool = True) -> FusedConv2d:
        """Switch between training and eval mode; the weights are packed again afterwards."""
        self.block.forget()
        super().train(mode)
        return self


def wait(conv: nn.Conv2d, place: Place, precision: str) -> None:
    """Turn a convolution into one that waits for its block."""
    conv.__class__ = FusedConv2d
    conv._place = place  # type: ignore[assignment]
    conv.block = Block(precision, by_version=True)  # type: ignore[assignment]
    conv._read_pool = PoolReader()  # type: ignore[assignment]
    conv._checked = (None, (1, 1), (0, 0))  # type: ignore[assignment]


def stop_waiting(model: nn.Module) -> None:
    """Turn the convolutions of a model that wait for their blocks into those that they were."""
    for conv in model.modules():
        if type(conv) is FusedConv2d:
            del conv._place, conv.block, conv._read_pool, conv._checked
            conv.__class__ = nn.Conv2d  # type: ignore[assignment]


def caller(frame: FrameType | None, place: Place) -> nn.Module | None:
    """Return the module whose forward method, the traced one, is running; None if none is."""
    for _ in range(DEEPEST):
        if frame is None:
            return None
        code = frame.f_code
        if code.co_qualname == place.function and frame.f_globals["__name__"] == place.source:
            return first_argument(frame)
        frame = frame.f_back
    return None


def first_argument(frame: FrameType) -> nn.Module | None:
    """Return the module whose method a frame runs; None if it is no module's."""
    code = frame.f_code
    owner = frame.f_locals.get(code.co_varnames[0]) if code.co_argcount else None
    return owner if isinstance(owner, nn.Module) else None


def holds_block(owner: nn.Module, conv: nn.Module, place: Place) -> bool:
    """Tell whether a module has the parts of a block with this convolution, and nobody looks on."""
    for names in place.parts:
        part: Any = owner
        for name in names:
            part = part._modules.get(name)
            if part is None:
                return False
        if has_hooks(part) or (names == place.conv and part is not conv):
            return False
        if part.training and type(part) is nn.BatchNorm2d:
            return False  # it needs the statistics of what the convolution computes
    return True
