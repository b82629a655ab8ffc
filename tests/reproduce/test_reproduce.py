"""`cnnkit reproduce` reports every run, resumes after a kill, and writes a self-contained page."""

from __future__ import annotations

import base64
import json
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from cnnkit.data.dataset import Dataset
from cnnkit.data.idx import write_idx
from cnnkit.data.registry import FILES, OWN
from cnnkit.errors import InputError
from cnnkit.reproduce import run as reproduction
from cnnkit.reproduce.findings import REPORTS, Findings
from cnnkit.reproduce.model_selection import select_learning_rate
from cnnkit.reproduce.paper_claims import evaluate_claims
from cnnkit.reproduce.plan import CANDIDATES, PATIENCE, RATES, ReproduceConfig, validation_runs
from cnnkit.reproduce.report.blocks import Heading, Items, Picture, Table, Text, markdown
from cnnkit.reproduce.report.html import html, themed
from cnnkit.reproduce.report.sections import write_reports
from cnnkit.reproduce.run import reproduce
from cnnkit.reproduce.trained_run import TrainedRun
from cnnkit.runs.state import read_state
from cnnkit.system.files import write_text

Cli = Callable[..., Any]
EPOCHS = 6
PICTURES = ("table-1", "figure-3", "figure-4", "figure-5", "figure-6", "figure-7", "choice")
TIMES = {"seconds", "images_per_second"}
PROGRAM = """
import sys
from pathlib import Path
from cnnkit.reproduce.plan import ReproduceConfig
import cnnkit.reproduce.run as run
from cnnkit.reproduce.run import reproduce
run.DATASET = "own-data"
data, output = map(Path, sys.argv[1:])
reproduce(ReproduceConfig(data=data, output=output, epochs=6, engine="native"))
"""

COMMAND = """
import cnnkit.reproduce.run as run
from cnnkit.cli.program import main
run.DATASET = "own-data"
main()
"""


@pytest.fixture(scope="module", autouse=True)
def _little_data_will_do() -> Iterator[None]:
    """Some of MNIST's images, to be quick; `cnnkit reproduce` demands all of them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("cnnkit.reproduce.run.DATASET", OWN)
        yield


@pytest.fixture(scope="module")
def tiny_data(tmp_path_factory: pytest.TempPathFactory, mnist: Dataset) -> Path:
    """An IDX folder with 160 training and 100 test images."""
    folder = tmp_path_factory.mktemp("tiny-mnist")
    arrays = (
        *(mnist.train.images[:160, 0], mnist.train.labels[:160].astype(np.uint8)),
        *(mnist.test.images[:100, 0], mnist.test.labels[:100].astype(np.uint8)),
    )
    for name, array in zip(FILES, arrays, strict=True):
        write_idx(folder / name, array)
    return folder


@pytest.fixture(scope="module")
def config(tiny_data: Path, tmp_path_factory: pytest.TempPathFactory) -> ReproduceConfig:
    output = tmp_path_factory.mktemp("reproduce") / "report"
    return ReproduceConfig(data=tiny_data, output=output, epochs=EPOCHS, engine="native")


@pytest.fixture(scope="module")
def found(config: ReproduceConfig) -> Findings:
    """An uninterrupted reproduction on little data."""
    return reproduce(config)


@pytest.fixture
def drawn_before(found: Findings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Copy the figures of `found`, for tests that are not about figures: drawing takes seconds."""
    drawn = found.config.folder

    def copy(_runs: object, _selection: object, folder: Path) -> None:
        for picture in (file for stem in PICTURES for file in drawn.glob(f"{stem}.*")):
            if folder != drawn:
                shutil.copy(picture, folder)

    monkeypatch.setattr("cnnkit.reproduce.report.sections.draw_figures", copy)


def timeless(document: Any) -> Any:
    """Return a JSON document without times and paths."""
    if isinstance(document, dict):
        return {
            key: timeless(value)
            for key, value in document.items()
            if key not in {*TIMES, "wall_clock_seconds", "machine", "config", "reports"}
        }
    return [timeless(value) for value in document] if isinstance(document, list) else document


def read_report(folder: Path) -> Any:
    return json.loads((folder / "report.json").read_text())


# What is reported


def test_every_run_is_reported_with_all_its_epochs(found: Findings) -> None:
    document = read_report(found.config.folder)
    runs = {(run["learning_rate"], run["seed"]): run for run in document["runs"]}
    assert set(runs) == {(rate, seed) for rate in RATES for seed in range(3)}
    for run in runs.values():
        assert [record["epoch"] for record in run["history"]] == list(range(1, EPOCHS + 1))
    tried = {(run["learning_rate"], run["seed"]) for run in document["validation_runs"]}
    assert tried == {(rate, seed) for rate in CANDIDATES for seed in range(3)}
    table = (found.config.folder / "report.md").read_text().partition("**All trainings**")[2]
    rows = [line for line in table.splitlines() if line.startswith("| 0.")]
    assert len(rows) == len(runs) + len(tried) == 27


