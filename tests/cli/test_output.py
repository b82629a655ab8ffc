"""What a terminal shows while a command works, and what an error shows with --debug."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest
from rich.console import Console

from cnnkit.cli.output import prose, working

Cli = Callable[..., Any]


def test_a_terminal_shows_that_something_goes_on_and_then_nothing() -> None:
    screen = io.StringIO()
    with working(Console(file=screen, force_terminal=True, width=80), "pt2: [red]writing"):
        pass
    assert "pt2: [red]writing" in screen.getvalue()
    assert screen.getvalue().endswith("\x1b[2K"), "the line is erased"


@pytest.mark.parametrize("options", [{"quiet": True, "force_terminal": True}, {}])
def test_a_file_or_a_quiet_console_gets_no_spinner(options: dict[str, bool]) -> None:
    out = io.StringIO()
    with working(Console(file=out, **options), "writing"):  # type: ignore[arg-type]
        pass
    assert out.getvalue() == ""


@pytest.mark.parametrize(("terminal", "lines"), [(True, 3), (False, 1)])
def test_a_terminal_breaks_sentences_between_words(terminal: bool, lines: int) -> None:
    out, sentence = io.StringIO(), "inputs and outputs are declared as agreed " * 4
    prose(Console(file=out, force_terminal=terminal, width=80), sentence.rstrip())
    shown = out.getvalue().rstrip("\n").split("\n")
    assert len(shown) == lines
    assert " ".join(line.rstrip() for line in shown) == sentence.rstrip()


@pytest.mark.parametrize("place", [0, 2])
def test_debug_shows_the_traceback_and_keeps_the_exit_code(cli: Cli, place: int) -> None:
    words = ["eval", "absent.onnx"]
    plain = cli(*words)
    words.insert(place, "--debug")
    debugged = cli(*words)
    assert debugged.exit_code == plain.exit_code == 5
    assert "Traceback" in debugged.stderr
    assert "Traceback" not in plain.stderr
    assert debugged.stderr.endswith(plain.stderr)


def test_no_color_takes_the_colours_and_nothing_else(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "\x1b[31m" in cli("eval", "absent.onnx").stderr
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[31m" not in cli("eval", "absent.onnx").stderr
