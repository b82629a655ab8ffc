"""The convolution of a block that `cnnkit.fuse` fused: an `nn.Conv2d` that computes the block.

It does so only when the model that was traced calls it at the traced place; for everybody else it
is an `nn.Conv2d`.
"""

from __future__ import annotations

import sys
import weakref
from dataclasses import dataclass
from functools import partial
from types import FrameType
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor, nn

from cnnkit.nn.block import Block, Sizes, States, ceil_adds_window, output_size, states
from cnnkit.nn.conv_relu_pool import explicit_padding, unsupported_convolution
from cnnkit.nn.direct import (
    DIRECT,
    call,
    call_directly,
    follow_directly,
    is_observed,
    norm_of,
    pool_options,
)
from cnnkit.nn.fusion_patterns import Pool, PoolReader, both
from cnnkit.nn.norm import Norm
from cnnkit.nn.waiting import Shape, Start, Waiting, modes, version
from cnnkit.ops.torch_autograd import is_plain

DEEPEST = 40  # frames between a model's forward and its convolution's
LONGEST = 1023  # calls that are left to PyTorch after calls that were no block
Names = tuple[str, ...]


class Place(NamedTuple):
    """Where a block is called.

    Attributes:
        source: the Python module with the forward method of the module that holds the block, ...
        function: ... and the method's qualified name there.
        conv: the convolution's dotted name in that module, split.
        norm: that of the batch-norm; None if there is none.
        pool: that of the pool; the options, if it is a function.
        parts: those of the block's modules, each with its type, and of the modules around them.
    """

    source: str
    function: str
    conv: Names
    norm: Names | None
    pool: Names | Pool
    parts: tuple[tuple[Names, type[nn.Module] | None], ...]


class Checked(NamedTuple):
    """What the kernels do with a convolution and a pool.

    Attributes:
        given: the shapes of the input and of the weight, and the options of both.
        sizes: those of the operation; None if the kernels do not support it.
        shape: that of the convolution's output.
        output: that of the block's output.
    """

    given: Any
    sizes: Sizes | None = None
    shape: Shape = ()
    output: Shape = ()


@dataclass
class State:
    """What a convolution knows of its block.

    Attributes:
        place: where it is called.
        block: the operation.
        read_pool: reads the pool's options.
        pool: the options of a pool that is a function, as last seen.
        checked: what the kernels do with the shapes and options last seen.
        left: how many of the next calls are left to PyTorch, because what followed the last ones
            was not the block; ...
        most_left: ... and the number at first, which doubles each time.
    """

    place: Place
    block: Block
    read_pool: PoolReader
    pool: Pool | None
    checked: Checked
    left: int = 0
    most_left: int = 0