def test_reported_runs_are_those_of_the_run_folders(found: Findings) -> None:
    for run in found.runs:
        folder = f"runs/published/lr-{run.learning_rate:g}-seed-{run.seed}"
        state = read_state(found.config.folder / folder)
        assert run.history == state.history
        assert state.config["val_split"] == 0
        predicted = np.flatnonzero(state.confusion.sum(axis=0))
        assert run.constant == (str(predicted[0]) if len(predicted) == 1 else None)
    assert {run.constant for run in found.runs if run.learning_rate == 0.05} != {None}


def test_validation_runs_hold_out_a_tenth_and_stop_early(found: Findings) -> None:
    [config] = {replace(one, output=None, learning_rate=1.0, seed=0)
                for one in validation_runs(found.config)}  # fmt: skip
    assert (config.val_split, config.patience) == (0.1, PATIENCE)
    for candidate in found.selection.candidates:
        for run in candidate.runs:
            losses = [record["validation_loss"] for record in run.history]
            assert run.kept_epoch == int(np.argmin(losses)) + 1
    best = found.selection.best
    assert best.validation_loss.mean == min(
        candidate.validation_loss.mean for candidate in found.selection.candidates
    )


def test_verdicts_are_those_of_the_reported_runs(found: Findings) -> None:
    document = read_report(found.config.folder)
    assert document["claims"] == [claim.to_json() for claim in evaluate_claims(found.runs)]
    assert sum(document["verdicts"].values()) == len(document["claims"]) == 14
    text = (found.config.folder / "report.md").read_text()
    for claim in found.claims:
        assert f"| {claim.verdict} | {claim.ours} | {claim.place} | {claim.reason} |" in text


def test_every_figure_is_a_png_and_an_svg_and_shown(found: Findings) -> None:
    folder = found.config.folder
    text = (folder / "report.md").read_text()
    for stem in PICTURES:
        with Image.open(folder / f"{stem}.png") as picture:
            assert picture.width > 1000
            assert len(picture.convert("RGB").getcolors(1 << 20) or []) > 20
        assert (folder / f"{stem}.svg").read_text().startswith("<?xml")
        assert f"]({stem}.png)" in text
    assert not list(folder.glob(".*"))


# The page


