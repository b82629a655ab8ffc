"""What others wrote reaches the terminal as it is, or as escapes, and never as a command to it."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
from rich.table import Table

import cnnkit
from cnnkit.system.terminal import line, open_console, visible

HOSTILE = "[/x]\x1b]0;title\x07\x9b31m\r\n:cat: \u202e[red]red[/red]\ud800"
SHOWN = r"[/x]\x1b]0;title\x07\x9b31m\r\n:cat: \u202e[red]red[/red]\ud800"


@pytest.mark.parametrize("terminal", [False, True])
def test_text_of_others_is_printed_as_it_is(terminal: bool) -> None:
    console = open_console()
    console.file = screen = io.StringIO()
    console._force_terminal, console.width = terminal, 200
    table = Table(HOSTILE, box=None)
    table.add_row(HOSTILE)
    console.print(HOSTILE, soft_wrap=True)
    console.print(line(HOSTILE, (HOSTILE, "bold")), soft_wrap=True)
    console.print(table, width=200)
    lines = screen.getvalue().replace("\x1b[1m", "").replace("\x1b[0m", "").splitlines()
    assert [text.strip() for text in lines] == [SHOWN, SHOWN * 2, SHOWN, SHOWN]


def test_nothing_else_opens_a_console() -> None:
    package = Path(cnnkit.__file__).parent
    others = [
        path.relative_to(package).as_posix()
        for path in package.rglob("*.py")
        if re.search(r"\bConsole\((?!quiet=True\)|Console\))", path.read_text())
    ]
    assert others == []


@pytest.mark.parametrize("text", ["", "7", "T-shirt/top", "größe ✓ →", "你好", "👩‍🌾", "می‌خواهم"])
def test_ordinary_text_stays_as_it_is(text: str) -> None:
    assert visible(text) == text
