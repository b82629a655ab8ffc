"""Programs of one part of a model, for some sizes of images: `Programs().answer(owner, x)`.

PyTorch computes the first calls with images of a size. Then the part is read and lowered, the
program's outputs are compared with PyTorch's, and later calls run the program, as long as what the
part rests on stays as it is.
"""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor, nn

from cnnkit.errors import CnnkitError
from cnnkit.nn import block
from cnnkit.nn.native.facts import Facts, NotShownError
from cnnkit.nn.native.reading import Reading, network_of, read
from cnnkit.nn.native.worth import Reasons, slower
from cnnkit.ops.program import ProgramNetwork
from cnnkit.ops.tensors import readable

CALLS = 2  # with images of a size that PyTorch computes, after the first call of all
CHANGED = 256  # images that PyTorch computes after weights have changed: they may change again
MOST = 4  # sizes of images with programs
TOLERANCE = 1e-4  # of the largest value

log = logging.getLogger(__name__)
_thread = threading.local()
_making = threading.Lock()  # torch.export is for one thread at a time


class Owner(Protocol):
    """What a part is."""

    @property
    def title(self) -> str:
        """What messages call it."""

    def prove(self) -> Facts:
        """Return what must stay as it is.

        Raises:
            NotShownError: it cannot be shown what a call does.
        """

    def renew(self, facts: Facts) -> None:
        """Put the present tensors in the place of those that the facts have."""

    def is_in_training(self) -> bool:
        """Tell whether some of it is in training mode."""

    def module(self) -> nn.Module:
        """Return a module of one argument that computes it."""

    def tensors(self) -> Iterable[Tensor]:
        """Return parameters that it has."""

    def call(self, x: Tensor) -> Any:
        """Have PyTorch compute it."""


class Ready(NamedTuple):
    """A program for images of a size.

    Attributes:
        network: the program.
        shape: of the result of one image.
        slower: why PyTorch is faster.
        compared: whether its outputs for one image (True) and for several have been compared.
    """

    network: ProgramNetwork
    shape: tuple[int, ...]
    slower: Reasons
    compared: set[bool]

    def run(self, x: Tensor) -> Tensor:
        """Compute the part."""
        y = x.new_empty((x.shape[0], *self.shape))
        x = readable(x, "x")  # a copy has to live until it has been read
        self.network.run_at(x.data_ptr(), x.shape[0], y.data_ptr(), torch.get_num_threads())
        return y


