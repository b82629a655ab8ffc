"""What version 0.1 wrote opens in this one: `release_0_1/` is never written anew.

A later release gets a folder of its own beside it. (C sources are checked by the version that wrote
them only, byte by byte.)
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from support.in_process import in_process

import cnnkit
from cnnkit.data.idx import write_idx
from cnnkit.data.registry import FILES

pytestmark = pytest.mark.usefixtures("no_pictures")

Cli = Callable[..., Any]
RELEASE = Path(__file__).parent / "release_0_1"
LOGITS = np.float32(
    [
        [0.38476902, -0.22202247, -0.59382033],
        [0.07151621, 0.20386434, 0.02995935],
        [-0.06201126, -0.27582553, 0.67421937],
    ]
)


def stripes() -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """The images [60, 8, 8] of which that version trained on 45, and their labels."""
    random = np.random.default_rng(0)
    labels = np.arange(60, dtype=np.uint8) % 3
    images = random.integers(0, 60, (60, 8, 8), np.uint8)
    for image, label in zip(images, labels, strict=True):
        image[:, 3 * label : 3 * label + 2] += 180
    return images, labels


@pytest.fixture
def there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of what it wrote, with its data."""
    in_process(monkeypatch, "isolated")
    for plot in ("plot_loss", "plot_confusion"):
        monkeypatch.setattr(f"cnnkit.plots.{plot}", lambda *_: None)
    monkeypatch.chdir(shutil.copytree(RELEASE, tmp_path / "there"))
    images, labels = stripes()
    Path("data").mkdir()
    for file, array in zip(
        FILES, (images[:45], labels[:45], images[45:], labels[45:]), strict=True
    ):
        write_idx(Path("data") / file, array)
    return Path.cwd()


@pytest.mark.parametrize("path", ["run", "run/weights.safetensors", "net.onnx"])
def test_its_models_compute_what_they_computed(path: str, there: Path) -> None:
    model = cnnkit.load(path)
    images = stripes()[0][45:48]
    np.testing.assert_allclose(model(images).logits, LOGITS, atol=1e-5)
    assert model.names == ["0", "1", "2"]


def test_its_files_are_evaluated_and_verified(cli: Cli, there: Path) -> None:
    for path in ("run", "net.onnx"):
        done = cli("eval", path, "--data", "data", "--json")
        assert json.loads(done.stdout)["accuracy"] == 1.0, done.stderr
    done = cli("verify", "net.onnx", "--weights", "run", "--data", "data")
    assert done.exit_code == 0, done.stderr


def test_its_runs_are_listed_repeated_and_resumed(cli: Cli, there: Path) -> None:
    done = cli("runs", "compare", "run", "--json")
    assert json.loads(done.stdout)["runs"][0]["status"] == "finished"
    for command in (
        ("--config", "run/config.toml", "-o", "again"),
        ("--resume", "run", "--epochs", "3"),
    ):
        done = cli("train", *command, "--quiet")
        assert done.exit_code == 0, done.stderr
    images = stripes()[0][45:48]
    again, resumed = (cnnkit.load(run)(images).logits for run in ("again", "run"))
    np.testing.assert_allclose(again, LOGITS, atol=1e-3)  # other machines round otherwise
    assert np.abs(resumed - LOGITS).max() > 1e-3
