"""LiteRT (TensorFlow Lite) as a peer: the ONNX graph as the program onnx2tf converts it."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any, cast

import numpy as np

from cnnkit.bench.peers.onnx_graph import onnx_model
from cnnkit.bench.peers.prepared import PreparedCall
from cnnkit.bench.workloads.base import Workload
from cnnkit.bench.workloads.graph import GraphWorkload
from cnnkit.errors import InputError, MissingError

CONVERTER = "onnx2tf"
OPTIONS = ("--non_verbose", "--output_folder_path", "net")


def litert(work: Workload, threads: int) -> PreparedCall:
    """Load the graph that cnnkit export writes into LiteRT; images lie as [N, H, W, C].

    Raises:
        MissingError: the converter is not installed.
        InputError: it does not convert the graph.
    """
    from ai_edge_litert.interpreter import Interpreter

    program = shutil.which(CONVERTER)
    if program is None:
        raise MissingError(
            CONVERTER,
            "is not on the PATH, and LiteRT reads no ONNX",
            f"get it with `pipx install {CONVERTER}`, which needs Python 3.12 or newer",
        )
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "net.onnx").write_bytes(onnx_model(work))
        subprocess.run(
            [program, "--input_onnx_file_path", "net.onnx", *OPTIONS],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )
        path = Path(folder, "net", "net_float32.tflite")
        if not path.exists():
            raise InputError(CONVERTER, "does not convert the network", "leave litert out")
        interpreter = Interpreter(model_content=path.read_bytes(), num_threads=threads)
    interpreter.allocate_tensors()
    (images,) = interpreter.get_input_details()
    shape = cast("GraphWorkload", work).output_shape
    scores = next(
        output
        for output in interpreter.get_output_details()
        if output["name"] == "logits" and tuple(output["shape"]) == shape
    )
    turned = np.ascontiguousarray(work.x.transpose(0, 2, 3, 1))
    interpreter.set_tensor(images["index"], turned)

    def run() -> Any:
        interpreter.invoke()
        return scores["index"]

    return PreparedCall(run, lambda index: np.array(interpreter.get_tensor(index)))
