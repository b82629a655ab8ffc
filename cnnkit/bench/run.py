"""The whole benchmark: `results = run_benchmark(BenchConfig(suites=("kernel",)))`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace

from cnnkit.bench.case import run_case
from cnnkit.bench.cold_start import cold_seconds
from cnnkit.bench.measure.environment import describe, passive_waiting
from cnnkit.bench.measure.processes import ProcessFigure, process_figures
from cnnkit.bench.measure.roofline import measure_limits
from cnnkit.bench.measure.timing import TimingPlan
from cnnkit.bench.peers.registry import check_names, select_peers
from cnnkit.bench.report.results import CaseResult, Results
from cnnkit.bench.subject import Model
from cnnkit.bench.suites import make_suites
from cnnkit.system.cpu import pinned


@dataclass(frozen=True)
class BenchConfig:
    """What to measure.

    Attributes:
        suites: keys of SUITES or MORE_SUITES; None for those that fit the model.
        peers: names of peers; None for all.
        threads: the same number for every peer; as many cores are pinned.
        batch: N of every case; None for each case's own.
        model: what is timed; the newest run by default.
        cold: whether to measure also the first output in fresh processes, on the first case of each
            suite, and whole processes that start (suite infer) or train (suite train).
        plan: rounds, seconds, seed.
    """

    suites: tuple[str, ...] | None = None
    peers: tuple[str, ...] | None = None
    threads: int = 1
    batch: int | None = None
    model: Model = field(default_factory=Model)
    cold: bool = False
    plan: TimingPlan = field(default_factory=TimingPlan)


def run_benchmark(
    config: BenchConfig,
    on_start: Callable[[int], None] = lambda rounds: None,
    on_round: Callable[[str], None] = lambda case: None,
) -> Results:
    """Run suites on this machine: one process, on as many pinned cores as there are threads.

    Args:
        config: what to measure.
        on_start: called once with the number of rounds that will run.
        on_round: called with the case's name before it starts and after each of its rounds.

    Raises:
        InputError: an unknown suite or peer, too few cores, a bad model.
        MissingError: cnnkit's extension cannot be used.
    """
    check_names(config.peers)
    works = make_suites(config.suites, config.model, config.batch)
    on_start((config.plan.rounds + 1) * sum(map(len, works.values())))
    cases: list[CaseResult] = []
    settings: dict[str, str] = {}
    processes: list[ProcessFigure] = []
    with passive_waiting(), pinned(config.threads) as cores:
        before = measure_limits(config.threads)
        for suite, suite_works in works.items():
            for index, work in enumerate(suite_works):

                def step(name: str = f"{suite}/{work.name} N={work.batch}") -> None:
                    on_round(name)

                step()
                peers = select_peers(work, config.peers)
                settings |= {f"{suite}/{name}": peer.setting for name, peer in peers.items()}
                case = run_case(suite, work, peers, config.threads, config.plan, on_round=step)
                if config.cold and index == 0:
                    case = _with_cold_starts(case, suite, index, config)
                cases.append(case)
            if config.cold:
                processes += process_figures(suite, config.model)
        limits = before.best(measure_limits(config.threads))
    return Results(
        {**describe(config.threads), "pinned_cores": cores},
        asdict(config.plan),
        limits,
        settings,
        tuple(cases),
        tuple(processes),
    )


def _with_cold_starts(case: CaseResult, suite: str, index: int, config: BenchConfig) -> CaseResult:
    rows = []
    for row in case.rows:
        if row.status == "timed":
            seconds = cold_seconds(
                suite, index, row.peer, config.threads, config.batch, config.model
            )
            row = replace(row, cold_seconds=seconds)
        rows.append(row)
    return replace(case, rows=tuple(rows))
