"""The convolution with which a part begins, where it is no block's: `mark(conv, part)`."""

from __future__ import annotations

import sys
from types import FrameType
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from cnnkit.nn.fused.conv import FusedConv2d
from cnnkit.nn.fused.direct import is_compiling
from cnnkit.nn.native.part import Part

DEEPEST = 200  # frames between a part's call and its first convolution's
CALL = nn.Module._wrapped_call_impl.__code__


class Parts:
    """The parts that begin with a convolution, the outermost first."""

    def __init__(self) -> None:
        self.parts: list[Part] = []

    def notice(self, conv: nn.Module, frame: FrameType | None) -> None:
        """Have the parts that this call of the convolution belongs to called by what they are."""
        left = [part for part in self.parts if not part.is_installed()]
        for _ in range(DEEPEST if left else 0):
            if frame is None or not left:
                return
            if frame.f_code is CALL:
                owner = frame.f_locals.get("self")
                left = [part for part in left if not part.install(owner, conv)]
            frame = frame.f_back

    def suspect(self) -> None:
        """Look at the tensors before the next call, as they may have been changed unseen."""
        for part in self.parts:
            part.programs.suspected = True


class PartConv2d(nn.Conv2d):
    """A convolution with which a part begins; all it does is to compute `nn.Conv2d`."""

    cnnkit_part = True
    if TYPE_CHECKING:  # torch.jit.script reads annotations, and does not know this one
        parts: Parts

    def forward(self, input: Tensor) -> Tensor:
        """Compute `nn.Conv2d`."""
        # PyTorch's types do not export this function.
        if not torch.jit.is_scripting():  # type: ignore[attr-defined]
            self._notice()
        y: Tensor = self._conv_forward(input, self.weight, self.bias)
        return y

    @torch.jit.unused
    def _notice(self) -> None:
        if not is_compiling():
            self.parts.notice(self, sys._getframe(1))

    def train(self, mode: bool = True) -> PartConv2d:
        """Switch between training and eval mode; the weights are looked at afterwards."""
        self.parts.suspect()
        super().train(mode)
        return self


def mark(conv: Any, part: Part) -> None:
    """Have a part begin with a convolution."""
    if type(conv) is nn.Conv2d:
        conv.__class__ = PartConv2d
    assert isinstance(conv, (PartConv2d, FusedConv2d))
    if "parts" not in conv.__dict__:
        conv.parts = Parts()
    conv.parts.parts.append(part)


def unmark(model: nn.Module) -> None:
    """Turn the convolutions with which parts begin into those that they were."""
    for conv in model.modules():
        if type(conv) is PartConv2d:
            del conv.parts
            # What was of this class before is of it again; types cannot express that.
            conv.__class__ = nn.Conv2d  # type: ignore[assignment]
