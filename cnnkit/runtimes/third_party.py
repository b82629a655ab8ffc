"""An ONNX file in each third-party runtime that is installed: `run_all(path, feeds)["OpenCV"]`.

Each runs in a process of its own (`python -m cnnkit.runtimes.third_party NAME MODEL FOLDER`): a
crash is reported, and several of them do not share a process well.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
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

Arrays = Mapping[str, NDArray[Any]]
Outputs = tuple[tuple[str, NDArray[Any]], ...]  # names and arrays, in the order of the model
Run = Callable[[], Outputs]
READS = "onnx"  # the format that all of them read
FEEDS, OUTPUTS, ABOUT = "feeds", "outputs", "about.json"


@dataclass(frozen=True)
class ThirdPartyRun:
    """What a runtime made of a file.

    Attributes:
        version: the runtime's.
        outputs: names and arrays; None if it failed.
        failure: its message then.
        loaded: whether it took the file, if not the inputs.
    """

    version: str
    outputs: Outputs | None
    failure: str = ""
    loaded: bool = False


def installed(names: Sequence[str] = ()) -> list[str]:
    """Return which runtimes are installed, of these or of all."""
    return [
        name
        for name, (module, _) in RUNTIMES.items()
        if name in (names or RUNTIMES) and find_spec(module)
    ]


def run_all(path: Path, feeds: Arrays, names: Sequence[str] = ()) -> dict[str, ThirdPartyRun]:
    """Run an ONNX file in each installed runtime, or in these only, on the same inputs.

    Args:
        path: the file.
        feeds: an array for each of its inputs, in the order of the model.
        names: of runtimes.

    Raises:
        StorageError: there is no room for temporary files.
    """
    return {name: _run_isolated(name, path, feeds) for name in installed(names)}


def _run_isolated(name: str, path: Path, feeds: Arrays) -> ThirdPartyRun:
    with exchange_folder() as folder:
        _leave(folder, FEEDS, feeds.items())
        child = run_module("cnnkit.runtimes.third_party", name, path, folder)
        if not (folder / ABOUT).exists():
            return ThirdPartyRun("", None, last_words(child))
        about = json.loads((folder / ABOUT).read_text())
        outputs = None if about["failure"] else _find(folder, OUTPUTS)
        return ThirdPartyRun(about["version"], outputs, about["failure"], about["loaded"])


def _leave(folder: Path, kind: str, arrays: Iterable[tuple[str, NDArray[Any]]]) -> None:
    """Write arrays for the other process; their names, which may be any, are no file names."""
    names, values = [], []
    for name, array in arrays:
        names.append(name)
        values.append(array)
    np.savez(folder / f"{kind}.npz", *values)
    (folder / f"{kind}.json").write_text(json.dumps(names))


def _find(folder: Path, kind: str) -> Outputs:
    """Read what `_leave` wrote."""
    names = json.loads((folder / f"{kind}.json").read_text())
    with np.load(folder / f"{kind}.npz") as saved:
        return tuple((name, saved[f"arr_{index}"]) for index, name in enumerate(names))


def _as_array(value: Any) -> NDArray[Any]:
    """Return an output as numbers; of texts, sequences and maps, what they look like."""
    plain = isinstance(value, np.ndarray | np.generic) and value.dtype.kind in "biufcU"
    return np.asarray(value) if plain else np.asarray(repr(value))


def load_onnxruntime(path: Path, feeds: Arrays) -> Run:
    """ONNX Runtime's Python package."""
    session = open_session(path, threads=None)

    def run() -> Outputs:
        names = [value.name for value in session.get_outputs()]
        return tuple(zip(names, session.run(names, dict(feeds)), strict=True))

    return run


def load_opencv(path: Path, feeds: Arrays) -> Run:
    """OpenCV's DNN module in Python."""
    import cv2

    net = cv2.dnn.readNetFromONNX(str(path))

    def run() -> Outputs:
        for name, array in feeds.items():
            net.setInput(array, name)
        names = net.getUnconnectedOutLayersNames()
        return tuple(zip(names, map(np.asarray, net.forward(names)), strict=True))

    return run


def load_openvino(path: Path, feeds: Arrays) -> Run:
    """OpenVINO on the CPU, in float32 as the file has it."""
    import openvino

    settings = {"INFERENCE_PRECISION_HINT": "f32"}
    model = openvino.Core().compile_model(str(path), "CPU", settings)

    def run() -> Outputs:
        outputs = model(dict(feeds))
        return tuple(
            (output.get_any_name(), np.asarray(outputs[output])) for output in model.outputs
        )

    return run


def load_tract(path: Path, feeds: Arrays) -> Run:
    """Sonos' tract, which is written in Rust, by its Python package; it goes by positions."""
    import tract

    model = tract.onnx().load(str(path))

    def run() -> Outputs:
        for index, array in enumerate(feeds.values()):
            sizes = ",".join(map(str, array.shape))
            kind = "bool" if array.dtype == bool else f"{array.dtype.kind}{8 * array.itemsize}"
            model.set_input_fact(index, f"{sizes},{kind}" if sizes else kind)
        model.analyse()
        names = [model.output_name(i) for i in range(model.output_count())]
        outputs = model.into_model().into_runnable().run(list(feeds.values()))
        return tuple((name, x.to_numpy()) for name, x in zip(names, outputs, strict=True))

    return run


# The package, and what loads a file and returns what runs it.
RUNTIMES: dict[str, tuple[str, Callable[[Path, Arrays], Run]]] = {
    "ONNX Runtime": ("onnxruntime", load_onnxruntime),
    "OpenCV": ("cv2", load_opencv),
    "OpenVINO": ("openvino", load_openvino),
    "tract": ("tract", load_tract),
}


def _version(module: Any) -> str:
    """Return a package's version, without its build."""
    stated = getattr(module, "__version__", None) or module.version()  # tract's has a function
    return str(stated).partition("-")[0]


def reason(message: str) -> str:
    """Return the line of a message that says most: OpenVINO's begin with places in its sources."""
    lines = [line.strip() for line in message.strip().splitlines()]
    return next((line for line in lines if line and not line.endswith(":")), "".join(lines[:1]))


def main(name: str, path: Path, folder: Path) -> None:
    """Run one runtime and leave its outputs in `folder`."""
    feeds = dict(_find(folder, FEEDS))
    module, load = RUNTIMES[name]
    version, failure, loaded = "", "", False
    try:
        version = _version(import_module(module))
        run = load(path, feeds)
        loaded = True
        _leave(folder, OUTPUTS, ((name, _as_array(value)) for name, value in run()))
    except Exception as error:  # a runtime may raise anything
        failure = reason(str(error)) or type(error).__name__
    about = {"version": version, "loaded": loaded, "failure": failure}
    (folder / ABOUT).write_text(json.dumps(about))


if __name__ == "__main__":
    with exits_with_5_when_full():
        main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
