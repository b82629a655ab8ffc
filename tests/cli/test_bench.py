"""`cnnkit bench` as a user runs it; fake results wherever an exit code depends on times."""

from __future__ import annotations

import csv
import json
import timeit
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.bench_fakes import PLAN, FakeClock, peer, results, work

import cnnkit.bench.measure.environment
import cnnkit.bench.run
from cnnkit.bench.case import run_case
from cnnkit.bench.measure.roofline import measure_limits
from cnnkit.bench.report.results import Results
from cnnkit.ops.fused import ConvReLUPool
from cnnkit.system.cpu import usable_cores

QUICK = ("bench", "--suite", "net", "--rounds", 6, "--seconds", 0.006, "--batch", 2)


def test_measured_limits_are_positive_and_the_best_is_kept() -> None:
    limits = measure_limits(seconds=0.01)
    assert all(rate > 0.1 for rate in limits.bandwidth.values())
    doubled = limits.best(measure_limits(seconds=0.01))
    assert doubled.fma_gflops >= limits.fma_gflops


def test_no_direct_convolution_passes_the_measured_fma_peak() -> None:
    generator = np.random.default_rng(0)
    kernel = ConvReLUPool(generator.standard_normal((64, 64, 4, 4), np.float32), padding=2)
    assert kernel.algorithm == "direct", "other algorithms do fewer operations than are counted"
    x = generator.random((1, 64, 28, 28), np.float32)
    operations = 2 * 29 * 29 * 64 * 64 * 4 * 4
    seconds = min(timeit.repeat(lambda: kernel(x, threads=1), number=1, repeat=30))
    assert operations / seconds * 1e-9 <= measure_limits(seconds=0.1).fma_gflops


def test_a_real_run_prints_one_document_and_gives_the_cores_back(
    cli: Callable[..., Any], tmp_path: Path
) -> None:
    cores = usable_cores()
    done = cli(*QUICK, "--peers", "onnxruntime", "--json", "--csv", tmp_path / "a.csv",
               "--picture", tmp_path / "a.png", "--roofline", tmp_path / "a.svg")  # fmt: skip
    assert done.exit_code == 0, done.stderr
    document = json.loads(done.stdout)
    assert (document["schema_version"], document["command"]) == (1, "bench")
    assert document["environment"]["threads"] == 1
    assert len(document["environment"]["pinned_cores"]) in (0, 1)
    (case,) = document["cases"]
    assert case["key"] == "net/mnist N=2"
    assert [row["peer"] for row in case["rows"]] == ["cnnkit", "onnxruntime"]
    for row in case["rows"]:
        assert row["status"] == "timed", row
        assert row["seconds"]["low"] <= row["seconds"]["median"] <= row["seconds"]["high"]
    with (tmp_path / "a.csv").open() as file:
        assert len(list(csv.DictReader(file))) == 2
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    assert "<svg" in (tmp_path / "a.svg").read_text()
    assert usable_cores() == cores


def test_the_table_says_where_weights_and_images_come_from(
    cli: Callable[..., Any], weights_file: Path
) -> None:
    done = cli(*QUICK, "--peers", "none", weights_file)
    assert done.exit_code == 0, done.stderr
    for word in ("trained weights, mnist test images", "noise floor", "FMA peak", "GB/s"):
        assert word in done.stdout


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (("--suite", "speed"), 2, "'speed' is not a suite"),
        (("--peers", "keras"), 2, "'keras' is not a peer"),
        (("--threads", "0"), 2, "--threads"),
        (("--threads", "100000"), 2, "--threads"),
        (("--batch", "0"), 2, "--batch"),
        (("--rounds", "5"), 2, "--rounds"),
        (("--seconds", "0"), 2, "--seconds"),
        (("--picture", "a.doc"), 2, "a.doc"),
        (("--parity", "a.doc"), 2, "a.doc"),
        (("--compare", "absent.json"), 5, "absent.json"),
        (("absent.safetensors",), 5, "absent.safetensors"),
    ],
)
def test_bad_usage_is_refused_before_anything_is_timed(
    cli: Callable[..., Any], options: tuple[str, ...], code: int, message: str
) -> None:
    done = cli("bench", *options)
    assert done.exit_code == code
    assert message in done.stderr
    assert done.stdout == ""


def test_an_instruction_set_that_came_too_late_is_refused(
    cli: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from cnnkit.ops.fused import isa

    monkeypatch.setenv("CNNKIT_ISA", isa())  # so that what the verb sets is undone
    done = cli(*QUICK, "--isa", "mmx")
    assert done.exit_code == 2
    assert "this process already uses" in done.stderr


def test_a_run_of_infer_is_a_baseline_for_the_next(cli: Callable[..., Any], tmp_path: Path) -> None:
    words = ("bench", "--suite", "infer", "--batch", 3, "--rounds", 6, "--seconds", 0.006,
             "--peers", "none")  # fmt: skip
    first = cli(*words, "--json")
    assert first.exit_code == 0, first.stderr
    document = json.loads(first.stdout)
    assert document["cases"][0]["key"] == "infer/mnist N=3"
    assert document["cases"][0]["executed_flop"] is None or (
        0 < document["cases"][0]["executed_flop"] < document["cases"][0]["flop"]
    )
    assert document["parity"] is None
    (tmp_path / "base.json").write_text(first.stdout)
    again = cli(*words, "--compare", tmp_path / "base.json")
    assert again.exit_code in (0, 1), "a loaded machine may well be slower"
    assert "infer/mnist N=3" in again.stdout.partition("Against the baseline")[2]


@pytest.fixture
def fake_results(monkeypatch: pytest.MonkeyPatch) -> Results:
    """Replace a run by fake results."""
    clock = FakeClock()
    case = run_case("net", work(), {"cnnkit": peer(clock, 1000.0)}, 1, PLAN, clock)
    made = results((case,))
    monkeypatch.setattr(cnnkit.bench.run, "run_benchmark", lambda *_: made)
    monkeypatch.setattr(cnnkit.bench.measure.environment, "describe", lambda _: made.environment)
    return made


@pytest.mark.parametrize(("factor", "code"), [(0.5, 1), (1.0, 0), (2.0, 0)])
def test_only_a_regression_exits_with_one(
    cli: Callable[..., Any], fake_results: Results, tmp_path: Path, factor: float, code: int
) -> None:
    first = cli("bench", "--json")
    assert first.exit_code == 0
    document = json.loads(first.stdout)
    seconds = document["cases"][0]["rows"][0]["seconds"]
    document["cases"][0]["rows"][0]["seconds"] = {k: v * factor for k, v in seconds.items()}
    (tmp_path / "base.json").write_text(json.dumps(document))
    done = cli("bench", "--compare", tmp_path / "base.json")
    assert done.exit_code == code, done.stderr
    assert "Against the baseline" in done.stdout
    assert ("slower than in" in done.stderr) == (code == 1)


def test_a_wrong_output_of_ours_exits_with_one(
    cli: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = FakeClock()
    case = run_case("net", work(), {"cnnkit": peer(clock, 1.0, off=0.1)}, 1, PLAN, clock)
    monkeypatch.setattr(cnnkit.bench.run, "run_benchmark", lambda *_: results((case,)))
    done = cli("bench")
    assert done.exit_code == 1
    assert "cnnkit: wrong" in done.stdout
    assert "cnnkit's own output is wrong" in done.stderr
