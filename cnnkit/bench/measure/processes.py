"""Figures of whole processes, from start to exit: `process_figures("infer", weights)`.

The operating system reports the processor time and resident memory of a child, however it was
started; nothing inside the child has to measure itself.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cnnkit.bench.measure import spawn
from cnnkit.data.dataset import Dataset, Split
from cnnkit.formats.options import Options
from cnnkit.formats.registry import FORMATS

if TYPE_CHECKING:
    from cnnkit.bench.subject import Model

PROCESSES = 3  # the lowest figures of these count: the first process reads from the disk

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
    """One command in fresh processes, the lowest value of each figure.

    Attributes:
        name: what the command does, in words.
        processor_seconds: user and system time.
        seconds: from start to exit.
        resident_bytes: the largest resident memory.
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


def measure(
    name: str, arguments: Sequence[str], processes: int = PROCESSES
) -> ProcessFigure | None:
    """Run Python with these arguments; None if it fails, or if the system reports no figures.

    The child inherits this process's CPU affinity.
    """
    if not hasattr(os, "wait4"):
        return None
    figures = []
    for _ in range(processes):
        child = subprocess.run(
            [sys.executable, spawn.__file__, sys.executable, "-P", *arguments],
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


def process_figures(suite: str, model: Model, processes: int = PROCESSES) -> list[ProcessFigure]:
    """Return the figures of a suite; only `infer` and `train` have any."""
    with tempfile.TemporaryDirectory(prefix="cnnkit-bench-") as folder:
        if suite == "infer":
            figures = _starts(Path(folder), model, processes)
        elif suite == "train":
            figures = [_training(Path(folder))]
        else:
            figures = []
    return [figure for figure in figures if figure]


def _starts(folder: Path, model: Model, processes: int) -> list[ProcessFigure | None]:
    """Measure the start of an interpreter alone, and cnnkit's and ONNX Runtime's first output."""
    data = model.data
    path = folder / "net.onnx"
    test = Split(data.images, data.labels)
    names = tuple(data.weights.names)
    options = Options(Dataset("bench", test, test, names, {}, data.about))
    path.write_bytes(FORMATS["onnx"].write(data.weights, options)[".onnx"])
    shape = ", ".join(map(str, data.weights.architecture.input))
    where = {"path": str(path), "shape": shape}
    commands = {
        "Python and NumPy alone": "import numpy",
        "import cnnkit, load an ONNX file, first output": LOAD.format(**where),
        "the same in ONNX Runtime": SESSION.format(**where),
    }
    return [measure(name, ["-c", code], processes) for name, code in commands.items()]


def _training(folder: Path) -> ProcessFigure | None:
    """Measure a training as the command line runs it, pictures and evaluation included."""
    arguments = ["-m", "cnnkit", "train", "--quiet", "--output", str(folder / "run")]
    return measure("cnnkit train, 30 epochs of MNIST", arguments, processes=1)
