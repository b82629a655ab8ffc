"""Write the reference of commands from their own code: `python docs/make_commands.py`.

`docs/reference/commands.md` is not under version control; `nox -s docs` makes it before the site.
"""

from __future__ import annotations

from pathlib import Path

import typer
from typer.cli import get_docs_for_click

from cnnkit.cli import app

FILE = Path(__file__).parent / "reference" / "commands.md"
HEAD = """# Commands

Results go to stdout, progress and messages to stderr. `NO_COLOR=1` turns colours off, `--debug`
anywhere in a command adds the traceback of an error, `cnnkit --install-completion` completes
commands and options in bash, zsh, fish and PowerShell. Most commands have `--json`:
[its documents](json.md).
"""


def reference() -> str:
    """Return the page."""
    root = typer.main.get_command(app)
    shown = get_docs_for_click(obj=root, ctx=typer.Context(root), name="cnnkit")
    commands = shown.partition("\n## ")[2]
    return f"{HEAD}\n{root.epilog}\n\n## {commands.rstrip()}\n"


if __name__ == "__main__":
    FILE.write_text(reference(), encoding="utf-8")
