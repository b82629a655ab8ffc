"""The code blocks of a page, to be run as a reader would: `run_page(page, folder, monkeypatch)`.

A comment before a block says what is special: `<!-- file: nets.py -->` is a file to save, and
`<!-- run: firmware -->` runs other programs than cnnkit, if this machine has them. Of the languages
`sh` and `python` run, others (`console`, `text`, `toml`) are shown.
"""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Collection
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from cnnkit.cli import main

# What the programs of a block need, by its marker.
NEEDS = {"firmware": ("arm-none-eabi-gcc", "qemu-system-arm", "make")}


class Block(NamedTuple):
    kind: str  # "file", "run" or ""
    value: str
    language: str
    text: str


def blocks(page: Path) -> list[Block]:
    """Return a page's code blocks in order."""
    pattern = r"(?:<!-- (\w+): (.+?) -->\n)?```(\w+)\n(.*?)```"
    found = re.findall(pattern, page.read_text("utf-8"), flags=re.DOTALL)
    return [Block(*each) for each in found]


def run_page(
    page: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, done: Collection[str] = ()
) -> int:
    """Run all blocks of a page in a folder, but the lines that are `done`; return how many ran."""
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(str(folder))
    ran = 0
    for block in blocks(page):
        if block.kind == "file":
            Path(block.value).write_text(block.text)
        elif block.kind == "run":
            run_programs(block)
        elif block.language == "sh":
            for line in block.text.splitlines():
                if line not in done:
                    run_command(line)
        elif block.language == "python":
            run_python(block.text, page)
        else:
            continue
        ran += 1
    return ran


def run_command(line: str) -> None:
    """Run a line of cnnkit in this process."""
    program, *words = shlex.split(line)
    assert program == "cnnkit", f"{line}: of other programs a block needs a marker"
    with pytest.raises(SystemExit) as stop:
        main(words)
    assert not stop.value.code, line


def run_programs(block: Block) -> None:
    if all(map(shutil.which, NEEDS[block.value])):
        command = ["env", f"PYTHON={sys.executable}", "sh", "-euc", block.text]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


def run_python(text: str, page: Path) -> None:
    """Run a block as a program of its own; what it imports from the folder is forgotten again."""
    before = set(sys.modules)
    space: dict[str, Any] = {"__name__": "__main__"}
    exec(compile(text, str(page), "exec"), space)
    for name in set(sys.modules) - before:
        if Path(getattr(sys.modules[name], "__file__", None) or "/").parent == Path.cwd():
            del sys.modules[name]
