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
from support.photos import ORIENTATION, write_photos

from cnnkit.data.dataset import Dataset, Split
from cnnkit.data.fitting import fit_picture
from cnnkit.data.own.decoder import read_picture
from cnnkit.formats import description
from cnnkit.formats.options import Options
from cnnkit.formats.registry import FORMATS
from cnnkit.graph.architecture import Architecture, Block
from cnnkit.graph.preprocessing import Preprocessing, Resize
from cnnkit.graph.weights import Weights
from cnnkit.verify.reference import reference_logits

HERE, EXPORT = Path(__file__).parent, Path(__file__).parents[2] / "export"
# `nox -s photos` takes 200, half of them from a folder of real ones if it is given one.
PHOTOS = int(os.environ.get("CNNKIT_PHOTOS", "14"))
REAL = os.environ.get("CNNKIT_PHOTO_FOLDER")
NAMES = ("pear", "plum", "größte Birne")
RECORD = Preprocessing(
    *((3, 20, 32), "rgb", (0.0,) * 3, (1.0,) * 3),
    resize=Resize("pad", "bilinear", True, 114),
    orientation="exif",
)
TYPES = {"L": b"GRAYSCALE", "LA": b"GRAYSCALE_ALPHA", "RGB": b"RGB", "RGBA": b"RGB_ALPHA"}

# Pictures that are also written as PNG with an EXIF orientation, and how their pixels lie then.
TURNED = {
    "2.ppm": (6, Image.Transpose.ROTATE_90),
    "3.pam": (5, Image.Transpose.TRANSPOSE),
    "4.pgm": (2, Image.Transpose.FLIP_LEFT_RIGHT),
    "6.ppm": (8, Image.Transpose.ROTATE_270),
}


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
def photos(folder: Path) -> dict[str, NDArray[np.uint8]]:
    """What the network takes of photos in Python, [C, H, W] by file name."""
    found = {}
    for path in write_photos(folder, PHOTOS, Path(REAL) if REAL else None):
        facts, pixels = read_picture(str(path), RECORD)
        assert pixels is not None, facts
        found[path.name] = pixels
    return found


@pytest.fixture(scope="module")
def shares(photos: dict[str, NDArray[np.uint8]]) -> dict[str, NDArray[np.float64]]:
    """The probabilities of every picture and photo in Python."""
    fitted = {name: fit_picture(picture, RECORD) for name, picture in pictures().items()} | photos
    logits = reference_logits(network(), np.stack(list(fitted.values())))[0]
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    found = powers / powers.sum(axis=1, keepdims=True)
    assert len(np.unique(found.round(3), axis=0)) > len(fitted) / 2
    return dict(zip(fitted, found, strict=True))


