"""A model in float32 and in 8 bits, for `cnnkit doctor MODEL --data DIR`: `precisions(model)`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from cnnkit.data.dataset import LABELLED
from cnnkit.doctor.contents import is_module
from cnnkit.errors import InputError
from cnnkit.evaluation.precisions import FLOAT, INT8, Precision, side_by_side
from cnnkit.evaluation.proof import proof_data
from cnnkit.formats.detect import detect
from cnnkit.formats.options import Options
from cnnkit.formats.quantisation import ROUNDED, check_quantisable, integers_of
from cnnkit.formats.registry import TABLE
from cnnkit.graph.quantised.twin import in_float32
from cnnkit.graph.weights import Weights
from cnnkit.models.network import Network
from cnnkit.models.read import read_model
from cnnkit.models.said import Said
from cnnkit.runs.find import find_weights
from cnnkit.runtimes.foreign import is_foreign as is_foreign_onnx


def precisions(
    model: str | Path,
    said: Said | None = None,
    dataset: str | None = None,
    data: Path | None = None,
    quiet: bool = False,
) -> dict[str, Precision]:
    """Return what a network costs and gives in float32 and in 8 bits.

    A float network is quantised by the training images, as `cnnkit export --format c-int8` does
    it; beside one in 8 bits stands the same network with its numbers as float32, where the file
    has it layer by layer.

    Args:
        model: as `cnnkit.doctor.contents.examine_model` takes it.
        said: what is said of it.
        dataset: a published data set.
        data: a person's own data.
        quiet: show no progress.

    Raises:
        InputError: the model cannot be read, or the data does not fit it.
        NetworkError: published data is not here, and no source can be reached.
        StorageError: a file cannot be read.
    """
    network = _read(model, said or Said())
    weights, found = network.weights, proof_data(network, dataset, data, quiet)
    test = found.test if found.kind == LABELLED else None
    return side_by_side(_in_both(weights, Options(found)), found.test.images[:1], test)


def _read(model: str | Path, said: Said) -> Network:
    if is_module(model) or said != Said():
        return read_model(model, said)
    file = find_weights(Path(model))
    form = detect(file)
    if form == "onnx" and is_foreign_onnx(file):
        return read_model(file, said)
    return Network(TABLE[form].read_weights(file), str(file), path=file)


def _in_both(weights: Weights, options: Options) -> dict[str, Weights]:
    operators = {node.operator for node in weights.graph.nodes}
    if "QuantizeLinear" in operators:
        if operators & {*ROUNDED[1:]}:  # layers of integers, which have no float form
            return {INT8: weights}
        return {FLOAT: replace(weights, graph=in_float32(weights.graph)), INT8: weights}
    try:
        check_quantisable(weights)
    except InputError:
        return {FLOAT: weights}
    integers, _ = integers_of(weights, options)
    return {FLOAT: weights, INT8: replace(weights, graph=integers)}
