"""A part of a model that a native program may compute: `Part(names).install(module, conv)`.

It does so as long as nothing could see a difference: in evaluation mode, without gradients, hooks,
autocast or transforms, with the same modules, options and weights.
"""

from __future__ import annotations

import sys
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from cnnkit.nn import block
from cnnkit.nn.fused.direct import call, called, install_outer, is_observed
from cnnkit.nn.fused.places import Names, part_of
from cnnkit.nn.native.facts import Facts
from cnnkit.nn.native.programs import Programs, is_inside
from cnnkit.nn.native.proof import prove
from cnnkit.ops.torch_autograd import is_plain

profiler_is_enabled: Callable[[], bool] = torch.autograd._profiler_enabled  # type: ignore[attr-defined]


class Part:
    """A part of a model.

    Attributes:
        names: where its first convolution is in it.
        root: its module, where it is called by this part.
        programs: what computes it.
    """

    def __init__(self, names: Names) -> None:
        self.names = names
        self.root: weakref.ref[nn.Module] | None = None
        self.programs = Programs()

    def __reduce__(self) -> Any:
        return Part, (self.names,)  # what is known is of this module, not of its copies

    def is_installed(self) -> bool:
        """Tell whether the module is called by this part."""
        root = None if self.root is None else self.root()
        return getattr(getattr(root, "_compiled_call_impl", None), "outer", None) == self.answer

    def install(self, module: Any, conv: nn.Module) -> bool:
        """Have a module called by this part, if it is the one that the part was found in."""
        if part_of(module, self.names) is not conv:
            return False
        install_outer(module, self.answer)
        self.root = weakref.ref(module)
        return True

    def answer(
        self, reference: weakref.ref[nn.Module], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """Return the part's output; None if the module has to be called."""
        if kwargs or len(args) != 1 or is_inside():
            return None
        module, is_own_call = called(reference)
        x = args[0]
        if not is_own_call or module.training or not isinstance(x, Tensor) or x.ndim != 4:
            return None
        if not is_plain(x) or is_observed() or block.is_observed() or x.shape[0] < 1:
            return None
        if sys.gettrace() is not None or profiler_is_enabled():
            return None
        return self.programs.answer(Owned(module), x)


class Owned:
    """A module whose call a program may compute; an `Owner`."""

    def __init__(self, module: nn.Module) -> None:
        self.of, self.title = module, type(module).__name__

    def prove(self) -> Facts:
        """Return what must stay as it is."""
        return prove(self.of)

    def renew(self, facts: Facts) -> None:
        """Leave the tensors: the facts would not hold if they were others."""

    def is_in_training(self) -> bool:
        """Tell whether some of it is in training mode."""
        return any(part.training for part in self.of.modules())

    def module(self) -> nn.Module:
        """Return the module."""
        return self.of

    def tensors(self) -> Iterator[Tensor]:
        """Return its parameters."""
        return self.of.parameters()

    def call(self, x: Tensor) -> Any:
        """Have PyTorch compute it."""
        return call(self.of, x)
