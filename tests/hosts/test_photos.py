"""Host apps take pictures of any size and colour, and answer as the network does in Python."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from cnnkit.data.dataset import Dataset, Split
from cnnkit.data.fitting import fit_picture
from cnnkit.formats import description
from cnnkit.formats.options import Options
from cnnkit.formats.registry import FORMATS
from cnnkit.graph.architecture import Architecture, Block
from cnnkit.graph.preprocessing import Preprocessing, Resize
from cnnkit.graph.weights import Weights
from cnnkit.verify.reference import reference_logits

EXPORT = Path(__file__).parents[2] / "export"
NAMES = ("pear", "plum", "größte Birne")
RECORD = Preprocessing(
    (3, 20, 32), "rgb", (0.0,) * 3, (1.0,) * 3, resize=Resize("pad", "bilinear", True, 114)
)
TYPES = {"L": b"GRAYSCALE", "LA": b"GRAYSCALE_ALPHA", "RGB": b"RGB", "RGBA": b"RGB_ALPHA"}


def network() -> Weights:
    architecture = Architecture(RECORD.size, (Block(6), Block(4)), len(NAMES))
    parameters = architecture.initial_parameters(5)
    last = list(parameters)[-2]  # larger, so that every picture has probabilities of its own
    return Weights.of(
        architecture, parameters | {last: 30 * parameters[last]}, {"names": list(NAMES)}
    )


def pictures() -> dict[str, Image.Image]:
    """Smooth pictures, of which resampling keeps something, by file name."""
    generator = np.random.default_rng(3)
    made = {}
    for i, mode in enumerate(6 * list(TYPES)):
        height, width = (int(side) for side in generator.integers(5, 90, 2))
        size = (4, 3, len(mode))
        coarse = generator.integers(0, 256, size, np.uint8)
        layers = [
            Image.fromarray(coarse[..., band]).resize((width, height)) for band in range(size[2])
        ]
        suffix = {"L": "pgm", "RGB": "ppm"}.get(mode, "pam")
        made[f"{i}.{suffix}"] = layers[0] if mode == "L" else Image.merge(mode, layers)
    return made


def netpbm(picture: Image.Image) -> bytes:
    width, height = picture.size
    kind = {"L": b"P5", "RGB": b"P6"}.get(picture.mode)
    if kind:
        return b"%b\n%d %d\n255\n" % (kind, width, height) + picture.tobytes()
    head = b"P7\nWIDTH %d\nHEIGHT %d\nDEPTH %d\nMAXVAL 255\nTUPLTYPE %b\nENDHDR\n"
    depth = len(picture.getbands())
    return head % (width, height, depth, TYPES[picture.mode]) + picture.tobytes()


@pytest.fixture(scope="module")
def shares() -> dict[str, NDArray[np.float64]]:
    """The probabilities of every picture in Python."""
    images = np.stack([fit_picture(picture, RECORD) for picture in pictures().values()])
    logits = reference_logits(network(), images)[0]
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    found = powers / powers.sum(axis=1, keepdims=True)
    assert len(np.unique(found.round(3), axis=0)) > len(images) / 2
    return dict(zip(pictures(), found, strict=True))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The network in the formats of the host apps, with the record, and the pictures."""
    folder = tmp_path_factory.mktemp("photos")
    split = Split(np.zeros((6, *RECORD.size), np.uint8), np.arange(6) % 3)
    options = Options(Dataset("fruit", split, split, NAMES, {}, ""), stem="mnist")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(description, "preprocessing", lambda weights: RECORD)
        for form in ("c", "onnx"):
            for suffix, content in FORMATS[form].write(network(), options).items():
                (folder / f"mnist{suffix}").write_bytes(content)
    for name, picture in pictures().items():
        (folder / name).write_bytes(netpbm(picture))
        picture.save(folder / f"{name}.png")
    return folder


