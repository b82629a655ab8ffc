"""What every package shows of itself, and what importing cnnkit costs."""

from __future__ import annotations

import importlib
import pkgutil
import pydoc
import re
import subprocess
import sys
from pathlib import Path

import pytest

import cnnkit

FOLDER = Path(__file__).parents[2] / "cnnkit"
PACKAGES = sorted(
    ".".join(file.relative_to(FOLDER.parent).parent.parts) for file in FOLDER.rglob("__init__.py")
)
NEVER = {"torch", "torchvision", "onnx", "onnxruntime", "matplotlib", "ray"}

# What a person's first line loads: the parts of cnnkit that it may, and other packages of weight.
READING = {"_core", "errors", "formats", "graph", "lazy", "runs", "runtimes", "system"}
LOADED: dict[str, tuple[set[str], set[str]]] = {
    "cnnkit": ({"lazy"}, set()),
    "cnnkit.load": (READING, set()),
    "cnnkit.load_dataset": ({"data", "errors", "lazy", "system"}, {"rich"}),
    "cnnkit.ops.conv_relu_pool": ({"_core", "errors", "lazy", "ops"}, set()),
    "cnnkit.ort_custom_ops": ({"_core", "errors", "lazy", "ops"}, set()),
}
# What reading an ONNX file and a prediction have no use for.
UNUSED = {
    *("safetensors", "zipfile", "shutil", "secrets", "random", "threading"),
    *("cnnkit.formats.checkpoint", "cnnkit.formats.golden_vectors", "cnnkit.graph.reference"),
    *("cnnkit.graph.passes.order", "cnnkit.runtimes.model", "cnnkit.runtimes.loader"),
}
# Packages of others that take a noticeable time: tens of milliseconds.
SLOW = NEVER | {"PIL", "rich", "safetensors", "typer"}


def loaded_by(name: str, call: str = "") -> set[str]:
    """Return the modules that a fresh Python holds once it has looked up a dotted name."""
    code = f"import pkgutil, sys; pkgutil.resolve_name({name!r}){call}; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], text=True, capture_output=True, check=True, cwd="/"
    )
    return set(done.stdout.split())


def without_code(text: str) -> str:
    return re.sub(r"`[^`]*`", "such", text)  # its points end no sentence


@pytest.mark.parametrize("name", PACKAGES)
def test_a_package_says_in_one_sentence_what_it_is_for(name: str) -> None:
    text = importlib.import_module(name).__doc__
    assert text, f"{name} has no docstring"
    # Points end the sentence, or stand inside a word such as torch.export.
    assert re.fullmatch(r"([^.]|[.](?=\w))+[.]", without_code(text.partition("\n")[0]))


@pytest.mark.parametrize("name", PACKAGES)
def test_a_package_lists_its_public_names(name: str) -> None:
    package = importlib.import_module(name)
    public = package.__all__
    assert public, f"{name} offers nothing"
    assert sorted(public) == sorted(set(public))
    assert {word for word in dir(package) if not word.startswith("__")} == {
        word for word in public if not word.startswith("__")
    }
    for word in public:
        assert getattr(package, word) is not None
    with pytest.raises(AttributeError, match=f"{name!r} has no attribute 'nothing'"):
        _ = package.nothing


@pytest.mark.parametrize("name", [name for name in PACKAGES if name != "cnnkit"])
def test_no_public_name_is_also_a_module_which_would_take_its_place(name: str) -> None:
    package = importlib.import_module(name)
    modules = {module.name for module in pkgutil.iter_modules(package.__path__)}
    assert modules & set(package.__all__) == set()


@pytest.mark.parametrize("name", PACKAGES)
def test_help_shows_the_public_names_of_a_package(name: str) -> None:
    package = importlib.import_module(name)
    page = pydoc.plain(pydoc.render_doc(package))
    for word in package.__all__:
        assert word.strip("_") in page.lower() if word == "__version__" else word in page


def test_help_works_without_pytorch_and_leaves_out_what_needs_it() -> None:
    code = """
import sys
from importlib.machinery import PathFinder
find = PathFinder.find_spec
PathFinder.find_spec = lambda name, *rest: None if name == "torch" else find(name, *rest)
import pydoc, cnnkit, cnnkit.nn
print(pydoc.plain(pydoc.render_doc(cnnkit)), dir(cnnkit.nn))
"""
    done = subprocess.run([sys.executable, "-c", code], text=True, capture_output=True, check=True)
    assert "load_dataset(" in done.stdout
    assert " fuse(" not in done.stdout
    assert done.stdout.endswith("[]\n")


def test_the_public_names_of_cnnkit_are_these() -> None:
    functions = ["fuse", "load", "load_dataset", "ort_custom_ops"]
    packages = ["data", "evaluation", "export", "nn", "ops", "runtimes", "train", "verify"]
    assert dir(cnnkit) == ["__version__", *sorted(functions + packages)]
    assert cnnkit.__version__.count(".") == 2


def test_importing_cnnkit_is_enough_for_its_public_packages() -> None:
    code = "import cnnkit; print(cnnkit.export.export.__name__, cnnkit.train.TrainConfig().epochs)"
    done = subprocess.run([sys.executable, "-c", code], text=True, capture_output=True, check=True)
    assert done.stdout == "export 30\n"


@pytest.mark.parametrize("name", LOADED)
def test_a_name_loads_only_what_it_needs(name: str) -> None:
    parts, others = LOADED[name]
    modules = loaded_by(name)
    assert {m.split(".")[1] for m in modules if m.startswith("cnnkit.")} <= parts
    assert {m for m in modules if m in SLOW} <= others


def test_reading_an_onnx_file_loads_only_what_it_needs() -> None:
    file = FOLDER.parent / "export" / "reference" / "mnist.onnx"
    modules = loaded_by(
        "cnnkit.load", f"({str(file)!r})(__import__('numpy').zeros((28, 28), 'u1'))"
    )
    assert {m.split(".")[1] for m in modules if m.startswith("cnnkit.")} <= READING
    assert modules & (UNUSED | SLOW) == set()
    assert len([m for m in modules if m.startswith("cnnkit.")]) < 92


@pytest.mark.parametrize("name", PACKAGES)
def test_importing_a_package_imports_no_framework(name: str) -> None:
    assert not loaded_by(name) & NEVER
