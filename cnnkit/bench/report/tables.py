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
NOISY = 0.1  # a noise floor above it is worth a warning


def tables(results: Results) -> Group:
    """Return a table for each case, then the limits and how each peer was run."""
    parts: list[RenderableType] = []
    for case in results.cases:
        parts += [_heading(results, case), _table(results, case), *_noise(case)]
        parts += _parts(results, case)
        parts += [Text(f"{row.peer}: {row.status}: {row.reason}") for row in _untimed(case)]
        parts.append(Text())
    return Group(*parts, *_notes(results))


def _heading(results: Results, case: CaseResult) -> Text:
    shapes = ("x".join(map(str, s[1:])) for s in (case.input_shape, case.output_shape))
    arrow = " → ".join(shape or "loss" for shape in shapes)
    noise = "unknown" if case.noise is None else f"{case.noise:.1%}"
    executed, share = "", results.executed_share(case)
    if case.executed_flop:
        at = f" at {share:.0%} of peak" if share is not None else ""
        executed = f" ({case.executed_flop * 1e-6:.3g} executed{at})"
    text = Text(case.key, style="bold")
    text.append(f"  {arrow}, noise floor {noise}\n", style="not bold")
    text.append(f"{case.flop * 1e-6:.3g} MFLOP an image{executed}\n{case.data}", style="not bold")
    return text


def _noise(case: CaseResult) -> Iterator[Text]:
    """Yield a warning where the noise hides what was to be seen."""
    noise, hidden = case.noise or 0.0, case.hidden
    if noise <= NOISY and not hidden:
        return
    lost = f", and those to {' and '.join(hidden)} are smaller" if len(hidden) > 1 else ""
    if len(hidden) == 1:
        lost = f", and the one to {hidden[0]} is smaller"
    yield Text(
        f"! differences below {noise:.1%} cannot be told from noise{lost}: measure again on an "
        "idle machine, or with more --seconds",
        style="yellow",
    )


def _table(results: Results, case: CaseResult) -> Table:
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column("peer", no_wrap=True)
    for title in ("µs/image", "±", "P95", "error", "of peak"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    for row in case.rows:
        if row.status == "missing":  # in the notes, once for all cases
            continue
        speed = case.gflops(row)
        table.add_row(
            row.peer,
            *_times(row),
            "" if row.error is None else f"{row.error:.1e}",
            "" if speed is None else f"{speed / results.limits.fma_gflops:.0%}",
            Text(row.conclusion, style=STYLES.get(row.verdict or "", "")),
        )
    return table


def _parts(results: Results, case: CaseResult) -> Iterator[Table]:
    """Yield the times of the parts of cnnkit's work, if they are known."""
    if not case.parts:
        return
    total = sum(part.seconds for part in case.parts)
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column("cnnkit's parts", overflow="fold")
    titles = ["µs/image", "of time", "FLOP executed", "of peak"]
    roofline = any(part.bytes for part in case.parts)
    for title in titles + ["of roofline"] * roofline:
        table.add_column(title, justify="right", no_wrap=True)
    for part in case.parts:
        figures: tuple[str, ...] = (
            f"{part.seconds * 1e6:.3f}",
            f"{part.seconds / total:.0%}",
            f"{part.executed_flop:,.0f}",
            f"{results.share(part):.0%}",
        )
        if not part.certain:
            figures = ("in noise", "-", figures[2], "-")
        share = results.roofline_share(part)
        if share is not None:
            figures += (f"{share:.0%}",)
        table.add_row(part.name, *figures)
    yield table


def _times(row: Row) -> tuple[str, str, str]:
    """Return the median in µs, half its interval, and P95, with enough digits for the median."""
    if row.seconds is None or row.p95 is None:
        return row.status, "", ""
    median, low, high = row.seconds.scaled(1e6)
    digits = max(0, 2 - math.floor(math.log10(low)))
    half = max(high - median, median - low) / median
    return (
        f"{median:.{digits}f}",
        f"{half:.0%}" if half >= 0.1 else f"{half:.1%}",
        f"{row.p95 * 1e6:.{digits}f}",
    )


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
        f"Medians of {results.plan['rounds']} interleaved rounds; ±: their 95% interval; P95: "
        "their 95th percentile. Error: largest deviation from float64, as a share of the largest "
        "output. Of peak: nominal FLOP (direct convolution); executed: those of cnnkit's "
        "algorithm, including its transforms' additions and AMX's bfloat16 products, which no FMA "
        "unit computes. Of roofline: what the part's FLOP at the peak, or its bytes at the rate of "
        "the cache that keeps them, take at least, as a share of its time. In noise: the part's "
        "time is too short to be told from noise."
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
