"""What a part of a model rests on, and whether that is still so: `Facts(module).hold()`."""

from __future__ import annotations

import weakref
from array import array
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from cnnkit.nn.fused.direct import DIRECT
from cnnkit.ops.torch_autograd import is_own_float
from cnnkit.ops.torch_plain import MemorySample
from cnnkit.ops.torch_states import Record, digest_of, is_unchanged, states_of

ATOMS = (int, float, str, bool, type(None), torch.dtype, torch.device, torch.Size, Tensor)
CALL = "_compiled_call_impl"  # by which PyTorch calls a module; ours come and go


class NotShownError(Exception):
    """It cannot be shown what a part of a model does; the message says why."""


class Facts:
    """What must stay as it is: modules and what they hold, methods, global names.

    Modules are referred to weakly, so that whoever deletes a model frees its memory at once.
    """

    def __init__(self) -> None:
        self.values: list[tuple[Any, str, Any]] = []
        self.known: list[tuple[Any, type[nn.Module], list[Record]]] = []
        self.held: list[Any] = []  # their addresses belong to nothing else meanwhile
        self.tensors: tuple[Tensor, ...] = ()
        self.states = b""
        self.sample: MemorySample | None = None

    def add(self, holder: Any, name: str, value: Any) -> None:
        """Note that an attribute of a class, or a global name of a function, has this value."""
        if not any(h is holder and n == name for h, n, _ in self.values):
            self.values.append((holder, name, value))

    def take(self, part: nn.Module) -> None:
        """Take note of all modules of a part, and of its tensors."""
        tensors = {id(t): t for t in (*part.parameters(), *part.buffers()) if t.is_floating_point()}
        self.tensors = tuple(tensors.values())
        self.note_tensors()
        for module in part.modules():
            inner = [value for value in module.__dict__.values() if isinstance(value, dict)]
            records = [self._record(each) for each in (module.__dict__, *inner)]
            self.known.append((weakref.ref(module), type(module), records))

    def _record(self, values: dict[Any, Any]) -> Record:
        values = {key: value for key, value in values.items() if key != CALL}
        self.held += [value for value in values.values() if is_atom(value)]
        return tuple(values), array("Q", map(id, values.values())).tobytes()

    def hold(self) -> bool:
        """Tell whether everything but the elements of the tensors is as it was."""
        for holder, name, value in self.values:
            found = holder.get(name) if isinstance(holder, dict) else getattr(holder, name, None)
            if found is not value:
                return False
        return is_unchanged(self.known, is_ours)

    def note_tensors(self) -> None:
        """Take it that the tensors are as they should be."""
        self.sample = None
        self.states = states_of(self.tensors)

    def are_dense(self) -> bool:
        """Tell whether the tensors are float32 of PyTorch's own, in memory of this process."""
        return bool(self.states) and all(
            is_own_float(t) and is_dense(t) and not t.is_neg() for t in self.tensors
        )

    def digest(self) -> int:
        """Return a number that tells the elements of tensors that `are_dense` from others."""
        return digest_of(self.tensors)

    def take_sample(self) -> None:
        """Remember what some of the memory of tensors that `are_dense` holds.

        PyTorch does not count what is written through `weight.data`, by NumPy or by optimisers with
        `fused=True`.
        """
        self.sample = MemorySample([(t.data_ptr(), t.numel()) for t in self.tensors])

    def same_tensors(self) -> bool:
        """Tell whether nothing has been written to the tensors, as far as can be told quickly."""
        if not self.states or states_of(self.tensors) != self.states:
            return False
        return self.sample is None or self.sample.is_unchanged()  # the addresses are the same


def is_dense(tensor: Tensor) -> bool:
    """Tell whether the elements fill their memory."""
    images = tensor.ndim == 4 and tensor.is_contiguous(memory_format=torch.channels_last)
    return images or tensor.is_contiguous()


def is_atom(value: Any) -> bool:
    """Tell whether a value refers to no module."""
    if isinstance(value, tuple):
        return all(map(is_atom, value))
    return isinstance(value, ATOMS)


def is_ours(function: Callable[..., Any]) -> bool:
    """Tell whether a module's `_compiled_call_impl` is one that `cnnkit.fuse` has put there."""
    return getattr(function, "function", None) in DIRECT
