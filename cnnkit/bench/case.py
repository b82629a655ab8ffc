"""One case: prepare every peer, check its answer against float64, time those that are right."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from cnnkit.bench.measure.statistics import median_interval, noise_floor, paired_ratio, verdict
from cnnkit.bench.measure.timing import Clock, Plan, time_interleaved
from cnnkit.bench.peers.ready import Ready
from cnnkit.bench.peers.registry import SUBJECT, Peer
from cnnkit.bench.report.results import CaseResult, Row
from cnnkit.bench.workloads.base import Workload
from cnnkit.errors import MissingError

# Above float32 by any algorithm (Winograd's F(6x6) was seen to err by 3e-6), below weights in
# float16 (2e-5 and more) or bfloat16 (2e-4): a peer that errs more computes something else.
PEER_TOLERANCE = 1e-5
TWIN = "cnnkit again"


@dataclass(frozen=True)
class Checked:
    """A peer on a workload after verification; `ready` only if its answer was right."""

    row: Row
    ready: Ready | None = None


def check_peer(name: str, peer: Peer, work: Workload, threads: int) -> Checked:
    """Prepare a peer and hold its first answer against float64; whatever happens is in the row."""
    try:
        version = peer.version
        start = time.perf_counter()
        ready = peer.factory(work, threads)
        answer = ready.call()
        seconds = time.perf_counter() - start
        error = work.error_of(ready.read(answer))
    except (MissingError, ImportError) as missing:
        return Checked(Row(name, "missing", str(missing)))
    except Exception as failure:  # a peer may raise anything; it is reported, never dropped
        words = next(iter(str(failure).strip().splitlines()), "")
        return Checked(Row(name, "failed", f"{type(failure).__name__}: {words}"))
    row = Row(name, "timed", version=version, error=error, prepare_seconds=seconds)
    tolerance = work.tolerance if name == SUBJECT else PEER_TOLERANCE
    if not error <= tolerance:
        reason = (
            f"its answer is off by {error:.1e} of the largest output; {tolerance:.0e} is allowed"
        )
        return Checked(replace(row, status="wrong", reason=reason))
    return Checked(row, ready)


def run_case(
    suite: str,
    work: Workload,
    peers: Mapping[str, Peer],
    threads: int,
    plan: Plan,
    clock: Clock = time.perf_counter_ns,
    on_round: Callable[[], None] = lambda: None,
) -> CaseResult:
    """Verify all peers on a workload and time the right ones against each other.

    Two separately prepared calls of cnnkit run in every round: what their times differ by, other
    than cnnkit itself, is the noise floor (where buffers lie in memory included).
    """
    checked = {name: check_peer(name, peer, work, threads) for name, peer in peers.items()}
    calls: dict[str, Callable[[], Any]] = {
        name: peer.ready.call for name, peer in checked.items() if peer.ready
    }
    if SUBJECT in calls:
        calls[TWIN] = peers[SUBJECT].factory(work, threads).call
    samples = time_interleaved(calls, plan, clock, on_round) if calls else {}
    noise = noise_floor(samples[TWIN], samples[SUBJECT]) if TWIN in samples else None
    ours = checked[SUBJECT].ready if SUBJECT in checked else None
    flop = ours.flop if ours else None
    rows = []
    for name, peer in checked.items():
        row = peer.row
        if name in samples:
            row = replace(row, seconds=median_interval(samples[name]).scaled(1 / work.images))
        if name in samples and noise is not None and name != SUBJECT:
            ratio = paired_ratio(samples[name], samples[SUBJECT])
            row = replace(row, ratio=ratio, verdict=verdict(ratio, noise))
        rows.append(row)
    return CaseResult(
        f"{suite}/{work.name}",
        work.batch,
        work.x.shape,
        work.output_shape,
        work.flop / work.images,
        flop / work.images if flop is not None else None,
        work.bytes / work.images,
        work.tolerance,
        work.data,
        noise,
        tuple(rows),
        work.parts() if SUBJECT in calls else (),
    )
