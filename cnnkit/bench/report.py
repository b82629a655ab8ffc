"""Results for people and spreadsheets: `tables(results)` and `csv_text(results)`."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from cnnkit.bench.results import CaseResult, Results, Row

STYLES = {"faster": "green", "slower": "red", "no difference": "yellow"}


def tables(results: Results) -> Group:
    """Return one table a case, then the limits and how each peer was run."""
    parts: list[RenderableType] = []
    for case in results.cases:
        parts += [_heading(case), _table(results, case)]
        parts += [Text(f"{row.peer}: {row.status}: {row.reason}") for row in _untimed(case)]
        parts.append(Text())
    return Group(*parts, *_notes(results))


def _heading(case: CaseResult) -> Text:
    arrow = " → ".join("x".join(map(str, s[1:])) for s in (case.input_shape, case.output_shape))
    noise = "unknown" if case.noise is None else f"{case.noise:.1%}"
    text = Text(case.key, style="bold")
    text.append(
        f"  {arrow}, {case.flop * 1e-6:.3g} MFLOP an image, noise floor {noise}\n{case.data}",
        style="not bold",
    )
    return text


def _table(results: Results, case: CaseResult) -> Table:
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column("peer", no_wrap=True)
    for title in ("µs/image", "95 % interval", "error", "GFLOP/s", "of peak"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("cnnkit is", no_wrap=True)
    for row in case.rows:
        if row.status == "missing":  # in the notes, once for all cases
            continue
        speed = case.gflops(row)
        table.add_row(
            row.peer,
            *_times(row),
            "" if row.error is None else f"{row.error:.1e}",
            "" if speed is None else f"{speed:.3g}",
            "" if speed is None else f"{speed / results.limits.fma_gflops:.0%}",
            _judgement(row),
        )
    return table


def _times(row: Row) -> tuple[str, str]:
    """Return the median in µs and its interval, with digits enough for the smaller end."""
    if row.seconds is None:
        return row.status, ""
    median, low, high = row.seconds.scaled(1e6)
    digits = max(0, 2 - math.floor(math.log10(low)))
    return f"{median:.{digits}f}", f"{low:.{digits}f} … {high:.{digits}f}"


def _judgement(row: Row) -> Text:
    if row.verdict is None or row.ratio is None:
        return Text()
    factor = row.ratio.median if row.verdict == "faster" else 1.0 / row.ratio.median
    words = row.verdict if row.verdict == "no difference" else f"{factor:.2f}x {row.verdict}"
    return Text(words, style=STYLES[row.verdict])


def _untimed(case: CaseResult) -> list[Row]:
    return [row for row in case.rows if row.status not in ("timed", "missing")]


def _notes(results: Results) -> Iterator[Text]:
    """Yield the machine, its limits, the setting of every peer that ran, and who was missing."""
    about = results.environment
    rates = ", ".join(f"{name} {rate:.3g}" for name, rate in results.limits.bandwidth.items())
    cores = ",".join(map(str, about["pinned_cores"])) or "none"
    yield Text(f"{about['cpu']}; {about['isa']}; threads {about['threads']}; pinned cores {cores}")
    yield Text(f"Measured: FMA peak {results.limits.fma_gflops:.4g} GFLOP/s; reading GB/s: {rates}")
    yield Text(
        f"Medians of {results.plan['rounds']} interleaved rounds. Error: largest deviation from "
        "float64, as a share of the largest output. FLOP: nominal (direct convolution)."
    )
    versions = {row.peer: row.version for case in results.cases for row in case.rows if row.version}
    for name, version in versions.items():
        yield Text(f"{name} {version}: {results.settings[name]}")
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
        yield Text(f"Seconds from a fresh process's import to its first answer: {times}")


COLUMNS = (
    *("case", "batch", "peer", "version", "status", "seconds_per_image", "low", "high", "error"),
    *("gflops", "share_of_peak", "ratio", "ratio_low", "ratio_high", "verdict", "noise"),
    *("prepare_seconds", "cold_seconds", "reason"),
)


def csv_text(results: Results) -> str:
    """Return one line a case and peer, times in seconds per image; empty where not measured."""
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
                    *(row.error, speed, speed and speed / results.limits.fma_gflops),
                    *(row.ratio or ("", "", "")),
                    *(row.verdict, case.noise, row.prepare_seconds, row.cold_seconds, row.reason),
                ]
            )
    return out.getvalue()
