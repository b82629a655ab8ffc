"""The report of `cnnkit.fuse`: what was fused, and why the rest was not: `print(report)`."""

from __future__ import annotations

from dataclasses import dataclass, replace

from cnnkit.system.display import page, summary

WHOLE = "native as a whole, in eval mode without gradients"


@dataclass(frozen=True)
class Candidate:
    """A max-pool of the model and the operators before it.

    Attributes:
        place: the dotted name of the convolution, or of the pool if there is no convolution.
        operations: the operators found, such as "Conv2d → ReLU → MaxPool2d".
        fused: whether they were fused.
        reason: why not; empty if they were fused.
        note: when PyTorch computes them nevertheless; empty if there is no such rule.
    """

    place: str
    operations: str
    fused: bool
    reason: str = ""
    note: str = ""

    @property
    def verdict(self) -> str:
        """What the report says of it."""
        if not self.fused:
            return f"left: {self.reason}"
        return f"fused; {self.note}" if self.note else "fused"

    def leave(self, reason: str) -> Candidate:
        """Return the candidate as one that was left, for this reason if it had none."""
        return replace(self, fused=False, reason=self.reason or reason, note="")


@dataclass(frozen=True)
class Untraced:
    """A module that torch.fx cannot trace; its submodules were traced one by one.

    Attributes:
        place: its dotted name; "model" for the whole model.
        reason: why it cannot be traced.
    """

    place: str
    reason: str


@dataclass(frozen=True)
class Handed:
    """A part of the model that a native program may compute as a whole, or may not.

    Attributes:
        place: its dotted name; "model" for the whole model.
        layers: what it consists of, such as "20 Conv2d, 20 BatchNorm2d, 17 ReLU".
        reason: why PyTorch computes it, but for parts in it; empty if the program does.
    """

    place: str
    layers: str
    reason: str = ""

    @property
    def verdict(self) -> str:
        """What the report says of it."""
        return f"not whole: {self.reason}" if self.reason else WHOLE


@dataclass(frozen=True)
class Report:
    """All candidates in execution order, what could not be traced, and parts for programs."""

    candidates: tuple[Candidate, ...]
    untraced: tuple[Untraced, ...]
    parts: tuple[Handed, ...] = ()

    @property
    def fused(self) -> tuple[Candidate, ...]:
        """The candidates that were fused."""
        return tuple(c for c in self.candidates if c.fused)

    @property
    def left(self) -> tuple[Candidate, ...]:
        """The candidates that were left unchanged."""
        return tuple(c for c in self.candidates if not c.fused)

    def __repr__(self) -> str:
        return summary(self, f"{len(self.fused)} of {len(self.candidates)} max-pools fused")

    def _repr_html_(self) -> str:
        title = f"{len(self.fused)} of {len(self.candidates)} max-pools fused"
        rows = [(c.place, c.operations, c.verdict) for c in self.candidates]
        rows += [(u.place, "", f"not traced: {u.reason}") for u in self.untraced]
        rows += [(p.place, p.layers, p.verdict) for p in self.parts]
        return page(title, ("place", "operations", "verdict"), rows)

    def __str__(self) -> str:
        rows = [(c.place, c.operations, c.verdict) for c in self.candidates]
        rows += [(u.place, "", f"not traced: {u.reason}") for u in self.untraced]
        rows += [(p.place, p.layers, p.verdict) for p in self.parts]
        widths = [max((len(row[i]) for row in rows), default=0) for i in (0, 1)]
        lines = [f"{len(self.fused)} of {len(self.candidates)} max-pools fused"]
        lines += [f"  {a:{widths[0]}}  {b:{widths[1]}}  {c}" for a, b, c in rows]
        return "\n".join(lines)
