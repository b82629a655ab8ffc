"""What cnnkit is timed beside: one factory for each way to compute a workload."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnnkit.lazy import attach

if TYPE_CHECKING:
    from cnnkit.bench.peers.registry import PEERS as PEERS
    from cnnkit.bench.peers.registry import Peer as Peer
    from cnnkit.bench.peers.registry import choose as choose

__all__ = ["PEERS", "Peer", "choose"]

__getattr__, __dir__ = attach(
    __name__,
    {
        "PEERS": ".registry",
        "Peer": ".registry",
        "choose": ".registry",
    },
)
