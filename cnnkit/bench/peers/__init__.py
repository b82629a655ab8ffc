"""Peers: the runtimes that cnnkit is timed beside, and cnnkit itself; a factory prepares each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnnkit.lazy import attach

if TYPE_CHECKING:
    from cnnkit.bench.peers.registry import PEERS as PEERS
    from cnnkit.bench.peers.registry import Peer as Peer
    from cnnkit.bench.peers.registry import select_peers as select_peers

__all__ = ["PEERS", "Peer", "select_peers"]

__getattr__, __dir__ = attach(
    __name__,
    {
        "PEERS": ".registry",
        "Peer": ".registry",
        "select_peers": ".registry",
    },
)
