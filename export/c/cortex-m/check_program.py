"""Run a host app on every image of a folder and compare its predictions, for the checks.

`python check_program.py NAME FOLDER SUFFIX COMMAND...` writes the images as NUMBER.SUFFIX files,
runs COMMAND followed by their names, and expects a line `NUMBER.SUFFIX: NAME  (...` for each.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

IMAGES_A_RUN = 1000  # command lines have a limit


def as_pgm(image: np.ndarray) -> bytes:
    """Return uint8 [C, H, W] as a binary PGM file or, if it has three channels, as PPM."""
    channels, height, width = image.shape
    kind = b"P6" if channels == 3 else b"P5"
    return b"%b\n%d %d\n255\n" % (kind, width, height) + image.transpose(1, 2, 0).tobytes()


def as_png(image: np.ndarray) -> bytes:
    """Return uint8 [C, H, W] as a PNG file."""
    import io

    from PIL import Image

    file = io.BytesIO()
    pixels = np.ascontiguousarray(image.transpose(1, 2, 0))
    Image.fromarray(pixels if len(image) == 3 else image[0]).save(file, "png", compress_level=1)
    return file.getvalue()


ENCODERS = {"pgm": as_pgm, "png": as_png}


def main(name: str, folder: Path, suffix: str, command: list[str]) -> int:
    """Return 0 if every printed class is the expected one."""
    images, labels = np.load(folder / "images.npy"), np.load(folder / "labels.npy")
    names = (folder / "names.txt").read_text("utf-8").splitlines()
    files = [f"{i}.{suffix}" for i in range(len(images))]
    with tempfile.TemporaryDirectory() as pictures:
        for file, image in zip(files, images, strict=True):
            Path(pictures, file).write_bytes(ENCODERS[suffix](image))
        lines: list[str] = []
        for start in range(0, len(files), IMAGES_A_RUN):
            words = [*command, *files[start : start + IMAGES_A_RUN]]
            done = subprocess.run(words, cwd=pictures, stdout=subprocess.PIPE, encoding="utf-8")
            if done.returncode:
                return done.returncode
            lines += done.stdout.splitlines()
    printed = dict(line.split(": ", 1) for line in lines)
    wrong = sum(
        not printed[file].startswith(f"{names[label]}  (")
        for file, label in zip(files, labels, strict=True)
    )
    print(f"{name}: {len(images)} pictures, {wrong} with another label than PyTorch's")
    return 1 if wrong or not len(images) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2]), sys.argv[3], sys.argv[4:]))
