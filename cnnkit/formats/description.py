"""What every artefact says of itself, whatever its format: `describe(weights, options)`.

Who runs it needs nothing but the artefact: names, shapes and types of its input and outputs, its
labels, what was done to the pixels, and which weights are inside. Every value is JSON, and there is
no date and no path in it, so that the same weights give the same bytes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from cnnkit.data.registry import recorded_name
from cnnkit.errors import InputError
from cnnkit.formats.contract import (
    CARRIED,
    CONTRACT_VERSION,
    GRAPH,
    HELD,
    MARK,
    QUANTISATION,
    signature,
)
from cnnkit.formats.golden import KEY, Golden
from cnnkit.formats.golden_vectors import choose, vectors
from cnnkit.formats.options import Options
from cnnkit.graph.carried import carried_nodes
from cnnkit.graph.convnet import with_contract
from cnnkit.graph.layout import NHWC
from cnnkit.graph.preprocessing import RECIPES, Preprocessing
from cnnkit.graph.weights import Weights


def describe(weights: Weights, options: Options) -> dict[str, Any]:
    """Return the metadata of an artefact, with golden vectors of the test images.

    Raises:
        InputError: the network has not the contract's input and outputs.
        VerdictError: it has infinite logits.
    """
    with_contract(weights.graph, options.input)
    golden = options.golden or vectors(weights, choose(options.dataset.test))
    return metadata(weights, golden, options.input)


def metadata(
    weights: Weights, golden: Golden | None = None, input: str = "uint8"
) -> dict[str, Any]:
    """Return the JSON values that an artefact of these weights carries, sorted by key.

    `names`, `task`, `imgsz`, `channels`, `version` and `license` stand under the keys that readers
    of other exporters' files know; the rest is `cnnkit.*`. What is not known is left out.

    Args:
        weights: the network.
        golden: images with the outputs for them; a weights file has none.
        input: the type of the input, as `Options` has it.
    """
    known = weights.metadata
    values: dict[str, Any] = {
        "names": weights.names,
        "task": "classify",
        "imgsz": list(weights.size[1:]),
        "channels": weights.size[0],
        "version": _version(),
        "license": known.get("license"),
        MARK: CONTRACT_VERSION,
        "cnnkit.architecture": _architecture(weights),
        CARRIED: carried_nodes(weights.graph) or None,
        "cnnkit.dataset": dataset_name(weights),
        "cnnkit.dataset_sha256": known.get("dataset_sha256"),
        "cnnkit.preprocessing": _record(weights, input),
        "cnnkit.signature": signature(weights.graph, input),
        "cnnkit.test_accuracy": known.get("test_accuracy"),
        "cnnkit.training": known.get("training"),
        "cnnkit.weights_sha256": weights.sha256,
        **(golden.to_json() if golden else {}),
    }
    known_values = {key: values[key] for key in sorted(values) if values[key] is not None}
    result: dict[str, Any] = json.loads(json.dumps(known_values))  # as a reader will see them
    return result


def _record(weights: Weights, input: str) -> dict[str, Any]:
    layout = "NHWC" if input == NHWC else "NCHW"
    record = replace(preprocessing(weights), layout=layout)
    return record.to_json(scaled_inside=input != "float32")


def _architecture(weights: Weights) -> dict[str, Any] | None:
    """Return the shapes of a network of the family; another network has none."""
    try:
        return weights.plain.architecture.to_json()
    except InputError:
        return None


def _version() -> str:
    from cnnkit import __version__

    return __version__


def dataset_name(weights: Weights) -> str | None:
    """Return the name of the data that a network was trained on; None if it is not known."""
    name = _stated(weights, "dataset")
    return name and recorded_name(str(name), _stated(weights, "dataset_sha256") or {})


def preprocessing(weights: Weights) -> Preprocessing:
    """Return what is done to images for this network: as for training, or a recipe by its data."""
    stated = _stated(weights, "preprocessing")
    if stated is not None and "size" in stated:  # a recipe's says no more than its name
        return Preprocessing.from_json(stated)
    name = dataset_name(weights)
    record = Preprocessing.of(weights.size, name if name in RECIPES else None)
    return record if stated is None else record.with_statistics(stated)


def _stated(weights: Weights, key: str) -> Any:
    """Return what a weights file, or an artefact of ours, states under a key; None if nothing."""
    return weights.metadata.get(key, weights.metadata.get(f"cnnkit.{key}"))


def without_vectors(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return what an artefact states of its weights alone: nothing of its format or its tests."""
    other = (KEY, QUANTISATION, HELD, GRAPH)
    return {key: value for key, value in values.items() if not key.startswith(other)}
