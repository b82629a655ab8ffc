"""Names and paths that look like markup, escapes, options or paths elsewhere are only names."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from cnnkit.data.idx import write_idx
from cnnkit.data.registry import FILES
from cnnkit.formats.checkpoint import write_weights
from cnnkit.graph.architecture import Architecture, Block
from cnnkit.graph.weights import Weights

NAMES = ["[/x]", "\x1b]0;owned\x07", "a|b](http://x.example) <img src=x> `c` *d*\n# e"]
Run = Callable[..., Any]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a data set and a picture; it is the current one."""
    generator = np.random.default_rng(0)
    (tmp_path / "data").mkdir()
    for images, labels in (FILES[:2], FILES[2:]):
        pixels = generator.integers(0, 256, (30, 8, 8)).astype(np.uint8)
        write_idx(tmp_path / "data" / images, pixels)
        write_idx(tmp_path / "data" / labels, (np.arange(30) % 3).astype(np.uint8))
    picture = np.full((40, 40), 255, np.uint8)
    picture[10:30, 18:22] = 0
    (tmp_path / "one[").mkdir()
    Image.fromarray(picture).save(tmp_path / "one[/b].png")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def weights_file(path: Path, **metadata: object) -> Path:
    architecture = Architecture((1, 8, 8), (Block(3),), 3)
    known = {"names": NAMES, **metadata}
    path.parent.mkdir(parents=True, exist_ok=True)
    write_weights(path, Weights.of(architecture, architecture.initial_parameters(1), known))
    return path


def assert_plain(text: str) -> None:
    assert "\x1b" not in text
    assert "\x07" not in text


def test_names_and_paths_are_printed_as_they_are(here: Path, cli: Run) -> None:
    weights = weights_file(here / "run[/bold]" / "weights.safetensors")
    for run in (weights, weights.parent):
        seen = cli("predict", run, "one[/b].png", "--show")
        assert seen.exit_code == 0, seen.stderr
        assert r"\x1b]0;owned\x07" in seen.stdout
        assert seen.stdout.count("one[/b].png") == 2
        assert_plain(seen.stdout)
    scores = cli("eval", weights, "--data", "data")
    assert scores.exit_code == 0, scores.stderr
    assert scores.stdout.startswith(str(weights))
    assert "[/x]" in scores.stdout
    assert_plain(scores.stdout)


def test_an_export_of_such_names_is_verified_and_described(here: Path, cli: Run) -> None:
    weights = weights_file(here / "run[/bold]" / "weights.safetensors", training={"*a*": "<b>"})
    target = "n[red].onnx"
    made = cli("export", weights, "-o", target, "--data", "data")
    assert made.exit_code == 0, made.stderr
    assert f"{target} (" in made.stdout
    assert "run[/bold]" in made.stderr
    checked = cli("verify", target, "--weights", weights, "--data", "data")
    assert checked.exit_code == 0, checked.stderr
    assert checked.stdout.startswith(f"{target}: verified")
    assert_plain(made.stdout + made.stderr + checked.stdout)
    card = Path(f"{target}.md").read_text()
    assert_plain(card)
    assert r"a\|b\](http\://x.example) \<img src=x\> \`c\` \*d\*\\n# e" in card
    assert r"\*a\* \<b\>" in card
    assert "# n[red].onnx" in card


def test_a_plot_of_such_names_is_drawn(here: Path, cli: Run) -> None:
    weights = weights_file(here / "w.safetensors", names=["$x$", "$\\frac$", "\x1b[31m"])
    drawn = cli("eval", weights, "--data", "data", "--picture", "c.png")
    assert drawn.exit_code == 0, drawn.stderr


def test_an_error_names_a_hostile_path_in_one_harmless_line(here: Path, cli: Run) -> None:
    failed = cli("eval", "[/x]\x1b]0;owned\x07\nnext", "--data", "data")
    assert failed.exit_code in (2, 5)
    assert r"[/x]\x1b]0;owned\x07\nnext" in failed.stderr
    assert_plain(failed.stderr.replace("\x1b[31m", "").replace("\x1b[0m", ""))


@pytest.mark.parametrize("name", ["../elsewhere", "/ABSOLUTE", "a/b", "..", "-o", "x\0y"])
def test_a_name_in_a_file_is_never_a_path(here: Path, cli: Run, name: str) -> None:
    folder = here / "here"
    weights = weights_file(
        folder / "w.safetensors", dataset=name.replace("ABSOLUTE", str(here / "absolute"))
    )
    os.chdir(folder)
    made = cli("export", weights, "--data", here / "data", "--json")
    assert made.exit_code == 0, made.stderr
    assert json.loads(made.stdout)["card"] == "net.onnx.md"
    assert {path.name for path in folder.iterdir()} == {
        *("w.safetensors", "net.onnx", "net.onnx.md")
    }
    assert {path.name for path in here.iterdir()} == {"here", "data", "one["}


@pytest.mark.parametrize("stem", ["-Bx", "-o", "--help", "batch-of", "library", "+x", "-", "a b"])
def test_a_c_file_of_any_name_is_compiled(here: Path, cli: Run, stem: str) -> None:
    weights = weights_file(here / "w.safetensors", names=["a", "b", "c"])
    made = cli("export", weights, "--format", "c", f"--output={stem}.c", "--data", "data")
    assert made.exit_code == 0, made.stderr
    assert (here / f"{stem}.c").exists()


def test_a_port_beyond_all_is_bad_usage(here: Path, cli: Run) -> None:
    weights = weights_file(here / "w.safetensors")
    for port in ("99999", "65536", "-1"):
        assert cli("demo", weights, "--no-browser", "--port", port).exit_code == 2


def test_an_unreadable_file_is_a_read_error_and_no_bad_usage(
    here: Path, cli: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights, locked = weights_file(here / "w.safetensors"), here / "locked"
    locked.write_bytes(b"x")
    opened = Path.open

    def refuse(path: Path, *words: Any, **options: Any) -> Any:
        if path == locked:
            raise PermissionError(13, "Permission denied")
        return opened(path, *words, **options)

    monkeypatch.setattr(Path, "open", refuse)  # root may read everything
    monkeypatch.setattr(os, "access", lambda path, mode, **_: str(path) != str(locked))
    for command in (("predict", weights, locked), ("eval", locked), ("verify", locked)):
        failed = cli(*command)
        assert failed.exit_code == 5, failed.stderr
        assert "Permission denied" in failed.stderr