class Page(HTMLParser):
    """Collects tags with their attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def all(self, name: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.tags if tag == name]


@pytest.fixture(scope="module")
def page_text(found: Findings) -> str:
    return (found.config.folder / "report.html").read_text()


def test_the_page_refers_to_nothing_outside_itself(page_text: str) -> None:
    page = Page(page_text)
    assert not {"script", "link", "iframe", "object", "base", "a"} & {tag for tag, _ in page.tags}
    sources = [image["src"] or "" for image in page.all("img")]
    assert len(sources) == len(PICTURES)
    assert not re.search(r"https?:|//|@import|url\(", re.sub(r'src="data:[^"]*"', "", page_text))
    for source in sources:
        start, _, data = source.partition("base64,")
        assert start == "data:image/svg+xml;"
        svg = base64.b64decode(data).decode()
        addresses = set(re.findall(r"https?://[^\"'<> ]+", svg))
        assert addresses == {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}
        assert all(link.startswith("#") for link in re.findall(r'xlink:href="([^"]+)"', svg))
    [policy] = [meta for meta in page.all("meta") if meta.get("http-equiv")]
    assert "default-src 'none'" in (policy["content"] or "")


def test_the_page_works_with_a_screen_reader_and_on_a_phone(page_text: str) -> None:
    page = Page(page_text)
    assert page.all("html") == [{"lang": "en"}]
    assert {"name": "viewport", "content": "width=device-width, initial-scale=1"} in page.all(
        "meta"
    )
    assert all(len(image["alt"] or "") > 40 for image in page.all("img"))
    tables = page.all("table")
    assert len(tables) == len(page.all("caption")) == len(page.all("tbody"))
    assert {cell.get("scope") for cell in page.all("th")} == {"col", "row"}
    regions = [box for box in page.all("div") if box.get("role") == "region"]
    assert len(regions) == len(tables)
    assert all(box["tabindex"] == "0" and box["aria-label"] for box in regions)
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch("h[1-6]", tag)]
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))


def test_figures_in_the_page_follow_the_readers_theme(found: Findings) -> None:
    plain = (found.config.folder / "figure-5.svg").read_text()
    svg = themed(plain)
    assert "prefers-color-scheme: dark" in svg
    assert "var(--ink)" in svg
    assert "var(--paper)" in svg
    assert "#222222" not in svg.replace("--ink: #222222", "")


def test_text_of_a_report_cannot_become_markup(tmp_path: Path) -> None:
    cells = Table("a < b", ("x",), (("<script>", "1 & 2"),))
    blocks = [Heading("A & B", 1), Text("**strong** `code <b>`"), Items(("<i>",)), cells]
    page = html(blocks, tmp_path)
    assert "<strong>strong</strong> <code>code &lt;b&gt;</code>" in page
    assert not {"script", "i", "b"} & {tag for tag, _ in Page(page).tags}


def test_markdown_holds_the_same_blocks() -> None:
    blocks = [Heading("T", 1), Table("c", ("a", "b"), (("1", "2"),)), Picture("p", "cap", "alt")]
    assert markdown(blocks) == (
        "# T\n\n**c**\n\n| a | b |\n| --- | --- |\n| 1 | 2 |\n\n![alt](p.png)\n\n*cap*\n"
    )


def test_a_report_of_diverged_runs_is_complete(found: Findings, tmp_path: Path) -> None:
    whole = found.runs
    runs: list[TrainedRun] = [
        *whole[:3],
        replace(whole[3], history=[], kept_epoch=0, constant=None, diverged=True),
        replace(whole[4], history=whole[4].history[:2], kept_epoch=2, diverged=True),
        *whole[5:6],
        *(replace(run, history=[], kept_epoch=0, diverged=True) for run in whole[6:]),
    ]
    tried = [run for candidate in found.selection.candidates for run in candidate.runs]
    tried[-1] = replace(tried[-1], history=[], kept_epoch=0, diverged=True)
    changed = replace(
        found, runs=runs, claims=evaluate_claims(runs), selection=select_learning_rate(tried),
        config=replace(found.config, output=tmp_path),
    )  # fmt: skip
    write_reports(changed)
    json.loads(json.dumps(changed.to_json()), parse_constant=pytest.fail)
    text = (tmp_path / "report.md").read_text()
    assert text.count("(diverged after 0 epochs)") == 2 * 4 + 1
    assert "(diverged after 2 epochs)" in text


# Interruptions and repetition


@pytest.mark.usefixtures("drawn_before")
def test_a_repeated_call_trains_nothing_and_reports_the_same(
    found: Findings, config: ReproduceConfig
) -> None:
    states = sorted(config.folder.glob("runs/*/*/resume.safetensors"))
    before = {path: path.stat().st_mtime_ns for path in states}
    assert len(before) == 27
    again = reproduce(config)
    assert {path: path.stat().st_mtime_ns for path in states} == before
    assert again.to_json() == found.to_json()
    # Time stamps have whole seconds, and these trainings may all fit in one.
    assert all(seconds is not None and 0 <= seconds < 300 for seconds in again.seconds.values())


@pytest.mark.usefixtures("drawn_before")
def test_a_kill_at_any_time_loses_no_complete_epoch(
    found: Findings, config: ReproduceConfig, tmp_path: Path
) -> None:
    assert config.data
    output = tmp_path / "report"
    words = [sys.executable, "-c", PROGRAM, str(config.data), str(output)]
    for wanted in (2, 14):  # among the published runs; among those with validation images
        process = subprocess.Popen(words, stderr=subprocess.PIPE)
        deadline = time.monotonic() + 120
        while len(list(output.glob("runs/*/*/weights.safetensors"))) < wanted:
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.005)
        process.kill()
        process.communicate()
        assert process.returncode == -signal.SIGKILL
        assert not any((output / name).exists() for name in REPORTS)
    resumed = reproduce(replace(config, output=output))
    assert timeless(resumed.to_json()) == timeless(found.to_json())
    assert timeless(read_report(output)) == timeless(read_report(config.folder))


@pytest.mark.usefixtures("drawn_before")
def test_more_seeds_add_to_the_existing_runs(
    found: Findings, config: ReproduceConfig, tmp_path: Path
) -> None:
    more = reproduce(replace(config, seeds=4))
    assert [run for run in more.runs if run.seed < 3] == list(found.runs)
    assert len(more.runs) == 12
    assert (
        f"`cnnkit reproduce --seeds 4 --engine native --data {config.data}`"
        in (config.folder / "report.md").read_text()
    )


def test_wall_clock_time_excludes_pauses_between_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spans = {"a": (0, 10), "b": (5, 20), "c": (3600, 3606)}

    def at(seconds: int) -> str:
        return datetime.fromtimestamp(1e9 + seconds, UTC).isoformat(timespec="seconds")

    for name, (_, end) in spans.items():
        write_text(tmp_path / name / "manifest.json", json.dumps({"written": at(end)}))
    sessions = {tmp_path / name: [{"started": at(start)}] for name, (start, _) in spans.items()}
    monkeypatch.setattr(
        reproduction, "read_state", lambda folder: SimpleNamespace(sessions=sessions[folder])
    )
    outcomes: list[Any] = [SimpleNamespace(folder=folder) for folder in sessions]
    assert reproduction._seconds(outcomes) == 26
    sessions[tmp_path / "b"] *= 2  # interrupted: the time of its stop is unknown
    assert reproduction._seconds(outcomes) is None


@pytest.mark.usefixtures("drawn_before")
def test_pytorch_gives_the_same_losses_and_verdicts(
    found: Findings, config: ReproduceConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cnnkit.reproduce.plan.CANDIDATES", RATES[:1])  # not compared here
    theirs = reproduce(replace(config, engine="torch", output=tmp_path / "torch"))
    assert theirs.machine["engine"] == "torch"
    for ours, other in zip(found.runs, theirs.runs, strict=True):
        assert (ours.learning_rate, ours.seed) == (other.learning_rate, other.seed)
        if ours.learning_rate == 1e-4:
            np.testing.assert_allclose(ours.losses, other.losses, rtol=1e-4)
    low = [claim for claim in found.claims if claim.claim.startswith("At 0.0001")]
    other_low = [claim for claim in theirs.claims if claim.claim.startswith("At 0.0001")]
    assert [claim.verdict for claim in low] == [claim.verdict for claim in other_low]


# The command line


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "cnnkit.reproduce.plan.ReproduceConfig", partial(ReproduceConfig, epochs=EPOCHS)
    )


@pytest.mark.usefixtures("quick", "drawn_before")
def test_the_command_prints_every_verdict_and_the_reports_path(
    found: Findings, config: ReproduceConfig, cli: Cli
) -> None:
    words = ("reproduce", "--data", config.data, "--output", config.folder, "--engine", "native")
    result = cli(*words, "--json", "--quiet")
    assert (result.exit_code, result.stderr) == (0, "")
    document = json.loads(result.stdout)
    assert (document["schema_version"], document["command"]) == (1, "reproduce")
    assert document["claims"] == [claim.to_json() for claim in found.claims]
    assert document["reports"] == [str(config.folder / name) for name in REPORTS]
    plain = cli(*words)
    assert plain.exit_code == 0
    printed = re.sub(r"\s+", " ", plain.stdout)
    assert found.summary in printed
    assert str(config.folder / "report.html") in plain.stdout
    assert "27 of 27 runs are done already" in plain.stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--seeds", 2), "--seeds: is 2. Make it 3 or more"),
        (("--seeds", 10**20), "Make it 1000 or less"),
        (("--engine", "jax"), "--engine: is jax. Make it one of auto, native, torch"),
        (("--data", "nowhere"), "nowhere"),
    ],
)
def test_an_invalid_setting_is_refused_and_nothing_is_left(
    words: tuple[object, ...], message: str, cli: Cli, tmp_path: Path
) -> None:
    result = cli("reproduce", *words, "--output", tmp_path / "report")
    assert result.exit_code == 2
    assert message in result.stderr
    assert not (tmp_path / "report").exists()


def test_other_data_is_not_judged_by_published_numbers(
    tiny_data: Path, cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cnnkit.reproduce.run.DATASET", "mnist")
    result = cli("reproduce", "--data", tiny_data, "--output", tmp_path / "report")
    assert result.exit_code == 2
    assert f"{tiny_data}: holds other images than MNIST" in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_folder_with_other_files_is_refused(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    result = cli("reproduce", "--output", tmp_path)
    assert result.exit_code == 2
    assert "choose another --output" in result.stderr.lower()
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_another_engine_cannot_continue_these_runs(
    found: Findings, config: ReproduceConfig
) -> None:
    with pytest.raises(InputError, match="engine native, not torch"):
        reproduce(replace(config, engine="torch"))


@pytest.mark.parametrize(
    ("engine", "name"), [("auto", "native"), ("native", "native"), ("torch", "torch")]
)
def test_the_default_folder_depends_on_the_engine_alone(engine: str, name: str) -> None:
    assert ReproduceConfig(engine=engine).folder == Path(f"runs/reproduce/mnist-{name}")


def test_fewer_than_six_epochs_are_refused() -> None:
    with pytest.raises(InputError, match="epochs: is 5"):
        reproduce(ReproduceConfig(epochs=5))


def test_ctrl_c_keeps_complete_epochs_and_tells_how_to_continue(
    config: ReproduceConfig, tmp_path: Path
) -> None:
    output = tmp_path / "report"
    command = [sys.executable, "-c", COMMAND, "reproduce", "--data", config.data, "-o", output]
    process = subprocess.Popen(
        [str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 120
    while not list(output.glob("runs/*/*/metrics.jsonl")):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.005)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, "")
    assert "Traceback" not in err
    assert "Repeat the same command to continue" in err
