"""Blocks are fused however small they are, in all tests but those of what is worth it."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def fuse_small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have no block left to PyTorch because that would be quicker."""
    from cnnkit.nn.fused import conv

    for name in ("SMALL", "SMALL_NORMED", "SMALL_WAITING"):
        monkeypatch.setattr(conv, name, 0)
