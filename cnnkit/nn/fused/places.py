"""Where a model calls its blocks, and whether a module still holds one: `caller(frame, place)`."""

from __future__ import annotations

from types import FrameType
from typing import Any, NamedTuple

from torch import nn

from cnnkit.nn.fused.patterns import has_hooks
from cnnkit.nn.pools import Pool

DEEPEST = 40  # frames between a model's forward and its convolution's
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
    """Return a module's submodule; None if there is none."""
    for name in names:
        owner = None if owner is None else owner._modules.get(name)
    return owner


def block_parts(owner: nn.Module, conv: nn.Module, place: Place) -> list[Any] | None:
    """Return the modules of a block with this convolution in a module, which may be empty.

    Returns:
        None if the module does not hold the block, somebody looks on, or batch-norm is in train
        mode: then it needs the statistics of what the convolution computes.
    """
    found = []
    for names, kind in place.parts:
        part = part_of(owner, names)
        if part is None:
            return None
        if has_hooks(part) or (names == place.conv and part is not conv):
            return None
        if kind is None:  # the convolution, or a module around the others
            if part is conv:
                found.append(part)
        elif type(part) is not kind or (kind is nn.BatchNorm2d and part.training):
            return None
        else:
            found.append(part)
    return found
