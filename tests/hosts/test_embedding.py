"""`cnnkit embed` copies a host app with the user's network, and the app passes its own check."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.in_process import in_process
from support.quantised import images_of, mixed_network

from cnnkit.data.dataset import Dataset, Split
from cnnkit.errors import InputError, StorageError
from cnnkit.formats.c.source import read_c
from cnnkit.formats.detect import detect
from cnnkit.formats.onnx.model import to_model
from cnnkit.formats.onnx.quantize import write_onnx_int8
from cnnkit.formats.onnx.session import open_session
from cnnkit.formats.options import Options
from cnnkit.graph.architecture import Architecture, Block
from cnnkit.graph.builder import Builder
from cnnkit.graph.convnet import INPUT, LOGITS
from cnnkit.graph.networks import separable
from cnnkit.graph.quantised import quantise, run_integers
from cnnkit.graph.weights import Weights
from cnnkit.hosts.apps import hosts
from cnnkit.hosts.embedding import embed

NAMES = ["nought", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]


@pytest.mark.parametrize("host", ["python", "node"])
def test_an_embedded_host_passes_its_own_check(
    trained: Weights, mnist: Dataset, tmp_path: Path, host: str
) -> None:
    folder = tmp_path / "my äpp"
    named = replace(trained, metadata={**trained.metadata, "names": NAMES})
    assert embed(named, "onnx", host, folder, mnist).passed
    done = subprocess.run(
        [folder / "check.sh", *([folder / "check"] if host == "node" else [])],  # the default
        env={**os.environ, "PYTHON": sys.executable},
        text=True,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1000 pictures, 0 with another label" in done.stdout


def test_an_embedded_host_speaks_the_networks_own_labels(
    monkeypatch: pytest.MonkeyPatch, trained: Weights, few: Dataset, tmp_path: Path
) -> None:
    in_process(monkeypatch, "isolated")
    from PIL import Image

    named = replace(trained, metadata={**trained.metadata, "names": NAMES})
    embed(named, "onnx", "python", tmp_path / "app", few)
    Image.fromarray(few.test.images[0, 0]).save(tmp_path / "digit.png")
    program = [sys.executable, tmp_path / "app" / "classify.py", tmp_path / "app" / "mnist.onnx"]
    said = subprocess.check_output([*program, tmp_path / "digit.png"], text=True)
    assert said.split()[1] in NAMES


@pytest.mark.parametrize(("format", "host"), hosts())
def test_every_host_is_copied_whole(
    monkeypatch: pytest.MonkeyPatch,
    trained: Weights,
    few: Dataset,
    tmp_path: Path,
    format: str,
    host: str,
) -> None:
    in_process(monkeypatch, "isolated")
    folder = tmp_path / "app"
    embed(trained, format, host, folder, few)
    assert {"README.md", "check.sh", "check"} <= {file.name for file in folder.iterdir()}
    assert not any(file.is_symlink() for file in folder.rglob("*"))
    assert not list(folder.rglob("__pycache__"))
    for readme in folder.glob("*.md"):
        assert "](../" not in readme.read_text()
    assert not list(tmp_path.glob(".*"))


def passes_its_check(app: Path, pictures: int, **variables: str) -> None:
    done = subprocess.run(
        [app / "check.sh", app / "check"],
        env={**os.environ, "PYTHON": sys.executable, **variables},
        text=True,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{pictures} pictures, 0 with another label" in done.stdout


@pytest.mark.parametrize("host", ["python", "web"])
def test_a_network_of_colour_pictures_is_embedded(host: str, tmp_path: Path) -> None:
    architecture = Architecture((3, 12, 16), (Block(4),), 3)
    weights = Weights.of(architecture, architecture.initial_parameters(1), {"names": list("abc")})
    images = np.random.default_rng(2).integers(0, 256, (30, *architecture.input), np.uint8)
    split = Split(images, np.arange(30) % 3)
    data = Dataset("fruit", split, split, ("a", "b", "c"), {}, "")
    embed(weights, "onnx", host, tmp_path / "app", data)
    passes_its_check(tmp_path / "app", 30)


def test_an_unknown_host_lists_the_known_ones(
    trained: Weights, few: Dataset, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="--format onnx --host python"):
        embed(trained, "onnx", "abacus", tmp_path / "app", few)
    assert not list(tmp_path.iterdir())


def test_a_folder_with_something_in_it_is_not_touched(
    trained: Weights, few: Dataset, tmp_path: Path
) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(InputError, match="is not an empty folder"):
        embed(trained, "onnx", "python", tmp_path, few)
    assert [file.name for file in tmp_path.iterdir()] == ["mine.txt"]


def test_a_place_that_cannot_be_written_is_a_storage_error(
    trained: Weights, few: Dataset, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="cannot be written"):
        embed(trained, "onnx", "python", tmp_path / "file" / "app", few)


def test_the_command_line_says_how_to_check(
    cli: Callable[..., Any], weights_file: Path, small_data: Path, tmp_path: Path
) -> None:
    words = (
        "embed",
        "--host",
        "onnx/python",
        "-o",
        tmp_path / "my app",
        weights_file,
        "--data",
        small_data,
    )
    done = cli(*words)
    assert done.exit_code == 0, done.stderr
    printed = next(line for line in done.stdout.splitlines() if line.startswith("check "))
    checked = subprocess.run(
        printed.removeprefix("check "), shell=True, text=True, capture_output=True, check=False
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
    again = cli(*words[:4], tmp_path / "other", *words[5:], "--json")
    assert json.loads(again.stdout)["folder"] == str(tmp_path / "other")


def separable_network(folder: Path, form: str, host: str) -> Path:
    """Return the folder of a host with a network of depthwise layers."""
    net = Builder((3, 8, 6))
    x = separable(net, net.unit(net.pixels, "stem", 8, 3, stride=2), "separable", 12)
    weights = Weights(net.classifier(net.add("GlobalAveragePool", "average", [x]), 3), {})
    images = np.random.default_rng(2).integers(0, 256, (20, 3, 8, 6), np.uint8)
    split = Split(images, np.arange(20) % 3)
    data = Dataset("fruit", split, split, ("a", "b", "c"), {}, "")
    embed(weights, form, host, folder, data)
    return folder


@pytest.mark.parametrize("host", ["cortex-m", "wasm"])
def test_a_network_beyond_the_family_runs_in_c_hosts(host: str, tmp_path: Path) -> None:
    passes_its_check(separable_network(tmp_path / "app", "c", host), 20)


@pytest.mark.parametrize("host", ["c", "cpp", "cortex-m", "npm", "wasm"])
def test_a_network_in_8_bits_runs_in_every_c_host(host: str, tmp_path: Path) -> None:
    passes_its_check(separable_network(tmp_path / "app", "c-int8", host), 20)


@pytest.mark.parametrize("form", ["c", "c-int8"])
def test_a_file_of_c_is_embedded_as_what_it_is(
    cli: Callable[..., Any], form: str, tmp_path: Path
) -> None:
    source = separable_network(tmp_path / "app", form, "c") / "mnist.c"
    done = cli("embed", source, "--host", "c", "-o", tmp_path / "again", "--json")
    assert done.exit_code == 0, done.stderr
    again = tmp_path / "again" / "mnist.c"
    assert detect(again) == form
    held, expected = (read_c(path).weights.graph.tensors for path in (again, source))
    assert held.keys() == expected.keys()
    for name, array in expected.items():
        np.testing.assert_array_equal(held[name], array)
    passes_its_check(tmp_path / "again", len(np.load(tmp_path / "again" / "check" / "labels.npy")))


@pytest.mark.parametrize("whose", ["ours", "another tool's"])
def test_an_onnx_file_in_8_bits_is_embedded_in_c_as_it_is(
    cli: Callable[..., Any], whose: str, tmp_path: Path
) -> None:
    images = images_of(20)
    split = Split(images, np.arange(20) % 5)
    data = Dataset("drawn", split, split, tuple("abcde"), {}, "drawn")
    content = to_model(quantise(mixed_network(), images, calibration=20).graph, 17)
    path = tmp_path / "net.onnx"
    path.write_bytes(
        write_onnx_int8(Weights(mixed_network(), {}), Options(data))[".int8.onnx"]
        if whose == "ours"
        else content.SerializeToString()
    )
    done = cli("embed", path, "--host", "c", "-o", tmp_path / "app", "--json")
    assert done.exit_code == 0, done.stderr
    source = tmp_path / "app" / "mnist.c"
    assert detect(source) == "c-int8"
    (logits,) = open_session(path.read_bytes()).run([LOGITS], {INPUT: images})
    np.testing.assert_array_equal(run_integers(read_c(source).weights.graph, images), logits)
    passes_its_check(tmp_path / "app", len(np.load(tmp_path / "app" / "check" / "labels.npy")))


def test_what_lies_beside_a_model_is_not_taken_for_it(
    cli: Callable[..., Any], artefacts: dict[str, Path], tmp_path: Path
) -> None:
    source = artefacts["c-int8"]
    for beside, said in (
        (
            source.with_suffix(".h"),
            f"is the header of a model. Name the source beside it, {source}",
        ),
        (Path(f"{source}.md"), "is a model card, not a model. Name the file that it describes"),
    ):
        done = cli("embed", beside, "--host", "c", "-o", tmp_path / "app")
        assert done.exit_code == 2
        assert said.replace(str(source), source.name) in done.stderr


def test_a_host_of_another_format_is_named_as_it_is_typed(
    cli: Callable[..., Any], weights_file: Path, tmp_path: Path
) -> None:
    done = cli("embed", weights_file, "--host", "wasm", "-o", tmp_path / "app")
    assert done.exit_code == 2
    assert "--host wasm: is not a host app for the format onnx" in done.stderr
    assert "`--format c --host wasm`" in done.stderr


def test_firmware_runs_on_the_processor_that_make_is_told(tmp_path: Path) -> None:
    app, build = separable_network(tmp_path / "app", "c-int8", "cortex-m"), tmp_path / "build"
    build.mkdir()
    for processor in ("cortex-m3", "cortex-m7", "cortex-m55"):
        passes_its_check(app, 20, CPU=processor, BUILD=str(build))
    done = subprocess.run(["make", "-s", "CPU=cortex-m33"], cwd=build, check=False)
    assert done.returncode == 0
    done = subprocess.run(["./classify.sh"], cwd=build, text=True, capture_output=True, check=False)
    assert done.returncode == 2
    assert "QEMU has no board for cortex-m33" in done.stderr
