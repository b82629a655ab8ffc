"""One command for everything: `nox` runs lint, types and tests; `nox -l` lists the rest."""

from __future__ import annotations

import nox

nox.options.sessions = ["lint", "types", "tests"]
nox.options.reuse_existing_virtualenvs = True

CPP = ("csrc", "tests/native", "export")


@nox.session
def lint(session: nox.Session) -> None:
    """Check style and formatting of Python and C++."""
    session.install("ruff", "clang-format")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    files = session.run("git", "ls-files", *CPP, external=True, silent=True) or ""
    sources = [file for file in files.split() if file.endswith((".h", ".c", ".cpp"))]
    session.run("clang-format", "--dry-run", "--Werror", *sources)


@nox.session
def types(session: nox.Session) -> None:
    """Check the types of the package, and the extension's stub against the extension."""
    session.install(".[dev]")
    session.run("mypy")
    session.run("python", "-m", "mypy.stubtest", "cnnkit._core")


@nox.session
def tests(session: nox.Session) -> None:
    """Run the test suite."""
    session.install(".[test]")
    session.run("pytest", *session.posargs)
