"""What a benchmark is about: `Model("net.onnx").network`, or `Model().data` of the family."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cnnkit.bench.workloads.base import Float32
from cnnkit.data.load import load_dataset
from cnnkit.data.registry import DATASETS
from cnnkit.errors import InputError, NetworkError
from cnnkit.formats.detect import detect
from cnnkit.graph.architecture import PIXEL_SCALE, Architecture
from cnnkit.graph.carried import refuse_carried
from cnnkit.graph.weights import Weights
from cnnkit.models.files import read_rounded
from cnnkit.models.network import Network
from cnnkit.models.read import is_spec, read_model
from cnnkit.models.said import OURS, Said
from cnnkit.runs.find import find_weights

IMAGES = 1024


@dataclass(frozen=True)
class BenchData:
    """The network that is timed, and images for it.

    Attributes:
        weights: trained ones if there are any, else initial ones.
        images: raw pixels uint8 [n, C, H, W].
        labels: int64 [n].
        about: where weights and images come from, in words.
    """

    weights: Weights
    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    about: str

    def raw(self, count: int) -> NDArray[np.uint8]:
        """Return the pixels of `count` images, repeated from the first where there are fewer."""
        return np.resize(self.images, (count, *self.images.shape[1:]))

    def batch(self, count: int) -> Float32:
        """Return `count` images as float32 in [0, 1]."""
        return self.raw(count).astype(np.float32) * np.float32(PIXEL_SCALE)


@dataclass(frozen=True)
class Model:
    """What is timed: a model as a person names it; None is the newest run, or initial weights.

    Raises:
        InputError, StorageError: it is named and cannot be used.
    """

    name: str | None = None
    said: Said = field(default_factory=Said)

    @cached_property
    def network(self) -> Network:
        """Any network, with the contract's input and outputs."""
        network = _rounded(self.name, self.said) or read_model(self.name, self.said)
        refuse_carried(network.weights.graph, network.source)
        return network

    @cached_property
    def data(self) -> BenchData:
        """A network of the family, and images for it."""
        return find_data(self)

    @property
    def trained(self) -> Weights | None:
        """Its weights; None if no model is named and there is no run."""
        try:
            return self.network.weights
        except InputError:
            if self.name is not None:
                raise
            return None

    @cached_property
    def is_of_family(self) -> bool:
        """Whether it consists of conv → ReLU → max-pool and a linear layer."""
        weights = self.trained
        try:
            return weights is None or bool(weights.architecture)
        except InputError:
            return False


def _rounded(name: str | None, said: Said) -> Network | None:
    """Return the network in an 8-bit file of ours; None of any other model."""
    if name is None or is_spec(name):
        return None
    path = find_weights(Path(name))
    form = detect(path)
    if form == "c-int8":
        raise InputError(
            path,
            "is C of 8-bit integers, which bench does not time",
            "time a file of the same integers: `cnnkit export RUN --format onnx-int8`",
        )
    network = read_rounded(path) if form == "onnx" else None
    if network:
        said.refuse(path, OURS)
    return network


def find_data(model: Model) -> BenchData:
    """Find trained weights and real images, or draw them and say so.

    Raises:
        InputError, StorageError: the model is named and cannot be used.
    """
    if not model.is_of_family:
        remedy = "time it with `--suite network`"
        raise InputError(model.name or "the newest run", "has no blocks to time one by one", remedy)
    weights, about = model.trained, "trained weights"
    if weights is None:
        weights = initial_weights(Architecture())
        about = "no run found: initial weights, seed 0"
    shape = weights.architecture.input
    try:
        name = str(weights.metadata.get("dataset", "mnist"))
        name = name if name in DATASETS else "mnist"
        test = load_dataset(name, quiet=True).test
        images, labels = test.images[:IMAGES], test.labels[:IMAGES]
        if images.shape[1:] != shape:
            raise InputError(name, f"has no images of shape {shape}", "name other weights")
        return BenchData(weights, images, labels, f"{about}, {name} test images")
    except (NetworkError, InputError):
        draw, classes = np.random.default_rng(0), weights.architecture.classes
        images = draw.integers(0, 256, (IMAGES, *shape), np.uint8)
        labels = draw.integers(0, classes, IMAGES)
        return BenchData(weights, images, labels, f"{about}, random images (no data set found)")


def initial_weights(architecture: Architecture) -> Weights:
    """Return an untrained network with the initial parameters of seed 0."""
    return Weights.of(architecture, architecture.initial_parameters(seed=0))
