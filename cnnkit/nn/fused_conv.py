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
from cnnkit.nn.direct import STEPS, attach, is_observed, is_own, pool_options, split
from cnnkit.nn.fusion_patterns import PoolReader, both
from cnnkit.nn.waiting import Shape, Start, Waiting, modes, pooled
from cnnkit.ops.torch_autograd import is_plain

DEEPEST = 40  # frames between a model's forward and its convolution's


class Place(NamedTuple):
    """Where a block is called.

    Attributes:
        source: the Python module with the forward method of the module that holds the block, ...
        function: ... and the method's qualified name there.
        conv: the convolution's dotted name in that module, split.
        parts: those of the block's modules, and of the modules around them.
        norm: whether batch-norm is one of them.
    """

    source: str
    function: str
    conv: tuple[str, ...]
    parts: tuple[tuple[str, ...], ...]
    norm: bool


class Checked(NamedTuple):
    """What the kernels do with a convolution.

    Attributes:
        given: the shapes of the input and of the weight, and the convolution's options.
        stride: the stride of the convolution.
        padding: its padding.
        shape: that of the output; None if the kernels do not support it.
    """

    given: Any
    stride: Pair = (1, 1)
    padding: Pair = (0, 0)
    shape: Shape | None = None


class FusedConv2d(nn.Conv2d):
    """A convolution in a model that `cnnkit.fuse` returned. See the module."""

    if TYPE_CHECKING:  # torch.jit.script reads annotations, and knows none of these
        _place: Place
        block: Block
        _read_pool: PoolReader
        _checked: Checked

    def forward(self, input: Tensor) -> Tensor:
        """Compute `nn.Conv2d`, or wait for the block."""
        if torch.jit.is_scripting():  # type: ignore[attr-defined]
            y: Tensor = self._conv_forward(input, self.weight, self.bias)
            return y
        return self._forward(input)

    @torch.jit.unused
    def _forward(self, x: Tensor) -> Tensor:
        weight, bias = self._parameters.get("weight"), self._parameters.get("bias")
        learns = self.training and self._place.norm  # from what the convolution computes
        if weight is not None and not learns and is_plain(x, weight, bias) and not is_observed():
            checked = self._examine(x, weight)
            if checked.shape is not None and self._is_called_in_block():
                start = Start(
                    self.block,
                    self._read_pool,
                    self._conv_forward,
                    x,
                    weight,
                    bias,
                    checked.stride,
                    checked.padding,
                    modes(),
                )
                return Waiting.after(start, checked.shape)
        y: Tensor = self._conv_forward(x, self.weight, self.bias)
        return y

    def _examine(self, x: Tensor, weight: Tensor) -> Checked:
        """Return what the options and the shapes lead to; it is kept until they change."""
        options = self.stride, self.padding, self.dilation, self.groups, self.padding_mode
        given = x.shape, weight.shape, options
        if self._checked.given != given:
            self._checked = self._examine_now(given)
        return self._checked

    def _examine_now(self, given: Any) -> Checked:
        x, weight, _ = given
        padding = explicit_padding(self)
        if len(x) != 4 or x[1] != weight[1] or unsupported_convolution(self) or padding is None:
            return Checked(given)
        stride = both(self.stride)
        rows, columns = (output_size(x, weight, stride, padding, axis) for axis in (0, 1))
        shape = (x[0], weight[0], rows, columns) if rows > 0 and columns > 0 else None
        return Checked(given, stride, padding, shape)

    def _is_called_in_block(self) -> bool:
        owner = caller(sys._getframe(3), self._place)  # above PyTorch's call of this module
        return owner is not None and holds_block(owner, self, self._place)

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
        read = self._read_pool((), pool_options(pool))
        checked = self._examine(x, weight)
        if read is None or checked.shape is None or min(pooled(checked.shape, read)[2:]) < 1:
            return None, 0
        given = None
        if norm is not None:
            given = Norm(norm.running_mean, norm.running_var, norm.weight, norm.bias, norm.eps)
            if norm.training or given.mean is None or given.variance is None:
                return None, 0
        sizes = Sizes(checked.stride, checked.padding, *read[:3])
        return self.block(x, weight, bias, given, sizes, read.ceil_mode), count

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
    conv._checked = Checked(None)  # type: ignore[assignment]


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
    """Tell whether a module has the parts of a block with this convolution, and nobody looks on.

    If so, later calls of the modules are direct.
    """
    found = []
    for names in place.parts:
        part: Any = owner
        for name in names:
            part = part._modules.get(name)
            if part is None:
                return False
        if (
            part._forward_hooks
            or part._forward_pre_hooks
            or part._backward_hooks
            or part._backward_pre_hooks
            or (names == place.conv and part is not conv)
        ):
            return False
        if type(part) in STEPS:
            if part.training and type(part) is nn.BatchNorm2d:
                return False  # it needs the statistics of what the convolution computes
            if part._compiled_call_impl is None:
                found.append(part)
    if found:
        attach(owner, found, FusedConv2d)
    return True
