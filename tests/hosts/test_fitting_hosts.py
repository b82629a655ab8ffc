"""The host apps bring a picture to the network's size with the bytes that Pillow gives."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from cnnkit.data.fitting import fit_picture
from cnnkit.graph.preprocessing import RESIZE_FILTERS, RESIZE_MODES, Preprocessing, Resize
from cnnkit.system.cpu import cpu_features

HERE, EXPORT = Path(__file__).parent, Path(__file__).parents[2] / "export"
# Height and width of the picture and of the network, where arithmetic is at its limits.
EDGES = [
    (1, 1, 28, 28),
    (1, 20000, 8, 8),
    (20000, 1, 8, 8),
    (2, 3, 64, 1),
    (3000, 2, 1, 1),
    (32, 32, 32, 32),
    (32, 64, 32, 32),
    (64, 32, 32, 64),
    (31, 32, 32, 32),
    (320, 32, 10, 32),
    (33, 65, 32, 64),
    (7, 5, 14, 10),
    (448, 448, 224, 224),
]
Case = tuple[Preprocessing, NDArray[np.uint8]]  # the picture is [H, W, channels]


def record(size: tuple[int, int, int], resize: Resize) -> Preprocessing:
    colour = {1: "gray", 3: "rgb"}[size[0]]
    return Preprocessing(size, colour, (0.0,) * size[0], (1.0,) * size[0], resize=resize)


def make_cases() -> list[Case]:
    """Pictures at the limits in every mode and filter, then of random sizes."""
    generator = np.random.default_rng(5)
    ways = [(mode, name) for mode in ("stretch", "pad", "crop") for name in RESIZE_FILTERS]
    shapes = [(*edge, way) for edge in EDGES for way in ways]
    for i in range(300):
        low, high = (1, 40) if i % 2 else (20, 300)
        sides = generator.integers(low, high, 2).tolist() + generator.integers(1, 50, 2).tolist()
        shapes.append((*sides, ways[i % len(ways)]))
    shapes += [(9, 8, 9, 8, ("none", name)) for name in RESIZE_FILTERS]
    cases = []
    for i, (height, width, new_height, new_width, (mode, name)) in enumerate(shapes):
        size = (1 if i % 3 else 3, new_height, new_width)
        pixels = generator.integers(0, 256, (height, width, 1 + i % 4), np.uint8)
        if pixels.shape[2] % 2 == 0:  # every other pixel is fully transparent or opaque
            pixels[..., -1] = np.where(
                pixels[..., 0] % 2, pixels[..., -1], pixels[..., -1] // 128 * 255
            )
        cases.append((record(size, Resize(mode, name, True, i % 256)), pixels))
    return cases


def as_bytes(cases: list[Case], interleaved: bool) -> bytes:
    parts = []
    for preprocessing, pixels in cases:
        resize, (height, width, channels) = preprocessing.resize, pixels.shape
        how = (
            RESIZE_MODES.index(resize.mode),
            RESIZE_FILTERS.index(resize.filter or ""),
            resize.fill,
            interleaved,
        )
        head = np.array([*preprocessing.size, *how, channels, height, width], "<i4")
        parts += [head.tobytes(), pixels.tobytes()]
    return b"".join(parts)


@pytest.fixture(scope="module")
def cases() -> list[Case]:
    return make_cases()


@pytest.fixture(scope="module")
def expected(cases: list[Case]) -> list[NDArray[np.uint8]]:
    modes = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}
    return [
        fit_picture(
            Image.frombytes(modes[pixels.shape[2]], pixels.shape[1::-1], pixels.tobytes()), way
        )
        for way, pixels in cases
    ]


def check(cases: list[Case], expected: list[NDArray[np.uint8]], command: list[str]) -> None:
    """Compare a program's images with the expected ones, in both layouts of the axes."""
    for interleaved in (False, True):
        stream = as_bytes(cases, interleaved)
        found = subprocess.run(command, input=stream, capture_output=True, timeout=300)
        assert found.returncode == 0, found.stderr.decode()
        wrong, at = [], 0
        for (way, pixels), image in zip(cases, expected, strict=True):
            wanted = image.transpose(1, 2, 0).tobytes() if interleaved else image.tobytes()
            if found.stdout[at : at + len(wanted)] != wanted:
                wrong.append((pixels.shape, way.size, way.resize))
            at += len(wanted)
        assert at == len(found.stdout)
        assert not wrong, f"{len(wrong)} of {len(cases)} pictures differ: {wrong[:5]}"


def test_c_fits_500_pictures_with_pillows_bytes(
    cases: list[Case], expected: list[NDArray[np.uint8]], tmp_path: Path
) -> None:
    program = tmp_path / "fit_pictures"
    # Fused multiply-adds, where the processor has them, must not change a byte.
    fma = ["-mfma"] if "fma" in cpu_features() else []  # AArch64 has them without being asked
    flags = "-std=c99 -O3 -ffp-contract=fast -Wall -Wextra -Wpedantic -Werror"
    sources = [str(HERE / "fit_pictures.c"), str(EXPORT / "fitting.c")]
    undefined = ["-fsanitize=undefined", "-fno-sanitize-recover=all"]
    options = [*flags.split(), *fma, *undefined, f"-I{EXPORT}"]
    command = ["cc", *options, *sources, "-lm", "-o", str(program)]
    subprocess.run(command, check=True, timeout=300)
    check(cases, expected, [str(program)])


def test_javascript_fits_500_pictures_with_pillows_bytes(
    cases: list[Case], expected: list[NDArray[np.uint8]]
) -> None:
    check(cases, expected, ["node", str(HERE / "fit_pictures.mjs")])