class FusedConv2d(nn.Conv2d):
    """A convolution in a model that `cnnkit.fuse` returned. See the module."""

    if TYPE_CHECKING:  # torch.jit.script reads annotations, and does not know this one
        fused: State

    def forward(self, input: Tensor) -> Tensor:
        """Compute `nn.Conv2d`, or the block."""
        if torch.jit.is_scripting():  # type: ignore[attr-defined]
            y: Tensor = self._conv_forward(input, self.weight, self.bias)
            return y
        return self._forward(input)

    @torch.jit.unused
    def _forward(self, x: Tensor) -> Tensor:
        # Where later calls are direct, this one was examined before.
        if self._compiled_call_impl is None and is_plain(x) and not is_observed():
            waits = self.begin(x, sys._getframe(3))  # above PyTorch's call of this module
            if waits is not None:
                return waits
        y: Tensor = self._conv_forward(x, self.weight, self.bias)
        return y

    def begin(self, x: Tensor, frame: FrameType | None) -> Tensor | None:
        """Compute the block, and return what waits for its last operation.

        Args:
            x: a tensor where `is_plain(x)`.
            frame: that of the caller.

        Returns:
            None if PyTorch has to compute the call.
        """
        state, weight = self.fused, self._parameters.get("weight")
        if state.left:
            state.left -= 1
            return None
        owner = caller(frame, state.place)
        if owner is None or weight is None or not holds_block(owner, self, state.place):
            return None
        pool, norm = state.pool, None
        if not isinstance(state.place.pool, Pool):
            pool = state.read_pool(pool_options(part_of(owner, state.place.pool)), {})
        if state.place.norm is not None:
            norm = norm_of(part_of(owner, state.place.norm))
            if norm is None:
                return None
        if pool is None:
            return None
        before = version(x)
        y, seen, norm_seen = self.compute(x, norm, pool)
        if y is None:
            return None
        bias = self._parameters.get("bias")
        start = Start(self, x, weight, bias, before, seen, norm, norm_seen, pool, modes(), y)
        return Waiting.after(start, state.checked.shape)

    def compute(
        self, x: Tensor, norm: Norm | None, pool: Pool
    ) -> tuple[Tensor | None, States, States]:
        """Compute the block of a batch-norm and a pool.

        Returns:
            The output, or None if PyTorch has to compute it, and the states of the convolution's
            and of the batch-norm's tensors.
        """
        state, weight, bias = self.fused, self._parameters["weight"], self._parameters.get("bias")
        if weight is None:
            return None, [], []
        options = self.stride, self.padding, self.dilation, self.groups, self.padding_mode
        given = x.shape, weight.shape, options, pool
        checked = state.checked
        if checked.given != given:
            checked = state.checked = self._examine(given)
        if checked.sizes is None:
            return None, [], []
        seen, norm_seen = states(weight, bias), [] if norm is None else states(*norm[:4])
        y = state.block.compute(
            *(x, weight, bias, norm, checked.sizes, checked.output), seen + norm_seen
        )
        return y, seen, norm_seen

    def _examine(self, given: Any) -> Checked:
        """Return what shapes and options lead to."""
        x, weight, _, pool = given
        padding = explicit_padding(self)
        if len(x) != 4 or x[1] != weight[1] or unsupported_convolution(self) or padding is None:
            return Checked(given)
        sizes = Sizes(both(self.stride), padding, *pool[:3])
        rows, columns = (output_size(x, weight, *sizes[:2], axis) for axis in (0, 1))
        outputs = [
            (size + 2 * pad - kernel) // stride + 1
            for size, kernel, stride, pad in zip((rows, columns), *sizes[2:], strict=True)
        ]
        if min(rows, columns, *outputs) < 1 or (
            pool.ceil_mode and ceil_adds_window(x, weight, sizes)
        ):
            return Checked(given)
        shape, output = ((*(x[0], weight[0]), *size) for size in ((rows, columns), outputs))
        if any(isinstance(option, list) for option in (self.stride, self.padding, self.dilation)):
            given = None  # they may change
        return Checked(given, sizes, shape, output)

    def note(self, was_block: bool) -> None:
        """Leave some calls to PyTorch if what followed the last one was not the block."""
        state = self.fused
        state.most_left = 0 if was_block else min(2 * state.most_left + 1, LONGEST)
        state.left = state.most_left

    def train(self, mode: bool = True) -> FusedConv2d:
        """Switch between training and eval mode; the weights are packed again afterwards."""
        self.fused.block.forget()
        self.note(was_block=True)
        super().train(mode)
        return self


def wait(conv: nn.Conv2d, place: Place, precision: str) -> None:
    """Turn a convolution into one that computes its block."""
    pool = place.pool if isinstance(place.pool, Pool) else None
    block = Block(precision, by_version=True)
    conv.__class__ = FusedConv2d
    conv.fused = State(place, block, PoolReader(), pool, Checked(None))  # type: ignore[assignment]


def stop_waiting(model: nn.Module) -> None:
    """Turn the convolutions of a model that compute their blocks into those that they were."""
    for conv in model.modules():
        if type(conv) is FusedConv2d:
            del conv.fused
            conv.__class__ = nn.Conv2d  # type: ignore[assignment]


def call_convolution(reference: weakref.ref[FusedConv2d], *args: Any, **kwargs: Any) -> Any:
    """Call a convolution: it computes the block, where the block is called."""
    conv = reference()
    assert conv is not None
    alone = len(args) == 1 and not kwargs and "forward" not in conv.__dict__
    if alone and is_plain(args[0]) and not is_observed():
        y = conv.begin(args[0], sys._getframe(2))  # above PyTorch's call of this function
        if y is not None:
            return y
    return call(conv, *args, **kwargs)


DIRECT.add(call_convolution)


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


def part_of(owner: Any, names: Names) -> Any:
    """Return a module's submodule."""
    for name in names:
        owner = owner._modules[name]
    return owner


def holds_block(owner: nn.Module, conv: nn.Module, place: Place) -> bool:
    """Tell whether a module has the parts of a block with this convolution, and nobody looks on.

    If so, later calls of the modules are direct.
    """
    found = []
    for names, kind in place.parts:
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
        if kind is None:  # the convolution, or a module around the others
            direct = part is conv
        elif type(part) is not kind or (kind is nn.BatchNorm2d and part.training):
            return False  # in train mode, it needs the statistics of what the convolution computes
        else:
            direct = True
        if direct and part._compiled_call_impl is None:
            found.append(part)
    for part in found:
        function = call_convolution if part is conv else follow_directly
        part._compiled_call_impl = partial(function, weakref.ref(part))
    if found and type(owner) is nn.Sequential and owner._compiled_call_impl is None:
        owner._compiled_call_impl = partial(call_directly, weakref.ref(owner), FusedConv2d)
    return True
