"""What formats of 8 bits share: `quantised(weights, options)`, and what such a file says of itself.

Weights use 7 of their 8 bits: on x86 processors without VNNI instructions, sums of full-range
products overflow in ONNX Runtime, and outputs would depend on the processor.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnkit.data.dataset import LABELLED, Split
from cnnkit.errors import InputError
from cnnkit.formats.description import describe
from cnnkit.formats.golden import Golden
from cnnkit.formats.golden_vectors import check_finite, choose, near_logits, vectors
from cnnkit.formats.options import Options
from cnnkit.graph.architecture import PIXEL_SCALE
from cnnkit.graph.convnet import with_contract
from cnnkit.graph.graph import Graph
from cnnkit.graph.layout import LAST, NHWC
from cnnkit.graph.quantised import (
    Plan,
    Quantised,
    plan,
    prepared,
    quantise,
    run_integers,
    to_integers,
    with_quantisation,
)
from cnnkit.graph.quantised.form import check_left
from cnnkit.graph.quantised.integers import around_zero
from cnnkit.graph.quantised.layers import layer_noise
from cnnkit.graph.quantised.ranges import whole
from cnnkit.graph.quantised.scales import Scale, choose_scales
from cnnkit.graph.quantised.static import BEST, MOST
from cnnkit.graph.quantised.statistics import collect
from cnnkit.graph.quantised.unsigned import as_unsigned
from cnnkit.graph.weights import Weights
from cnnkit.metrics import LOGIT_TOLERANCE

CALIBRATION = 500  # training images; ranges were seen to stay the same from there on
NOISE_OF = 32  # training images that layers' signal-to-noise ratios are of
SMALLEST = 1e-37  # tolerance
GOLDEN_FROM = 200  # test images among which the golden ones are chosen
TRAINED = "quantisation"  # the key of a weights file that has the scales
OWN = "the model's own"  # what a file says of integers that were not quantised here
ROUNDED = ("QuantizeLinear", "QLinearConv", "QGemm")  # what networks in 8 bits have
METHOD = "trained"  # what a file then says of its ranges
SCHEME = "QDQ; activations uint8; weights int8 in 7 bits, per output channel"


@dataclass(frozen=True)
class Trained:
    """By what a network was rounded while it was trained.

    Attributes:
        method: how the ranges were found before.
        scales: of its values, by name.
    """

    method: str
    scales: Mapping[str, Scale]

    def to_json(self) -> dict[str, Any]:
        """Return what a weights file says of it."""
        rows = {name: [float(scale), zero] for name, (scale, zero) in self.scales.items()}
        return {"ranges": self.method, "scales": rows}

    @classmethod
    def from_json(cls, values: Any, source: object) -> Trained:
        """Return what `to_json` wrote.

        Raises:
            InputError: it is none.
        """
        try:
            rows = {
                str(name): Scale(np.float32(scale), int(zero))
                for name, (scale, zero) in values["scales"].items()
            }
            good = all(0 < s < np.inf and 0 <= zero <= 255 for s, zero in rows.values())
            if good and isinstance(values["ranges"], str):
                return cls(values["ranges"], rows)
        except (KeyError, TypeError, ValueError, AttributeError):
            pass
        raise InputError(source, "has damaged scales", "use an undamaged copy, or train it again")

    @classmethod
    def of(cls, weights: Weights) -> Trained | None:
        """Return what a network's metadata say; None if it was not trained so."""
        stated = weights.metadata.get(TRAINED)
        return None if stated is None else cls.from_json(stated, "the network")

    def all_scales(self, found: Plan, images: NDArray[Any]) -> dict[str, Scale]:
        """Return the scale of each value of a plan, of other pixels than in training by images."""
        if found.values.keys() <= self.scales.keys():
            return {name: self.scales[name] for name in found.values}
        ranges = {name: whole(values) for name, values in collect(found, images).items()}
        return {**choose_scales(found, ranges), **self._known(found)}

    def _known(self, found: Plan) -> dict[str, Scale]:
        classes = {first: self.scales[n] for n, first in found.values.items() if n in self.scales}
        return {name: classes[first] for name, first in found.values.items() if first in classes}


