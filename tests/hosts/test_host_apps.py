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

from cnnkit.data.dataset import Dataset, Split
from cnnkit.formats.options import Options
from cnnkit.formats.registry import FORMATS
from cnnkit.graph.architecture import Architecture, Block
from cnnkit.graph.weights import Weights
from cnnkit.verify.reference import reference_logits

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


@pytest.fixture(scope="module")
def other_inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a check reads, of a network of another size that needs more than 64 KB of stack."""
    folder = tmp_path_factory.mktemp("other size")
    architecture = Architecture((1, 32, 20), (Block(64), Block(64)), 3)
    names = ["pear", "größte Birne", "100% plum: ripe"]
    weights = Weights.of(architecture, architecture.initial_parameters(5), {"names": names})
    images = np.random.default_rng(1).integers(0, 256, (20, 1, 32, 20), np.uint8)
    split = Split(images, np.arange(20) % 3)
    data = Dataset("noise", split, split, tuple(names), {}, "")
    for form in ("onnx", "torchscript", "c"):
        for suffix, content in FORMATS[form].write(weights, Options(data, stem="mnist")).items():
            (folder / f"mnist{suffix}").write_bytes(content)
    np.save(folder / "images.npy", images)
    np.save(folder / "labels.npy", reference_logits(weights, images)[0].argmax(axis=1))
    (folder / "names.txt").write_text("".join(f"{name}\n" for name in names), "utf-8")
    return folder


@pytest.mark.parametrize("check", CHECKS, ids=lambda path: str(path.parent.relative_to(EXPORT)))
def test_a_host_takes_networks_of_any_size_and_stack(
    run: Run, check: Path, other_inputs: Path
) -> None:
    done = run(check, other_inputs)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "20 pictures, 0 with another label" in done.stdout


@pytest.fixture
def copied(other_inputs: Path, tmp_path: Path) -> Callable[[str], Path]:
    """Copy a host app of the C format with the network of another size; return the folder."""

    def copied(host: str) -> Path:
        folder = tmp_path / host
        shutil.copytree(EXPORT / "c" / host, folder)
        for file in ("mnist.c", "mnist.h"):
            shutil.copy(other_inputs / file, folder)
        height, width = 32, 20
        (folder / "one.pgm").write_bytes(b"P5\n%d %d\n255\n" % (width, height) + bytes(640))
        return folder

    return copied


def test_an_overflow_of_the_stack_stops_webassembly(copied: Callable[[str], Path]) -> None:
    folder = copied("wasm")
    subprocess.run(["make", "-s", "SELF_TEST=", "STACK=16384"], cwd=folder, check=True)
    command = ["node", "classify.mjs", "mnist.wasm", "one.pgm"]
    done = subprocess.run(command, cwd=folder, text=True, capture_output=True, check=False)
    assert done.returncode != 0
    assert "memory access out of bounds" in done.stderr
    assert not done.stdout


def test_an_overflow_of_the_stack_stops_the_firmware(copied: Callable[[str], Path]) -> None:
    folder = copied("cortex-m")
    subprocess.run(["make", "-s", "STACK=16384"], cwd=folder, check=True)
    done = subprocess.run(
        ["./classify.sh", "one.pgm"], cwd=folder, text=True, capture_output=True, check=False
    )
    assert done.returncode != 0
    assert "the processor stopped: a fault" in done.stderr


@pytest.mark.parametrize("memory", ["FLASH=128K", "RAM=48K"])
def test_firmware_that_does_not_fit_the_board_does_not_link(
    copied: Callable[[str], Path], memory: str
) -> None:
    command = ["make", "-s", memory]
    done = subprocess.run(
        command, cwd=copied("cortex-m"), text=True, capture_output=True, check=False
    )
    assert done.returncode != 0
    assert f"region `{memory.split('=')[0]}' overflowed" in done.stderr


@pytest.mark.parametrize("check", CHECKS, ids=lambda path: str(path.parent.relative_to(EXPORT)))
def test_a_check_fails_when_one_label_differs(
    run: Run, check: Path, host_inputs: Path, tmp_path: Path
) -> None:
    shutil.copytree(host_inputs, tmp_path / "wrong")
    images, labels = (np.load(host_inputs / f"{name}.npy")[:100] for name in ("images", "labels"))
    labels[-1] = (labels[-1] + 1) % 10
    np.save(tmp_path / "wrong" / "images.npy", images)
    np.save(tmp_path / "wrong" / "labels.npy", labels)
    done = run(check, tmp_path / "wrong")
    assert done.returncode == 1
    assert "100 pictures, 1 with another label" in done.stdout


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
