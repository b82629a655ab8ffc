"""README's commands, taken from README itself, so that it cannot rot.

They run in a folder like that of a person who follows README: a checkout, whose sources lie in
Python's way to the installed package, with a run in it.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from support.checkout import ROOT, copy_sources

README = (ROOT / "README.md").read_text()
BIN = Path(sys.executable).parent


def blocks(language: str) -> list[str]:
    """Return README's code blocks of one language, in order."""
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


def marked(name: str) -> list[str]:
    """Return the lines of the block that follows a `command` marker."""
    found = re.search(rf"<!-- command: {name} -->\n```sh\n(.*?)```", README, flags=re.DOTALL)
    assert found, f"README has no command block {name}"
    return found[1].splitlines()


def python(folder: Path, *words: object) -> subprocess.CompletedProcess[str]:
    """Run Python in `folder`, which is first on its search path unless a word forbids it."""
    return subprocess.run(
        [sys.executable, *map(str, words)],
        cwd=folder, text=True, capture_output=True, check=False,
    )  # fmt: skip


def run(line: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run one README line in `folder` with this environment's programs."""
    line = line.split("#")[0].strip().replace(".venv/bin/", "")
    return subprocess.run(
        shlex.split(line),
        cwd=folder,
        env={**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"},
        text=True,
        capture_output=True,
        check=False,
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, trained_run: Path) -> Path:
    """A person's folder after the first command: the sources, a run, its export."""
    folder = tmp_path_factory.mktemp("readme")
    copy_sources(folder)
    shutil.copytree(trained_run, folder / "runs" / "train" / "mnist-1")
    done = run(marked("train")[-1], folder)
    assert done.returncode == 0, done.stderr
    (folder / "export.txt").write_text(done.stdout)
    return folder


def test_both_commands_install_this_project_into_a_fresh_environment() -> None:
    for name in ("train", "test"):
        make, install, *_ = marked(name)
        assert make == "python3 -m venv .venv"
        assert install == f".venv/bin/pip install '.[{name}]'"


def test_the_first_command_ends_with_a_verified_file_and_says_where(folder: Path) -> None:
    train, export = marked("train")[2:]
    assert train == ".venv/bin/cnnkit train", "the README promises the defaults"
    # The defaults take longer; the same verb with one epoch is what `folder` holds already.
    assert export.startswith(".venv/bin/cnnkit export ")
    assert (folder / "mnist.onnx").is_file()
    assert "mnist.onnx" in (folder / "export.txt").read_text()


def test_the_python_blocks_run_as_they_stand(folder: Path) -> None:
    assert blocks("python")
    for block in blocks("python"):
        done = python(folder, "-W", "error", "-c", block)
        assert done.returncode == 0, f"{block}\n{done.stderr}"


def test_in_a_checkout_the_module_is_the_installed_program(folder: Path) -> None:
    for verb in ("--help", "doctor"):
        done = python(folder, "-m", "cnnkit", verb)
        assert done.returncode == 0, done.stderr
        assert done.stdout == run(f"cnnkit {verb}", folder).stdout


def test_in_a_checkout_the_host_apps_are_the_installed_ones(folder: Path) -> None:
    code = "from cnnkit.hosts.apps import host_folder; print(host_folder('onnx', 'python'))"
    in_checkout, elsewhere = python(folder, "-c", code), python(folder, "-P", "-c", code)
    assert elsewhere.returncode == 0, elsewhere.stderr
    assert in_checkout.stdout == elsewhere.stdout, in_checkout.stderr
    assert Path(in_checkout.stdout.strip(), "check.sh").is_file()


def test_sources_and_installed_modules_are_never_mixed(tmp_path: Path) -> None:
    copy_sources(tmp_path)
    for file in tmp_path.glob("cnnkit/**/*.py"):
        if file != tmp_path / "cnnkit" / "__init__.py":
            file.write_text("raise RuntimeError('a module of the sources')")
    place = "import cnnkit.ops; print(cnnkit.__file__, cnnkit.ops.__file__, cnnkit.ops.isa())"
    in_checkout, elsewhere = python(tmp_path, "-c", place), python(tmp_path, "-P", "-c", place)
    assert elsewhere.returncode == 0, elsewhere.stderr
    assert in_checkout.stdout == elsewhere.stdout, in_checkout.stderr


def test_sources_that_were_never_installed_say_so(tmp_path: Path) -> None:
    copy_sources(tmp_path)
    (tmp_path / "numpy").symlink_to(Path(np.__file__).parent)
    # Without site-packages (-S) there is no other cnnkit; `numpy` is taken from this folder.
    done = python(tmp_path, "-S", "-c", "import cnnkit.ops; cnnkit.ops.isa()")
    assert "cnnkit._core: cannot be loaded" in done.stderr
    assert "Install cnnkit with `pip install .`." in done.stderr
