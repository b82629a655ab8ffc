"""Random convolutions, pools and heads give in the reference what PyTorch gives in float64."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnxruntime
import torch
import torch.nn.functional as F
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from support.graph_cases import Net
from support.graph_to_onnx import to_onnx

from cnnkit.graph.graph import Graph
from cnnkit.graph.reference import evaluate

PAIRS = st.tuples(st.integers(1, 3), st.integers(1, 3))
SIZES = st.tuples(st.integers(5, 11), st.integers(5, 11))
TIGHT = {"rtol": 1e-10, "atol": 1e-10}
modest = settings(max_examples=40, deadline=None, derandomize=True)


def images(channels: int, size: tuple[int, int]) -> torch.Tensor:
    generator = torch.Generator().manual_seed(channels)
    return torch.randn(2, channels, *size, generator=generator, dtype=torch.float64)


def agree(graph: Graph, x: torch.Tensor, expected: torch.Tensor) -> None:
    found = evaluate(graph, {"x": x.numpy()})[graph.outputs[0]]
    np.testing.assert_allclose(found, expected.numpy(), **TIGHT)


def in_runtime(graph: Graph, x: torch.Tensor) -> None:
    """ONNX Runtime takes pads that PyTorch has no argument for."""
    feeds: Mapping[str, Any] = {"x": x.float().numpy()}
    session = onnxruntime.InferenceSession(
        to_onnx(graph).SerializeToString(), providers=["CPUExecutionProvider"]
    )
    expected = evaluate(graph, feeds)[graph.outputs[0]]
    np.testing.assert_allclose(session.run(None, feeds)[0], expected, rtol=1e-4, atol=1e-4)


@given(
    SIZES, st.integers(1, 4), st.integers(1, 3), st.integers(1, 3), PAIRS, PAIRS, PAIRS,
    st.tuples(*[st.integers(0, 3)] * 4), st.booleans(),
)  # fmt: skip
@modest
def test_convolutions_agree(
    size: tuple[int, int], group: int, into: int, out: int, kernel: tuple[int, int],
    strides: tuple[int, int], dilations: tuple[int, int], pads: tuple[int, ...], bias: bool,
) -> None:  # fmt: skip
    spans = [sum(sides) for sides in zip(size, pads[:2], pads[2:], strict=True)]
    extents = [(k - 1) * d + 1 for k, d in zip(kernel, dilations, strict=True)]
    assume(all(extent <= span for extent, span in zip(extents, spans, strict=True)))
    into, out = into * group, out * group
    net = Net(into, *size)
    options = {"strides": strides, "dilations": dilations, "group": group}
    y = net.conv("x", into, out, *kernel, bias=bias, pads=pads, **options)
    graph, x = net.graph(y), images(into, size)
    top, left, bottom, right = pads
    weight, *biases = (torch.from_numpy(array).double() for array in net.tensors.values())
    padded = F.pad(x, (left, right, top, bottom))
    agree(graph, x, F.conv2d(padded, weight, *(biases or [None]), strides, 0, dilations, group))
    in_runtime(graph, x)


@given(SIZES, PAIRS, PAIRS, PAIRS, PAIRS, st.booleans())
@modest
def test_max_pools_agree(
    size: tuple[int, int], kernel: tuple[int, int], strides: tuple[int, int],
    dilations: tuple[int, int], padding: tuple[int, int], ceil: bool,
) -> None:  # fmt: skip
    padding = tuple(min(pad, side // 2) for pad, side in zip(padding, kernel, strict=True))
    extents = [(k - 1) * d + 1 for k, d in zip(kernel, dilations, strict=True)]
    assume(all(e <= s + 2 * p for e, s, p in zip(extents, size, padding, strict=True)))
    net = Net(3, *size)
    windows = {"kernel_shape": kernel, "strides": strides, "dilations": dilations}
    graph = net.graph(net("MaxPool", "x", **windows, pads=padding * 2, ceil_mode=int(ceil)))
    x = images(3, size)
    agree(graph, x, F.max_pool2d(x, kernel, strides, padding, dilations, ceil))


@given(SIZES, PAIRS, PAIRS, PAIRS, st.booleans(), st.booleans())
@modest
def test_average_pools_agree(
    size: tuple[int, int], kernel: tuple[int, int], strides: tuple[int, int],
    padding: tuple[int, int], ceil: bool, counted: bool,
) -> None:  # fmt: skip
    padding = tuple(min(pad, side // 2) for pad, side in zip(padding, kernel, strict=True))
    net = Net(3, *size)
    windows = {"kernel_shape": kernel, "strides": strides, "pads": padding * 2}
    options = {"ceil_mode": int(ceil), "count_include_pad": int(counted)}
    graph, x = net.graph(net("AveragePool", "x", **windows, **options)), images(3, size)
    agree(graph, x, F.avg_pool2d(x, kernel, strides, padding, ceil, counted))


@given(st.integers(1, 20), st.integers(1, 12), st.booleans(), st.booleans())
@modest
def test_heads_agree(features: int, classes: int, normal: bool, bias: bool) -> None:
    net = Net(features, 1, 1)
    parameters = [net.drawn(classes, features), *([net.drawn(classes)] if bias else [])]
    y = net("Gemm", net("Flatten", "x"), *parameters, transB=1)
    graph = net.graph(net("Softmax" if normal else "LogSoftmax", y, axis=1))
    x = images(features, (1, 1))
    logits = F.linear(x.flatten(1), *(torch.from_numpy(a).double() for a in net.tensors.values()))
    agree(graph, x, torch.softmax(logits, 1) if normal else torch.log_softmax(logits, 1))


def test_batch_norm_agrees() -> None:
    net, x = Net(5, 4, 6), images(5, (4, 6))
    graph = net.graph(net.norm("x", 5))
    scale, shift, mean, variance = (
        torch.from_numpy(array).double() for array in net.tensors.values()
    )
    epsilon = graph.nodes[0].attributes["epsilon"]
    agree(graph, x, F.batch_norm(x, mean, variance, scale, shift, eps=epsilon))
