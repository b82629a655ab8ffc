"""The output of a block's convolution: `Waiting`, a tensor like any other.

When the convolution is called, its whole block is computed in one operation. If batch-norm, ReLU
and max-pool follow as expected, the last of them returns what was computed. Whoever else looks at
the tensor in between, in whatever way, gets its values: they are computed at that moment by
PyTorch's own operators, in the order in which they were called.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch._C import DisableTorchFunctionSubclass
from torch.utils._pytree import tree_map_only

from cnnkit.errors import InputError
from cnnkit.nn.block import States, modes, states, version
from cnnkit.nn.fused.patterns import FUNCTIONS
from cnnkit.nn.norm import Norm
from cnnkit.nn.pools import Pool, PoolReader
from cnnkit.ops.torch_autograd import is_transformed

# What is known of a tensor before it is computed; modules check it before they call a function.
KNOWN = {
    *(Tensor.dim, Tensor.size, Tensor.numel),
    *(getattr(Tensor, name).__get__ for name in ("shape", "ndim", "dtype", "device", "layout")),
}
IN_PLACE = {F.relu_, torch.relu_, Tensor.relu_}
KINDS: dict[Any, str] = {
    **{function: kind for function, kind in FUNCTIONS.items() if kind != "Conv2d"},
    **{Tensor.relu: "ReLU", Tensor.relu_: "ReLU"},
}
Shape = tuple[int, ...]
LAST = "the last operation"
# What a block's operation leads to: (the operation before, the operation) -> the operation to note.
ORDERS = {
    **{(before, "ReLU"): "ReLU" for before in ("Conv2d", "BatchNorm2d")},
    **{(before, "MaxPool2d"): "MaxPool2d" for before in ("Conv2d", "BatchNorm2d")},
    **{("Conv2d", "BatchNorm2d"): "BatchNorm2d"},
    **{("ReLU", "MaxPool2d"): LAST, ("MaxPool2d", "ReLU"): LAST},
}
NORM = ("running_mean", "running_var", "weight", "bias", "training", "momentum", "eps")


class Step(NamedTuple):
    """A call that follows the convolution, without its first argument."""

    function: Callable[..., Tensor]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]


class Known(Protocol):
    """What is needed of what a convolution knows of its block: `state.State`."""

    pool: Pool | None
    read_pool: PoolReader
    most_left: int

    def note(self, was_block: bool) -> None:
        """Take note of whether what followed a call was the block."""


@dataclass(slots=True)
class Start:
    """The call of the convolution, and the output of its block.

    Attributes:
        conv: the convolution, ...
        state: ... and what it knows of its block.
        x, weight, bias: what it was called with.
        version: how often x was changed before.
        states: those of weight and bias.
        norm: the batch-norm that took part, ...
        norm_states: ... and the states of its tensors.
        pool: the pool that took part.
        modes: those of the call.
        output: that of the block, which is returned only once: nobody shares it.
    """

    conv: nn.Conv2d
    state: Known
    x: Tensor
    weight: Tensor
    bias: Tensor | None
    version: int
    states: States
    norm: Norm | None
    norm_states: States
    pool: Pool
    modes: tuple[bool, bool]
    output: Tensor | None


class Waiting(Tensor):
    """The output of a convolution and of the steps after it, computed when it is needed."""

    start: Start | None
    known_shape: Shape
    steps: tuple[Step, ...] = ()
    before: str = "Conv2d"  # the operation that it is the output of
    value: Tensor | None = None

    @classmethod
    def after(cls, start: Start, shape: Shape) -> Self:
        """Make the output of a convolution."""
        made: Self = Tensor._make_wrapper_subclass(cls, shape, dtype=torch.float32)
        made.start, made.known_shape = start, shape
        return made

    def dim(self) -> int:
        """Return the number of dimensions; batch-norm asks for it in every call."""
        return 4 if self.value is None else self.value.dim()

    @classmethod
    def __torch_function__(
        cls, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Add a step, or compute the values that another function needs."""
        kwargs = kwargs or {}
        first = args[0] if args else None
        if type(first) is Waiting:
            kind = KINDS.get(func)
            if kind and (y := first.follow(kind, Step(func, args[1:], kwargs))) is not None:
                return y
            if first._has_history() or (first.value is None and func in KNOWN):
                with DisableTorchFunctionSubclass():
                    return func(*args, **kwargs)
        args, kwargs = tree_map_only(Waiting, Waiting.compute, (args, kwargs))
        return func(*args, **kwargs)

    # What tensors have there is a function in C, to types of another kind.
    @classmethod
    def __torch_dispatch__(  # type: ignore[override]
        cls, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Compute the values for whoever comes past PyTorch's Python interface."""
        args, kwargs = tree_map_only(Waiting, Waiting._compute_below_autograd, (args, kwargs or {}))
        return func(*args, **kwargs)

    def compute(self) -> Tensor:
        """Return the values, computed by PyTorch in the modes in which they were called."""
        if self.value is None:
            start = self._unchanged()
            start.state.note(was_block=False)
            gradients, inference = start.modes
            with (
                torch.inference_mode(inference),
                torch.set_grad_enabled(gradients),
                torch.autocast("cpu", enabled=False),
            ):
                y: Tensor = start.conv._conv_forward(start.x, start.weight, start.bias)
                for step in self.steps:
                    y = step.function(y, *step.args, **step.kwargs)
            self.value, self.start = y, None
        return self.value

    def _compute_below_autograd(self) -> Tensor:
        # A gradient could not be recorded here.
        if self.value is None and self.start is not None and self.start.modes[0]:
            reason = "reads the output of a fused convolution past PyTorch's Python interface"
            raise InputError("model", reason, "use it without cnnkit.fuse")
        return self.compute().detach()

    def _has_history(self) -> bool:
        """Tell whether an autograd function returned this tensor, and so gave it a history."""
        with DisableTorchFunctionSubclass():
            return self.grad_fn is not None

    def _unchanged(self) -> Start:
        """Return the start.

        Raises:
            InputError: a tensor that the value depends on was changed since.
        """
        start = self.start
        assert start is not None
        changed = version(start.x) != start.version
        changed = changed or states(start.weight, start.bias) != start.states
        if start.norm is not None and any(step.function is F.batch_norm for step in self.steps):
            changed = changed or states(*start.norm[:4]) != start.norm_states
        if changed:
            reason = "changes an input or weight before it reads the output of a fused convolution"
            raise InputError(
                "model", reason, "read the output first, or use it without cnnkit.fuse"
            )
        return start

    def follow(self, kind: str, step: Step) -> Tensor | None:
        """Return the output of a step; None if it is not what the block expects."""
        start, leads_to = self.start, ORDERS.get((self.before, kind))
        if leads_to is None or start is None or modes() != start.modes:
            return None
        if start.modes[0] and self._has_history():
            return None
        expected = EXPECTED.get(kind)
        if kind != "BatchNorm2d" and start.norm is not None and self.before == "Conv2d":
            return None
        if expected is not None and not expected(start, step):
            return None
        return self.go_on(start, leads_to, step)

    def go_on(self, start: Start, leads_to: str, step: Step) -> Tensor | None:
        """Return the output of a step that the block expects; None if it was returned before."""
        output, in_place = start.output, step.function is not F.max_pool2d and is_in_place(step)
        if output is None:
            return None
        if leads_to is LAST:
            if is_transformed():
                return None
            start.output = None
            if start.state.most_left:
                start.state.note(was_block=True)
            if in_place:
                self.value, self.start = output, None
            return output
        if in_place:
            waits = self
        else:
            shape = output.shape if leads_to == "MaxPool2d" else self.known_shape
            waits = Waiting.after(start, shape)
        waits.steps, waits.before = (*self.steps, step), leads_to
        return waits


def is_same_norm(start: Start, step: Step) -> bool:
    """Tell whether a step calls the batch-norm that took part, unchanged."""
    norm = start.norm
    of = {**dict(zip(NORM, step.args, strict=False)), **step.kwargs}
    if norm is None or of.get("training") or of.get("eps", 1e-5) != norm.eps:
        return False
    given = of["running_mean"], of["running_var"], of.get("weight"), of.get("bias")
    return states(*given) == start.norm_states


def is_same_pool(start: Start, step: Step) -> bool:
    """Tell whether a step calls the pool that took part; if not, the next call expects this one."""
    state = start.state
    pool = state.read_pool(step.args, step.kwargs)
    if pool is not None and pool != start.pool:
        state.pool = pool
    return pool == start.pool


def is_in_place(step: Step) -> bool:
    """Tell whether a step is a ReLU that changes its input."""
    return step.function in IN_PLACE or (
        step.function in (F.relu, torch.relu)
        and (*step.args, step.kwargs.get("inplace"))[0] is True
    )


EXPECTED = {"BatchNorm2d": is_same_norm, "MaxPool2d": is_same_pool}
