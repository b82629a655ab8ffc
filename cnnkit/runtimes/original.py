"""Another tool's ONNX model in ONNX Runtime, in a process of its own: `logits_of(model, images)`.

The child (`python -m cnnkit.runtimes.original FOLDER`) runs it as it is written and once more as
ONNX Runtime optimises it: what they differ by is rounding.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from cnnkit.errors import InputError
from cnnkit.formats.onnx.session import open_session
from cnnkit.graph.types import Array
from cnnkit.system.subprocesses import (
    exchange_folder,
    exits_with_5_when_full,
    last_words,
    run_module,
)

if TYPE_CHECKING:
    from onnx import ModelProto

MODEL, PLAN, ABOUT = "model.onnx", "plan.json", "about.json"
CHANCE = "the same images give other outputs when they are run again: it computes by chance"
FEEDS, PLAIN, OPTIMISED = "feeds.npy", "plain.npy", "optimised.npy"


class Outputs(NamedTuple):
    """The only output of a model.

    Attributes:
        plain: as the file is written.
        optimised: as ONNX Runtime changes it.
        runtime: its name and version.
    """

    plain: Array
    optimised: Array
    runtime: str


def logits_of(model: ModelProto, input: str, feeds: Array, batch: int) -> Outputs:
    """Return what a model of one output makes of arrays for its input.

    Args:
        model: as the onnx package has it.
        input: the name of the input.
        feeds: for it, an image each.
        batch: how many it gets at once.

    Raises:
        InputError: ONNX Runtime refuses it, or it fails; the subject is that runtime.
        StorageError: there is no room for temporary files.
    """
    with exchange_folder() as folder:
        (folder / MODEL).write_bytes(model.SerializeToString())
        np.save(folder / FEEDS, feeds)
        (folder / PLAN).write_text(json.dumps([input, batch]))
        child = run_module("cnnkit.runtimes.original", folder)
        if not (folder / ABOUT).exists():
            raise InputError("ONNX Runtime", last_words(child), "correct the model")
        about = json.loads((folder / ABOUT).read_text())
        if "failure" in about:
            raise InputError("ONNX Runtime", about["failure"], "correct the model")
        plain, optimised = (np.load(folder / name) for name in (PLAIN, OPTIMISED))
        return Outputs(plain, optimised, about["runtime"])


def main(folder: Path) -> None:
    """Run the model in `folder` and leave its outputs there."""
    import onnxruntime

    about = {"runtime": f"onnxruntime {onnxruntime.__version__}"}
    input, batch = json.loads((folder / PLAN).read_text())
    feeds = np.load(folder / FEEDS)
    try:
        for name, optimise in ((PLAIN, False), (OPTIMISED, True)):
            session: Any = open_session(folder / MODEL, optimise=optimise)
            parts = [
                session.run(None, {input: feeds[at : at + batch]})[0]
                for at in range(0, len(feeds), batch)
            ]
            again = session.run(None, {input: feeds[:batch]})[0]
            if not np.array_equal(again, parts[0], equal_nan=True):
                raise ValueError(CHANCE)
            np.save(folder / name, np.concatenate(parts).astype(np.float64))
    except Exception as error:  # a runtime may raise anything
        text = str(error).replace(f"Load model from {folder / MODEL} failed:", "")
        about["failure"] = next(iter(text.strip().splitlines()), type(error).__name__)
    (folder / ABOUT).write_text(json.dumps(about))


if __name__ == "__main__":
    with exits_with_5_when_full():
        main(Path(sys.argv[1]))
