"""An ONNX file in each third-party runtime that is installed: `run_all(path, feeds)["OpenCV"]`.

Each runs in a process of its own (`python -m cnnkit.runtimes.third_party NAME MODEL FOLDER`): a
crash is reported, and several of them do not share a process well.
"""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnkit.formats.onnx.session import open_session
from cnnkit.system.subprocesses import (
    exchange_folder,
    exits_with_5_when_full,
    last_words,
    run_module,
)

Arrays = dict[str, NDArray[Any]]
READS = "onnx"  # the format that all of them read
FEEDS, OUTPUTS, ABOUT = "feeds.npz", "outputs.npz", "about.json"


@dataclass(frozen=True)
class ThirdPartyRun:
    """What a runtime made of a file.

    Attributes:
        version: the runtime's.
        outputs: arrays by name; None if it failed.
        failure: its message then.
    """

    version: str
    outputs: Arrays | None
    failure: str = ""


def run_all(
    path: Path, feeds: Mapping[str, NDArray[Any]], names: Sequence[str] = ()
) -> dict[str, ThirdPartyRun]:
    """Run an ONNX file in each installed runtime, or in these only, on the same inputs.

    Raises:
        StorageError: there is no room for temporary files.
    """
    return {
        name: _run_isolated(name, path, feeds)
        for name, (module, _) in RUNTIMES.items()
        if name in (names or RUNTIMES) and find_spec(module)
    }


def _run_isolated(name: str, path: Path, feeds: Mapping[str, NDArray[Any]]) -> ThirdPartyRun:
    with exchange_folder() as folder:
        # NumPy's types take an array of any name for its option `allow_pickle`.
        np.savez(folder / FEEDS, **feeds)  # type: ignore[arg-type]
        child = run_module("cnnkit.runtimes.third_party", name, path, folder)
        if not (folder / ABOUT).exists():
            return ThirdPartyRun("", None, last_words(child))
        about = json.loads((folder / ABOUT).read_text())
        if about["failure"]:
            return ThirdPartyRun(about["version"], None, about["failure"])
        with np.load(folder / OUTPUTS) as outputs:
            return ThirdPartyRun(about["version"], dict(outputs))


def run_onnxruntime(path: Path, feeds: Arrays) -> tuple[str, Callable[[], Arrays]]:
    """ONNX Runtime's Python package."""
    import onnxruntime

    def run() -> Arrays:
        session = open_session(path, threads=None)
        names = [value.name for value in session.get_outputs()]
        return dict(zip(names, session.run(names, feeds), strict=True))

    return onnxruntime.__version__, run


def run_opencv(path: Path, feeds: Arrays) -> tuple[str, Callable[[], Arrays]]:
    """OpenCV's DNN module in Python."""
    import cv2

    def run() -> Arrays:
        net = cv2.dnn.readNetFromONNX(str(path))
        for name, array in feeds.items():
            net.setInput(array, name)
        names = net.getUnconnectedOutLayersNames()
        return dict(zip(names, map(np.asarray, net.forward(names)), strict=True))

    return str(cv2.__version__), run


def run_openvino(path: Path, feeds: Arrays) -> tuple[str, Callable[[], Arrays]]:
    """OpenVINO on the CPU, in float32 as the file has it."""
    import openvino

    def run() -> Arrays:
        settings = {"INFERENCE_PRECISION_HINT": "f32"}
        model = openvino.Core().compile_model(str(path), "CPU", settings)
        outputs = model(feeds)
        return {output.get_any_name(): np.asarray(outputs[output]) for output in model.outputs}

    return str(openvino.__version__).partition("-")[0], run


def run_tract(path: Path, feeds: Arrays) -> tuple[str, Callable[[], Arrays]]:
    """Sonos' tract, which is written in Rust, by its Python package."""
    import tract

    kinds = {"uint8": "u8", "float32": "f32", "int64": "i64", "int32": "i32"}

    def run() -> Arrays:
        model = tract.onnx().load(str(path))
        place = {model.input_name(i): i for i in range(model.input_count())}
        for name, array in feeds.items():
            sizes = ",".join(map(str, array.shape))
            model.set_input_fact(place[name], f"{sizes},{kinds[str(array.dtype)]}")
        model.analyse()
        names = [model.output_name(i) for i in range(model.output_count())]
        program = model.into_model().into_runnable()
        outputs = program.run([feeds[name] for name in place])
        return {name: array.to_numpy() for name, array in zip(names, outputs, strict=True)}

    return str(tract.version()), run


RUNTIMES: dict[str, tuple[str, Callable[[Path, Arrays], tuple[str, Callable[[], Arrays]]]]] = {
    "ONNX Runtime": ("onnxruntime", run_onnxruntime),
    "OpenCV": ("cv2", run_opencv),
    "OpenVINO": ("openvino", run_openvino),
    "tract": ("tract", run_tract),
}


def main(name: str, path: Path, folder: Path) -> None:
    """Run one runtime and leave its outputs in `folder`."""
    with np.load(io.BytesIO((folder / FEEDS).read_bytes())) as saved:
        feeds = dict(saved)
    version, run = RUNTIMES[name][1](path, feeds)
    failure = ""
    try:
        # As above.
        np.savez(folder / OUTPUTS, **run())  # type: ignore[arg-type]
    except Exception as error:  # a runtime may raise anything
        failure = next(iter(str(error).strip().splitlines()), type(error).__name__)
    (folder / ABOUT).write_text(json.dumps({"version": version, "failure": failure}))


if __name__ == "__main__":
    with exits_with_5_when_full():
        main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
