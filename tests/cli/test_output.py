"""What a terminal shows while a command works, and what an error shows with --debug."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest
from rich.console import Console

from cnnkit.system.terminal import open_console, working

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


SENTENCE = "  it says `cnnkit export --format onnx` and /a/folder/of/some/length " + "often " * 20


@pytest.mark.parametrize(("terminal", "lines"), [(True, 3), (False, 1)])
@pytest.mark.parametrize("commands", [1, 2])
def test_a_terminal_breaks_sentences_between_words_and_never_in_a_command(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    terminal: bool,
    lines: int,
    commands: int,
) -> None:
    monkeypatch.setenv("TTY_COMPATIBLE", str(int(terminal)))
    monkeypatch.setenv("COLUMNS", "80")
    sentence = SENTENCE.rstrip() if commands == 1 else f"`{'long ' * 60}`"
    open_console().print(sentence, soft_wrap=True)
    shown = capsys.readouterr().out.rstrip("\n").split("\n")
    assert len(shown) == (lines if commands == 1 else 1)
    assert " ".join(line.strip() for line in shown) == sentence.strip()
    assert all(line.startswith("    ") for line in shown[1:]), "the rest hangs below it"


def test_the_rest_of_a_titled_line_hangs_below_its_text(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    monkeypatch.setenv("COLUMNS", "80")
    open_console().print("two words   " + "text " * 20, soft_wrap=True)
    first, second = capsys.readouterr().out.splitlines()
    assert len(second) - len(second.lstrip()) == first.index("text")


def test_a_command_to_copy_stays_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    monkeypatch.setenv("COLUMNS", "80")
    command = "next  cnnkit export " + "--format onnx " * 9
    open_console().print(command, soft_wrap=True, no_wrap=True)
    assert capsys.readouterr().out == command + "\n"


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
