"""The output of a convolution that waits for what follows: `Waiting`, a tensor like any other.

If batch-norm, ReLU and max-pool follow, the last of them computes the whole block in one operation.
Whoever else looks at the tensor in between, in whatever way, gets its values: they are computed at
that moment by PyTorch's own operators, in the order in which they were called.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor
from torch._C import DisableTorchFunctionSubclass
from torch.utils._pytree import tree_map_only

from cnnkit.errors import InputError
from cnnkit.nn.block import Block, Norm, Pair, Sizes, output_size
from cnnkit.nn.fusion_patterns import FUNCTIONS, LeftError, Pool, pool_sizes

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
ORDERS = ("ReLU", "MaxPool2d"), ("MaxPool2d", "ReLU")
NORM = ("running_mean", "running_var", "weight", "bias", "training", "momentum", "eps")


class Step(NamedTuple):
    """A call that follows the convolution, without its first argument."""

    kind: str
    function: Callable[..., Tensor]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    option: Norm | Pool | None


class Start(NamedTuple):
    """The call of the convolution: all that its value depends on."""

    block: Block
    convolve: Callable[[Tensor, Tensor, Tensor | None], Tensor]
    x: Tensor
    weight: Tensor
    bias: Tensor | None
    stride: Pair
    padding: Pair


class Waiting(Tensor):
    """The output of a convolution and of the steps after it, computed when it is needed."""

    start: Start | None
    steps: tuple[Step, ...]
    value: Tensor | None
    modes: tuple[bool, bool]
    versions: tuple[int, ...]

    @staticmethod
    def __new__(cls, start: Start, steps: tuple[Step, ...] = ()) -> Waiting:
        """Make the tensor, whose shape is known at once."""
        images, channels = start.x.shape[0], start.weight.shape[0]
        shape = (images, channels, *image_size(start, steps))
        made: Waiting = Tensor._make_wrapper_subclass(cls, shape, dtype=torch.float32)
        made.start, made.steps, made.value = start, steps, None
        made.modes, made.versions = modes(), versions(start, steps)
        return made

    @classmethod
    def __torch_function__(
        cls, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Add a step, or compute the values that another function needs."""
        kwargs = kwargs or {}
        first = args[0] if args else None
        if isinstance(first, Waiting) and not first._has_history():
            if first.value is None and func in KNOWN:
                with DisableTorchFunctionSubclass():
                    return func(*args, **kwargs)
            if first.value is None and func in KINDS:
                kind = KINDS[func]
                step = Step(kind, func, args[1:], kwargs, option_of(kind, args[1:], kwargs))
                if (y := first._follow(step)) is not None:
                    return y
        elif isinstance(first, Waiting):  # it left an autograd function, which gave it a history
            with DisableTorchFunctionSubclass():
                return func(*args, **kwargs)
        args, kwargs = tree_map_only(Waiting, Waiting.compute, (args, kwargs))
        return func(*args, **kwargs)

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
            start, steps = self._unchanged(), self.steps
            gradients, inference = self.modes
            with (
                torch.inference_mode(inference),
                torch.set_grad_enabled(gradients),
                torch.autocast("cpu", enabled=False),
            ):
                y = start.convolve(start.x, start.weight, start.bias)
                for step in steps:
                    y = step.function(y, *step.args, **step.kwargs)
            self.value, self.start = y, None
        return self.value

    def _compute_below_autograd(self) -> Tensor:
        if self.value is None and self.modes[0]:  # a gradient could not be recorded here
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
        assert self.start is not None
        if versions(self.start, self.steps) != self.versions:
            reason = "changes an input or weight before it reads the output of a fused convolution"
            raise InputError(
                "model", reason, "read the output first, or use it without cnnkit.fuse"
            )
        return self.start

    def _follow(self, step: Step) -> Tensor | None:
        """Return the output of a step; None if the block does not go on with it."""
        start, steps = self._unchanged(), (*self.steps, step)
        if modes() != self.modes or not is_block(steps) or min(image_size(start, steps)) < 1:
            return None
        last = len(steps) - (steps[0].kind == "BatchNorm2d") == 2
        y = finish(start, steps) if last else Waiting(start, steps)
        if y is not None and is_in_place(step):
            if isinstance(y, Waiting):
                self.steps, self.versions = steps, y.versions
                return self
            self.value, self.start = y, None
        return y


