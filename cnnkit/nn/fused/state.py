"""What the convolution of a fused block knows of it, and when PyTorch is quicker."""

from __future__ import annotations

import weakref
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch
from torch import Tensor, is_grad_enabled, nn

from cnnkit.nn.block import Block, Sizes
from cnnkit.nn.fused.direct import uninstall
from cnnkit.nn.fused.places import Place
from cnnkit.nn.fused.waiting import Shape
from cnnkit.nn.pools import Pool, PoolReader

LONGEST = 1023  # calls that are left to PyTorch after calls that were no block
# PyTorch's gradients are quicker for outputs of a convolution with fewer values: plain, batch-norm.
SMALL, SMALL_NORMED = 3_000, 20_000
SMALL_WAITING = 8_000  # So is PyTorch where the output has to wait.


class Checked(NamedTuple):
    """What the kernels do with a convolution and a pool.

    Attributes:
        given: the shapes of the input and of the weight, and the options of both.
        sizes: those of the operation; None if the kernels do not support it.
        shape: that of the convolution's output.
        output: that of the block's output.
        small: whether PyTorch's gradients are quicker.
    """

    given: Any
    sizes: Sizes | None = None
    shape: Shape = ()
    output: Shape = ()
    small: bool = False


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
        direct: the modules of the block that got functions of `direct.py`, ...
        owners: ... and those that hold it.
        norm: the block's batch-norm, when it was last called.
        left_shape: the shape of inputs for which PyTorch is quicker.
    """

    place: Place
    block: Block
    read_pool: PoolReader
    pool: Pool | None
    checked: Checked
    left: int = 0
    most_left: int = 0
    direct: list[weakref.ref[nn.Module]] = field(default_factory=list)
    owners: list[weakref.ref[nn.Module]] = field(default_factory=list)
    norm: weakref.ref[nn.Module] | None = None
    left_shape: torch.Size | None = None

    def __getstate__(self) -> dict[str, Any]:
        # What refers to this model is not for its copies.
        return {**self.__dict__, "direct": [], "owners": [], "norm": None}

    def leaves(self, x: Tensor) -> bool:
        """Tell whether PyTorch is quicker, or batch-norm needs the output of the convolution.

        If so, PyTorch calls the block's modules from now on.
        """
        checked, norm = self.checked, None if self.norm is None else self.norm()
        quicker = checked.small and is_grad_enabled() and x.shape == checked.given[0]
        if not quicker and x.shape != self.left_shape and (norm is None or not norm.training):
            return False
        if self.direct:
            release(self.direct)
        return True

    def note(self, was_block: bool) -> None:
        """Leave some calls to PyTorch if what followed the last one was not the block."""
        self.most_left = 0 if was_block else min(2 * self.most_left + 1, LONGEST)
        self.left = self.most_left

    def forget(self) -> None:
        """Find out everything again: packed weights, who calls the block, what is worth it."""
        self.block.forget()
        self.note(was_block=True)
        self.left_shape = None
        release(self.direct)
        release(self.owners)


def release(modules: list[weakref.ref[nn.Module]]) -> None:
    """Have PyTorch call modules again."""
    for reference in modules:
        module = reference()
        if module is not None:
            uninstall(module)
    modules.clear()
