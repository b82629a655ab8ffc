"""What `cnnkit.fuse` did, and what it left and why: `print(report)`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Candidate:
    """A max-pool of the model, with what stands before it.

    Attributes:
        place: the dotted name of the convolution, or of the pool where there is none.
        operations: what was found, "Conv2d → ReLU → MaxPool2d".
        fused: whether one module does it now.
        reason: why not; empty where it was fused.
    """

    place: str
    operations: str
    fused: bool
    reason: str = ""


@dataclass(frozen=True)
class Untraced:
    """A part of the model whose code torch.fx cannot follow; its submodules were looked at alone.

    Attributes:
        place: its dotted name; "model" for the whole.
        reason: in words.
    """

    place: str
    reason: str


@dataclass(frozen=True)
class Report:
    """All candidates in the order in which the model runs, and what could not be followed."""

    candidates: tuple[Candidate, ...]
    untraced: tuple[Untraced, ...]

    @property
    def fused(self) -> tuple[Candidate, ...]:
        """What one module does now."""
        return tuple(c for c in self.candidates if c.fused)

    @property
    def left(self) -> tuple[Candidate, ...]:
        """What stayed as it was."""
        return tuple(c for c in self.candidates if not c.fused)

    def __str__(self) -> str:
        rows = [
            (c.place, c.operations, "fused" if c.fused else f"left: {c.reason}")
            for c in self.candidates
        ]
        rows += [(u.place, "", f"not traced: {u.reason}") for u in self.untraced]
        widths = [max((len(row[i]) for row in rows), default=0) for i in (0, 1)]
        lines = [f"{len(self.fused)} of {len(self.candidates)} max-pools fused"]
        lines += [f"  {a:{widths[0]}}  {b:{widths[1]}}  {c}" for a, b, c in rows]
        return "\n".join(lines)
