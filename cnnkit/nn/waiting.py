"""The output of a convolution that waits for what follows: `Waiting`, a tensor like any other.

If batch-norm, ReLU and max-pool follow, the last of them computes the whole block in one operation.
Whoever else looks at the tensor in between, in whatever way, gets its values: they are computed at
that moment by PyTorch's own operators, in the order in which they were called.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, Self

import torch
import torch.nn.functional as F
from torch import Tensor
from torch._C import DisableTorchFunctionSubclass
from torch.utils._pytree import tree_map_only

from cnnkit.errors import InputError
from cnnkit.nn.block import Block, Norm, Pair, Sizes
from cnnkit.nn.fusion_patterns import FUNCTIONS, Pool, PoolReader
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
Shape = tuple[int, int, int, int]
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


class Start(NamedTuple):
    """The call of the convolution: all that its value depends on."""

    block: Block
    read_pool: PoolReader
    convolve: Callable[[Tensor, Tensor, Tensor | None], Tensor]
    x: Tensor
    weight: Tensor
    bias: Tensor | None
    stride: Pair
    padding: Pair
    modes: tuple[bool, bool]


class Waiting(Tensor):
    """The output of a convolution and of the steps after it, computed when it is needed.

    Making one, and adding a step, is most of what a small block costs: no step does work that the
    last one can do.
    """

    start: Start | None
    known_shape: Shape
    steps: tuple[Step, ...]
    before: str  # the operation that it is the output of
    batch_norm: Norm | None
    pool: Pool | None
    counted: tuple[Tensor, ...]  # what it depends on, ...
    versions: list[int]  # ... and how often each was changed
    value: Tensor | None

    @classmethod
    def after(cls, start: Start, shape: Shape) -> Self:
        """Make the output of a convolution."""
        made = cls._shaped(start, shape)
        made.steps, made.before, made.batch_norm, made.pool = (), "Conv2d", None, None
        made.counted, made.versions = counted((start.x, start.weight, start.bias))
        return made

    @classmethod
    def _shaped(cls, start: Start, shape: Shape) -> Self:
        made: Self = Tensor._make_wrapper_subclass(cls, shape, dtype=torch.float32)
        made.start, made.known_shape, made.value = start, shape, None
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
            gradients, inference = start.modes
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
        assert self.start is not None
        if [t._version for t in self.counted] != self.versions:
            reason = "changes an input or weight before it reads the output of a fused convolution"
            raise InputError(
                "model", reason, "read the output first, or use it without cnnkit.fuse"
            )
        return self.start

    def follow(self, kind: str, step: Step) -> Tensor | None:
        """Return the output of a step; None if the block does not go on with it."""
        start, leads_to = self.start, ORDERS.get((self.before, kind))
        if leads_to is None or start is None or modes() != start.modes:
            return None
        if start.modes[0] and self._has_history():
            return None
        norm, pool, shape = self.batch_norm, self.pool, self.known_shape
        if kind == "BatchNorm2d":
            norm = norm_of(step)
            if norm is None:
                return None
        elif kind == "MaxPool2d":
            pool = start.read_pool(step.args, step.kwargs)
            if pool is None or (pool.ceil_mode and leads_to != LAST):
                return None  # the shape of what waits would not be known
            shape = pooled(shape, pool)
            if shape[2] < 1 or shape[3] < 1:
                return None
        if leads_to == LAST:
            y = self._finish(norm, pool)
            if y is not None and kind == "ReLU" and is_in_place(step):
                self.value, self.start = y, None
            return y
        if kind == "ReLU" and is_in_place(step):
            waits = self
        else:
            waits = Waiting._shaped(start, shape)
            waits.batch_norm, waits.pool = norm, pool
            waits.counted, waits.versions = self.counted, self.versions
            if kind == "BatchNorm2d" and norm:
                tensors, versions = counted(norm[:4])
                waits.counted += tensors
                waits.versions = self.versions + versions
        waits.steps, waits.before = (*self.steps, step), leads_to
        return waits

    def _finish(self, norm: Norm | None, pool: Pool | None) -> Tensor | None:
        """Compute the whole block in one operation; None if PyTorch has to compute it."""
        start = self._unchanged()
        assert pool is not None
        kernel, stride, padding, ceil_mode = pool
        sizes = Sizes(start.stride, start.padding, kernel, stride, padding)
        if is_transformed():
            return None
        return start.block.compute(start.x, start.weight, start.bias, norm, sizes, ceil_mode)


def modes() -> tuple[bool, bool]:
    """Return whether gradients are enabled, and whether inference mode is."""
    return torch.is_grad_enabled(), torch.is_inference_mode_enabled()


def counted(tensors: Iterable[Tensor | None]) -> tuple[tuple[Tensor, ...], list[int]]:
    """Return tensors, and how often each was changed; those of inference mode do not count."""
    found, versions = [], []
    for t in tensors:
        if t is not None and not t.is_inference():
            found.append(t)
            versions.append(t._version)
    return tuple(found), versions


def pooled(shape: Shape, pool: Pool) -> Shape:
    """Return the shape of images after a pool, without the window of `ceil_mode`."""
    images, channels, rows, columns = shape
    kernel, stride, padding, _ = pool
    return (
        images,
        channels,
        (rows + 2 * padding[0] - kernel[0]) // stride[0] + 1,
        (columns + 2 * padding[1] - kernel[1]) // stride[1] + 1,
    )


def norm_of(step: Step) -> Norm | None:
    """Return the batch-norm that a step calls; None if it uses batch statistics."""
    of = {**dict(zip(NORM, step.args, strict=False)), **step.kwargs}
    mean, variance = of["running_mean"], of["running_var"]
    if of.get("training") or mean is None or variance is None:
        return None
    return Norm(mean, variance, of.get("weight"), of.get("bias"), of.get("eps", 1e-5))


def is_in_place(relu: Step) -> bool:
    """Tell whether a ReLU changes its input."""
    return relu.function in IN_PLACE or (*relu.args, relu.kwargs.get("inplace"))[0] is True
