"""The tests lie where one looks for them, and their names can be read."""

from __future__ import annotations

import ast
from pathlib import Path

from support.slow import SLOW_FILES, SLOW_TESTS

TESTS = Path(__file__).parents[1]
CNNKIT = TESTS.parent / "cnnkit"
LONGEST = 69  # characters of a test's name

# Folders that no package or module stands behind, and why.
OTHERS = {
    "architecture": "the rules that hold for all packages",
    "csrc": "the C++ sources",
    "native": "their checks that run without Python",
    "support": "what several tests need; it holds no tests",
}


def packages() -> set[str]:
    return {file.parent.name for file in CNNKIT.glob("*/__init__.py")}


def with_tests() -> set[str]:
    return {file.parent.name for file in TESTS.glob("*/test_*.py")}


def names_of_tests() -> list[str]:
    nodes = [n for f in TESTS.rglob("test_*.py") for n in ast.walk(ast.parse(f.read_text()))]
    functions = [node.name for node in nodes if isinstance(node, ast.FunctionDef)]
    return [name for name in functions if name.startswith("test_")]


def test_every_package_has_a_folder_of_tests() -> None:
    assert packages() - with_tests() == set()


def test_every_folder_of_tests_has_a_package_or_a_reason() -> None:
    modules = {file.stem for file in CNNKIT.glob("*.py")}
    folders = {file.relative_to(TESTS).parts[0] for file in TESTS.glob("*/**/*.[ch]*")}
    assert (with_tests() | folders) - packages() - modules <= OTHERS.keys()


def test_tests_lie_in_those_folders_or_below_as_their_packages_do() -> None:
    folders = {file.parent.relative_to(TESTS) for file in TESTS.rglob("test_*.py")}
    deeper = {folder for folder in folders if len(folder.parts) != 1}
    assert {folder for folder in deeper if not (CNNKIT / folder / "__init__.py").exists()} == set()


def test_names_of_tests_can_be_read_in_one_line() -> None:
    assert len(names_of_tests()) > 600
    assert [name for name in names_of_tests() if len(name) > LONGEST] == []


def test_every_entry_of_the_slow_tests_is_still_there() -> None:
    for entry in SLOW_FILES + SLOW_TESTS:
        file, _, name = entry.partition("[")[0].partition("::")
        assert (TESTS.parent / file).exists(), entry
        assert not name or f"def {name}(" in (TESTS.parent / file).read_text(), entry
