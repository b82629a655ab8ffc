"""ONNX Runtime's functions of integers, read as what they are defined as: `RULES[operator](draft)`.

Each becomes the function of numbers between DequantizeLinear and QuantizeLinear.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from cnnkit.formats.onnx.draft import Draft, NodeRefusedError
from cnnkit.graph.operators.activations import SLOPE
from cnnkit.graph.operators.quantised import MICROSOFT


def read_function(draft: Draft, operator: str, count: int = 1) -> None:
    """Read x, its scale and zero point for each of `count` factors, then the result's."""
    kind = draft.type_of(0).dtype
    if kind not in ("uint8", "int8"):
        raise NodeRefusedError(f"its input is {kind}, not integers of 8 bits")
    attributes: dict[str, Any] = {}
    if operator == "LeakyRelu":
        alpha = draft.number("alpha")
        attributes["alpha"] = SLOPE if alpha is None else alpha
    if draft.attributes:
        raise NodeRefusedError(f"its attribute {next(iter(draft.attributes))} is unknown")
    given = [*draft.inputs, *[""] * (3 * count + 2 - len(draft.inputs))]
    numbers = [
        _added(draft, "DequantizeLinear", _with_zero(draft, given[at : at + 3], kind), f"x{at}")
        for at in range(0, 3 * count, 3)
    ]
    y = _added(draft, operator, numbers, "y", attributes)
    scaled = _with_zero(draft, [y, *given[3 * count :]], kind)
    draft.add("QuantizeLinear", scaled, draft.outputs, {})


def _with_zero(draft: Draft, inputs: Sequence[str], kind: str) -> list[str]:
    value, scale, zero = inputs
    return [value, scale, zero or draft.add_tensor("zero", np.zeros((), kind))]


def _added(
    draft: Draft, operator: str, inputs: Sequence[str], hint: str, attributes: Any = None
) -> str:
    output = f"{draft.outputs[0]}.{hint}"
    if output in draft.types:
        raise NodeRefusedError(f"the name {output} is taken")
    draft.add(operator, inputs, [output], attributes or {})
    return output


RULES: dict[str, Callable[[Draft], None]] = {
    f"{MICROSOFT}.QLinearSigmoid": partial(read_function, operator="Sigmoid"),
    f"{MICROSOFT}.QLinearLeakyRelu": partial(read_function, operator="LeakyRelu"),
    f"{MICROSOFT}.QLinearMul": partial(read_function, operator="Mul", count=2),
}
