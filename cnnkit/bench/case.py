"""One case: prepare every peer, compare its output with float64, time those that are right."""

from __future__ import annotations

import logging
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from cnnkit.bench.measure.breakdown import time_parts
from cnnkit.bench.measure.statistics import (
    compare_speed,
    median_interval,
    noise_floor,
    paired_ratio,
)
from cnnkit.bench.measure.timing import TimingPlan, time_interleaved
from cnnkit.bench.peers.prepared import PreparedCall
from cnnkit.bench.peers.registry import SUBJECT, Peer
from cnnkit.bench.report.results import CaseResult, Row
from cnnkit.bench.workloads.base import Workload
from cnnkit.errors import MissingError
from cnnkit.system.stopwatch import Clock

CONTROL = "cnnkit again"


@dataclass(frozen=True)
class VerifiedPeer:
    """A peer on a workload after verification; `prepared` only if its output was right."""

    row: Row
    prepared: PreparedCall | None = None


def verify_peer(name: str, peer: Peer, work: Workload, threads: int) -> VerifiedPeer:
    """Prepare a peer and compare its first output with float64; a failure is noted in the row."""
    try:
        version = peer.version
        start = time.perf_counter()
        prepared = peer.factory(work, threads)
        output = prepared.run()
        seconds = time.perf_counter() - start
        error = work.error_of(prepared.to_array(output))
    except (MissingError, ImportError) as missing:
        return VerifiedPeer(Row(name, "missing", str(missing)))
    except Exception as failure:  # a peer may raise anything; it is reported, never dropped
        message = next(iter(str(failure).strip().splitlines()), "")
        return VerifiedPeer(Row(name, "failed", f"{type(failure).__name__}: {message}"))
    row = Row(name, "timed", version=version, error=error, prepare_seconds=seconds)
    tolerance = work.tolerance if name == SUBJECT else work.peer_tolerance
    if not error <= tolerance:
        reason = (
            f"its output is off by {error:.1e} of the largest value; {tolerance:.0e} is allowed"
        )
        return VerifiedPeer(replace(row, status="wrong", reason=reason))
    return VerifiedPeer(row, prepared)


@contextmanager
def silent_peers() -> Iterator[None]:
    """Keep warnings and log lines of the peers' libraries from the terminal."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


def run_case(
    suite: str,
    work: Workload,
    peers: Mapping[str, Peer],
    threads: int,
    plan: TimingPlan,
    clock: Clock = time.perf_counter_ns,
    on_round: Callable[[], None] = lambda: None,
) -> CaseResult:
    """Verify all peers on a workload and time the right ones against each other.

    Two separately prepared calls of cnnkit run in every round: the difference between their times,
    which can only come from elsewhere (where buffers lie in memory included), is the noise floor.
    """
    with silent_peers():
        verified = {name: verify_peer(name, peer, work, threads) for name, peer in peers.items()}
        calls: dict[str, Callable[[], Any]] = {
            name: peer.prepared.run for name, peer in verified.items() if peer.prepared
        }
        if SUBJECT in calls:
            calls[CONTROL] = peers[SUBJECT].factory(work, threads).run
        samples = time_interleaved(calls, plan, clock, on_round) if calls else {}
    noise = noise_floor(samples[CONTROL], samples[SUBJECT]) if CONTROL in samples else None
    ours = verified[SUBJECT].prepared if SUBJECT in verified else None
    flop = ours.flop if ours else None
    rows = []
    for name, peer in verified.items():
        row = peer.row
        if name in samples:
            row = replace(
                row,
                seconds=median_interval(samples[name]).scaled(1 / work.images),
                p95=float(np.percentile(samples[name], 95)) / work.images,
            )
        if name in samples and noise is not None and name != SUBJECT:
            ratio = paired_ratio(samples[name], samples[SUBJECT])
            row = replace(row, ratio=ratio, verdict=compare_speed(ratio, noise))
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
        time_parts(work) if SUBJECT in calls else (),
    )
