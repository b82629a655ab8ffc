"""The convolution of a block that `cnnkit.fuse` fused: an `nn.Conv2d` that computes the block.

It does so only when the model that was traced calls it at the traced place; for everybody else it
is an `nn.Conv2d`.
"""

from __future__ import annotations

import math
import sys
import weakref
from types import FrameType
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, is_grad_enabled, nn

from cnnkit.nn.block import (
    Block,
    Sizes,
    States,
    ceil_adds_window,
    modes,
    output_size,
    states,
    version,
)
from cnnkit.nn.conv_relu_pool import explicit_padding, unsupported_convolution
from cnnkit.nn.fused.direct import (
    DIRECT,
    call,
    called,
    follow_directly,
    install,
    is_compiling,
    is_observed,
    norm_of,
    pool_options,
)
from cnnkit.nn.fused.direct_blocks import call_directly, call_rewritten
from cnnkit.nn.fused.places import Place, block_parts, caller, part_of
from cnnkit.nn.fused.rewriting import rewritten
from cnnkit.nn.fused.state import SMALL, SMALL_NORMED, SMALL_WAITING, Checked, State
from cnnkit.nn.fused.waiting import Start, Waiting
from cnnkit.nn.norm import Norm
from cnnkit.nn.pools import Pool, PoolReader, both
from cnnkit.ops.torch_autograd import is_plain


class FusedConv2d(nn.Conv2d):
    """A convolution in a model that `cnnkit.fuse` returned. See the module."""

    cnnkit_part = True
    if TYPE_CHECKING:  # torch.jit.script reads annotations, and does not know these
        fused: State
        parts: Any  # those of `cnnkit.nn.native` that begin here; some have none

    def forward(self, input: Tensor) -> Tensor:
        """Compute `nn.Conv2d`, or the block."""
        # PyTorch's types do not export this function.
        if torch.jit.is_scripting():  # type: ignore[attr-defined]
            y: Tensor = self._conv_forward(input, self.weight, self.bias)
            return y
        return self._forward(input)

    @torch.jit.unused
    def _forward(self, x: Tensor) -> Tensor:
        if not is_compiling() and (parts := self.__dict__.get("parts")) is not None:
            parts.notice(self, sys._getframe(1))
        # Where later calls are direct, this one was examined before.
        if self._compiled_call_impl is None and is_plain(x) and not self.fused.leaves(x):
            waits = self.begin(x, sys._getframe(3))  # above PyTorch's call of this module
            if waits is not None:
                return waits
        return nn.Conv2d.forward(self, x)

    def begin(self, x: Tensor, frame: FrameType | None) -> Tensor | None:
        """Compute the block, and return what waits for its last operation.

        Args:
            x: a tensor where `is_plain(x)`.
            frame: that of the caller.

        Returns:
            None if PyTorch has to compute the call.
        """
        state, own = self.fused, self._parameters
        if state.left:
            state.left -= 1
            return None
        owner = caller(frame, state.place)
        weight, is_own = own.get("weight"), "_conv_forward" not in self.__dict__
        if owner is None or weight is None or not is_own or "bias" not in own or is_observed():
            return None
        bias = own["bias"]
        norm = part_of(owner, state.place.norm or ())
        state.norm = weakref.ref(norm) if isinstance(norm, nn.BatchNorm2d) else None
        parts = block_parts(owner, self, state.place)
        if parts is None:
            return None
        pool, known = state.pool, None if state.norm is None else norm_of(norm)
        if not isinstance(state.place.pool, Pool):
            pool = state.read_pool(pool_options(part_of(owner, state.place.pool)), {})
        if pool is None or (state.norm is not None and known is None):
            return None
        if not self._is_worth_it(x, weight, pool) or not self._call_directly(owner, parts, x):
            return None
        before = version(x)
        y, seen, norm_seen = self.compute(x, known, pool)
        if y is None:
            return None
        call = self, state, x, weight, bias, before, seen, known, norm_seen, pool, modes(), y
        start = Start(*call)
        return Waiting.after(start, state.checked.shape)

    def _is_worth_it(self, x: Tensor, weight: Tensor, pool: Pool) -> bool:
        """Tell whether the kernels can compute the block, and not slower than PyTorch."""
        checked = self._check(x, weight, pool)
        if checked.sizes is None:
            self.fused.left_shape = x.shape
        return checked.sizes is not None and not (checked.small and is_grad_enabled())

    def _call_directly(self, owner: nn.Module, parts: list[Any], x: Tensor) -> bool:
        """Have later calls of a block's modules be direct; false if PyTorch would be quicker."""
        state = self.fused
        if not self._has_direct(owner) and math.prod(state.checked.shape) < SMALL_WAITING:
            state.left_shape = x.shape
            return False
        if len(state.direct) < len(parts):
            for part in parts:
                install(part, call_convolution if part is self else follow_directly)
            state.direct = [weakref.ref(part) for part in parts]
        return True

    def _has_direct(self, owner: nn.Module) -> bool:
        """Tell whether a module will call the block without having it wait."""
        path = self.fused.place.conv
        if type(owner) is nn.Sequential:
            install(owner, call_directly, FusedConv2d)
        elif (method := rewritten(owner, FusedConv2d)) is not None:
            install(owner, call_rewritten, type(owner).forward, method.function)
            path = path if path[0] in method.convolutions else ()
        else:
            return False
        if all(reference() is not owner for reference in self.fused.owners):
            self.fused.owners.append(weakref.ref(owner))
        return len(path) == 1

    def compute(
        self, x: Tensor, norm: Norm | None, pool: Pool
    ) -> tuple[Tensor | None, States, States]:
        """Compute the block of a batch-norm and a pool.

        Returns:
            The output, or None if PyTorch has to compute it, and the states of the convolution's
            and of the batch-norm's tensors.
        """
        state, weight = self.fused, self._parameters.get("weight")
        if weight is None or "bias" not in self._parameters:  # attributes of another kind
            return None, [], []
        bias = self._parameters["bias"]
        checked = self._check(x, weight, pool)
        if checked.sizes is None or (checked.small and is_grad_enabled()):
            return None, [], []
        seen, norm_seen = states(weight, bias), [] if norm is None else states(*norm[:4])
        y = state.block.compute(
            *(x, weight, bias, norm, checked.sizes, checked.output), seen + norm_seen
        )
        return y, seen, norm_seen

    def _check(self, x: Tensor, weight: Tensor, pool: Pool) -> Checked:
        """Return what the kernels do with an input; mostly, that is known from the last call."""
        options = self.stride, self.padding, self.dilation, self.groups, self.padding_mode
        given = x.shape, weight.shape, options, pool
        state = self.fused
        if state.checked.given != given:
            state.checked = self._examine(given)
        return state.checked

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
            return Checked(None, sizes, shape, output)  # they may change
        small = math.prod(shape) < (SMALL_NORMED if self.fused.place.norm else SMALL)
        return Checked(given, sizes, shape, output, small)

    def train(self, mode: bool = True) -> FusedConv2d:
        """Switch between training and eval mode; the weights are packed again afterwards."""
        self.fused.forget()
        if (parts := self.__dict__.get("parts")) is not None:
            parts.suspect()
        super().train(mode)
        return self


