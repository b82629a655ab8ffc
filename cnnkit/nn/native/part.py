"""A part of a model that a native program may compute: `Part(names).install(module, conv)`.

PyTorch computes the first calls with images of a size. Then the part is read and lowered, the
program's outputs are compared with PyTorch's, and later calls run the program, as long as nothing
could see a difference: in evaluation mode, without gradients, hooks, autocast or transforms, with
the same modules, options and weights.
"""

from __future__ import annotations

import logging
import math
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from cnnkit import _core
from cnnkit.errors import CnnkitError
from cnnkit.nn import block
from cnnkit.nn.fused.direct import call, called, install_outer, is_observed
from cnnkit.nn.fused.places import Names, part_of
from cnnkit.nn.native.facts import Facts, NotShownError
from cnnkit.nn.native.proof import prove
from cnnkit.nn.native.reading import Reading, network_of, read
from cnnkit.nn.native.worth import slower
from cnnkit.ops.tensors import readable
from cnnkit.ops.torch_autograd import is_plain

CALLS = 2  # with images of a size that PyTorch computes, after the first call of all
CHANGED = 256  # images that PyTorch computes after weights have changed: they may change again
MOST = 4  # sizes of images with programs
TOLERANCE = 1e-4  # of the largest value

log = logging.getLogger(__name__)
_thread = threading.local()


class Ready(NamedTuple):
    """A program for images of a size.

    Attributes:
        network: the program.
        shape: of the result of one image.
        compared: whether its outputs for one image (True) and for several have been compared.
    """

    network: _core.ProgramNetwork
    shape: tuple[int, ...]
    compared: set[bool]

    def run(self, x: Tensor) -> Tensor:
        """Compute the part."""
        y = x.new_empty((x.shape[0], *self.shape))
        threads = torch.get_num_threads()
        self.network.run_at(readable(x, "x").data_ptr(), x.shape[0], y.data_ptr(), threads)
        return y


