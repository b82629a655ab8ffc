"""An artefact's outputs, computed in a process of its own: `run_isolated(path, images, plan)`.

The child (`python -m cnnkit.runtimes.isolated ARTEFACT FOLDER PLAN`) opens the file in its runtime
and writes its outputs as .npy files. So a crash of the runtime is reported, and cnnkit goes on.
"""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnkit.errors import (
    CnnkitError,
    InputError,
    MissingError,
    OperatorsError,
    StorageError,
    VerdictError,
)
from cnnkit.formats.contract import read_golden
from cnnkit.runtimes.loader import open_model
from cnnkit.runtimes.model import Model
from cnnkit.runtimes.prediction import Prediction
from cnnkit.system.subprocesses import (
    exchange_folder,
    exits_with_5_when_full,
    last_words,
    started_module,
)

KINDS = (InputError, OperatorsError, MissingError, StorageError, VerdictError)
ERRORS = {error.__name__: error for error in KINDS}
ABOUT, IMAGES = "about.json", "images.npy"
AT_ONCE = 8 << 20  # bytes of images; activations are some twenty times as large
LEAST = 128  # images at once, however large they are
Plan = Sequence[tuple[int, int]]  # start and stop of each batch


@dataclass(frozen=True)
class Outputs:
    """What an artefact computed.

    Attributes:
        about: format, runtime, metadata, declared types and shapes, notes, weights_sha256,
            intact.
        prediction: of the images of all batches, one batch after another; None if one failed.
        golden: of its own golden images; None if it has none, or a batch failed.
        failure: on which batch it failed, and how; empty if it did not.
    """

    about: dict[str, Any]
    prediction: Prediction | None
    golden: Prediction | None = None
    failure: str = ""


def plan_batches(images: NDArray[np.uint8], sizes: Sequence[int] = (1, 2, 7, 64)) -> Plan:
    """Return batches of images: a twentieth of them in each size, then all of them.

    A twentieth is at least one batch, as long as there are images for it. All of them come at once,
    or in equal parts of what a runtime's activations have room for in memory.
    """
    count, plan = len(images), []
    start = 0
    for size in sizes:
        for _ in range(max(1, count // 20 // size)):
            if start + size <= count:
                plan.append((start, start + size))
                start += size
    most = max(LEAST, AT_ONCE // max(1, images[:1].nbytes))
    part = math.ceil(count / math.ceil(count / most))
    return [*plan, *((at, min(at + part, count)) for at in range(0, count, part))]


def images_of(plan: Plan) -> NDArray[np.int64]:
    """Return the index of the image behind each row of `Outputs.prediction`, int64 [M]."""
    return np.concatenate([np.arange(start, stop) for start, stop in plan])


def run_isolated(path: Path, images: NDArray[np.uint8], plan: Plan) -> Outputs:
    """Run an artefact on uint8 [N, C, H, W] in a fresh process, in these batches.

    Raises:
        InputError: the artefact is damaged or not ours.
        MissingError: its runtime is not installed.
        StorageError: the artefact cannot be read, or there is no room for temporary files.
    """
    with started(path, images, plan) as outputs:
        return outputs()


@contextmanager
def started(path: Path, images: NDArray[np.uint8], plan: Plan) -> Iterator[Callable[[], Outputs]]:
    """Start what `run_isolated` runs, and yield the function that waits for the outputs."""
    with exchange_folder() as folder:
        np.save(folder / IMAGES, images)
        arguments = (path, folder, json.dumps(plan))
        with started_module("cnnkit.runtimes.isolated", *arguments) as finish:
            yield lambda: _outputs(folder, finish())


def _outputs(folder: Path, child: subprocess.CompletedProcess[str]) -> Outputs:
    """Return what a process left in a folder."""
    if not (folder / ABOUT).exists():
        failure = f"its runtime could not open it: {last_words(child)}"
        return Outputs({}, None, failure=failure)
    about = json.loads((folder / ABOUT).read_text())
    if "error" in about:
        said = (about[key] for key in ("subject", "reason", "remedy", "details"))
        raise ERRORS[about["error"]](*said)
    if "failure" in about or child.returncode:
        return Outputs(about, None, failure=about.get("failure") or last_words(child))
    prediction = _load(folder, "test")
    golden = _load(folder, "golden") if (folder / "golden-label.npy").exists() else None
    return Outputs(about, prediction, golden)


def run_batches(model: Model, images: NDArray[np.uint8], plan: Plan) -> Outputs:
    """Run an open model on images in these batches, then on its golden images in one.

    The outputs must have the contract's types and shapes.
    """
    about = {
        "format": model.format,
        "runtime": model.runtime,
        "metadata": model.metadata,
        "declared": model.declared,
        "notes": model.notes,
        "weights_sha256": model.weights_sha256,
        "intact": model.intact,
    }
    golden = read_golden(model.path, model.metadata)
    batches = [images[start:stop] for start, stop in plan] + ([golden.images] if golden else [])
    parts: list[Prediction] = []
    classes = model.weights.classes
    for batch in batches:
        size = len(batch)
        try:
            part = model(batch)
        except Exception as error:  # a runtime may raise anything
            reason = next(iter(str(error).strip().splitlines()), "")
            failure = f"batch of {size}: {type(error).__name__}: {reason}"
            return Outputs(about, None, failure=failure)
        found = [f"{array.dtype}{list(array.shape)}" for array in part]
        if found != [
            f"float32[{size}, {classes}]",
            f"float32[{size}, {classes}]",
            f"int64[{size}]",
        ]:
            failure = f"batch of {size}: outputs are {', '.join(found)}"
            return Outputs(about, None, failure=failure)
        parts.append(part)
    own = parts.pop() if golden else None
    joined = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    return Outputs(about, Prediction(*joined), own)


def _save(folder: Path, kind: str, prediction: Prediction | None) -> None:
    for name, array in (prediction._asdict() if prediction else {}).items():
        np.save(folder / f"{kind}-{name}.npy", array)


def _load(folder: Path, kind: str) -> Prediction:
    return Prediction(*(np.load(folder / f"{kind}-{name}.npy") for name in Prediction._fields))


def main(path: Path, folder: Path, plan: Plan) -> None:
    """Run the artefact on the images in `folder` and leave the outputs there."""
    try:
        outputs = run_batches(open_model(path), np.load(folder / IMAGES), plan)
    except CnnkitError as error:
        names = {"error": type(error).__name__, **vars(error)}
        (folder / ABOUT).write_text(json.dumps(names))
        return
    failure = {"failure": outputs.failure} if outputs.failure else {}
    _save(folder, "test", outputs.prediction)
    _save(folder, "golden", outputs.golden)
    (folder / ABOUT).write_text(json.dumps({**outputs.about, **failure}))


if __name__ == "__main__":
    with exits_with_5_when_full():
        main(Path(sys.argv[1]), Path(sys.argv[2]), json.loads(sys.argv[3]))
