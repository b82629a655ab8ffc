"""Every host app under export/ predicts PyTorch's labels for 1,000 real test images."""

from __future__ import annotations

import ast
import io
import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from support.corruptions import DAMAGES

from cnnkit.formats.registry import FORMATS

Run = Callable[[Path, Path], subprocess.CompletedProcess[str]]
EXPORT = Path(__file__).parents[2] / "export"
CHECKS = sorted(EXPORT.glob("*/*/check.sh"))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Run a check on a folder; each host app is built once."""
    builds = tmp_path_factory.mktemp("builds")

    def run(check: Path, folder: Path) -> subprocess.CompletedProcess[str]:
        build = builds / "-".join(check.parent.parts[-2:])
        build.mkdir(exist_ok=True)
        return subprocess.run(
            [check, folder],
            env={**os.environ, "PYTHON": sys.executable, "BUILD": str(build)},
            text=True,
            capture_output=True,
            check=False,
        )

    return run


def test_there_are_hosts() -> None:
    assert CHECKS


@pytest.mark.parametrize("check", CHECKS, ids=lambda path: str(path.parent.relative_to(EXPORT)))
def test_a_host_gives_pytorchs_labels(run: Run, check: Path, host_inputs: Path) -> None:
    done = run(check, host_inputs)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1000 pictures, 0 with another label" in done.stdout


@pytest.mark.parametrize("check", CHECKS, ids=lambda path: str(path.parent.relative_to(EXPORT)))
def test_a_check_fails_when_one_label_differs(
    run: Run, check: Path, host_inputs: Path, tmp_path: Path
) -> None:
    shutil.copytree(host_inputs, tmp_path / "wrong")
    labels = np.load(host_inputs / "labels.npy")
    labels[-1] = (labels[-1] + 1) % 10
    np.save(tmp_path / "wrong" / "labels.npy", labels)
    done = run(check, tmp_path / "wrong")
    assert done.returncode == 1
    assert "1 with another label" in done.stdout


# A golden label, in each format's own spelling, changed to another one.
def with_a_wrong_label(format: str, content: bytes) -> bytes:
    if format == "onnx":
        return DAMAGES["onnx"]["another golden label"](content)
    if format == "c":
        return DAMAGES["c"]["another golden label"](content)
    source, target = io.BytesIO(content), io.BytesIO()
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for item in old.infolist():
            data = old.read(item)
            if item.filename.endswith("metadata.json"):
                values = json.loads(data)
                labels = json.loads(values["cnnkit.golden.labels"])
                labels[0] = (labels[0] + 1) % 10
                values["cnnkit.golden.labels"] = json.dumps(labels)
                data = json.dumps(values).encode()
            new.writestr(item, data)
    return target.getvalue()


@pytest.mark.parametrize("check", CHECKS, ids=lambda path: str(path.parent.relative_to(EXPORT)))
def test_a_host_refuses_an_artefact_that_fails_its_self_test(
    run: Run, check: Path, host_inputs: Path, tmp_path: Path
) -> None:
    shutil.copytree(host_inputs, tmp_path / "wrong")
    format = check.parts[-3]
    artefact = tmp_path / "wrong" / f"mnist{FORMATS[format].suffix}"
    artefact.write_bytes(with_a_wrong_label(format, artefact.read_bytes()))
    done = run(check, tmp_path / "wrong")
    assert done.returncode != 0
    assert "self-test failed: 1 " in done.stderr


def test_nothing_under_export_imports_cnnkit_or_pytorch() -> None:
    for source in EXPORT.glob("**/*.py"):
        for node in ast.walk(ast.parse(source.read_text())):
            names = [alias.name for alias in getattr(node, "names", []) if hasattr(alias, "name")]
            names.append(getattr(node, "module", None) or "")
            assert not {name.split(".")[0] for name in names} & {"cnnkit", "torch"}, source


def test_every_host_has_a_readme_and_a_row_in_the_table() -> None:
    table = (EXPORT / "README.md").read_text()
    for check in CHECKS:
        assert (check.parent / "README.md").is_file()
        assert f"({check.parent.relative_to(EXPORT)})" in table


def test_the_python_host_refuses_a_picture_of_another_size(
    host_inputs: Path, tmp_path: Path
) -> None:
    from PIL import Image

    Image.new("L", (30, 28)).save(tmp_path / "wide.png")
    program = EXPORT / "onnx" / "python" / "classify.py"
    done = subprocess.run(
        [sys.executable, program, host_inputs / "mnist.onnx", tmp_path / "wide.png"],
        text=True,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 2
    assert "is 30x28, not 28x28 pixels" in done.stderr
