"""The benchmark's method on a fake machine: what is timed, concluded and written."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from rich.console import Console
from support.bench_fakes import PLAN, FakeClock, failing, peer, results, work

from cnnkit.bench.case import PEER_TOLERANCE, run_case
from cnnkit.bench.peers.registry import SUBJECT, Peer
from cnnkit.bench.report.plots import draw_bars, draw_roofline
from cnnkit.bench.report.regressions import change_table, changes_since, read_baseline, slower_cases
from cnnkit.bench.report.results import CaseResult, Results
from cnnkit.bench.report.tables import COLUMNS, csv_text, tables
from cnnkit.errors import InputError, MissingError, StorageError


def run(clock: FakeClock, **peers: Peer) -> CaseResult:
    return run_case("kernel", work(), peers, 1, PLAN, clock)


def rows(case: CaseResult) -> dict[str, Any]:
    return {row.peer: row for row in case.rows}


def test_equal_functions_show_no_difference() -> None:
    clock = FakeClock(noise=0.05)
    case = run(clock, cnnkit=peer(clock, 1000.0), same=peer(clock, 1000.0))
    row = rows(case)["same"]
    assert row.verdict == "no difference"
    assert row.ratio.low < 1.0 < row.ratio.high
    assert case.noise is not None
    assert 0.0 < case.noise < 0.1


def test_a_peer_of_twice_the_time_is_found_with_its_ratio() -> None:
    clock = FakeClock(noise=0.05)
    case = run(clock, cnnkit=peer(clock, 1000.0), slow=peer(clock, 2000.0))
    row = rows(case)["slow"]
    assert row.verdict == "faster"  # cnnkit is
    assert row.ratio.low < 2.0 < row.ratio.high
    assert row.ratio.median == pytest.approx(2.0, rel=0.05)
    assert row.seconds.median == pytest.approx(2e-6 / 2, rel=0.1)  # per image, and there are 2


def test_a_faster_peer_is_reported_too() -> None:
    clock = FakeClock(noise=0.05)
    case = run(clock, cnnkit=peer(clock, 1000.0), quick=peer(clock, 250.0))
    assert rows(case)["quick"].verdict == "slower"
    assert case.best_peer is not None
    assert case.best_peer.peer == "quick"


def test_a_wrong_peer_is_reported_and_not_timed() -> None:
    clock = FakeClock()
    calls: list[str] = []
    wrong = peer(clock, 1.0, off=1e-3, calls=calls)
    case = run(clock, cnnkit=peer(clock, 1000.0), wrong=wrong)
    row = rows(case)["wrong"]
    assert (row.status, row.seconds, row.verdict) == ("wrong", None, None)
    assert row.error == pytest.approx(1e-3, rel=0.01)
    assert "1.0e-03" in row.reason
    assert len(calls) == 1  # to be verified


def test_the_precision_of_bfloat16_is_wrong() -> None:
    small = work()
    reduced = (small.reference.astype(np.float32).view(np.uint32) & 0xFFFF0000).view(np.float32)
    assert small.error_of(reduced) > PEER_TOLERANCE


def test_an_output_that_is_not_finite_or_of_another_shape_is_wrong() -> None:
    small = work()
    right = small.reference.astype(np.float32)
    spoilt = right.copy()
    spoilt[0, 0, 0, 0] = np.nan
    assert small.error_of(right) < 1e-7
    assert small.error_of(spoilt) == math.inf
    assert small.error_of(right[:1]) == math.inf


def test_cnnkit_itself_is_held_to_the_tolerance_of_the_case() -> None:
    clock = FakeClock()
    case = run(clock, cnnkit=peer(clock, 10.0, off=5e-6), other=peer(clock, 10.0, off=5e-6))
    assert rows(case)[SUBJECT].status == "wrong"  # the case allows 1e-6
    assert rows(case)["other"].status == "timed"
    assert rows(case)["other"].verdict is None  # nothing to compare with
    assert case.noise is None
    assert results((case,)).wrong == ["kernel/small N=2"]


def test_a_peer_that_fails_or_is_missing_is_listed_with_the_reason() -> None:
    clock = FakeClock()
    absent = Peer(peer(clock, 1.0).factory, ("no-such-package",), "fake")
    case = run(
        clock,
        cnnkit=peer(clock, 1000.0),
        absent=absent,
        broken=failing(RuntimeError("boom\nmore")),
        unprepared=failing(MissingError("it", "finds no compiler", "install one")),
    )
    found = {name: (row.status, row.reason) for name, row in rows(case).items()}
    status, reason = found["absent"]
    assert status == "missing"
    assert "`python -m pip install no-such-package`" in reason
    assert found["broken"] == ("failed", "RuntimeError: boom")
    assert found["unprepared"][0] == "missing"
    assert found[SUBJECT][0] == "timed"


@pytest.fixture(scope="module")
def measured() -> Results:
    """Two cases, with every kind of row."""
    clock = FakeClock(noise=0.02)
    peers = {
        SUBJECT: peer(clock, 1000.0),
        "slow": peer(clock, 3000.0),
        "wrong": peer(clock, 1.0, off=1.0),
        "broken": failing(OSError("boom")),
        "absent": Peer(peer(clock, 1.0).factory, ("no-such-package",), "fake"),
    }
    return results(
        tuple(run_case("kernel", work(name), peers, 1, PLAN, clock) for name in ("one", "two"))
    )


def test_tables_name_every_peer_and_fit_eighty_columns(measured: Results) -> None:
    text = io.StringIO()
    Console(file=text, width=80).print(tables(measured))
    for word in ("kernel/one N=2", "faster", "noise floor", "wrong: wrong", "OSError: boom"):
        assert word in text.getvalue()
    assert "…" not in text.getvalue().replace(" … ", "")  # nothing cut off
    unwrapped = " ".join(text.getvalue().split())
    assert unwrapped.count("pip install no-such-package") == 1, "once, not in every case"


def test_csv_has_a_line_for_every_case_and_peer(measured: Results) -> None:
    lines = list(csv.DictReader(io.StringIO(csv_text(measured))))
    assert len(lines) == 10
    assert tuple(lines[0]) == COLUMNS
    assert float(lines[1]["ratio"]) == pytest.approx(3.0, rel=0.05)
    assert lines[2]["seconds_per_image"] == ""


def test_json_is_strict_and_holds_what_the_tables_show(measured: Results) -> None:
    document = json.loads(json.dumps(measured.to_json(), allow_nan=False))
    assert set(document) == {"environment", "plan", "limits", "settings", "cases", "processes"}
    case = document["cases"][0]
    assert case["key"] == "kernel/one N=2"
    assert case["flop"] == 2 * 36 * 3 * 2 * 9
    subject = case["rows"][0]
    assert set(subject["seconds"]) == {"median", "low", "high"}
    assert subject["share_of_peak"] == pytest.approx(subject["gflops"] / 100.0)


@pytest.mark.parametrize("draw", [draw_bars, draw_roofline])
def test_pictures_are_pictures(
    draw: Callable[[Results, Path], None], measured: Results, tmp_path: Path
) -> None:
    draw(measured, tmp_path / "bench.png")
    with Image.open(tmp_path / "bench.png") as picture:
        picture.load()
        assert min(picture.size) > 400
    draw(measured, tmp_path / "bench.svg")
    assert "<svg" in (tmp_path / "bench.svg").read_text()
    with pytest.raises(InputError, match=r"neither \.png nor \.svg"):
        draw(measured, tmp_path / "bench.doc")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bench.png", "bench.svg"]


def written(measured: Results, path: Path, factor: float = 1.0) -> Path:
    """Write a baseline in which cnnkit took `factor` times as long."""
    document = measured.to_json()
    for case in document["cases"]:
        seconds = case["rows"][0]["seconds"]
        case["rows"][0]["seconds"] = {key: value * factor for key, value in seconds.items()}
    path.write_text(json.dumps(document))
    return path


def test_a_run_is_no_regression_of_itself(measured: Results, tmp_path: Path) -> None:
    baseline = read_baseline(written(measured, tmp_path / "a.json"), measured.environment)
    changes = changes_since(baseline, measured)
    assert [change.verdict for change in changes] == ["no difference"] * 2
    assert slower_cases(changes) == []


def test_half_the_speed_is_a_regression_and_twice_the_speed_is_not(
    measured: Results, tmp_path: Path
) -> None:
    quick = read_baseline(written(measured, tmp_path / "a.json", 0.5), measured.environment)
    changes = changes_since(quick, measured)
    assert slower_cases(changes) == ["kernel/one N=2", "kernel/two N=2"]
    assert changes[0].speedup.median == pytest.approx(0.5)
    Console(file=io.StringIO()).print(change_table(changes))
    slow = read_baseline(written(measured, tmp_path / "b.json", 2.0), measured.environment)
    assert {change.verdict for change in changes_since(slow, measured)} == {"faster"}


def test_a_machine_whose_clock_was_halved_is_no_regression(
    measured: Results, tmp_path: Path
) -> None:
    quick = read_baseline(written(measured, tmp_path / "a.json", 0.5), measured.environment)
    doubled = replace(quick, fma_gflops=2.0 * quick.fma_gflops)
    assert slower_cases(changes_since(doubled, measured)) == []


@pytest.mark.parametrize(
    "content", ["", "{", "[]", "{}", '{"environment": {}, "cases": []}', '{"cases": 3}']
)
def test_a_file_that_is_not_a_baseline_is_refused(
    content: str, measured: Results, tmp_path: Path
) -> None:
    (tmp_path / "a.json").write_text(content)
    with pytest.raises(InputError, match="is not a result of `cnnkit bench --json`"):
        read_baseline(tmp_path / "a.json", measured.environment)


def test_a_baseline_that_cannot_be_compared_is_refused(measured: Results, tmp_path: Path) -> None:
    path = written(measured, tmp_path / "a.json")
    with pytest.raises(InputError, match="isa was scalar, is avx2"):
        read_baseline(path, {**measured.environment, "isa": "avx2"})
    with pytest.raises(InputError, match="none of this run's cases"):
        changes_since(read_baseline(path, measured.environment), results(()))
    with pytest.raises(StorageError, match="cannot be read"):
        read_baseline(tmp_path / "absent.json", measured.environment)
