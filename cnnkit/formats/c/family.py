"""A network of the family as C: `family_body(weights)`."""

from __future__ import annotations

import math

from cnnkit.formats.c.body import Body
from cnnkit.formats.c.literals import array
from cnnkit.formats.c.network import network_text, stack_bytes, table_bytes
from cnnkit.graph.convnet_match import Convnet

METHOD = (
    "How it works: rows and columns are dealt out to several planes each, as cards to players, "
    "so that",
    "a step of one pooled pixel is a step of one float. Every loop over q runs through the pooled",
    "pixels of a plane, with the same straight arithmetic on consecutive floats: compilers make",
    'vectors of it. Planes have a border of zeros; "keep" puts them back where a loop ran '
    "across it.",
)


def family_body(convnet: Convnet) -> Body:
    """Return the code of a network of the family, whose arrays are all on the stack."""
    architecture, tensors = convnet
    shapes = architecture.parameter_shapes()
    parameters = sum(map(math.prod, shapes.values()))
    return Body(
        METHOD,
        tuple(array("float", name.replace(".", "_"), tensors[name].ravel()) for name in shapes),
        network_text(architecture),
        parameters,
        4 * parameters + table_bytes(architecture),
        stack_bytes(architecture),
    )
