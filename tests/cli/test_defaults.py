"""Defaults of options from cnnkit.toml, pyproject.toml or the user's own file."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cnnkit.cli.defaults import find_defaults, with_defaults
from cnnkit.cli.program import app
from cnnkit.errors import InputError

pytestmark = pytest.mark.usefixtures("no_pictures")

Cli = Callable[..., Any]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of its own, in which the tests work."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "none"))
    return tmp_path


def words(text: str, *given: str) -> list[str]:
    Path("cnnkit.toml").write_text(text, "utf-8")
    return with_defaults(app, given)[0]


def test_options_of_the_command_come_before_those_that_are_given() -> None:
    text = '[train]\nepochs = 2\nbatch_size = 8\nchannels = [8, 4]\n[export]\nformat = "c"\n'
    given = ["train", "--lr", "1e-3"]
    added = ["--epochs=2", "--batch-size=8", "--channels=8,4"]
    assert words(text, *given) == ["train", *added, "--lr", "1e-3"]
    assert words(text, "export", "RUN") == ["export", "--format=c", "RUN"]
    assert words(text, "eval") == ["eval"]


@pytest.mark.parametrize("given", [["--epochs", "3"], ["--epochs=3"]])
def test_what_is_given_wins(given: list[str]) -> None:
    assert words("[train]\nepochs = 2\n", "train", *given) == ["train", *given]


def test_a_short_spelling_wins_as_well() -> None:
    assert words('[train]\noutput = "a"\n', "train", "-o", "b") == ["train", "-o", "b"]


def test_flags_and_lists_are_words_of_their_own() -> None:
    text = '[demo]\nbrowser = false\nport = 0\n[bench]\nsuite = ["infer", "kernel"]\njson = true\n'
    assert words(text, "demo") == ["demo", "--no-browser", "--port=0"]
    assert words(text, "bench") == ["bench", "--suite=infer", "--suite=kernel", "--json"]
    assert words(text.replace("true", "false"), "bench")[-1] == "--suite=kernel"


def test_a_sweep_takes_options_of_trainings_too() -> None:
    text = "[sweep]\nseeds = 2\nlr = [1e-4, 1e-3]\n"
    assert words(text, "sweep") == ["sweep", "--seeds=2", "--lr=0.0001,0.001"]


@pytest.mark.parametrize("option", ["--config", "--resume", "--qat"])
def test_a_training_with_options_of_its_own_takes_no_others(option: str) -> None:
    assert words("[train]\nepochs = 2\n", "train", option, "x") == ["train", option, "x"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[trian]\nlr = 1", r"has no command 'trian'\. Did you mean train\?"),
        ("[train]\nepoch = 1", r"has no option of cnnkit train 'epoch'\. Did you mean epochs\?"),
        ("[export]\nepochs = 1", r"has no option of cnnkit export 'epochs'"),
        ("train = 3", r"has no table \[train\]"),
        ("[train]\nepochs = {}", r"epochs is \{\}\. Make it a text, number or list"),
        ("[demo]\nbrowser = 3", r"browser is 3\. Make it true or false"),
        ("[train", "is not TOML"),
    ],
)
def test_what_no_command_has_is_refused_whatever_is_run(text: str, message: str) -> None:
    with pytest.raises(InputError, match=rf"(?s)cnnkit\.toml: .*{message}"):
        words(text, "eval")


def test_a_broken_file_does_not_keep_anybody_from_the_help() -> None:
    assert words("[train", "train", "--help") == ["train", "--help"]


def test_the_nearest_file_is_in_force(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(here / "user"))
    (here / "user" / "cnnkit").mkdir(parents=True)
    inner = here / "project" / "inner"
    inner.mkdir(parents=True)
    monkeypatch.chdir(inner)
    expected = []
    for file, text in {
        here / "user" / "cnnkit" / "cnnkit.toml": "",
        here / "project" / "pyproject.toml": "[tool.cnnkit.train]\nepochs = 1",
        here / "project" / "cnnkit.toml": "",
        inner / "pyproject.toml": "[tool.cnnkit]",
    }.items():
        file.write_text(text, "utf-8")
        found = find_defaults()
        assert found
        expected.append(found.path == file)
    assert expected == [True] * 4


@pytest.mark.parametrize("text", ["[tool.other]\nx = 1", "no TOML", "# tool.cnnkit\n[tool.ruff]"])
def test_a_project_without_a_table_of_ours_is_passed_over(text: str) -> None:
    Path("pyproject.toml").write_text(text, "utf-8")
    assert find_defaults() is None


def test_a_run_says_and_records_what_it_took_from_the_file(cli: Cli, small_data: Path) -> None:
    Path("cnnkit.toml").write_text("[train]\nepochs = 1\nlr = 0.002\nchannels = [3]\n", "utf-8")
    done = cli("train", "--data", small_data, "--lr", "0.001", "--output", "run")
    assert done.exit_code == 0, done.stderr
    assert "cnnkit.toml: --epochs=1 --channels=3" in done.stderr
    config = json.loads(Path("run/config.json").read_text())
    assert (config["epochs"], config["learning_rate"]) == (1, 0.001)
    quiet = cli("train", "--data", small_data, "--output", "again", "--quiet")
    assert "cnnkit.toml" not in quiet.stderr
    assert "channels = [3]" in Path("again/config.toml").read_text()


def test_doctor_names_the_file_in_force(cli: Cli) -> None:
    Path("cnnkit.toml").touch()
    assert "cnnkit.toml" in cli("doctor").stdout
