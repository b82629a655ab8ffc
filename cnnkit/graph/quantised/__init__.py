"""Quantised networks as data: `quantise(graph, images, ...)`, and the integers that it computes.

There are three forms of a network, all of them `cnnkit.graph.graph.Graph`:

1. The float network, brought by `prepared` to few operators.
2. QDQ (`with_quantisation`), as it is written to ONNX files: each value that is to be integers goes
   through QuantizeLinear and DequantizeLinear; weights are int8 and biases int32 constants behind
   DequantizeLinear. A value `y` has the integers `y.quantised`, the scale `y.scale` and the zero
   point `y.zero_point`; what is rounded to it is `y.exact`.
3. The integer graph (`to_integers`), which native kernels and the C format execute. Its values are
   integers; its operators are those of `cnnkit.graph.operators.quantised`, their constants named
   tensors of the graph. In the order of the inputs:

   - QuantizeLinear (x, scale, zero): float32 to uint8, in files of others also int8.
   - QLinearConv (x, sx, zx, w, sw, zw, sy, zy, bias): x and result uint8; w int8 [K, C / group, H,
     W] with sw float32 [K] and zw zeros [K]; bias int32 [K] in steps of sx * sw; zero points are of
     the type of their integers, the other scales float32 [].
   - QGemm (x, sx, zx, w, sw, zw, bias, sy, zy): likewise, w [K, features] (transB). Without the
     last two inputs its result is float32: the sums times sx * sw.
   - QLinearAdd (a, sa, za, b, sb, zb, sy, zy): uint8, of one shape.
   - QLinearAveragePool, QLinearGlobalAveragePool (x, sx, zx, sy, zy): uint8.
   - QLinearConcat (sy, zy, then x, sx, zx of each part): uint8; Concat, where all have one scale.
   - MaxPool, Flatten, Reshape, Transpose, Concat, ...: integers, whose scale stays the same.
   - DequantizeLinear (x, scale, zero): integers to float32.

   What is between DequantizeLinear and QuantizeLinear is float: an activation that stands alone,
   layers that were kept; so are the pixels' scaling at the input, and the heads behind the logits.

Arithmetic is ONNX Runtime's. Sums are int32, with the padding of x's zero point. A result is
`clip(rint(float32(sum) * factor), -zy, 255 - zy) + zy`, rounded half to even, with the float32
`factor = sx * sw[k] / sy` computed from left to right. `evaluate(graph, {"image": x}, ["logits"],
dtype="float32")` of the integer graph (`run_integers`) is the oracle for every executor: the same
bits as ONNX Runtime.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnnkit.lazy import attach

if TYPE_CHECKING:
    from cnnkit.graph.quantised.form import Plan as Plan
    from cnnkit.graph.quantised.form import plan as plan
    from cnnkit.graph.quantised.form import prepared as prepared
    from cnnkit.graph.quantised.integers import to_integers as to_integers
    from cnnkit.graph.quantised.rewriting import with_quantisation as with_quantisation
    from cnnkit.graph.quantised.static import Quantised as Quantised
    from cnnkit.graph.quantised.static import quantise as quantise
    from cnnkit.graph.quantised.static import run_integers as run_integers

__all__ = [
    "Plan",
    "Quantised",
    "plan",
    "prepared",
    "quantise",
    "run_integers",
    "to_integers",
    "with_quantisation",
]

__getattr__, __dir__ = attach(
    __name__,
    {
        "Plan": ".form",
        "Quantised": ".static",
        "plan": ".form",
        "prepared": ".form",
        "quantise": ".static",
        "run_integers": ".static",
        "to_integers": ".integers",
        "with_quantisation": ".rewriting",
    },
)
