"""A network of the family as C: `family_body(weights)`."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from cnnkit.formats.c.body import Body
from cnnkit.formats.c.network import network_text, stack_bytes, table_bytes
from cnnkit.graph.weights import Weights

METHOD = (
    "How it works: rows and columns are dealt out to several planes each, as cards to players, "
    "so that",
    "a step of one pooled pixel is a step of one float. Every loop over q runs through the pooled",
    "pixels of a plane, with the same straight arithmetic on consecutive floats: compilers make",
    'vectors of it. Planes have a border of zeros; "keep" puts them back where a loop ran '
    "across it.",
)


def family_body(weights: Weights) -> Body:
    """Return the code of a network of the family, whose arrays are all on the stack.

    Its pixels may be normalised.
    """
    architecture, tensors = weights.plain.convnet
    shapes = architecture.parameter_shapes()
    parameters = sum(map(math.prod, shapes.values()))
    return Body(
        METHOD,
        {**{name.replace(".", "_"): tensors[name] for name in shapes}, **_statistics(weights)},
        network_text(architecture, weights.normalisation is not None),
        parameters,
        4 * parameters + table_bytes(architecture),
        stack_bytes(architecture),
    )


def _statistics(weights: Weights) -> dict[str, NDArray[np.float32]]:
    """Return mean and standard deviation of pixels from 0 to 1, if there are any, by name."""
    found = weights.normalisation
    return {} if found is None else {"pixel_mean": found.mean, "pixel_std": found.std}
