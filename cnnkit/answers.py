"""An artefact's answers from a process of its own: `ask(path, images, batches)`.

The child (`python -m cnnkit.answers ARTEFACT FOLDER BATCHES`) opens the file in its runtime and
writes its answers as .npy files. A crash of the runtime is a finding then, and not our end.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnkit.errors import CnnkitError, InputError, MissingError, StorageError
from cnnkit.process import exchange_folder, exits_with_5_when_full, last_words, run_module
from cnnkit.runtimes import Model, Prediction, open_model

ERRORS = {error.__name__: error for error in (InputError, MissingError, StorageError)}
ABOUT, IMAGES = "about.json", "images.npy"


@dataclass(frozen=True)
class Answers:
    """What an artefact said.

    Attributes:
        about: format, runtime, metadata, declared types and shapes, notes, weights_sha256.
        prediction: of all images in their order; None if it failed on a batch.
        failure: on which batch it failed, and how; empty if it did not.
    """

    about: dict[str, Any]
    prediction: Prediction | None
    failure: str = ""


def batch_sizes(count: int, sizes: Sequence[int] = (1, 2, 7, 64)) -> list[int]:
    """Cut `count` images into batches: a twentieth of them in each size, and one with the rest.

    A twentieth is at least one batch, as long as there are images for it.
    """
    plan: list[int] = []
    for size in sizes:
        times = max(1, count // 20 // size)
        plan += [size] * min(times, (count - sum(plan)) // size)
    rest = count - sum(plan)
    return [*plan, rest] if rest else plan


def ask(path: Path, images: NDArray[np.uint8], batches: Sequence[int]) -> Answers:
    """Let an artefact answer uint8 [N, C, H, W] in a fresh process, in batches of these sizes.

    Raises:
        InputError: the artefact is damaged or not ours.
        MissingError: its runtime is not installed.
        StorageError: the artefact cannot be read, or there is no room for temporary files.
    """
    with exchange_folder() as folder:
        np.save(folder / IMAGES, images)
        child = run_module("cnnkit.answers", path, folder, json.dumps(list(batches)))
        if not (folder / ABOUT).exists():
            return Answers({}, None, f"its runtime could not open it: {last_words(child)}")
        about = json.loads((folder / ABOUT).read_text())
        if "error" in about:
            raise ERRORS[about["error"]](about["subject"], about["reason"], about["remedy"])
        if "failure" in about or child.returncode:
            return Answers(about, None, about.get("failure") or last_words(child))
        arrays = [np.load(folder / f"{name}.npy") for name in Prediction._fields]
        return Answers(about, Prediction(*arrays))


def answer(model: Model, images: NDArray[np.uint8], batches: Sequence[int]) -> Answers:
    """Let an open model answer in batches of these sizes, and look at types and shapes."""
    about = {
        "format": model.format,
        "runtime": model.runtime,
        "metadata": model.metadata,
        "declared": model.declared,
        "notes": model.notes,
        "weights_sha256": model.weights_sha256,
    }
    parts: list[Prediction] = []
    start, classes = 0, model.architecture.classes
    for size in batches:
        try:
            part = model(images[start : start + size])
        except Exception as error:  # whatever a runtime raises is what it answers
            reason = next(iter(str(error).strip().splitlines()), "")
            return Answers(about, None, f"batch of {size}: {type(error).__name__}: {reason}")
        found = [f"{array.dtype}{list(array.shape)}" for array in part]
        if found != [
            f"float32[{size}, {classes}]",
            f"float32[{size}, {classes}]",
            f"int64[{size}]",
        ]:
            return Answers(about, None, f"batch of {size}: answers are {', '.join(found)}")
        parts.append(part)
        start += size
    return Answers(
        about, Prediction(*(np.concatenate(arrays) for arrays in zip(*parts, strict=True)))
    )


def main(path: Path, folder: Path, batches: Sequence[int]) -> None:
    """Answer the images in `folder` and leave the answers there."""
    try:
        answers = answer(open_model(path), np.load(folder / IMAGES), batches)
    except CnnkitError as error:
        names = {"error": type(error).__name__, **vars(error)}
        (folder / ABOUT).write_text(json.dumps(names))
        return
    failure = {"failure": answers.failure} if answers.failure else {}
    for name, array in (answers.prediction._asdict() if answers.prediction else {}).items():
        np.save(folder / f"{name}.npy", array)
    (folder / ABOUT).write_text(json.dumps({**answers.about, **failure}))


if __name__ == "__main__":
    with exits_with_5_when_full():
        main(Path(sys.argv[1]), Path(sys.argv[2]), json.loads(sys.argv[3]))