class Part:
    """A part of a model.

    Attributes:
        names: where its first convolution is in it.
        root: its module, where it is called by this part.
        suspected: whether the tensors may have been changed in a way that PyTorch does not count.
        refused: why there is no program, by the size of images; that of all sizes is ().
    """

    def __init__(self, names: Names) -> None:
        self.names = names
        self.root: weakref.ref[nn.Module] | None = None
        self.suspected = False
        self.refused: dict[tuple[int, ...], str] = {}
        self.facts: Facts | None = None
        self.digest = 0
        self.readings: dict[tuple[int, ...], Reading] = {}
        self.ready: dict[tuple[int, ...], Ready] = {}
        self.calls: dict[tuple[int, ...], int] = {}
        self.waits = 0  # images that PyTorch still computes
        self.lock = threading.Lock()

    def __reduce__(self) -> Any:
        return Part, (self.names,)  # what is known is of this module, not of its copies

    def is_installed(self) -> bool:
        """Tell whether the module is called by this part."""
        root = None if self.root is None else self.root()
        return root is not None and _outer_of(root) == self.answer

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
        if kwargs or len(args) != 1 or getattr(_thread, "inside", False):
            return None
        module, is_own_call = called(reference)
        x = args[0]
        if not is_own_call or module.training or not isinstance(x, Tensor) or x.ndim != 4:
            return None
        if not is_plain(x) or is_observed() or block.is_observed() or x.shape[0] < 1:
            return None
        size, one = tuple(x.shape[1:]), x.shape[0] == 1
        ready = self.ready.get(size)
        if ready is None:
            return self._count(module, x, size)
        if not self._is_current(x) or (not x.is_contiguous() and len(ready.shape) > 1):
            return None
        if slower(ready.network, x.shape[0]):
            return None
        if one not in ready.compared:
            return self._compare(module, x, size, ready)
        return ready.run(x)

    def _is_current(self, x: Tensor) -> bool:
        """Tell whether the programs compute what the part would; if not, they are dropped."""
        facts = self.facts
        if facts is None or not facts.hold():
            self._drop()
            return False
        if self.suspected or not facts.same_tensors():
            # Who writes the same values again, or switches modes, changes nothing.
            if not facts.are_dense() or facts.digest() != self.digest:
                self._drop()
                self.waits = CHANGED
                return False
            self.suspected = False
            facts.note_tensors()
        return not _needs_gradient(x, facts)

    def _drop(self) -> None:
        self.ready.clear()
        self.calls.clear()

    def _count(self, module: nn.Module, x: Tensor, size: tuple[int, ...]) -> Any:
        """Call the module with images that there is no program for, or make it."""
        if () in self.refused or size in self.refused or len(self.ready) >= MOST:
            return None
        if torch.is_grad_enabled() and any(p.requires_grad for p in module.parameters()):
            return None
        if len(self.calls) > 16 * MOST:
            self.calls.clear()
        self.calls[size] = self.calls.get(size, 0) + 1
        self.waits -= x.shape[0]
        if self.calls[size] < CALLS or self.waits > 0:
            with _outermost():
                return call(module, x)
        if not self.lock.acquire(blocking=False):
            return None
        try:
            return self._make(module, x, size)
        finally:
            self.lock.release()

    def _make(self, module: nn.Module, x: Tensor, size: tuple[int, ...]) -> Any:
        """Call the module, and make a program of it."""
        reason = ""
        try:
            if self.facts is None or not self.facts.hold():
                self.readings.clear()
                self._drop()
                self.facts = prove(module)
            facts = self.facts
            facts.note_tensors()
            if any(part.training for part in module.modules()):
                return None
            if not facts.are_dense():
                raise NotShownError("its tensors are not dense float32 of PyTorch's own")
            if size not in self.readings:
                self.readings[size] = read(module, size)
            program = self.readings[size].program(module)
            network = network_of(program, size)
            self.digest, self.suspected = facts.digest(), False
            reason = slower(network, x.shape[0])
        except CnnkitError as error:
            reason = "; ".join(error.details) or error.reason
        except (NotShownError, RuntimeError, TypeError, ValueError) as error:
            reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
        if reason:
            self._refuse(module, size, reason)
            return None
        return self._compare(module, x, size, Ready(network, (), set()))

    def _refuse(self, module: nn.Module, size: tuple[int, ...], reason: str) -> None:
        self.refused[size] = reason
        self.ready.pop(size, None)
        log.info("%s is left to PyTorch for %s: %s", type(module).__name__, size, reason)

    def _compare(self, module: nn.Module, x: Tensor, size: tuple[int, ...], ready: Ready) -> Any:
        """Call the module, and compare what the program computes."""
        before = block.version(x)
        with _outermost():
            y = call(module, x)
        facts, reason = self.facts, ""
        if type(y) is not Tensor or y.dtype is not torch.float32 or y.requires_grad:
            reason = "its result is no plain tensor"
        elif facts is None or not facts.hold() or not facts.same_tensors():
            reason = "a call changes the part"
        elif block.version(x) != before:
            reason = "it changes its input in place"
        elif y.ndim < 1 or y.shape[0] != x.shape[0] or not y.is_contiguous():
            reason = "its result does not lie in memory as the program's"
        else:
            ready = ready._replace(shape=tuple(y.shape[1:]))
            if math.prod(ready.shape) != ready.network.values:
                reason = "its result has another shape"
            elif not _close(y, ready.run(x)):
                reason = "the program's outputs differ"
        if reason:
            self._refuse(module, size, reason)
        else:
            ready.compared.add(x.shape[0] == 1)
            self.ready[size] = ready
            log.info("%s is a native program for %s", type(module).__name__, size)
        return y


@contextmanager
def _outermost() -> Iterator[None]:
    """Leave the parts in a part to PyTorch, as they are about to be in its program."""
    _thread.inside = True
    try:
        yield
    finally:
        _thread.inside = False


def _outer_of(module: nn.Module) -> Any:
    return getattr(module._compiled_call_impl, "outer", None)


def _needs_gradient(x: Tensor, facts: Facts) -> bool:
    if not torch.is_grad_enabled():
        return False
    return x.requires_grad or any(t.requires_grad for t in facts.tensors)


def _close(expected: Tensor, found: Tensor) -> bool:
    largest = float(expected.nan_to_num(0.0, 0.0, 0.0).abs().max()) if expected.numel() else 0.0
    return torch.allclose(expected, found, rtol=TOLERANCE, atol=TOLERANCE * largest, equal_nan=True)
