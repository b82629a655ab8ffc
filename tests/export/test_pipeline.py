"""An export keeps only what is proven, and says what went wrong otherwise."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.corruptions import DAMAGES, Damage
from support.in_process import in_process

from cnnkit.data.dataset import Dataset
from cnnkit.errors import VerdictError
from cnnkit.export.pipeline import export
from cnnkit.formats.options import Options
from cnnkit.formats.registry import FORMATS
from cnnkit.graph.weights import Weights

# The whole way through a fresh process, which takes PyTorch seconds to start.
EXPORTED = ["a flipped weight", "swapped outputs", "missing scaling", "a frozen batch axis"]
DAMAGED_EXPORTS = [
    *(pytest.param("onnx", DAMAGES["onnx"][what], id=f"onnx: {what}") for what in EXPORTED),
    pytest.param("torchscript", DAMAGES["torchscript"]["missing scaling"], id="torchscript"),
]


@pytest.fixture
def home(trained_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A current folder whose runs/ holds the training."""
    (tmp_path / "runs").symlink_to(trained_run.parents[1])
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def damaged(monkeypatch: pytest.MonkeyPatch, trained: Weights, few: Dataset) -> Callable[..., None]:
    """Make a format's writer damage what it writes."""

    def put(name: str, damage: Damage) -> None:
        form = FORMATS[name]
        content = {form.suffix: damage(form.write(trained, Options(few))[form.suffix])}
        monkeypatch.setitem(FORMATS, name, replace(form, write=lambda *_: content))

    return put


@pytest.mark.parametrize(("name", "damage"), DAMAGED_EXPORTS)
def test_a_damaged_export_is_refused_and_nothing_is_kept(
    damaged: Callable[..., None],
    trained: Weights,
    few: Dataset,
    tmp_path: Path,
    name: str,
    damage: Damage,
) -> None:
    damaged(name, damage)
    with pytest.raises(VerdictError, match="was not kept"):
        export(trained, name, tmp_path / "out" / "net", Options(few))
    assert list((tmp_path / "out").iterdir()) == []


def test_an_older_file_survives_a_failed_export(
    monkeypatch: pytest.MonkeyPatch,
    damaged: Callable[..., None],
    trained: Weights,
    few: Dataset,
    tmp_path: Path,
) -> None:
    in_process(monkeypatch, "isolated")
    target = tmp_path / "mnist.onnx"
    export(trained, "onnx", target, Options(few))
    before = target.read_bytes()
    damaged("onnx", DAMAGES["onnx"]["missing scaling"])
    with pytest.raises(VerdictError):
        export(trained, "onnx", target, Options(few))
    assert sorted(tmp_path.iterdir()) == [target, tmp_path / "mnist.onnx.md"]
    assert target.read_bytes() == before


def test_the_verb_exits_with_1_and_keeps_nothing(
    monkeypatch: pytest.MonkeyPatch,
    cli: Callable[..., Any],
    damaged: Callable[..., None],
    weights_file: Path,
    tmp_path: Path,
) -> None:
    in_process(monkeypatch, "isolated")
    damaged("onnx", DAMAGES["onnx"]["the smallest logit as label"])
    result = cli("export", "--format", "onnx", weights_file, "-o", tmp_path / "net.onnx")
    assert result.exit_code == 1
    assert "every label is the reference's" in result.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("format", "told"), [("c", True), ("onnx", False)])
def test_what_a_large_network_costs_as_c_is_said_before_it_is_written(
    monkeypatch: pytest.MonkeyPatch,
    cli: Callable[..., Any],
    weights_file: Path,
    tmp_path: Path,
    format: str,
    told: bool,
) -> None:
    monkeypatch.setattr("cnnkit.cli.export.LARGE", 2_000)
    (tmp_path / "file").touch()  # in whose place nothing can be written
    result = cli("export", "--format", format, weights_file, "-o", tmp_path / "file" / "net")
    assert result.exit_code == 5
    assert ("parameters become about 0 MB of C" in result.stderr) == told


LIMITED = """
import resource, sys
from cnnkit.cli import main
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]),) * 2)
main(sys.argv[2:])
"""


@pytest.mark.parametrize(
    ("name", "room", "subject"),
    [
        ("onnx", 4_096, "net: cannot be written"),
        ("onnx", 100_000, "temporary folder: cannot be written"),
        ("torchscript", 4_096, "weights.safetensors: cannot be written"),
        ("torchscript", 15_000, "temporary folder: cannot be written"),
    ],
)
def test_a_full_disk_exits_with_5_and_leaves_nothing(
    weights_file: Path, tmp_path: Path, name: str, room: int, subject: str
) -> None:
    command = ["export", "--format", name, weights_file, "-o", tmp_path / "net", "--quiet"]
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(room), *command],
        text=True,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 5, done.stderr
    assert subject in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_an_unwritable_output_exits_with_5(
    cli: Callable[..., Any], weights_file: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("no folder")
    result = cli("export", weights_file, "-o", tmp_path / "file" / "net.onnx")
    assert result.exit_code == 5
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file"]


def test_a_folder_as_output_is_refused(
    cli: Callable[..., Any], weights_file: Path, tmp_path: Path
) -> None:
    result = cli("export", weights_file, "-o", tmp_path)
    assert result.exit_code == 2
    assert "is a folder" in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_the_export_verb_tells_where_what_and_how_sure(cli: Callable[..., Any], home: Path) -> None:
    result = cli("export", "--format", "onnx")
    assert result.exit_code == 0, result.stderr
    for text in ("mnist.onnx", "SHA-256", "opset 17, IR 8", "0 of 10000 differ", "bytes"):
        assert text in result.stdout
    assert "Not checked" in result.stderr
    assert (home / "mnist.onnx").is_file()


def test_help_says_that_torchscript_is_deprecated(cli: Callable[..., Any]) -> None:
    assert "deprecated" in cli("export", "--help").stdout


def test_help_names_every_format(cli: Callable[..., Any]) -> None:
    shown = cli("export", "--help").stdout
    assert all(name in shown for name in FORMATS)


def test_an_unknown_format_exits_with_2_and_lists_the_known(
    cli: Callable[..., Any], weights_file: Path
) -> None:
    result = cli("export", weights_file, "--format", "tflite")
    assert result.exit_code == 2
    assert "Choose one of c, c-int8, onnx, onnx-fused, onnx-int8, pt2, torchscript" in result.stderr


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_finite_weights_with_infinite_logits_are_refused(
    name: str, trained: Weights, few: Dataset, tmp_path: Path
) -> None:
    values = {key: array * np.float32(1e30) for key, array in trained.tensors.items()}
    diverged = Weights.of(trained.architecture, values, trained.metadata)
    with pytest.raises(VerdictError, match="give infinite logits"):
        export(diverged, name, tmp_path / f"net{FORMATS[name].suffix}", Options(few))
    assert list(tmp_path.iterdir()) == []