def wait(conv: nn.Conv2d, place: Place, precision: str) -> None:
    """Turn a convolution into one that computes its block."""
    pool = place.pool if isinstance(place.pool, Pool) else None
    block = Block(precision, by_version=True)
    conv.__class__ = FusedConv2d
    # The type of `conv` is still the one that it had.
    conv.fused = State(place, block, PoolReader(), pool, Checked(None))  # type: ignore[assignment]


def stop_waiting(model: nn.Module) -> None:
    """Turn the convolutions of a model that compute their blocks into those that they were."""
    for conv in model.modules():
        if type(conv) is FusedConv2d:
            del conv.fused
            conv.__dict__.pop("parts", None)
            # What was of this class before is of it again; types cannot express that.
            conv.__class__ = nn.Conv2d  # type: ignore[assignment]


def call_convolution(reference: weakref.ref[nn.Module], *args: Any, **kwargs: Any) -> Any:
    """Call a convolution: it computes the block, where the block is called."""
    conv, is_own_call = called(reference)
    alone = is_own_call and len(args) == 1 and not kwargs and "forward" not in conv.__dict__
    if alone and is_plain(args[0]) and not conv.fused.leaves(args[0]):
        y = conv.begin(args[0], sys._getframe(3))  # above PyTorch's call of this module
        if y is not None:
            return y
    return call(conv, *args, **kwargs)


DIRECT.add(call_convolution)
