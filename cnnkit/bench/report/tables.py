"""Results for people and for spreadsheets: `tables(results)` and `csv_text(results)`."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from cnnkit.bench.peers.registry import SUBJECT
from cnnkit.bench.report.results import CaseResult, Results, Row

STYLES = {"faster": "green", "slower": "red", "no difference": "yellow"}


def tables(results: Results) -> Group:
    """Return a table for each case, then the limits and how each peer was run."""
    parts: list[RenderableType] = []
    for case in results.cases:
        parts += [_heading(case), _table(results, case), *_parts(results, case)]
        parts += [Text(f"{row.peer}: {row.status}: {row.reason}") for row in _untimed(case)]
        parts.append(Text())
    return Group(*parts, *_notes(results))


def _heading(case: CaseResult) -> Text:
    shapes = ("x".join(map(str, s[1:])) for s in (case.input_shape, case.output_shape))
    arrow = " → ".join(shape or "loss" for shape in shapes)
    noise = "unknown" if case.noise is None else f"{case.noise:.1%}"
    executed = f" ({case.executed_flop * 1e-6:.3g} executed)" if case.executed_flop else ""
    text = Text(case.key, style="bold")
    text.append(
        f"  {arrow}, {case.flop * 1e-6:.3g} MFLOP an image{executed}, noise floor {noise}\n"
        f"{case.data}",
        style="not bold",
    )
    return text


def _table(results: Results, case: CaseResult) -> Table:
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column("peer", no_wrap=True)
    for title in ("µs/image", "95 % interval", "P95", "error", "of peak", "executed"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("cnnkit is", no_wrap=True)
    for row in case.rows:
        if row.status == "missing":  # in the notes, once for all cases
            continue
        speed, executed = case.gflops(row), results.executed_share(case)
        ours = row.peer == SUBJECT
        table.add_row(
            row.peer,
            *_times(row),
            "" if row.error is None else f"{row.error:.1e}",
            "" if speed is None else f"{speed / results.limits.fma_gflops:.0%}",
            f"{executed:.0%}" if ours and executed is not None else "",
            _comparison(row),
        )
    return table


def _parts(results: Results, case: CaseResult) -> Iterator[Table]:
    """Yield the times of the parts of cnnkit's work, if they are known."""
    if not case.parts:
        return
    total = sum(part.seconds for part in case.parts)
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column("cnnkit's parts", no_wrap=True)
    for title in ("µs/image", "of time", "FLOP executed", "of peak"):
        table.add_column(title, justify="right", no_wrap=True)
    for part in case.parts:
        table.add_row(
            part.name,
            f"{part.seconds * 1e6:.3f}",
            f"{part.seconds / total:.0%}",
            f"{part.executed_flop:,.0f}",
            f"{results.share(part):.0%}",
        )
    yield table


def _times(row: Row) -> tuple[str, str, str]:
    """Return the median in µs, its interval, and P95, with enough digits for the lower end."""
    if row.seconds is None or row.p95 is None:
        return row.status, "", ""
    median, low, high = row.seconds.scaled(1e6)
    digits = max(0, 2 - math.floor(math.log10(low)))
    interval = f"{low:.{digits}f} … {high:.{digits}f}"
    return f"{median:.{digits}f}", interval, f"{row.p95 * 1e6:.{digits}f}"


def _comparison(row: Row) -> Text:
    if row.verdict is None or row.ratio is None:
        return Text()
    factor = row.ratio.median if row.verdict == "faster" else 1.0 / row.ratio.median
    words = row.verdict if row.verdict == "no difference" else f"{factor:.2f}x {row.verdict}"
    return Text(words, style=STYLES[row.verdict])


def _untimed(case: CaseResult) -> list[Row]:
    return [row for row in case.rows if row.status not in ("timed", "missing")]


def _notes(results: Results) -> Iterator[Text]:
    """Yield the machine, its limits, the setting of every peer that ran, and the missing peers."""
    about = results.environment
    rates = ", ".join(f"{name} {rate:.3g}" for name, rate in results.limits.bandwidth.items())
    cores = ",".join(map(str, about["pinned_cores"])) or "none"
    yield Text(f"{about['cpu']}; {about['isa']}; threads {about['threads']}; pinned cores {cores}")
    yield Text(f"Measured: FMA peak {results.limits.fma_gflops:.4g} GFLOP/s; reading GB/s: {rates}")
    yield Text(
        f"Medians of {results.plan['rounds']} interleaved rounds; P95: their 95th percentile. "
        "Error: largest deviation from float64, as a share of the largest output. Of peak: nominal "
        "FLOP (direct convolution); executed: those of cnnkit's algorithm, including its "
        "transforms' additions and AMX's bfloat16 products, which no FMA unit computes."
    )
    ran = {
        f"{row.peer} {row.version}: {results.settings[f'{case.suite}/{row.peer}']}": None
        for case in results.cases
        for row in case.rows
        if row.version
    }
    yield from map(Text, ran)
    for figure in results.processes:
        yield Text(str(figure))
    for reason in dict.fromkeys(
        row.reason for case in results.cases for row in case.rows if row.status == "missing"
    ):
        yield Text(f"Missing: {reason}")
    cold = {
        row.peer: row.cold_seconds
        for case in results.cases
        for row in case.rows
        if row.cold_seconds is not None
    }
    if cold:
        times = ", ".join(f"{name} {seconds:.3g}" for name, seconds in cold.items())
        yield Text(f"Seconds from a fresh process's import to its first output: {times}")


COLUMNS = (
    *("case", "batch", "peer", "version", "status", "seconds_per_image", "low", "high", "p95"),
    "error",
    *("gflops", "share_of_peak", "executed_share_of_peak"),
    *("ratio", "ratio_low", "ratio_high", "verdict", "noise"),
    *("prepare_seconds", "cold_seconds", "reason"),
)


def csv_text(results: Results) -> str:
    """Return a line for each case and peer, in seconds per image; empty where not measured."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for case in results.cases:
        for row in case.rows:
            speed = case.gflops(row)
            writer.writerow(
                [
                    *(case.name, case.batch, row.peer, row.version, row.status),
                    *(row.seconds or ("", "", "")),
                    row.p95,
                    *(row.error, speed, speed and speed / results.limits.fma_gflops),
                    results.executed_share(case) if row.peer == SUBJECT else None,
                    *(row.ratio or ("", "", "")),
                    *(row.verdict, case.noise, row.prepare_seconds, row.cold_seconds, row.reason),
                ]
            )
    return out.getvalue()
