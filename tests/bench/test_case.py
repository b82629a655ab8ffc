"""The benchmark's method on a fake machine: what is timed, concluded and written."""

from __future__ import annotations

import csv
import io
import json
import logging
import math
import re
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from rich.console import Console
from support.bench_fakes import PLAN, FakeClock, failing, peer, results, work

from cnnkit.bench.case import run_case
from cnnkit.bench.measure.breakdown import part_time
from cnnkit.bench.measure.statistics import Comparison
from cnnkit.bench.peers.registry import SUBJECT, Peer
from cnnkit.bench.report.plots import draw_bars, draw_roofline
from cnnkit.bench.report.regressions import change_table, changes_since, read_baseline, slower_cases
from cnnkit.bench.report.results import CaseResult, Results
from cnnkit.bench.report.tables import COLUMNS, csv_text, tables
from cnnkit.bench.workloads.base import PEER_TOLERANCE
from cnnkit.errors import InputError, MissingError, StorageError

SAME: Comparison = "no difference"


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


def printed(case: CaseResult, width: int = 80) -> list[str]:
    text = io.StringIO()
    Console(file=text, width=width).print(tables(results((case,))))
    return text.getvalue().splitlines()


def test_the_longest_names_and_numbers_stay_whole_in_eighty_columns() -> None:
    clock = FakeClock(noise=0.3)
    peers = {
        SUBJECT: peer(clock, 30e6),
        "torchscript-optimised": peer(clock, 1.7e9),
        "onnxruntime": peer(clock, 3e6),
    }
    case = run_case("kernel", work(), peers, 1, PLAN, clock)
    lines = printed(case)
    assert not any("…" in line for line in lines)
    for row in case.rows:
        (line,) = [line for line in lines if line.startswith(row.peer + " ") and "%" in line]
        assert line.rstrip().endswith(row.conclusion)
        assert f"{row.p95 * 1e6:.0f}" in line if row.p95 else True


def test_a_verdict_names_who_is_faster() -> None:
    clock = FakeClock()
    case = run(clock, cnnkit=peer(clock, 1e3), slow=peer(clock, 57e3), quick=peer(clock, 250.0))
    found = {name: row.conclusion for name, row in rows(case).items()}
    assert re.fullmatch(r"cnnkit 5[67]\.\dx faster", found["slow"])
    assert re.fullmatch(r"cnnkit [34]\.\d\dx slower", found["quick"])
    assert found[SUBJECT] == ""


def test_noise_that_hides_a_difference_is_said() -> None:
    clock = FakeClock()
    case = run(clock, cnnkit=peer(clock, 1000.0), other=peer(clock, 1300.0))
    assert not any("cannot be told" in line for line in printed(case))
    noisy = replace(case, noise=0.5, rows=(case.rows[0], replace(case.rows[1], verdict=SAME)))
    text = " ".join(" ".join(printed(noisy)).split())
    assert "below 50.0% cannot be told from noise, and the one to other is smaller" in text


def test_a_part_whose_time_is_noise_gets_no_share_of_the_peak() -> None:
    rounds = np.array([-1.0, 2.0] * 10 + [0.5]) * 1e-6
    assert not part_time("linear", rounds, 1e-10, 3920.0).certain
    steady = part_time("block", np.full(21, 2e-6) + rounds * 1e-3, 2e-6, 3920.0)
    assert steady.certain
    clock = FakeClock()
    parts = (part_time("linear", rounds, 1e-10, 3920.0), steady)
    case = replace(run(clock, cnnkit=peer(clock, 1000.0)), parts=parts)
    (line,) = [line for line in printed(case) if line.startswith("linear")]
    assert line.split() == ["linear", "in", "noise", "-", "3,920", "-"]


def test_warnings_and_log_lines_of_peers_stay_out_of_the_terminal(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock = FakeClock()

    def noisy(work: Any, threads: int) -> Any:
        warnings.warn("a peer's warning", UserWarning, stacklevel=1)
        logging.getLogger("torch.of.others").warning("No runtime is found")
        return peer(clock, 1000.0).factory(work, threads)

    case = run(clock, cnnkit=peer(clock, 1000.0), noisy=Peer(noisy, ("numpy",), "fake"))
    assert rows(case)["noisy"].status == "timed"
    assert caplog.messages == []
    logging.getLogger("torch.of.others").warning("afterwards they are heard")
    assert caplog.messages == ["afterwards they are heard"]


def test_the_picture_says_what_the_table_says(tmp_path: Path) -> None:
    clock = FakeClock(noise=0.5)
    case = run(clock, cnnkit=peer(clock, 1e3), same=peer(clock, 1e3), slow=peer(clock, 9e3))
    draw_bars(results((case,)), tmp_path / "bench.svg")
    drawn = (tmp_path / "bench.svg").read_text()
    for row in case.rows[1:]:
        assert row.conclusion in drawn
    assert "no difference" in drawn


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
