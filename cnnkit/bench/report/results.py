"""What a benchmark found: `Results` of cases of rows, as JSON values in and out of them."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from cnnkit.bench.measure.processes import ProcessFigure
from cnnkit.bench.measure.roofline import Limits
from cnnkit.bench.measure.statistics import Interval, Verdict
from cnnkit.bench.peers.registry import SUBJECT
from cnnkit.bench.workloads.base import Part

Status = Literal["timed", "wrong", "missing", "failed"]


@dataclass(frozen=True)
class Row:
    """One peer on one case.

    Attributes:
        peer: its name in the table of peers.
        status: "timed"; or why not: a wrong answer, a package missing, an exception.
        reason: in words, unless it was timed.
        version: of its runtime.
        error: largest deviation from float64, as a share of the largest output.
        prepare_seconds: from the factory's call to the first answer, compilation included.
        cold_seconds: the same with the runtime's import, in a fresh process; if it was asked for.
        seconds: per image.
        ratio: its time / cnnkit's time, round by round.
        verdict: on cnnkit against it.
    """

    peer: str
    status: Status
    reason: str = ""
    version: str = ""
    error: float | None = None
    prepare_seconds: float | None = None
    cold_seconds: float | None = None
    seconds: Interval | None = None
    ratio: Interval | None = None
    verdict: Verdict | None = None


@dataclass(frozen=True)
class CaseResult:
    """All peers on one case.

    Attributes:
        name: suite and case, "kernel/block1".
        batch: N, images of one call.
        input_shape: [N, C, H, W].
        output_shape: [N, C, H, W] or [N, K].
        flop: nominal (direct convolution), of one image.
        executed_flop: what cnnkit's algorithm really computes for one image, where it is known.
        bytes: least traffic of one image: input, output and its share of the weights.
        tolerance: of cnnkit's own answer.
        data: where input and weights come from.
        noise: of cnnkit against a second cnnkit; None if it was not timed.
        rows: one a peer, cnnkit first.
        parts: what cnnkit's time goes to, where its engine can tell.
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
    parts: tuple[Part, ...] = ()

    @property
    def suite(self) -> str:
        """The suite that the case is of."""
        return self.name.partition("/")[0]

    @property
    def key(self) -> str:
        """Name and batch: what identifies the case in a baseline."""
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
        environment: what `describe` tells, and the pinned cores.
        plan: rounds, seconds, seed.
        limits: of the cores in use.
        settings: how a peer is run in a suite, by "suite/peer".
        cases: of all suites.
        processes: figures of whole processes, if they were asked for.
    """

    environment: dict[str, Any]
    plan: dict[str, Any]
    limits: Limits
    settings: dict[str, str]
    cases: tuple[CaseResult, ...] = field(default_factory=tuple)
    processes: tuple[ProcessFigure, ...] = ()

    @property
    def wrong(self) -> list[str]:
        """The cases that cnnkit itself did not pass."""
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
            {**part._asdict(), "executed_share_of_peak": self.share(part)} for part in case.parts
        ]
        return {
            **asdict(case),
            "key": case.key,
            "executed_share_of_peak": self.executed_share(case),
            "rows": rows,
            "parts": parts,
        }

    def share(self, part: Part) -> float:
        """Return a part's executed FLOP per second as a share of the measured FMA peak."""
        return part.executed_flop / part.seconds * 1e-9 / self.limits.fma_gflops

    def executed_share(self, case: CaseResult) -> float | None:
        """Return how busy cnnkit keeps the FMA units: executed FLOP as a share of the peak."""
        seconds = case.subject.seconds
        if case.executed_flop is None or seconds is None:
            return None
        return self.share(Part(case.key, seconds.median, case.executed_flop))