def build(host: str, folder: Path, to: Path) -> list[str]:
    """Build a host app for the network; return its command."""
    shutil.copytree(
        EXPORT / host,
        to,
        ignore=shutil.ignore_patterns("node_modules", "check"),
        dirs_exist_ok=True,
    )
    if host == "onnx/node":
        modules = EXPORT / host / "node_modules"
        if not modules.is_dir():
            command = ["npm", "install", "--no-audit", "--no-fund", "--no-package-lock"]
            environment = {**os.environ, "ONNXRUNTIME_NODE_INSTALL": "skip"}
            subprocess.run(command, cwd=EXPORT / host, env=environment, check=True, timeout=300)
        (to / "node_modules").symlink_to(modules)
        return ["node", str(to / "classify.mjs"), str(folder / "mnist.onnx")]
    if host == "onnx/python":
        return [sys.executable, str(to / "classify.py"), str(folder / "mnist.onnx")]
    warnings = "-O1 -Wall -Wextra -Wpedantic -Werror"
    flags = [f"CFLAGS={warnings}", f"CXXFLAGS={warnings}"] if host != "c/wasm" else []
    subprocess.run(["make", "-s", f"MODEL={folder}", *flags], cwd=to, check=True, timeout=300)
    if host == "onnx/cpp-opencv":
        return [str(to / "classify"), str(folder / "mnist.onnx")]
    if host == "c/wasm":
        return ["node", str(to / "classify.mjs"), str(to / "mnist.wasm")]
    return [str(to / "classify")]


NETPBM = ["c/c", "c/cpp", "c/wasm", "onnx/node"]  # and others read PNG


@pytest.mark.parametrize("host", [*NETPBM, "onnx/cpp-opencv", "onnx/python"])
def test_a_host_answers_for_a_picture_of_any_size_as_python_does(
    host: str, folder: Path, shares: dict[str, NDArray[np.float64]], tmp_path: Path
) -> None:
    command = build(host, folder, tmp_path / "app")
    suffix = "" if host in NETPBM else ".png"
    done = subprocess.run(
        [*command, *(name + suffix for name in shares)],
        cwd=folder,
        capture_output=True,
        encoding="utf-8",
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == len(shares)
    for line, (name, expected) in zip(lines, shares.items(), strict=True):
        assert line.startswith(f"{name}{suffix}: {NAMES[int(expected.argmax())]}  ("), (
            line,
            expected,
        )
        found = [float(share) for share in re.findall(r": (\d\.\d{3})", line)]
        np.testing.assert_allclose(found, expected, atol=0.0011, err_msg=line)
    if suffix:
        return
    (tmp_path / "cut.pgm").write_bytes(b"P5\n9 9\n255\n" + bytes(80))
    refused = subprocess.run(
        [*command, str(tmp_path / "cut.pgm")], capture_output=True, text=True, timeout=300
    )
    assert refused.returncode == 2
    assert refused.stderr.endswith("cut.pgm: is cut off\n")


def test_the_page_sees_the_pixels_that_the_network_sees_in_python(
    folder: Path, shares: dict[str, NDArray[np.float64]], tmp_path: Path
) -> None:
    web = EXPORT / "onnx" / "web"
    if not (web / "node_modules").is_dir():
        command = ["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund"]
        subprocess.run([*command, "--no-package-lock"], cwd=web, check=True, timeout=300)
    subprocess.run([web / "build.sh", "wasm", folder / "mnist.c", tmp_path / "page"], check=True)
    files = [folder / f"{name}.png" for name in pictures()]
    command = ["node", str(Path(__file__).parent / "page_photos.mjs"), str(web / "node_modules")]
    done = subprocess.run(
        [*command, str(tmp_path / "page"), *map(str, files)],
        capture_output=True,
        encoding="utf-8",
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    for file, (name, picture) in zip(files, pictures().items(), strict=True):
        seen = np.array(found[file.name]["pixels"], np.uint8).reshape(*RECORD.size[1:], 4)
        expected = fit_picture(picture, RECORD).transpose(1, 2, 0).astype(int)
        # Where a picture is transparent, a canvas rounds its colours before they are on white.
        most = 2 if picture.mode.endswith("A") else 0
        assert np.abs(seen[..., :3] - expected).max() <= most, (name, picture.size)
        assert found[file.name]["verdict"].startswith(f"{NAMES[int(shares[name].argmax())]}, ")
