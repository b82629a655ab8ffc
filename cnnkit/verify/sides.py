"""One of two models that are compared: `open_side("net.onnx").logits(images)`.

What is a graph is computed in float64; what is code of its own runs in its runtime, in a process of
its own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnkit.errors import InputError, OperatorsError, VerdictError
from cnnkit.formats import contract
from cnnkit.formats.description import preprocessing
from cnnkit.formats.detect import detect, read_contract
from cnnkit.formats.pytorch.foreign import is_foreign as is_foreign_program
from cnnkit.formats.registry import TABLE
from cnnkit.graph.preprocessing import Preprocessing
from cnnkit.models.network import Network
from cnnkit.models.read import is_spec, read_model
from cnnkit.models.said import Said
from cnnkit.runs.find import find_weights
from cnnkit.runtimes.carried import read_carried
from cnnkit.runtimes.foreign import is_foreign
from cnnkit.runtimes.isolated import run_isolated
from cnnkit.verify.reference import Reference, of_graph, of_outputs

CODE = ("c", "torchscript")  # whose graph is read from what the code says, not from the code


@dataclass(frozen=True)
class Side:
    """A model that is compared with another.

    Attributes:
        name: as a person named it.
        network: its graph, or, of code, that of the network in its parameters.
        is_graph: whether the graph is all that it is.
        compute: returns logits of uint8 [N, C, H, W], what computed them, and float32's error.
    """

    name: str
    network: Network
    is_graph: bool
    compute: Callable[[NDArray[np.uint8]], Reference]

    @property
    def record(self) -> Preprocessing:
        """What becomes of a picture before the model gets it."""
        return preprocessing(self.network.weights)


def open_side(model: Any, said: Said | None = None, like: Side | None = None) -> Side:
    """Open any model that a network can be compared with.

    Args:
        model: as `cnnkit.models.read_model` has it, or an artefact of any format.
        said: what is said of models that do not say it themselves.
        like: the other one, from which a module has size and classes, and a model that does not
            say how pixels are scaled its preprocessing.

    Raises:
        InputError: as `read_model`.
    """
    said = said or Said()
    if isinstance(model, str | Path) and not is_spec(model):
        path = find_weights(Path(model))
        form = detect(path)
        if _is_code(path, form):
            known = {key: value for key, value in _stated(path).items() if value is not None}
            weights = replace(TABLE[form].read_weights(path), metadata=known)
            network = Network(weights, str(path), path=path)
            return Side(str(model), network, False, lambda images: _in_runtime(path, images))
        said = _applicable(path, form, said)
    elif like is not None:
        weights = like.network.weights
        said = replace(said, size=said.size or weights.size, names=said.names or weights.names)
    try:
        network = _read(model, said, like)
    except OperatorsError as error:
        network = read_carried(model, said, error)
    if (compute := network.compute) is not None:
        return Side(network.source, network, False, lambda images: of_outputs(compute(images)))
    return Side(network.source, network, True, lambda images: of_graph(network.weights, images))


def _is_code(path: Path, form: str) -> bool:
    if form == "pt2":
        return not is_foreign_program(path)
    if form != "onnx" or is_foreign(path):
        return form in CODE
    stated = read_contract(path)
    return bool(contract.quantisation(stated)) or contract.CARRIED in stated


def _stated(path: Path) -> dict[str, Any]:
    """Return what an artefact says of its network, under the keys of weights files."""
    stated = read_contract(path)
    keys = ("dataset", "dataset_sha256", "preprocessing")
    return {"names": stated.get("names"), **{key: stated.get(f"cnnkit.{key}") for key in keys}}


def _applicable(path: Path, form: str, said: Said) -> Said:
    """Return what is said of a file that may not say it: of those of others, not how large."""
    if form == "weights" or (form == "onnx" and not is_foreign(path)):
        return Said()
    return replace(said, parameters=None, size=None)


def _read(model: Any, said: Said, like: Side | None) -> Network:
    try:
        return read_model(model, said)
    except InputError:
        if like is None or said.preprocess is not None:
            raise
        try:  # it may only lack what the other one says of pixels
            return read_model(model, replace(said, preprocess=like.record))
        except InputError:
            pass
        raise


def _in_runtime(path: Path, images: NDArray[np.uint8]) -> Reference:
    outputs = run_isolated(path, images, [(0, len(images))])
    if outputs.prediction is None:
        raise VerdictError(path, f"does not run: {outputs.failure}", "export it again")
    return Reference(outputs.prediction.logits.astype(np.float64), outputs.about["runtime"])
