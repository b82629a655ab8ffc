"""The npm package, packed and installed in an empty app: in Node, in a browser, and its types."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

EXPORT = Path(__file__).parents[2] / "export"
HERE = Path(__file__).parent
WEB = EXPORT / "onnx" / "web"
QUIET = ("--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts", "--silent")


def run(*command: str | Path, folder: Path) -> str:
    """Run a command in a folder; return what it prints."""
    done = subprocess.run(
        command, cwd=folder, text=True, capture_output=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def app(host_inputs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty app in which the package is installed from its tarball, without a network."""
    folder = tmp_path_factory.mktemp("npm")
    shutil.copytree(EXPORT / "c" / "npm", folder / "package")
    for file in ("mnist.c", "mnist.h"):
        shutil.copy(host_inputs / file, folder / "package")
    tarball = run("npm", "pack", "--silent", folder=folder / "package").split()[-1]
    (folder / "app").mkdir()
    install = ("npm", "install", "--offline", *QUIET, folder / "package" / tarball)
    run(*install, folder=folder / "app")
    return folder / "app"


def in_node(app: Path, script: str) -> str:
    (app / "script.mjs").write_text(script, "utf-8")
    return run("node", "script.mjs", folder=app)


def test_the_tarball_has_what_a_consumer_needs_and_no_more(app: Path) -> None:
    installed = app / "node_modules"
    assert [path.name for path in installed.iterdir() if path.is_dir()] == ["mnist-network"]
    names = {file.name for file in (installed / "mnist-network").iterdir()}
    assert {"index.d.ts", "node.mjs", "browser.mjs", "mnist.wasm", "README.md"} <= names
    assert not names & {"check.mjs", "npy.mjs", "mnist.c", "Makefile", "exports.c"}
    for file in (installed / "mnist-network").glob("*.mjs"):  # every import is in the tarball
        assert set(re.findall(r'from "\./(.+)"', file.read_text())) <= names, file.name


def test_the_readmes_snippet_runs(app: Path) -> None:
    snippet = re.findall(r"```js\n(.*?)```", (EXPORT / "c/npm/README.md").read_text(), re.DOTALL)
    assert re.fullmatch(r"\d: 0\.\d{3} of 10 classes\n", in_node(app, snippet[0]))


def test_a_picture_is_prepared_and_a_blank_one_is_null(app: Path, host_inputs: Path) -> None:
    image = np.load(host_inputs / "images.npy")[0, 0]
    label = int(np.load(host_inputs / "labels.npy")[0])
    paper = 255 - np.pad(image, 14).repeat(4, axis=0).repeat(4, axis=1)
    side = len(paper)
    script = f"""
import {{ load }} from "mnist-network";
const model = await load();
const gray = Buffer.from("{paper.tobytes().hex()}", "hex");
const data = new Uint8Array(4 * gray.length).fill(255);
gray.forEach((value, i) => data.fill(value, 4 * i, 4 * i + 3));
const blank = new Uint8Array(data.length).fill(255);
const refused = [];
const wrongSize = {{ data, width: 1, height: 1 }};
for (const wrong of [null, new Float32Array(784), wrongSize, new Uint8Array(3)]) {{
  try {{ model.classify(wrong); }} catch (error) {{ refused.push(error.name); }}
}}
const found = model.classify({{ data, width: {side}, height: {side} }});
const nothing = model.classify({{ data: blank, width: {side}, height: {side} }});
console.log(JSON.stringify([found.index, found.label, found.several, nothing, refused]));
"""
    refused = ["TypeError", "TypeError", "TypeError", "RangeError"]
    assert json.loads(in_node(app, script)) == [label, str(label), False, None, refused]


def test_it_runs_in_a_browser_without_a_bundler(app: Path) -> None:
    if not (WEB / "node_modules").is_dir():
        run("npm", "install", *QUIET, folder=WEB)
    package = app / "node_modules" / "mnist-network"
    script = HERE / "npm_page.mjs"
    found = json.loads(run("node", script, WEB / "node_modules", package, folder=app))
    assert found["label"] == "1"
    assert found["probability"] > 0.5
    assert found["blank"] is None


def test_typescript_accepts_the_types_and_refuses_their_misuse(app: Path) -> None:
    run("npm", "install", *QUIET, "typescript@^5.9.0", folder=app)
    shutil.copy(HERE / "npm_consumer.ts", app / "consumer.mts")
    options = ("--noEmit", "--strict", "--target", "es2022", "--module", "nodenext")
    run("npx", "--offline", "tsc", *options, "--lib", "es2022,dom", "consumer.mts", folder=app)
