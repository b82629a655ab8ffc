"""The pages of the documentation: what they tell a reader to type works, and they fit together."""

from __future__ import annotations

import importlib
import pkgutil
import re
import runpy
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from support.checkout import ROOT
from support.in_process import in_process
from support.snippets import blocks, run_page

from cnnkit.cli import app
from cnnkit.data.dataset import Dataset

DOCS = ROOT / "docs"
PAGES = sorted(page.relative_to(DOCS).as_posix() for page in DOCS.rglob("*.md"))
GENERATED = "reference/commands.md"
# Pages whose blocks run in a test below; the other pages have none that could.
RUN = {
    *("start.md", "models.md", "data.md", "operator.md", "reference/api.md"),
    *("tutorials/firmware.md", "tutorials/pytorch.md", "tutorials/onnx.md"),
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    in_process(monkeypatch, "isolated")
    return tmp_path


@pytest.fixture
def with_run(folder: Path, trained_run: Path, mnist: Dataset) -> Path:
    """A folder in which training and export are done, with a picture of a digit."""
    shutil.copytree(trained_run, folder / "runs" / "train" / "mnist-1")
    reference = folder / "runs" / "train" / "reference"
    reference.mkdir()
    shutil.copy(ROOT / "export" / "reference" / "weights.safetensors", reference)
    picture = np.kron(255 - mnist.test.images[0, 0], np.ones((8, 8), dtype=np.uint8))
    Image.fromarray(picture).save(folder / "my-digit.png")
    shutil.copy(ROOT / "export" / "reference" / "mnist.onnx", folder)
    return folder


def draw_signs(folder: Path, count: int) -> None:
    """Write pictures of three classes that a small network tells apart."""
    random = np.random.default_rng(0)
    for name, column in (("left", 4), ("right", 28), ("stop", 16)):
        (folder / "signs" / name).mkdir(parents=True)
        for index in range(count):
            pixels = random.integers(0, 60, (40, 48, 3), np.uint8)
            row = random.integers(5, 15)
            pixels[row : row + 16, column : column + 16, : 1 if name == "stop" else 3] += 180
            Image.fromarray(pixels).save(folder / "signs" / name / f"{index}.png")


def test_the_first_five_minutes_work(with_run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # README's test trains and exports.
    done = {"cnnkit train", "cnnkit export --format onnx -o mnist.onnx"}
    assert run_page(DOCS / "start.md", with_run, monkeypatch, done) == 4


def test_a_model_is_used_as_its_page_says(with_run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run_page(DOCS / "models.md", with_run, monkeypatch) == 2


def test_own_data_is_trained_on_as_its_page_says(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw_signs(folder, 5)
    assert run_page(DOCS / "data.md", folder, monkeypatch) == 1


def test_pictures_become_firmware(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    draw_signs(folder, 12)
    assert run_page(DOCS / "tutorials" / "firmware.md", folder, monkeypatch) == 5
    assert {"signs.c", "signs.h", "firmware"} <= {path.name for path in folder.iterdir()}


def test_a_module_becomes_a_file_an_app_and_a_page(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run_page(DOCS / "tutorials" / "pytorch.md", folder, monkeypatch) == 6
    assert (folder / "net.onnx").read_bytes() == (folder / "again.onnx").read_bytes()
    assert (folder / "page" / "check.sh").is_file()


def write_elsewhere(path: Path) -> None:
    """Write an ONNX file as PyTorch's example would: normalised floats, dropout left out."""
    from onnx import TensorProto
    from support.small_onnx import node, save

    random = np.random.default_rng(0)
    tensors: dict[str, Any] = {
        "w": random.normal(0, 0.3, (8, 1, 3, 3)).astype(np.float32),
        "a": random.normal(0, 0.05, (10, 1352)).astype(np.float32),
        "b": np.zeros(10, np.float32),
    }
    nodes = [
        node("Conv", ["image", "w"], ["c"], kernel_shape=[3, 3]),
        node("Relu", ["c"], ["r"]),
        node("MaxPool", ["r"], ["p"], kernel_shape=[2, 2], strides=[2, 2]),
        node("Flatten", ["p"], ["f"]),
        node("Gemm", ["f", "a", "b"], ["scores"], transB=1),
    ]
    save(path, nodes, {"image": (TensorProto.FLOAT, ["N", 1, 28, 28])}, ["scores"], tensors)


def test_a_file_from_elsewhere_is_measured_proven_and_embedded(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_elsewhere(folder / "elsewhere.onnx")
    assert run_page(DOCS / "tutorials" / "onnx.md", folder, monkeypatch) == 6
    assert (folder / "program" / "check.sh").is_file()


def test_the_operators_page_works(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run_page(DOCS / "operator.md", folder, monkeypatch) == 2


def test_no_page_has_a_block_that_nothing_runs() -> None:
    for name in set(PAGES) - RUN - {GENERATED}:
        found = [b for b in blocks(DOCS / name) if b.language in ("sh", "python")]
        assert found == [], f"{name}: {found}"


def test_every_page_is_in_the_navigation_and_nothing_else_is() -> None:
    listed = re.findall(r"^ +- .+: (\S+\.md)$", (ROOT / "mkdocs.yml").read_text(), re.MULTILINE)
    assert sorted({*listed}) == sorted({*PAGES, GENERATED})
    assert len(listed) == len({*listed})


def test_links_between_pages_and_files_lead_somewhere() -> None:
    names = ("README", "CONTRIBUTING", "SECURITY", "CODE_OF_CONDUCT")
    pages = [*(ROOT / f"{name}.md" for name in names), *DOCS.rglob("*.md")]
    dead = [
        f"{page.name}: {link}"
        for page in pages
        for link in re.findall(r"\]\(([^)#\s]+)", page.read_text("utf-8"))
        if "://" not in link and not (page.parent / link).exists()
    ]
    assert [each for each in dead if GENERATED not in f"reference/{each}"] == []


def test_the_reference_of_commands_has_all_of_them(tmp_path: Path) -> None:
    page = runpy.run_path(str(DOCS / "make_commands.py"))["reference"]()
    for command in app.registered_commands:
        name = command.name or (command.callback.__name__ if command.callback else "")
        assert f"\n## `cnnkit {name}`\n" in page
    for words in ("data check", "runs compare", "--verbose", "--allow-near-ties"):
        assert words in page


def test_the_reference_of_python_names_what_is_public() -> None:
    text = (DOCS / "reference" / "api.md").read_text()
    found = re.findall(r"^::: (\S+)\n    options:\n      heading: (\S+)$", text, re.MULTILINE)
    assert len(found) > 20
    for home, public in found:
        package, _, name = public.rpartition(".")
        module = importlib.import_module(package)
        assert name in module.__all__, public
        assert getattr(module, name) is pkgutil.resolve_name(home), public


def test_a_dead_link_of_the_built_site_is_found(tmp_path: Path) -> None:
    dead_links = runpy.run_path(str(DOCS / "check_links.py"))["dead_links"]
    (tmp_path / "a").mkdir()
    links = "<a href='../'>x</a><a href='../#here'>x</a><a href='#no'>x</a><img src='b.png'>"
    (tmp_path / "a" / "index.html").write_text(links)
    (tmp_path / "index.html").write_text("<h1 id='here'>x</h1><a href='https://other'>x</a>")
    assert dead_links(tmp_path) == ["a/index.html: #no (no such anchor)", "a/index.html: b.png"]
