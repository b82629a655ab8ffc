"""The results of a benchmark: `Results` holds cases, a case holds a row for each peer.

The attributes of `Row`, `CaseResult` and `PartTime` are keys of the JSON document; `--compare` must
also read the documents of earlier versions.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from cnnkit.bench.measure.processes import ProcessFigure
from cnnkit.bench.measure.roofline import Limits
from cnnkit.bench.measure.statistics import Comparison, Interval
from cnnkit.bench.measure.timing import PartTime
from cnnkit.bench.peers.registry import SUBJECT

Status = Literal["timed", "wrong", "missing", "failed"]


@dataclass(frozen=True)
class Row:
    """One peer on one case.

    Attributes:
        peer: its name in the table of peers.
        status: "timed"; or why not: a wrong output, a missing package, an exception.
        reason: in words, unless it was timed.
        version: its runtime's.
        error: largest deviation from float64, as a share of the largest output value.
        prepare_seconds: from the factory's call to the first output, compilation included.
        cold_seconds: the same with the runtime's import, in a fresh process; only on request.
        seconds: per image.
        p95: the 95th percentile of its rounds, seconds per image.
        ratio: its time / cnnkit's time, paired by round.
        verdict: whether cnnkit is faster or slower than this peer.
    """

    peer: str
    status: Status
    reason: str = ""
    version: str = ""
    error: float | None = None
    prepare_seconds: float | None = None
    cold_seconds: float | None = None
    seconds: Interval | None = None
    p95: float | None = None
    ratio: Interval | None = None
    verdict: Comparison | None = None

    @property
    def conclusion(self) -> str:
        """Who is faster than whom, in words; empty if nothing was compared."""
        if self.verdict is None or self.ratio is None:
            return ""
        if self.verdict == "no difference":
            return self.verdict
        factor = self.ratio.median if self.verdict == "faster" else 1.0 / self.ratio.median
        digits = max(0, 2 - math.floor(math.log10(factor)))
        return f"{SUBJECT} {factor:.{digits}f}x {self.verdict}"


@dataclass(frozen=True)
class CaseResult:
    """All peers on one case.

    Attributes:
        name: suite and case, "kernel/block1".
        batch: N, images of one call.
        input_shape: [N, C, H, W].
        output_shape: [N, C, H, W] or [N, K].
        flop: nominal FLOP (direct convolution) of one image.
        executed_flop: FLOP that cnnkit's algorithm executes for one image, where they are known.
        bytes: least memory traffic of one image: input, output and its share of the weights.
        tolerance: the largest error allowed to cnnkit.
        data: where input and weights come from.
        noise: the noise floor, cnnkit timed against itself; None if it was not timed.
        rows: one for each peer, cnnkit first.
        parts: the times of the parts of cnnkit's work, where its engine can run part by part.
    """

    name: str
    batch: int
    input_shape: tuple[int, ...]
    output_shape: tuple[int, ...]
    flop: float
    executed_flop: float | None
    bytes: float
    tolerance: float
    data: str
    noise: float | None
    rows: tuple[Row, ...]
    parts: tuple[PartTime, ...] = ()

    @property
    def hidden(self) -> list[str]:
        """The peers whose times differ, but by less than the noise."""
        rows = (row for row in self.rows if row.verdict == "no difference" and row.ratio)
        return [row.peer for row in rows if row.ratio and not row.ratio.low <= 1 <= row.ratio.high]

    @property
    def suite(self) -> str:
        """The suite that the case belongs to."""
        return self.name.partition("/")[0]

    @property
    def key(self) -> str:
        """Name and batch, which identify the case in a baseline."""
        return f"{self.name} N={self.batch}"

    @property
    def subject(self) -> Row:
        """The row of cnnkit itself."""
        return next(row for row in self.rows if row.peer == SUBJECT)

    @property
    def best_peer(self) -> Row | None:
        """The fastest row that is not cnnkit's."""
        peers = [row for row in self.rows if row.seconds and row.peer != SUBJECT]
        return min(peers, key=lambda row: row.seconds or Interval(0, 0, 0), default=None)

    def gflops(self, row: Row) -> float | None:
        """Return 10^9 nominal FLOP/s of a row."""
        return self.flop / row.seconds.median * 1e-9 if row.seconds else None


@dataclass(frozen=True)
class Results:
    """One run of the benchmark.

    Attributes:
        environment: the values of `describe`, and the pinned cores.
        plan: rounds, seconds, seed.
        limits: those of the cores in use.
        settings: how a peer is run in a suite, by "suite/peer".
        cases: those of all suites.
        processes: figures of whole processes, on request.
    """

    environment: dict[str, Any]
    plan: dict[str, Any]
    limits: Limits
    settings: dict[str, str]
    cases: tuple[CaseResult, ...] = field(default_factory=tuple)
    processes: tuple[ProcessFigure, ...] = ()

    @property
    def wrong(self) -> list[str]:
        """The cases in which cnnkit's own output is wrong or missing."""
        return [case.key for case in self.cases if case.subject.status != "timed"]

    def to_json(self) -> dict[str, Any]:
        """Return JSON values; times in seconds per image."""
        return {
            "environment": self.environment,
            "plan": self.plan,
            "limits": self.limits.to_json(),
            "settings": self.settings,
            "cases": [self._case(case) for case in self.cases],
            "processes": [asdict(figure) for figure in self.processes],
        }

    def _case(self, case: CaseResult) -> dict[str, Any]:
        rows = []
        for row in case.rows:
            speed = case.gflops(row)
            share = speed / self.limits.fma_gflops if speed else None
            intervals = {
                key: value._asdict() if value else None
                for key, value in (("seconds", row.seconds), ("ratio", row.ratio))
            }
            rows.append({**asdict(row), **intervals, "gflops": speed, "share_of_peak": share})
        parts = [
            {
                **part._asdict(),
                "executed_share_of_peak": self.share(part),
                "roofline_share": self.roofline_share(part),
            }
            for part in case.parts
        ]
        return {
            **asdict(case),
            "key": case.key,
            "executed_share_of_peak": self.executed_share(case),
            "rows": rows,
            "parts": parts,
        }

    def share(self, part: PartTime) -> float:
        """Return a part's executed FLOP per second as a share of the measured FMA peak."""
        return part.executed_flop / part.seconds * 1e-9 / self.limits.fma_gflops

    def roofline_share(self, part: PartTime) -> float | None:
        """Return what a part would take at the limits as a share of what it takes, if known."""
        if not part.bytes:
            return None
        return self.limits.seconds(part.executed_flop, part.bytes) / part.seconds

    def executed_share(self, case: CaseResult) -> float | None:
        """Return how busy cnnkit keeps the FMA units: executed FLOP as a share of the peak."""
        seconds = case.subject.seconds
        if case.executed_flop is None or seconds is None:
            return None
        return self.share(PartTime(case.key, seconds.median, case.executed_flop))
