"""The options of max-pools, in modules and in calls of functions: `pool_sizes((2,), {})`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from torch import fx, nn

POOL_ARGUMENTS = ("kernel_size", "stride", "padding", "dilation", "ceil_mode", "return_indices")


class Pool(NamedTuple):
    """The options of a max-pool; sizes are (rows, columns)."""

    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int]
    ceil_mode: bool


class LeftError(Exception):
    """A candidate cannot be fused; the message says why."""


def called_pool(module: nn.Module, node: fx.Node) -> Pool:
    """Return the options of a pool, a module or a function.

    Raises:
        LeftError: they are not supported, or not constants.
    """
    if node.op != "call_module":
        return pool_sizes(node.args[1:], {k: v for k, v in node.kwargs.items() if k != "input"})
    pool = module.get_submodule(str(node.target))
    return pool_sizes((), {name: getattr(pool, name) for name in POOL_ARGUMENTS})


class PoolReader:
    """Reads the options in calls of `max_pool2d`, mostly those of the call before."""

    def __init__(self) -> None:
        self._given: tuple[tuple[Any, ...], Mapping[str, Any]] | None = None
        self._pool: Pool | None = None

    def __call__(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Pool | None:
        """Return the options; None if they are not supported."""
        if (args, kwargs) == self._given:
            return self._pool
        try:
            pool = pool_sizes(args, kwargs)
        except LeftError:
            return None
        if not any(isinstance(value, list) for value in (*args, *kwargs.values())):  # may change
            self._given, self._pool = (args, kwargs), pool
        return pool


def pool_sizes(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Pool:
    """Return the options in a call of `max_pool2d`, given without its input.

    Raises:
        LeftError: they are not supported, or not constants.
    """
    given = {**dict(zip(POOL_ARGUMENTS, args, strict=False)), **kwargs}
    if any(isinstance(value, fx.Node) for value in given.values()):
        raise LeftError("the pool's sizes are computed in the forward pass")
    kernel = both(given["kernel_size"])
    stride = both(given.get("stride") or kernel)  # for PyTorch, None and () mean the kernel size
    padding, dilation = both(given.get("padding", 0)), both(given.get("dilation", 1))
    if dilation != (1, 1):
        raise LeftError(f"the pool has dilation {given['dilation']}")
    if given.get("return_indices"):
        raise LeftError("the pool returns indices")
    if any(2 * pad > size or pad < 0 for pad, size in zip(padding, kernel, strict=True)):
        raise LeftError(f"the pool's padding {padding} is more than half of its window")
    return Pool(kernel, stride, padding, bool(given.get("ceil_mode")))


def both(size: Any) -> tuple[int, int]:
    """Return (rows, columns) of a size as PyTorch's functions accept it.

    Raises:
        LeftError: it is none.
    """
    values = (size,) if isinstance(size, int) else tuple(size)
    values = values * 2 if len(values) == 1 else values
    if len(values) != 2 or any(type(value) is not int for value in values):
        raise LeftError(f"the pool has the size {size!r}")
    return values[0], values[1]
