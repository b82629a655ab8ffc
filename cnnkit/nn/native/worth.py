"""Where PyTorch is faster than a native program, as measured: `slower(network, images)`."""

from __future__ import annotations

from cnnkit import _core


def slower(network: _core.ProgramNetwork, images: int) -> str:
    """Return why PyTorch is faster; empty if it is not."""
    return ""
