"""Who may import whom, and when: the layers, the compiled extension, imports inside functions."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support.imports import LazyImport, Sources, anywhere, closure, lazy_imports, read

ROOT = Path(__file__).parents[2]
SOURCES = read(ROOT / "cnnkit")
CONTRACTS = ("layers", "acyclic", "formats", "graph")

EXTENSION = "cnnkit._core"
MAY_USE_THE_EXTENSION = (
    "cnnkit.ops",
    "cnnkit.runtimes.convnet",
    "cnnkit.train.engines.native",
    "cnnkit.bench",
)

# Packages that take long to load, or that not every installation has.
HEAVY = {
    *("torch", "torchvision", "onnx", "onnxruntime", "matplotlib", "ray", "rich", "typer", "PIL"),
    *("cv2", "jax", "ncnn", "openvino", "safetensors", "tract"),
}
# Modules whose functions load the rest when they are called, and why.
LOAD_WHEN_CALLED = {
    "cnnkit.cli": "`cnnkit --help` waits for none of the verbs",
    **dict.fromkeys(
        {
            name
            for name in anywhere(SOURCES["cnnkit.formats.registry"], SOURCES)
            if name.startswith("cnnkit.formats.") and name != "cnnkit.formats.base"
        },
        "rows of the table of formats: one file is read, not every format's",
    ),
    "cnnkit.train.config": "`cnnkit train --help` shows its defaults without NumPy",
    "cnnkit.runtimes.native": "a convnet opens without the code that lowers other graphs",
    "cnnkit.runtimes.classifier": "`cnnkit.load` needs none of the other runtimes",
}
# The version is looked up in the installation's metadata, not in a module.
NO_MODULE = {"cnnkit"}


# Without the finder of an editable installation, which would lead past the current folder.
LINTER = """
import sys
from importlib.machinery import BuiltinImporter, FrozenImporter, PathFinder
sys.meta_path[:] = BuiltinImporter, FrozenImporter, PathFinder
from importlinter.cli import lint_imports_command
lint_imports_command()
"""


def lint(folder: Path, contract: str) -> subprocess.CompletedProcess[str]:
    """Hold the package that lies in `folder` to one contract of the pyproject.toml there."""
    return subprocess.run(
        [sys.executable, "-c", LINTER, "--no-cache", "--contract", contract],
        cwd=folder, text=True, capture_output=True, check=False,
    )  # fmt: skip


def users(wanted: str, sources: Sources) -> set[str]:
    """Return the modules that import `wanted`, whenever they do."""
    known = {**sources, EXTENSION: ast.Module([], [])}
    return {name for name, tree in sources.items() if wanted in anywhere(tree, known)}


def within(name: str, places: tuple[str, ...] | dict[str, str]) -> bool:
    return any(name == place or name.startswith(f"{place}.") for place in places)


def heavy(name: str, sources: Sources) -> set[str]:
    return {module.partition(".")[0] for module in closure(name, sources)} & HEAVY


def weightless(sources: Sources) -> set[LazyImport]:
    """Return the imports inside functions that spare no package which the module would load."""
    own = (
        lazy
        for name in sources
        if not within(name, LOAD_WHEN_CALLED)
        for lazy in lazy_imports(name, sources)
        if lazy.target in sources and lazy.target not in NO_MODULE
    )
    return {lazy for lazy in own if heavy(lazy.target, sources) <= heavy(lazy.module, sources)}


@pytest.mark.parametrize("contract", CONTRACTS)
def test_the_contract_on_imports_is_kept(contract: str) -> None:
    done = lint(ROOT, contract)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_contract_notices_what_it_forbids(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "cnnkit", tmp_path / "cnnkit")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for module, line in {
        "errors.py": "import cnnkit.plots",
        "data/idx.py": "import cnnkit.data.dataset",
        "formats/c/__init__.py": "import cnnkit.formats.onnx",
        "graph/__init__.py": "import torch",
    }.items():
        with (tmp_path / "cnnkit" / module).open("a") as file:
            file.write(f"\ndef late():\n    {line}\n")
    (tmp_path / "cnnkit" / "homeless").mkdir()
    (tmp_path / "cnnkit" / "homeless" / "__init__.py").touch()
    for contract in CONTRACTS:
        done = lint(tmp_path, contract)
        assert done.returncode == 1, contract + done.stdout + done.stderr
    assert "homeless" in lint(tmp_path, "layers").stdout


def test_the_extension_is_imported_only_where_it_may_be() -> None:
    found = users(EXTENSION, SOURCES)
    assert {name for name in found if not within(name, MAY_USE_THE_EXTENSION)} == set()
    assert all(any(within(name, (place,)) for name in found) for place in MAY_USE_THE_EXTENSION)


@pytest.mark.parametrize(
    "line", ["from cnnkit import _core", "import cnnkit._core", "from cnnkit._core import Network"]
)
@pytest.mark.parametrize("where", ["{}", "def late():\n    {}", "if TYPE_CHECKING:\n    {}"])
def test_an_import_of_the_extension_is_seen_in_any_form(line: str, where: str) -> None:
    sources = {"cnnkit.graph.x": ast.parse(where.format(line))}
    assert users(EXTENSION, sources) == {"cnnkit.graph.x"}


def test_imports_wait_inside_functions_for_weight_alone() -> None:
    assert weightless(SOURCES) == set()


def test_an_import_that_waits_without_spare_is_seen() -> None:
    sources = {
        "cnnkit.light": ast.parse("import numpy"),
        "cnnkit.drawing": ast.parse("from cnnkit.light import x\nimport matplotlib"),
        "cnnkit.good": ast.parse("def f():\n    from cnnkit.drawing import y"),
        "cnnkit.bad": ast.parse("def f():\n    from cnnkit.light import x"),
        "cnnkit.late": ast.parse("import matplotlib\ndef f():\n    from cnnkit import drawing"),
        "cnnkit.cli.verb": ast.parse("def f():\n    from cnnkit.light import x"),
        "cnnkit.typed": ast.parse("if TYPE_CHECKING:\n    from cnnkit.light import x"),
        "cnnkit": ast.parse(""),
    }
    assert {lazy.module for lazy in weightless(sources)} == {"cnnkit.bad", "cnnkit.late"}


def test_every_exception_is_needed() -> None:
    for place in LOAD_WHEN_CALLED:
        assert any(
            heavy(lazy.target, SOURCES) <= heavy(name, SOURCES)
            for name in SOURCES
            if within(name, (place,))
            for lazy in lazy_imports(name, SOURCES)
            if lazy.target in SOURCES
        )