def modes() -> tuple[bool, bool]:
    """Return whether gradients are enabled, and whether inference mode is."""
    return torch.is_grad_enabled(), torch.is_inference_mode_enabled()


def versions(start: Start, steps: tuple[Step, ...]) -> tuple[int, ...]:
    """Return how often each tensor was changed; those of inference mode do not count."""
    norm = norm_of(steps[0]) if steps and steps[0].kind == "BatchNorm2d" else None
    tensors = (start.x, start.weight, start.bias, *(norm[:4] if norm else ()))
    return tuple(t._version for t in tensors if t is not None and not t.is_inference())


def is_block(steps: tuple[Step, ...]) -> bool:
    """Tell whether steps are the beginning of a block, with arguments that the kernels support."""
    if steps[0].kind == "BatchNorm2d":
        if norm_of(steps[0]) is None:
            return False
        steps = steps[1:]
    kinds = tuple(step.kind for step in steps)
    if kinds not in {order[: len(kinds)] for order in ORDERS}:
        return False
    pools = [pool_of(step) for step in steps if step.kind == "MaxPool2d"]
    if kinds[:1] == ("MaxPool2d",) and pools[0] and pools[0].ceil_mode:
        return False  # the shape of what waits would not be known
    return None not in pools


def finish(start: Start, steps: tuple[Step, ...]) -> Tensor | None:
    """Compute a whole block in one operation; None if PyTorch has to compute it."""
    norm = norm_of(steps[0]) if steps[0].kind == "BatchNorm2d" else None
    *sizes, ceil_mode = next(pool for step in steps if (pool := pool_of(step)))
    return start.block(
        *(start.x, start.weight, start.bias, norm),
        Sizes(start.stride, start.padding, *sizes),
        ceil_mode,
    )


def option_of(kind: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Norm | Pool | None:
    """Return the batch-norm or pool of a call; None for others, and if it is not supported."""
    if kind == "BatchNorm2d":
        of = {**dict(zip(NORM, args, strict=False)), **kwargs}
        mean, variance = of["running_mean"], of["running_var"]
        if of.get("training") or mean is None or variance is None:
            return None
        return Norm(mean, variance, of.get("weight"), of.get("bias"), of.get("eps", 1e-5))
    if kind == "MaxPool2d":
        try:
            return pool_sizes(args, kwargs)
        except LeftError:
            return None
    return None


def norm_of(step: Step) -> Norm | None:
    """Return the batch-norm that a step calls; None if it uses batch statistics."""
    return step.option if isinstance(step.option, Norm) else None


def pool_of(step: Step) -> Pool | None:
    """Return the pool that a step calls; None if it is not supported."""
    return step.option if isinstance(step.option, Pool) else None


def is_in_place(step: Step) -> bool:
    """Tell whether a ReLU changes its input."""
    return step.function in IN_PLACE or (*step.args, step.kwargs.get("inplace"))[0] is True


def image_size(start: Start, steps: tuple[Step, ...]) -> tuple[int, ...]:
    """Return the rows and columns after the steps."""
    x, weight = start.x.shape, start.weight.shape
    size = [output_size(x, weight, start.stride, start.padding, axis) for axis in (0, 1)]
    for kernel, stride, padding, _ in filter(None, map(pool_of, steps)):
        size = [(size[i] + 2 * padding[i] - kernel[i]) // stride[i] + 1 for i in (0, 1)]
    return tuple(size)
