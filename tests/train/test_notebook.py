"""The notebooks in docs/ do what they say: their cells run in order, on a few pictures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from support.checkout import ROOT
from support.in_process import in_process

OWN_PICTURES, PYTHON = (ROOT / "docs" / f"{name}.ipynb" for name in ("own-pictures", "python"))


def cells(path: Path) -> list[dict[str, Any]]:
    notebook: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def run(path: Path) -> dict[str, Any]:
    space: dict[str, Any] = {"__name__": "__main__"}
    for cell in cells(path):
        exec(compile("".join(cell["source"]), str(path), "exec"), space)
    return space


def draw(folder: Path, light: int, seed: int) -> None:
    """Write pictures of one half lit: the upper, or the lower."""
    random = np.random.default_rng(seed)
    folder.mkdir(parents=True)
    for index in range(12):
        pixels = random.integers(0, 90, (20, 24, 3), np.uint8)
        pixels[light * 10 : light * 10 + 10] += 150
        Image.fromarray(pixels).save(folder / f"{index}.png")


def test_the_notebook_for_own_pictures_runs_from_top_to_bottom(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, light in (("day", 0), ("night", 1)):
        draw(tmp_path / "pictures" / name, light, light)
    space = run(OWN_PICTURES)
    told = capsys.readouterr().out
    assert "test accuracy 100.0% after 12 epochs" in told
    assert "kept: pictures.onnx" in told
    assert "pictures/day/0.png: day" in told
    assert "accuracy of the file: 1.0" in told
    assert space["again"].passed
    assert space["in_memory"].names == ("day", "night")


def test_the_notebook_of_the_python_api_runs_from_top_to_bottom(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    in_process(monkeypatch, "isolated")
    space = run(PYTHON)
    told = capsys.readouterr().out
    assert space["result"].test_accuracy > 0.9
    assert "Report('stripes.onnx', verified" in told
    assert "Report('net.onnx', verified" in told
    assert space["comparison"].passed
    assert space["fusion"].fused
    shown = [space[name] for name in ("result", "model", "predictions", "report", "comparison")]
    for value in (*shown, space["fusion"]):
        assert "<table" in value._repr_html_()
        assert len(repr(value)) < 200


@pytest.mark.parametrize("path", [OWN_PICTURES, PYTHON])
def test_a_notebook_holds_no_outputs(path: Path) -> None:
    assert [cell for cell in cells(path) if cell["outputs"] or cell["execution_count"]] == []
