"""Figures of whole processes, from start to exit: `process_figures("infer", weights)`.

A child is measured by the operating system, which tells its processor time and its resident memory
however it was started; nothing inside it has to count.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cnnkit.bench.measure import spawn

PROCESSES = 3  # the least of so many counts: the first one reads from the disk

LOAD = """
import numpy as np, cnnkit
print(cnnkit.load({path!r})(np.zeros((1, {shape}), np.uint8)).label)
"""
SESSION = """
import numpy as np, onnxruntime
session = onnxruntime.InferenceSession({path!r}, providers=["CPUExecutionProvider"])
print(session.run(["label"], {{"image": np.zeros((1, {shape}), np.uint8)}}))
"""


@dataclass(frozen=True)
class ProcessFigure:
    """One command in fresh processes, the least of each figure.

    Attributes:
        name: what it does, in words.
        processor_seconds: user and system time.
        seconds: from start to exit.
        resident_bytes: the most memory that it held at once.
    """

    name: str
    processor_seconds: float
    seconds: float
    resident_bytes: int

    def __str__(self) -> str:
        return (
            f"{self.name}: {self.processor_seconds:.3g} s of processor time, {self.seconds:.3g} s "
            f"from start to exit, {self.resident_bytes / 1e6:.0f} MB resident"
        )


def measure(name: str, words: Sequence[str], processes: int = PROCESSES) -> ProcessFigure | None:
    """Run Python with these arguments; None if it fails, or where the system does not tell.

    The child inherits this process's cores.
    """
    if not hasattr(os, "wait4"):
        return None
    figures = []
    for _ in range(processes):
        child = subprocess.run(
            [sys.executable, spawn.__file__, sys.executable, "-P", *words],
            capture_output=True,
            text=True,
            check=False,
        )
        if child.returncode:
            return None
        figures.append([float(figure) for figure in child.stdout.split()])
    processor, seconds, memory = map(min, zip(*figures, strict=True))
    unit = 1 if sys.platform == "darwin" else 1024  # of ru_maxrss
    return ProcessFigure(name, processor, seconds, round(memory * unit))


def process_figures(
    suite: str, weights: Path | None, processes: int = PROCESSES
) -> list[ProcessFigure]:
    """Return the figures that belong to a suite: none but for `infer` and `train`."""
    with tempfile.TemporaryDirectory(prefix="cnnkit-bench-") as folder:
        if suite == "infer":
            figures = _starts(Path(folder), weights, processes)
        elif suite == "train":
            figures = [_training(Path(folder))]
        else:
            figures = []
    return [figure for figure in figures if figure]


def _starts(folder: Path, weights: Path | None, processes: int) -> list[ProcessFigure | None]:
    """From nothing to the first answer: an interpreter alone, cnnkit, ONNX Runtime."""
    from cnnkit.bench.suites import gather
    from cnnkit.data.dataset import Dataset, Split
    from cnnkit.formats.options import Options
    from cnnkit.formats.registry import FORMATS

    material = gather(weights)
    path = folder / "net.onnx"
    test = Split(material.images, material.labels)
    names = tuple(material.weights.names)
    options = Options(Dataset("bench", test, test, names, {}, material.about))
    path.write_bytes(FORMATS["onnx"].write(material.weights, options)[".onnx"])
    shape = ", ".join(map(str, material.weights.architecture.input))
    where = {"path": str(path), "shape": shape}
    commands = {
        "Python and NumPy alone": "import numpy",
        "import cnnkit, load an ONNX file, first answer": LOAD.format(**where),
        "the same in ONNX Runtime": SESSION.format(**where),
    }
    return [measure(name, ["-c", code], processes) for name, code in commands.items()]


def _training(folder: Path) -> ProcessFigure | None:
    """Train as the command line does, pictures and evaluation included."""
    words = ["-m", "cnnkit", "train", "--quiet", "--output", str(folder / "run")]
    return measure("cnnkit train, 30 epochs of MNIST", words, processes=1)