def quantised(weights: Weights, options: Options) -> Quantised:
    """Return a network quantised by the training images of the options' data.

    One that was trained in 8 bits keeps its scales, unless the options name a method.

    Raises:
        InputError: the images do not fit it, an option has no such value, or nothing of it can be
            quantised.
        VerdictError: it has infinite logits.
    """
    train = options.dataset.train
    images = train.images[: CALIBRATION + MOST]
    if images.shape[1:] != weights.size:
        raise InputError(
            options.dataset.name,
            f"has training images of {list(images.shape[1:])}; "
            f"the network takes {list(weights.size)}",
            "choose the data that the network was trained for",
        )
    check_finite(near_logits(weights, choose(options.dataset.test)))
    graph, shown = with_contract(weights.graph, options.input), feed(options.input, images)
    trained = Trained.of(weights)
    if trained is not None and options.ranges == BEST:
        found = plan(prepared(graph), options.keep_float)
        check_left(found, options.keep_float)
        scales = trained.all_scales(found, shown[:CALIBRATION])
        return Quantised(found, METHOD, scales, with_quantisation(found, scales))
    labels = train.labels[: len(images)] if options.dataset.kind == LABELLED else None
    return quantise(
        graph,
        shown,
        labels,
        calibration=CALIBRATION,
        method=options.ranges,
        keep_float=options.keep_float,
    )


def own_integers(weights: Weights) -> Graph | None:
    """Return what a network computes that somebody has quantised; None of one in float.

    Raises:
        InputError: it has not the contract's input and outputs.
    """
    if not any(node.operator in ROUNDED for node in weights.graph.nodes):
        return None
    integers = to_integers(with_contract(weights.graph, "uint8"))
    unsigned, factors = as_unsigned(integers)
    return around_zero(integers if factors else unsigned)  # additions of int8 round otherwise


def integers_of(weights: Weights, options: Options) -> tuple[Graph, dict[str, Any]]:
    """Return a network in 8 bits, its own if it has them, and what a file says of them.

    Raises:
        InputError: as `quantised`.
    """
    own = own_integers(weights)
    if own is None:
        found = quantised(weights, options)
        return found.integers, record(found, options)
    stated = {"scheme": OWN, "ranges": OWN, "keep_float": [], "layers": []}
    return own, {**stated, "max_accuracy_drop": options.max_accuracy_drop}


def check_quantisable(weights: Weights) -> None:
    """Raise InputError if nothing of a network can be quantised."""
    if own_integers(weights) is None:
        check_left(plan(prepared(weights.graph)))


def feed(input: str, images: NDArray[np.uint8]) -> NDArray[Any]:
    """Return raw pixels [N, C, H, W] as a file of this input takes them."""
    if input == NHWC:
        return np.ascontiguousarray(images.transpose(LAST))
    return images if input == "uint8" else images * np.float32(PIXEL_SCALE)


def record(found: Quantised, options: Options) -> dict[str, Any]:
    """Return what a file says of its quantisation, but for the digest of its tensors."""
    train = options.dataset.train.images
    noise = layer_noise(found, feed(options.input, train[:NOISE_OF]))
    equalised = {name: list(row) for name, row in found.equalised.items()}
    return {
        "scheme": SCHEME,
        "calibration_images": min(CALIBRATION, len(train)),
        "ranges": found.method,
        **({"equalised": equalised} if equalised else {}),
        "keep_float": list(options.keep_float),
        "max_accuracy_drop": options.max_accuracy_drop,
        "layers": [list(row) for row in noise],
    }


def digest(tensors: Mapping[str, NDArray[Any]]) -> str:
    """Return the SHA-256 of all tensors of a model: weights, scales and zero points."""
    state = hashlib.sha256()
    for name in sorted(tensors):
        state.update(f"{name} {tensors[name].dtype} {tensors[name].shape} ".encode())
        state.update(np.ascontiguousarray(tensors[name]).tobytes())
    return state.hexdigest()


def described(weights: Weights, integers: Graph, options: Options) -> dict[str, Any]:
    """Return the metadata of a file of these integers, but for what it says of its quantisation."""
    return describe(weights, replace(options, golden=_golden(weights, integers, options)))


def _golden(weights: Weights, integers: Graph, options: Options) -> Golden:
    """Return golden vectors of images to which the integers give the network's own label.

    Their tolerance is twice the largest error seen, or what float32 may be off, which is more than
    0 also of a network that gives nothing but zeros.
    """
    test = options.dataset.test
    images, truth = test.images[:GOLDEN_FROM], test.labels[:GOLDEN_FROM]
    expected = near_logits(weights, images)
    logits = run_integers(integers, feed(options.input, images))
    same = logits.argmax(axis=1) == expected.argmax(axis=1)
    chosen = choose(Split(images[same], truth[same]) if same.any() else Split(images, truth))
    error, largest = (float(np.abs(a).max()) for a in (logits - expected, expected))
    tolerance = float(f"{max(2 * error, LOGIT_TOLERANCE * largest, SMALLEST):.1e}")
    return vectors(weights, chosen, tolerance)
