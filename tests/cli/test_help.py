"""What --help says: examples that are commands, and lists that are complete."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from typing import Any

import pytest
import typer

from cnnkit.cli import app
from cnnkit.cli.examples import EXAMPLES
from cnnkit.hosts.apps import hosts

Cli = Callable[..., Any]
BORDER = 4  # columns that --help keeps free


def commands(group: Any, name: str = "") -> dict[str, Any]:
    """Return the commands below a group by the words that call them."""
    found: dict[str, Any] = {}
    for word, command in getattr(group, "commands", {}).items():
        words = f"{name} {word}".strip()
        found |= {words: command, **commands(command, words)}
    return found


COMMANDS = commands(typer.main.get_command(app))


def test_every_command_has_examples() -> None:
    assert set(EXAMPLES) == set(COMMANDS)


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_is_a_command_with_options_that_exist(name: str) -> None:
    for example in EXAMPLES[name]:
        assert len(example) <= 80 - BORDER, "it stays in a line of --help"
        program, *words = shlex.split(example)
        assert (program, words[: len(name.split())]) == ("cnnkit", name.split())
        COMMANDS[name].make_context(name, words[len(name.split()) :], resilient_parsing=False)


def test_help_names_every_host_app(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    text = cli("embed", "--help").stdout
    assert hosts()
    for format, host in hosts():
        named = re.search(rf"\b{format}(?: and c-int8)?: ([^;.]*)", text)
        assert named, format
        assert host in named[1].split(", ")
