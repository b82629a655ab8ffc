"""Damage files of the nine networks at random, and say what became of each: people and a test.

`python tests/support/fuzz_networks.py LINES.jsonl FIRST COUNT` takes COUNT seeds from FIRST on and
adds a line for each; one that has a line is not tried again, so that a crash names its seed.
"refused": it was not opened, or not run; "wrong": the proof fails; "harmless": every logit is bit
for bit that of the whole file; "rounding": it passes `verify --against` and is what ONNX Runtime
computes of it, but for other bits. "silent": anything else. "crash": an error not of cnnkit's.
"""

from __future__ import annotations

import json
import random
import sys
import tempfile
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parents[1]))
import cnnkit
from cnnkit.bench.workloads.zoo import ZOO, zoo_network
from cnnkit.data.dataset import DRAWN, Dataset, Split
from cnnkit.data.drawn import drawn_images
from cnnkit.errors import CnnkitError
from cnnkit.export import export
from cnnkit.formats.onnx.model import to_model
from cnnkit.formats.onnx.session import open_session
from cnnkit.formats.registry import FORMATS
from cnnkit.graph.convnet import LOGITS
from cnnkit.graph.convnet_match import image_size
from cnnkit.graph.passes.rewriting import drop_unused
from cnnkit.graph.weights import Weights
from cnnkit.models.read import read_model
from cnnkit.runtimes.loader import load
from cnnkit.verify.pair import against
from cnnkit.verify.reference import Reference, reference_of
from cnnkit.verify.run import verify
from support.in_process import in_process
from support.onnx_damages import DAMAGES, flip, splice, truncate

THEIRS = "theirs"  # a file of another tool; the others are ours
FORMS = (*[THEIRS] * 10, *["onnx"] * 5, "torchscript", "pt2", "c")
SMALL, LARGE = tuple(ZOO)[:6], tuple(ZOO)[6:]
QUICK = ("lenet5", "ds-cnn", "resnet8")  # to export in every format
COUNT = 16  # images of files of ours, which hold as many golden ones


@dataclass(frozen=True)
class Whole:
    """A whole file.

    Attributes:
        content: of each of its files, by suffix.
        path: of the file of another tool that it was made from.
        data: the images.
        logits: its own for them.
        weights: the network.
        reference: its logits in float64; None of a file of another tool.
    """

    content: dict[str, bytes]
    path: Path
    data: Dataset
    logits: NDArray[np.float32]
    weights: Weights
    reference: Reference | None


@lru_cache(maxsize=20)
def whole(name: str, form: str, folder: Path) -> Whole:
    path = folder / f"{name}.onnx"
    graph = zoo_network(name, 7)
    if name in LARGE:
        (input,) = graph.inputs
        smaller = replace(graph.inputs[input], shape=("N", image_size(graph)[0], 32, 32))
        graph = replace(graph, inputs={input: smaller})
    graph = drop_unused(replace(graph, outputs=(LOGITS,)))
    if not path.exists():
        path.write_bytes(to_model(graph, 18).SerializeToString(deterministic=True))
    images = drawn_images(image_size(graph), 3 if form == THEIRS else COUNT)
    split = Split(images, np.zeros(len(images), np.int64))
    weights = read_model(str(path)).weights
    data = Dataset(DRAWN, split, split, tuple(weights.names), {}, DRAWN, kind=DRAWN)
    content, file, reference = {".onnx": path.read_bytes()}, path, None
    if form != THEIRS:
        reference = reference_of(weights, images)
        file = folder / f"whole{FORMATS[form].suffix}"
        export(str(path), file, form, data=images)
        suffixes = (".c", ".h") if form == "c" else (file.suffix,)
        content = {suffix: file.with_suffix(suffix).read_bytes() for suffix in suffixes}
    return Whole(content, path, data, logits_of(file, form, images), weights, reference)


def outcome(seed: int, folder: Path) -> dict[str, str]:
    """Return what became of the file with one seed."""
    die = random.Random(seed)
    name = die.choice(SMALL if die.random() < 0.95 else LARGE)
    form = die.choice(FORMS)
    if form not in (THEIRS, "onnx") or (form != THEIRS and name in LARGE):
        name = die.choice(QUICK)
    right = whole(name, form, folder)
    damage = die.choice(DAMAGES if ".onnx" in right.content else (flip, flip, truncate, splice))
    path = folder / f"damaged{FORMATS['onnx' if form == THEIRS else form].suffix}"
    for suffix, content in right.content.items():
        path.with_suffix(suffix).write_bytes(content)
    damaged = damage(path.read_bytes(), die)
    path.write_bytes(damaged)
    found = {"net": name, "form": form, "damage": damage.__name__}
    try:
        return found | {"became": judge(path, form, right, damaged)}
    except CnnkitError as error:
        return found | {"became": "refused", "why": str(error)[-200:]}
    except Exception:
        return found | {"became": "crash", "why": traceback.format_exc()[-2000:]}


def judge(path: Path, form: str, right: Whole, damaged: bytes) -> str:
    images = right.data.test.images
    if form != THEIRS:
        (report,) = verify([path], right.weights, right.data, reference=right.reference)
        if not report.passed:
            return "wrong"
    logits = logits_of(path, form, images)
    if logits.shape == right.logits.shape and np.array_equal(logits, right.logits):
        return "harmless"
    if form != THEIRS:
        return "silent"
    if not agrees(logits, damaged, images):
        return "silent"
    return "rounding" if against(path, right.path, right.data).passed else "wrong"


def logits_of(path: Path, form: str, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    model = cnnkit.load(path) if form == THEIRS else load(path)
    return model(images).logits


def agrees(logits: NDArray[np.float32], damaged: bytes, images: NDArray[np.uint8]) -> bool:
    """Return whether ONNX Runtime computes these logits, or refuses the file."""
    try:
        session = open_session(damaged)
        (expected, *_) = session.run(None, {session.get_inputs()[0].name: images})
    except Exception:  # it has many kinds, and any will do
        return True
    if expected.shape != logits.shape:
        return False
    if not (np.isfinite(expected).all() and np.isfinite(logits).all()):
        return not np.isfinite(expected).all()
    return bool(np.abs(expected - logits).max() <= 1e-4 * np.abs(expected).max())


@contextmanager
def prepared() -> Iterator[Path]:
    """Yield a folder for the files; what would have a process of its own runs in this one."""
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as folder:
        in_process(patch, "isolated")
        yield Path(folder)


def main(lines: Path, first: int, count: int) -> None:
    known = lines.read_text().splitlines() if lines.exists() else []
    done = {json.loads(line)["seed"] for line in known}
    with prepared() as folder:
        for seed in range(first, first + count):
            if seed not in done:
                with lines.open("a") as file:
                    file.write(json.dumps({"seed": seed} | outcome(seed, folder)) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), *map(int, sys.argv[2:]))
