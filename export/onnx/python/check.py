"""Run classify.py on every image of a folder and compare: `python check.py FOLDER`."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image


def main(folder: Path) -> int:
    """Return 0 if every printed label is the expected one."""
    images, labels = np.load(folder / "images.npy"), np.load(folder / "labels.npy")
    program = Path(__file__).with_name("classify.py")
    with tempfile.TemporaryDirectory() as pictures:
        names = [f"{i}.png" for i in range(len(images))]
        for name, image in zip(names, images, strict=True):
            Image.fromarray(image[0]).save(Path(pictures, name))
        command = [sys.executable, str(program), str(folder.resolve() / "mnist.onnx"), *names]
        output = subprocess.check_output(command, cwd=pictures, text=True)
    printed = dict(line.split(":", 1) for line in output.splitlines())
    answers = [int(printed[name].split()[0]) for name in names]
    wrong = int((np.array(answers) != labels).sum())
    print(f"onnx/python: {len(images)} pictures, {wrong} with another label than PyTorch's")
    return 1 if wrong or not len(images) else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