class Programs:
    """The programs of a part.

    Attributes:
        suspected: whether the tensors may have been changed in a way that PyTorch does not count.
        refused: why there is no program, by the size of images.
        ready: the programs by the size of images.
    """

    def __init__(self) -> None:
        self.suspected = False
        self.refused: dict[tuple[int, ...], str] = {}
        self.ready: dict[tuple[int, ...], Ready] = {}
        self.facts: Facts | None = None
        self.digest = 0
        self.readings: dict[tuple[int, ...], Reading] = {}
        self.calls: dict[tuple[int, ...], int] = {}
        self.waits = 0  # images that PyTorch still computes
        self.misses = 0  # images since the facts have not held

    def answer(self, owner: Owner, x: Tensor) -> Any:
        """Return a part's output for a plain x [N, C, H, W]; None if PyTorch has to compute it."""
        size, one = tuple(x.shape[1:]), x.shape[0] == 1
        ready = self.ready.get(size)
        if ready is None:
            return self._count(owner, x, size)
        if not self._is_current(owner, x) or (not x.is_contiguous() and len(ready.shape) > 1):
            return None
        if ready.slower.of(x.shape[0]):
            return None
        if one not in ready.compared:
            return self._compare(owner, x, size, ready)
        return ready.run(x)

    def _is_current(self, owner: Owner, x: Tensor) -> bool:
        """Tell whether the programs compute what the part would; if not, they are dropped."""
        facts = self.facts
        if facts is None or not facts.hold():
            self.misses += x.shape[0]  # mostly they are few: a hook, a patched function
            if self.misses >= CHANGED:
                self._drop()
                self.waits = 0
            return False
        self.misses = 0
        owner.renew(facts)
        if self.suspected or not facts.same_tensors():
            # Who writes the same values again, or switches modes, changes nothing.
            if not facts.are_dense() or facts.digest() != self.digest:
                self._drop()
                return False
            self.suspected = False
            facts.note_tensors()
            facts.take_sample()
        return not needs_gradient(x, facts.tensors)

    def _drop(self) -> None:
        self.ready.clear()
        self.calls.clear()
        self.waits = CHANGED

    def _count(self, owner: Owner, x: Tensor, size: tuple[int, ...]) -> Any:
        """Call the module with images that there is no program for, or make it."""
        if size in self.refused or len(self.ready) >= MOST:
            return None
        if needs_gradient(x, owner.tensors()):
            return None
        if len(self.calls) > 16 * MOST:
            self.calls.clear()
        self.calls[size] = self.calls.get(size, 0) + 1
        self.waits -= x.shape[0]
        if self.calls[size] < CALLS or self.waits > 0:
            with outermost():
                return owner.call(x)
        if not _making.acquire(blocking=False):
            return None
        try:
            return self._make(owner, x, size)
        finally:
            _making.release()

    def _make(self, owner: Owner, x: Tensor, size: tuple[int, ...]) -> Any:
        """Call the module, and make a program of it."""
        reason = ""
        try:
            if self.facts is None or not self.facts.hold():
                self.readings.clear()
                self.facts = owner.prove()
            facts = self.facts
            owner.renew(facts)
            facts.note_tensors()
            if owner.is_in_training():
                return None
            if not facts.are_dense():
                raise NotShownError("its tensors are not dense float32 in memory of this process")
            facts.take_sample()
            if size not in self.readings:
                self.readings[size] = read(owner.module(), size)
            program = self.readings[size].program(owner.module())
            network = network_of(program, size)
            self.digest, self.suspected = facts.digest(), False
            reasons = slower(program, network.algorithms)
            reason = reasons.one and reasons.several
        except CnnkitError as error:
            reason = "; ".join(error.details) or error.reason
        except (NotShownError, RuntimeError, TypeError, ValueError) as error:
            reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
        if reason:
            self._refuse(owner, size, reason)
            return None
        return self._compare(owner, x, size, Ready(network, (), reasons, set()))

    def _refuse(self, owner: Owner, size: tuple[int, ...], reason: str) -> None:
        self.refused[size] = reason
        self.ready.pop(size, None)
        log.info("%s is left to PyTorch for %s: %s", owner.title, size, reason)

    def _compare(self, owner: Owner, x: Tensor, size: tuple[int, ...], ready: Ready) -> Any:
        """Call the module, and compare what the program computes."""
        before = block.version(x)
        with outermost():
            y = owner.call(x)
        facts, reason = self.facts, ""
        if type(y) is not Tensor or y.dtype is not torch.float32 or y.requires_grad:
            reason = "its result is not a plain tensor"
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
            self._refuse(owner, size, reason)
        else:
            ready.compared.add(x.shape[0] == 1)
            self.ready[size] = ready
            log.info("%s is a native program for %s", owner.title, size)
        return y


@contextmanager
def outermost() -> Iterator[None]:
    """Leave the parts in a part to PyTorch, as they are about to be in its program."""
    _thread.inside = True
    try:
        yield
    finally:
        _thread.inside = False


def is_inside() -> bool:
    """Tell whether this thread computes a part around the one that is called."""
    return getattr(_thread, "inside", False)


def needs_gradient(x: Tensor, tensors: Iterable[Tensor]) -> bool:
    """Tell whether autograd would record what is computed from these."""
    if not torch.is_grad_enabled():
        return False
    return x.requires_grad or any(t.requires_grad for t in tensors)


def _close(expected: Tensor, found: Tensor) -> bool:
    largest = float(expected.nan_to_num(0.0, 0.0, 0.0).abs().max()) if expected.numel() else 0.0
    return torch.allclose(expected, found, rtol=TOLERANCE, atol=TOLERANCE * largest, equal_nan=True)
