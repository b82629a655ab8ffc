"""Peers that are C: cnnkit's format c and emx-onnx-cgen's, compiled with the same flags."""

from __future__ import annotations

import ctypes
import platform
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from cnnkit.bench.peers.onnx_graph import onnx_model
from cnnkit.bench.peers.prepared import PreparedCall
from cnnkit.bench.workloads.base import Workload
from cnnkit.bench.workloads.graph import GraphWorkload
from cnnkit.data.dataset import DRAWN, Dataset, Split
from cnnkit.errors import InputError
from cnnkit.formats.c.source import write_c
from cnnkit.formats.golden import COUNT, Golden
from cnnkit.formats.options import Options
from cnnkit.graph.weights import Weights
from cnnkit.runtimes.c import find_compiler

FLAGS = ("-std=c99", "-O3", *(("-mavx2", "-mfma") if platform.machine() == "x86_64" else ()))
MOST = 2_000_000  # parameters of emx-onnx-cgen's: as numbers, for which compilers take minutes
LOOP = """\
#include "net.h"
void batch(const uint8_t *images, float *logits, int count) {
    for (int i = 0; i < count; ++i)
        cnnkit_net_logits(images + i * CNNKIT_NET_PIXELS, logits + i * CNNKIT_NET_CLASSES);
}
"""


def cnnkit_c(work: Workload, threads: int) -> PreparedCall:
    """Compile what `cnnkit export --format c` writes; it computes one image after another.

    Raises:
        InputError: no kernel computes some of its nodes.
        MissingError: there is no C compiler.
    """
    weights = Weights(cast("GraphWorkload", work).graph)
    images = np.zeros((COUNT, *weights.size), np.uint8)
    scores = np.zeros((COUNT, weights.classes), np.float32)
    golden = Golden(images, np.zeros(COUNT, np.int64), scores, scores, 1.0)
    split = Split(images, golden.labels)
    data = Dataset(DRAWN, split, split, tuple(weights.names), {}, DRAWN, kind=DRAWN)
    files = {f"net{suffix}": text for suffix, text in _written(weights, data, golden).items()}
    library = _compiled({**files, "batch.c": LOOP.encode()})
    logits = np.empty((len(work.x), weights.classes), np.float32)
    pixels, scores_at = (ctypes.c_void_p(each.ctypes.data) for each in (work.x, logits))

    def run() -> Any:
        library.batch(pixels, scores_at, len(logits))
        return logits

    return PreparedCall(run)


def _written(weights: Weights, data: Dataset, golden: Golden) -> Mapping[str, bytes]:
    return write_c(weights, Options(data, golden=golden, stem="net"))


def emx(work: Workload, threads: int) -> PreparedCall:
    """Compile what emx-onnx-cgen makes of the same ONNX file, for this number of images.

    Raises:
        InputError: the network is too large, or emx-onnx-cgen refuses it.
        MissingError: there is no C compiler.
    """
    model = onnx_model(_small(work))
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "net.onnx"), Path(folder, "emx.c")
        source.write_bytes(model)
        command = [sys.executable, "-m", "emx_onnx_cgen", "compile", "--model-name", "emx"]
        command += ["--large-weight-threshold", "0"]  # or weights come from a file at run time
        done = subprocess.run(
            [*command, str(source), str(target)], capture_output=True, text=True, check=False
        )
        if not target.exists():
            reason = (done.stderr.strip() or done.stdout.strip()).splitlines()[-1:]
            raise InputError("emx-onnx-cgen", f"refuses it ({''.join(reason)})", "leave it out")
        library = _compiled({"emx.c": target.read_bytes()})
    count, classes = cast("GraphWorkload", work).output_shape
    results: list[NDArray[Any]] = [
        np.empty((count, classes), np.float32),
        np.empty((count, classes), np.float32),
        np.empty(count, np.int64),
    ]
    addresses = [ctypes.c_void_p(array.ctypes.data) for array in (work.x, *results)]

    def run() -> Any:
        library.emx(*addresses)
        return results[0]

    return PreparedCall(run)


def _small(work: Workload) -> GraphWorkload:
    graph_work = cast("GraphWorkload", work)
    parameters = sum(array.size for array in graph_work.graph.tensors.values())
    if parameters > MOST:
        reason = f"has {parameters:,} parameters, for which a compiler takes minutes as numbers"
        raise InputError(work.name, reason, "leave emx-onnx-cgen out")
    return graph_work


def _compiled(files: Mapping[str, bytes]) -> ctypes.CDLL:
    """Compile sources to a library, which stays loaded without its file."""
    command, about = find_compiler()
    with tempfile.TemporaryDirectory() as folder:
        for name, content in files.items():
            Path(folder, name).write_bytes(content)
        sources = [name for name in files if name.endswith(".c")]
        options = [*FLAGS, "-shared", "-fPIC", "-o", "library.so", *sources, "-lm"]
        done = subprocess.run(
            [*command, *options], cwd=folder, capture_output=True, text=True, check=False
        )
        if done.returncode:
            reason = next((line for line in done.stderr.splitlines() if "error" in line), "")
            raise InputError("the C source", f"is refused by {about} ({reason})", "leave it out")
        return ctypes.CDLL(str(Path(folder, "library.so")))