@pytest.fixture(scope="module")
def modules() -> Path:
    """The packages of the host app for Node."""
    host = EXPORT / "onnx" / "node"
    if not (host / "node_modules" / "sharp").is_dir():
        command = ["npm", "install", "--no-audit", "--no-fund", "--no-package-lock"]
        environment = {**os.environ, "ONNXRUNTIME_NODE_INSTALL": "skip"}
        subprocess.run(command, cwd=host, env=environment, check=True, timeout=300)
    return host / "node_modules"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The network in the formats of the host apps, with the record, and the pictures."""
    folder = tmp_path_factory.mktemp("photos")
    split = Split(np.zeros((6, *RECORD.size), np.uint8), np.arange(6) % 3)
    options = Options(Dataset("fruit", split, split, NAMES, {}, ""), stem="mnist")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(description, "preprocessing", lambda weights: RECORD)
        for form in ("c", "onnx", *(["torchscript"] if SLOW else [])):
            for suffix, content in FORMATS[form].write(network(), options).items():
                (folder / f"mnist{suffix}").write_bytes(content)
    for name, picture in pictures().items():
        (folder / name).write_bytes(netpbm(picture))
        picture.save(folder / f"{name}.png")
    exif = Image.Exif()
    for name, (number, lies) in TURNED.items():
        exif[ORIENTATION] = number
        pictures()[name].transpose(lies).save(folder / f"turned-{name}.png", exif=exif)
    return folder


def build(host: str, folder: Path, to: Path, modules: Path) -> list[str]:
    """Build a host app for the network; return its command."""
    shutil.copytree(
        EXPORT / host,
        to,
        ignore=shutil.ignore_patterns("node_modules", "check"),
        dirs_exist_ok=True,
    )
    if host in ("onnx/node", "c/wasm"):
        (to / "node_modules").symlink_to(modules)
    if host == "onnx/node":
        return ["node", str(to / "classify.mjs"), str(folder / "mnist.onnx")]
    if host == "onnx/python":
        return [sys.executable, str(to / "classify.py"), str(folder / "mnist.onnx")]
    warnings = "-O1 -Wall -Wextra -Wpedantic -Werror"
    flags = [f"CFLAGS={warnings}", f"CXXFLAGS={warnings}"] if host != "c/wasm" else []
    variables = libraries(host, to)
    if variables:
        warnings = warnings.replace(" -Wpedantic", "")  # their headers are others'
        flags = [f"CFLAGS={warnings}", f"CXXFLAGS={warnings}"]
    subprocess.run(
        ["make", "-s", f"MODEL={folder}", *flags],
        cwd=to,
        check=True,
        timeout=900,
        env={**os.environ, **variables},
    )
    if host == "onnx/cpp-opencv":
        return [str(to / "classify"), str(folder / "mnist.onnx")]
    if host == "c/wasm":
        return ["node", str(to / "classify.mjs"), str(to / "mnist.wasm")]
    if host == "onnx/cpp-onnxruntime":
        library = f"ORT_LIBRARY={variables['ORT_LIBRARY']}"
        return ["env", library, str(to / "classify"), str(folder / "mnist.onnx")]
    if host == "torchscript/cpp":
        return [str(to / "classify"), str(folder / "mnist.pt")]
    return [str(to / "classify")]


def libraries(host: str, folder: Path) -> dict[str, str]:
    """Return the variables by which a Makefile finds a runtime, as the host's check.sh does.

    What Debian has of it is installed, if it is missing.
    """
    if host == "torchscript/cpp":
        import torch

        return {"TORCH": str(Path(torch.__file__).parent)}
    if host == "onnx/cpp-opencv" and not Path("/usr/include/opencv4/opencv2/dnn.hpp").is_file():
        packages = re.search(r"tools\.sh\" (.+) >&2", (EXPORT / host / "check.sh").read_text())
        assert packages is not None
        subprocess.run([EXPORT / "tools.sh", *packages[1].split()], check=True, timeout=600)
    if host != "onnx/cpp-onnxruntime":
        return {}
    import onnxruntime

    script = (EXPORT / host / "check.sh").read_text()
    package = re.search(r"npm pack --silent (\S+)", script)
    assert package is not None
    command = f"npm pack --silent {package[1]} && tar xzf ./*.tgz package/prebuilt"
    subprocess.run(command, shell=True, cwd=folder, check=True, timeout=300)
    capi = Path(onnxruntime.__file__).parent / "capi"
    return {
        "ORT_INCLUDE": str(folder / "package" / "prebuilt" / "include" / "onnxruntime"),
        "ORT_LIBRARY": str(next(capi.glob("libonnxruntime.so.*"))),
    }


NETPBM = ["c/c", "c/cpp", "c/wasm", "onnx/node"]  # and others read PNG
# These share their reading of pictures with c/cpp, and take minutes to compile.
SLOW = ["onnx/cpp-onnxruntime", "torchscript/cpp"] if "CNNKIT_PHOTOS" in os.environ else []


@pytest.mark.parametrize("host", [*NETPBM, "onnx/cpp-opencv", "onnx/python", *SLOW])
def test_a_host_answers_for_a_picture_of_any_size_as_python_does(
    host: str, folder: Path, shares: dict[str, NDArray[np.float64]], modules: Path, tmp_path: Path
) -> None:
    command = build(host, folder, tmp_path / "app", modules)
    suffix = "" if host in (*NETPBM, *SLOW) else ".png"
    files = {name + suffix * (name in pictures()): share for name, share in shares.items()}
    files |= {f"turned-{name}.png": shares[name] for name in TURNED}
    done = subprocess.run(
        [*command, *files],
        cwd=folder,
        capture_output=True,
        encoding="utf-8",
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == len(files)
    for line, (name, expected) in zip(lines, files.items(), strict=True):
        assert line.startswith(f"{name}: {NAMES[int(expected.argmax())]}  ("), (
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


@pytest.mark.parametrize("language", ["c", "javascript"])
def test_the_same_bytes_of_a_photo_enter_the_network(
    language: str,
    folder: Path,
    photos: dict[str, NDArray[np.uint8]],
    modules: Path,
    tmp_path: Path,
) -> None:
    if language == "c":
        libraries = ["-DCNNKIT_WITH_JPEG", "-DCNNKIT_WITH_PNG", "-ljpeg", "-lpng", "-lm"]
        flags = "-std=c99 -O1 -Wall -Wextra -Wpedantic -Werror -fno-sanitize-recover=all"
        sources = [
            HERE / "photo_bytes.c",
            *(EXPORT / f"{n}.c" for n in ("photo", "netpbm", "fitting")),
        ]
        made = ["cc", *flags.split(), "-fsanitize=undefined,address", f"-I{EXPORT}", *sources]
        subprocess.run([*made, *libraries, "-o", tmp_path / "app"], check=True, timeout=300)
        command = [str(tmp_path / "app")]
    else:
        (tmp_path / "node_modules").symlink_to(modules)
        for name in ("fitting", "photo", "netpbm"):
            shutil.copy(EXPORT / f"{name}.mjs", tmp_path)
        command = ["node", str(HERE / "photo_bytes.mjs"), str(tmp_path)]
    done = subprocess.run(
        [*command, *map(str, (*RECORD.size, RECORD.resize.fill)), *photos],
        cwd=folder,
        capture_output=True,
        timeout=300,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    found = np.frombuffer(done.stdout, np.uint8).reshape(-1, *RECORD.size)
    for name, expected, image in zip(photos, photos.values(), found, strict=True):
        np.testing.assert_array_equal(image, expected, name)


def test_the_page_sees_the_pixels_that_the_network_sees_in_python(
    folder: Path,
    shares: dict[str, NDArray[np.float64]],
    photos: dict[str, NDArray[np.uint8]],
    tmp_path: Path,
) -> None:
    web = EXPORT / "onnx" / "web"
    if not (web / "node_modules").is_dir():
        command = ["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund"]
        subprocess.run([*command, "--no-package-lock"], cwd=web, check=True, timeout=300)
    subprocess.run([web / "build.sh", "wasm", folder / "mnist.c", tmp_path / "page"], check=True)
    files = [folder / f"{name}.png" for name in pictures()] + [folder / name for name in photos]
    command = ["node", str(Path(__file__).parent / "page_photos.mjs"), str(web / "node_modules")]
    done = subprocess.run(
        [*command, str(tmp_path / "page"), *map(str, files)],
        capture_output=True,
        encoding="utf-8",
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    made = pictures()
    expected_of = {name: fit_picture(picture, RECORD) for name, picture in made.items()} | photos
    for file, (name, expected) in zip(files, expected_of.items(), strict=True):
        seen = np.array(found[file.name]["pixels"], np.uint8).reshape(*RECORD.size[1:], 4)
        # Where a picture is transparent, a canvas rounds its colours before they are on white.
        is_clear = made[name].mode.endswith("A") if name in made else "alpha" in name
        most = 2 if is_clear else 0
        assert np.abs(seen[..., :3] - expected.transpose(1, 2, 0).astype(int)).max() <= most, name
        assert found[file.name]["verdict"].startswith(f"{NAMES[int(shares[name].argmax())]}, ")
