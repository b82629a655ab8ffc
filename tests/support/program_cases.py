"""Graphs of one operator in many shapes, and random ones, for what runs lowered graphs.

Each takes x, float32 [N, C, H, W] from 0 to 1, and gives all values of its last node in a row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from itertools import product
from typing import Any

import numpy as np

from cnnkit.graph.graph import Graph
from support.graph_cases import Net

Case = tuple[str, Graph]


def one(name: str, shape: tuple[int, ...], build: Callable[[Net], str], seed: int = 0) -> Case:
    net = Net(*shape, seed=seed)
    return name, net.graph(net("Flatten", build(net)))


def convolutions() -> Iterator[Case]:
    for channels in (*range(1, 19), 23, 24, 31, 33, 40):

        def dense(net: Net, c: int = channels) -> str:
            return net.conv("x", 3, c, 3, pads=(1, 1, 1, 1))

        def deep(net: Net, c: int = channels) -> str:
            return net.conv(net.conv("x", 3, c, 1), c, 5, 2, bias=False)

        def depth(net: Net, c: int = channels) -> str:
            return net.conv(net.conv("x", 3, c, 1), c, c, 3, group=c, pads=(1, 1, 1, 1))

        for build in (dense, deep, depth):
            yield one(f"{build.__name__} {channels}", (3, 7, 11), build, channels)
    kernels = ((1, 1), (2, 3), (3, 1), (10, 4), (5, 5))
    strides, pads = ((1, 1), (2, 1), (3, 2)), ((0, 0, 0, 0), (1, 2, 3, 0), (4, 4, 4, 4))
    for kernel, stride, pad in product(kernels, strides, pads):
        for dilation in ((1, 1), (2, 1), (1, 3)):
            sides = [9 + pad[0] + pad[2], 11 + pad[1] + pad[3]]
            extents = [(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)]
            if any(e > side for e, side in zip(extents, sides, strict=True)):
                continue
            more: dict[str, Any] = {"strides": stride, "pads": pad, "dilations": dilation}
            for groups, out in ((1, 9), (2, 6), (4, 4), (4, 12)):

                def window(
                    net: Net, g: int = groups, o: int = out, k: Any = kernel, m: Any = more
                ) -> str:
                    return net.conv("x", 4, o, *k, group=g, **m)

                yield one(f"kernel {kernel} {more} groups {groups}", (4, 9, 11), window)


def wide_groups() -> Iterator[Case]:
    for each, out, groups in ((9, 17, 2), (3, 8, 5), (1, 2, 20), (5, 1, 3), (4, 24, 2)):

        def grouped(net: Net, i: int = each, o: int = out, g: int = groups) -> str:
            y = net.conv("x", 2, i * g, 1)
            return net("Relu", net.conv(y, i * g, o * g, 3, group=g, pads=(2, 0, 1, 1)))

        yield one(f"groups {groups} of {each} to {out}", (2, 6, 13), grouped)

    def larger(net: Net) -> str:
        return net.conv("x", 2, 3, 7, pads=(4, 3, 5, 3))

    yield one("a kernel larger than the image", (2, 3, 2), larger)

    def outside(net: Net) -> str:
        return net.conv("x", 2, 10, 1, pads=(3, 3, 3, 3), strides=(2, 3))

    yield one("windows wholly in the padding", (2, 3, 2), outside)

    def far(net: Net) -> str:
        return net.conv("x", 2, 18, 2, pads=(5, 5, 5, 5), dilations=(7, 6))

    yield one("dilation beyond the image", (2, 4, 4), far)


def activations() -> Iterator[Case]:
    for groups in (1, 12):

        def residual(net: Net, g: int = groups) -> str:
            x = net.conv("x", 3, 12, 1)
            y = net.conv(x, 12, 12, 3, pads=(1, 1, 1, 1), group=g)
            return net("Relu", net("Add", y, x))

        def kept(net: Net, g: int = groups) -> str:
            x = net.conv("x", 3, 12, 1)
            y = net("Add", x, net.conv(x, 12, 12, 3, pads=(1, 1, 1, 1), group=g))
            return net("Concat", net.relu6(y), x, net("Relu", y), axis=1)

        def other(net: Net, g: int = groups) -> str:
            y = net.conv(net.conv("x", 3, 12, 1), 12, 12, 3, pads=(1, 1, 1, 1), group=g)
            return net.relu6(net("Add", net.conv("x", 3, 12, 1), y))

        for build in (residual, kept, other):
            for width in (1, 4, 9, 16, 19):
                yield one(f"{build.__name__} {groups} {width}", (3, 5, width), build)
    limits = (
        (-0.1, 0.2),
        (None, 0.1),
        (0.1, None),
        (0.2, -0.2),
        (-np.inf, np.inf),
        (None, None),
        (0, 6),
        (-1e39, 1e39),
    )
    for low, high in limits:

        def clip(net: Net, a: Any = low, b: Any = high) -> str:
            names = ["" if n is None else net.tensor(n) for n in (a, b)]
            while names and not names[-1]:
                names.pop()
            return net("Clip", net("Clip", net.conv("x", 2, 5, 3), *names), *names)

        yield one(f"clip {low} {high}", (2, 5, 5), clip)


def pools() -> Iterator[Case]:
    kernels = ((2, 2), (3, 2), (1, 4), (5, 5))
    for kernel, strides, ceil in product(kernels, ((1, 1), (2, 3), (3, 2)), (0, 1)):
        for pads in ((0, 0, 0, 0), (1, 1, 0, 0), (0, 0, 1, 1), (0, 1, 0, 0)):
            if any(pad >= k for pad, k in zip(pads, kernel * 2, strict=True)):
                continue
            more: dict[str, Any] = {
                "kernel_shape": kernel, "strides": strides, "ceil_mode": ceil, "pads": pads,
            }  # fmt: skip
            for operator, include in (("MaxPool", None), ("AveragePool", 0), ("AveragePool", 1)):
                extra = {} if include is None else {"count_include_pad": include}

                def pool(net: Net, o: str = operator, m: Any = more, e: Any = extra) -> str:
                    return net(o, "x", **m, **e)

                yield one(f"{operator} {more} {extra}", (5, 7, 8), pool)

    def dilated(net: Net) -> str:
        y = net("MaxPool", "x", kernel_shape=(2, 3), dilations=(3, 2), pads=(1, 0, 1, 2))
        return net("AveragePool", y, kernel_shape=(2, 2), dilations=(2, 3), pads=(1, 1, 1, 0))

    yield one("dilated pools", (3, 8, 9), dilated)
    yield one("GlobalAveragePool", (9, 5, 6), lambda net: net("GlobalAveragePool", "x"))

    def pooled(net: Net) -> str:
        y = net("Relu", net.conv("x", 4, 9, 3))
        return net("MaxPool", y, kernel_shape=(2, 2), strides=(2, 2), ceil_mode=1)

    yield one("a pool behind a convolution", (4, 9, 9), pooled)


def movement() -> Iterator[Case]:
    for perm in (
        (0, 1, 2, 3),
        (0, 2, 3, 1),
        (0, 3, 1, 2),
        (0, 3, 2, 1),
        (0, 1, 3, 2),
        (0, 2, 1, 3),
    ):
        yield one(f"transpose {perm}", (3, 4, 5), lambda net, p=perm: net("Transpose", "x", perm=p))

        def conv_of(net: Net, p: Any = perm) -> str:
            channels = (3, 4, 5)[p[1] - 1]
            return net.conv(net("Transpose", "x", perm=p), channels, 6, 2)

        yield one(f"a convolution of transpose {perm}", (3, 4, 5), conv_of)
    for axis in (1, 2, 3, -1, -3):

        def concat(net: Net, a: int = axis) -> str:
            return net("Concat", "x", net("Relu", "x"), net.conv("x", 3, 3, 1), axis=a)

        yield one(f"concat {axis}", (3, 4, 5), concat)
    all_pads = (
        (0, 0, 1, 2, 0, 0, 3, 0),
        (0, 1, 0, 0, 0, 2, 0, 0),
        (0, 0, -1, 0, 0, 0, 0, -2),
        (0, -1, 2, -1, 0, 0, -1, 1),
        (0, 0, 0, 0, 0, 0, 0, 0),
        (0, 0, -3, 4, 0, 0, 4, -2),
    )
    for pads in all_pads:

        def pad(net: Net, p: Any = pads) -> str:
            return net("Pad", net("Relu", "x"), net.tensor(p, "int64"), net.tensor(0.25))

        def pad_conv(net: Net, p: Any = pads) -> str:
            y = net("Pad", net.conv("x", 3, 9, 1), net.tensor(p, "int64"))
            return net("AveragePool", y, kernel_shape=(2, 2))

        yield one(f"pad {pads}", (3, 4, 5), pad)
        yield one(f"pad {pads} of a convolution", (3, 4, 5), pad_conv)
    for channels, groups in ((6, 2), (6, 3), (20, 4)):

        def shuffle(net: Net, c: int = channels, g: int = groups) -> str:
            y = net.conv("x", 3, c, 1)
            y = net("Reshape", y, net.tensor([0, g, c // g, 4, 5], "int64"))
            y = net("Transpose", y, perm=(0, 2, 1, 3, 4))
            y = net("Reshape", y, net.tensor([0, c, 4, 5], "int64"))
            return net.conv(y, c, 7, 3, pads=(1, 1, 1, 1))

        yield one(f"shuffle {channels} {groups}", (3, 4, 5), shuffle)
    for shape in ([0, -1], [0, 5, 4, 3], [0, 3, 20], [0, 6, 2, 5], [0, 1, 60, 1], [0, 60, 1, 1]):

        def reshape(net: Net, s: Any = shape) -> str:
            y = net("Relu", net("Reshape", net.conv("x", 3, 3, 1), net.tensor(s, "int64")))
            back = net("Reshape", y, net.tensor([0, 3, 4, 5], "int64"))
            return net("Add", net.conv(back, 3, 3, 1), "x")

        yield one(f"reshape {shape}", (3, 4, 5), reshape)


def numbers() -> Iterator[Case]:
    shapes = (
        (),
        (1,),
        (5,),
        (4, 1),
        (3, 1, 1),
        (1, 3, 1, 1),
        (3, 4, 5),
        (1, 4, 5),
        (3, 1, 5),
        (1, 1, 4, 1),
    )
    for operator, shape in product(("Add", "Sub", "Mul", "Div"), shapes):
        for first in (0, 1):

            def binary(net: Net, o: str = operator, s: Any = shape, f: int = first) -> str:
                y = net("Add", net.conv("x", 3, 3, 1), net.tensor(2.0))
                constant = net.drawn(*s, low=0.5, high=2)
                return net(o, *((y, constant) if f else (constant, y)))

            yield one(f"{operator} {shape} {first}", (3, 4, 5), binary)

    def gate(net: Net) -> str:
        y = net.conv("x", 3, 9, 1)
        return net("Mul", y, net("Relu", net.conv(net("GlobalAveragePool", y), 9, 9, 1)))

    def rows(net: Net) -> str:
        y = net.conv("x", 3, 9, 1)
        kept = net("ReduceMean", y, net.tensor([3], "int64"))
        return net("Sub", net("Div", y, net("Add", kept, net.tensor(3.0))), kept)

    def itself(net: Net) -> str:
        y = net("Add", "x", "x")
        y = net("Mul", y, y)
        return net("Sum", y, "x", net("Sub", y, y), y)

    def wider(net: Net) -> str:
        a = net("ReduceMean", "x", net.tensor([2], "int64"))
        return net("Mul", a, net("ReduceMean", "x", net.tensor([3], "int64")))

    def mirrored(net: Net) -> str:
        y = net.conv("x", 3, 4, 1, strides=(1, 1))
        y = net("Pad", y, net.tensor([0, 0, 0, 0, 0, 0, 1, 0], "int64"))
        return net("Sub", y, net("Transpose", y, perm=(0, 1, 3, 2)))

    def shifted(net: Net) -> str:
        y = net("Relu", net("Add", net.conv("x", 3, 9, 2), net.drawn(9, 3, 4)))
        gate = net.conv(net("GlobalAveragePool", y), 9, 9, 1)
        y = net("Relu", net("Add", net.conv(y, 9, 9, 1), gate))
        return net("Relu", net("Sub", net.drawn(9, 1, 1), net.conv(y, 9, 9, 1)))

    for build in (gate, rows, itself, wider, mirrored, shifted):
        yield one(build.__name__, (3, 4, 5), build)
    yield one("turned", (4, 4, 5), turned)
    for axes, keep in product(([1], [2], [3], [1, 2], [2, 3], [1, 3], [1, 2, 3], [-1, -3]), (0, 1)):

        def mean(net: Net, a: Any = axes, k: int = keep) -> str:
            return net("ReduceMean", net.conv("x", 3, 7, 1), net.tensor(a, "int64"), keepdims=k)

        yield one(f"ReduceMean {axes} {keep}", (3, 4, 5), mean)
    for operator, axis in product(("Softmax", "LogSoftmax"), (1, 2, 3, -1)):

        def softmax(net: Net, o: str = operator, a: int = axis) -> str:
            y = net("Mul", net.conv("x", 3, 7, 1), net.tensor(20.0))
            return net("Add", net(o, y, axis=a), net.tensor(1.0))

        yield one(f"{operator} {axis}", (3, 4, 5), softmax)

    def product_of(net: Net) -> str:
        y = net("MatMul", "x", net("Transpose", "x", perm=(0, 1, 3, 2)))
        return net("MatMul", y, net.drawn(4, 6))

    def attention(net: Net) -> str:
        y = net("Reshape", net.conv("x", 3, 6, 1), net.tensor([0, 6, 20], "int64"))
        return net("MatMul", net.drawn(3, 6), y)

    def stack(net: Net) -> str:
        return net("MatMul", net("MatMul", "x", net.drawn(3, 5, 6)), net.drawn(1, 3, 6, 2))

    for build in (product_of, attention, stack):
        yield one(build.__name__, (3, 4, 5), build)
    for features in (1, 2, 7, 8, 9, 16, 17, 40):

        def dense(net: Net, k: int = features) -> str:
            y = net("Relu", net.head(net.conv("x", 3, 3, 2), 36, k))
            return net("Gemm", y, net.drawn(k, 9), alpha=1.5)

        yield one(f"dense {features}", (3, 4, 5), dense)

    def norms(net: Net) -> str:
        y = net.norm(net("Relu", net.norm("x", 3)), 3)
        return net.norm(net("MaxPool", y, kernel_shape=(2, 2)), 3)

    yield one("norms", (3, 4, 5), norms)


def turned(net: Net) -> str:
    y = net("Transpose", net.conv("x", 4, 4, 1), perm=(0, 3, 2, 1))
    return net("Mul", net("Add", y, net.drawn(4)), net("Transpose", "x", perm=(0, 3, 2, 1)))


def fast_convolutions() -> Iterator[Case]:
    """Yield what the engine computes by algorithms of its own, at their borders."""
    pads: tuple[tuple[int, ...], ...] = ((1, 1, 1, 1), (0, 0, 0, 0), (2, 2, 2, 2), (0, 1, 2, 0))
    for (c, k), (h, w) in product(
        ((16, 16), (16, 24), (24, 41), (32, 65), (48, 17)), ((4, 4), (5, 9), (13, 8), (21, 34))
    ):
        for pad in pads:

            def dense(net: Net, c: int = c, k: int = k, p: Any = pad) -> str:
                y = net.conv("x", 1, c, 1)
                return net.relu6(net.conv(y, c, k, 3, pads=p))

            yield one(f"3x3 {c} to {k}, {h}x{w}, pads {pad}", (1, h, w), dense)

    def far(net: Net) -> str:  # larger weights than the nearest caches hold
        return net("Relu", net.conv(net.conv("x", 1, 128, 1), 128, 128, 3, pads=(1, 1, 1, 1)))

    yield one("3x3 128 to 128", (1, 8, 8), far)

    def residual(net: Net) -> str:
        x = net.conv("x", 2, 40, 1)
        y = net("Relu", net("Add", net.conv(x, 40, 40, 3, pads=(1, 1, 1, 1)), x))
        return net("Concat", y, net("Add", net.conv(y, 40, 40, 3, pads=(1, 1, 1, 1)), x), axis=1)

    yield one("3x3 with a residual", (2, 10, 11), residual)
    widths = (*range(1, 16), *range(31, 42), 300)
    for kernel, stride, wide in product((3, 5), (1, 2), widths):
        for pad in ((kernel // 2,) * 4, (0, 0, 0, 0), (1, 0, 0, 1), (0, kernel // 2, 1, 0)):
            if wide + pad[1] + pad[3] < kernel:
                continue

            def depth(
                net: Net, k: int = kernel, s: int = stride, p: Any = pad, c: int = 8 + wide % 3 * 8
            ) -> str:
                y = net.conv("x", 1, c, 1)
                y = net.conv(y, c, c, k, group=c, strides=(s, s), pads=p)
                return net("Relu", y)

            yield one(f"depthwise {kernel}/{stride}, {wide} wide, {pad}", (1, 6, wide), depth)
    for c, k, h, w in ((3, 20, 70, 90), (40, 9, 30, 40), (200, 33, 3, 9), (3, 8, 2, 3000)):

        def strips(net: Net, c: int = c, k: int = k) -> str:
            y = net.conv(net.conv("x", 1, c, 1), c, k, 3, strides=(2, 1), pads=(1, 1, 0, 1))
            return net("GlobalAveragePool", net("Relu", y))

        yield one(f"strips of {c} channels", (1, h, w), strips)

    for c, k, side, h in ((512, 300, 1, 7), (96, 40, 1, 30), (64, 160, 3, 9)):

        def many(net: Net, c: int = c, k: int = k, side: int = side) -> str:
            y = net.conv("x", 1, c, 1)
            return net.relu6(net.conv(y, c, k, side, strides=(side // 2 + 1,) * 2))

        yield one(f"many weights, {side}x{side} {c} to {k}", (1, h, 7), many)

    def fire(net: Net) -> str:  # whose convolutions write into the concatenation
        x = net("Relu", net.conv("x", 1, 16, 1))
        y = net("Relu", net.conv(x, 16, 20, 1))
        z = net("Relu", net.conv(x, 16, 24, 3, pads=(1, 1, 1, 1)))
        y = net("Concat", y, x, z, axis=1)
        return net("Concat", net.conv(y, 60, 8, 1), net.conv(y, 60, 9, 1), axis=1)

    yield one("concatenation in place", (1, 13, 11), fire)
    for wide, k, kernel in product((8, 9, 16, 17, 28), (1, 5, 6, 7, 12), (3, 5)):

        def columns(net: Net, k: int = k, kernel: int = kernel) -> str:
            return net("Relu", net.conv("x", 1, k, kernel, pads=(kernel // 2,) * 4))

        yield one(f"{kernel}x{kernel} 1 to {k}, {wide} wide", (1, 5, wide), columns)
    places = ((2, 9, 0), (3, 20, 2), (4, 17, 1), (6, 33, 2), (10, 28, 2))
    widths = ((1, 3), (1, 6), (1, 12), (3, 5), (6, 16), (20, 40))
    for (h, w, pad), (c, k) in product(places, widths):

        def five(net: Net, p: int = pad, c: int = c, k: int = k, pool: bool = False) -> str:
            x = net.conv("x", 1, c, 1) if c > 1 else "x"
            y = net.relu6(net.conv(x, c, k, 5, pads=(2, p, 2, p)))
            return net("MaxPool", y, kernel_shape=(2, 2), strides=(2, 2)) if pool else y

        yield one(f"5x5 {c} to {k}, {h}x{w}, pad {pad}", (1, h, w), five)
        pooled = partial(five, pool=True)
        yield one(f"5x5 {c} to {k}, {h}x{w}, pad {pad}, pool", (1, h, w), pooled)
    sizes = ((10, 8), (13, 10), (49, 10), (22, 70))
    for (h, w), around in product(sizes, ((5, 1, 5, 1), (0, 0, 1, 3))):
        for k, stride in ((3, 1), (33, 2), (64, 2), (8, 5)):

            def ten(net: Net, k: int = k, stride: int = stride, p: Any = around) -> str:
                return net("Relu", net.conv("x", 1, k, 10, 4, strides=(2, stride), pads=p))

            yield one(f"10x4 1 to {k}, stride {stride}, {h}x{w}, pads {around}", (1, h, w), ten)
    for wide, k, kernel in product((2, 16, 17, 33), (1, 5, 7, 8), (1, 2, 3)):

        def pairs(net: Net, k: int = k, kernel: int = kernel) -> str:
            x = net.conv("x", 1, k, 1)
            y = net.conv(x, k, k, kernel, strides=(1, 1), pads=(0, 0, kernel - 1, kernel - 1))
            return net("Relu", net("Add", y, x))

        yield one(f"{kernel}x{kernel} {k} to {k}, {wide} wide", (1, 4, wide), pairs)
    for k, kernel, stride in product((5, 24, 37, 56), (1, 3), (1, 2)):

        def rest(net: Net, k: int = k, kernel: int = kernel, s: int = stride) -> str:
            x = net.conv("x", 2, 9, 1)
            y = net.conv(x, 9, k, kernel, strides=(s, s), pads=(kernel // 2,) * 4)
            z = net.conv(x, 9, k, 1, strides=(s, s))
            return net("Concat", net.relu6(y), net("Add", z, y), net("Relu", z), axis=1)

        yield one(f"{kernel}x{kernel}/{stride} 9 to {k}", (2, 9, 27), rest)

    for features in (127, 128, 129, 700):

        def linear(net: Net, f: int = features) -> str:
            return net.head(net.conv("x", 1, f, 1), f, 35)

        yield one(f"a linear layer of {features}", (1, 1, 1), linear)


ELEMENTARY = (  # and what of: x is from 0 to 1
    *(("Exp", 40, -20), ("Log", 30, 0.001), ("Sqrt", 1e4, 0), ("Abs", 2, -1), ("Neg", 1, 0)),
    *(("Sign", 2, -1), ("Reciprocal", 3, 0.1), ("Floor", 20, -10), ("Ceil", 20, -10)),
    *(("Round", 20, -10), ("Erf", 10, -5), ("Softplus", 60, -30), ("Softsign", 20, -10)),
    *(("Mish", 60, -30), ("Gelu", 12, -6), ("Swish", 20, -10), ("ThresholdedRelu", 4, -1)),
    *(("Selu", 6, -3), ("Celu", 6, -3)),
)


def elementary() -> Iterator[Case]:
    for operator, scale, shift in ELEMENTARY:

        def function(net: Net, o: str = operator, a: float = scale, b: float = shift) -> str:
            y = net("Add", net("Mul", "x", net.tensor(a)), net.tensor(b))
            y = net(o, y)
            return net("Div", y, net.tensor(np.exp(20))) if o == "Exp" else y

        yield one(operator, (3, 9, 11), function)

    def approximate(net: Net) -> str:
        y = net("Sub", net("Mul", "x", net.tensor(9)), net.tensor(5))
        return net("Celu", net("Swish", net("Gelu", y, approximate="tanh"), alpha=1.7), alpha=0.5)

    yield one("GELU by tanh", (3, 9, 11), approximate)
    for exponent in (-2.0, -0.5, 0.0, 0.5, 1.7, 3.0, 7.0):

        def power(net: Net, e: float = exponent) -> str:
            return net("Pow", net("Add", "x", net.tensor(0.3)), net.tensor([e]))

        yield one(f"power {exponent}", (3, 4, 5), power)
    for operator, shape in product(("Max", "Min"), ((), (3, 1, 1), (1, 1, 4, 5))):

        def extreme(net: Net, o: str = operator, s: Any = shape) -> str:
            y = net.conv("x", 3, 3, 1)
            return net("Add", net(o, net.drawn(*s), y, net("Neg", "x")), y)

        yield one(f"{operator} {shape}", (3, 4, 5), extreme)

    def where(net: Net) -> str:
        y = net.conv("x", 3, 3, 1)
        y = net("Where", net.tensor(np.arange(20).reshape(4, 5) % 3 == 0, "bool"), y, "x")
        return net("Where", net.tensor([True, False, True, True, False], "bool"), y, net.drawn(1))

    yield one("Where", (3, 4, 5), where)


def summaries() -> Iterator[Case]:
    kinds = ("Sum", "Max", "Min", "L1", "L2", "SumSquare")
    for kind, axes, keep in product(kinds, ([1], [2, 3], [-1], [1, 2, 3]), (0, 1)):

        def reduced(net: Net, o: str = f"Reduce{kind}", a: Any = axes, k: int = keep) -> str:
            y = net.conv("x", 3, 7, 1)
            y = net("Add", y, net(o, y, net.tensor(a, "int64"))) if k else y
            return net(o, y, net.tensor(a, "int64"), keepdims=k)

        yield one(f"Reduce{kind} {axes} {keep}", (3, 9, 10), reduced)

    def instances(net: Net) -> str:
        y = net.conv("x", 3, 6, 3)
        return net.conv(net("InstanceNormalization", y, net.drawn(6), net.drawn(6)), 6, 4, 1)

    def layers(net: Net) -> str:
        y = net("Transpose", net.conv("x", 3, 6, 1), perm=(0, 2, 3, 1))
        y = net("LayerNormalization", y, net.drawn(6), net.drawn(6))
        y = net("Transpose", y, perm=(0, 3, 1, 2))
        return net("LayerNormalization", y, net.drawn(6, 9, 11), axis=1)

    yield one("InstanceNormalization", (3, 9, 11), instances)
    yield one("LayerNormalization", (3, 9, 11), layers)
    for groups in (1, 2, 6):

        def grouped(net: Net, g: int = groups) -> str:
            y = net("Relu", net.conv("x", 3, 6, 3))
            return net("GroupNormalization", y, net.drawn(6), net.drawn(6), num_groups=g)

        yield one(f"GroupNormalization {groups}", (3, 9, 11), grouped)


def resampling() -> Iterator[Case]:
    modes = ("nearest", "linear", "cubic")
    corners = ("half_pixel", "align_corners", "asymmetric", "half_pixel_symmetric")
    for mode, corner, sizes in product(modes, corners, ((9, 4), (4, 10), (2, 1))):

        def resize(net: Net, m: str = mode, c: str = corner, s: Any = sizes) -> str:
            y, named = net.conv("x", 3, 4, 1), net.tensor(s, "int64")
            more = {"axes": (2, 3), "mode": m, "coordinate_transformation_mode": c}
            return net("Resize", y, "", "", named, nearest_mode="floor", **more)

        yield one(f"Resize {mode} {corner} {sizes}", (3, 4, 5), resize)
    for mode in ("reflect", "edge", "wrap"):
        for pads in ((0, 0, 1, 2, 0, 0, 3, 0), (0, 1, -1, 0, 0, 1, 2, 4)):

            def frame(net: Net, p: Any = pads, m: str = mode) -> str:
                return net("Pad", net.conv("x", 3, 4, 1), net.tensor(p, "int64"), mode=m)

            yield one(f"pad {mode} {pads}", (3, 4, 5), frame)
    for axis, indices in product((1, 2, 3, -1), ([1, 0, -1, 1], [[0, 1], [2, 2]], 1)):

        def gather(net: Net, a: int = axis, i: Any = indices) -> str:
            return net("Gather", net.conv("x", 3, 4, 1), net.tensor(i, "int64"), axis=a)

        yield one(f"Gather {axis} {indices}", (3, 4, 5), gather)

    def backwards(net: Net) -> str:
        parts = ([-1, 3], [-(2**63), 0], [2, 3], [-1, -2])
        return net("Slice", net.conv("x", 3, 4, 1), *(net.tensor(p, "int64") for p in parts))

    def repeated(net: Net) -> str:
        y = net("Expand", net("GlobalAveragePool", "x"), net.tensor([1, 3, 2, 5], "int64"))
        return net("Tile", y, net.tensor([1, 2, 1, 3], "int64"))

    yield one("a slice backwards", (3, 4, 5), backwards)
    yield one("Expand and Tile", (3, 4, 5), repeated)
    for mode, block in product(("DCR", "CRD"), (2, 3)):

        def shuffled(net: Net, m: str = mode, b: int = block) -> str:
            y = net("DepthToSpace", net.conv("x", 3, 2 * b * b, 1), blocksize=b, mode=m)
            return net("SpaceToDepth", net.conv(y, 2, 5, 1), blocksize=b, mode=m)

        yield one(f"blocks {mode} {block}", (3, 4, 5), shuffled)
    windows: tuple[dict[str, Any], ...] = (
        {"kernel_shape": (2, 2), "strides": (2, 2)},
        {"kernel_shape": (3, 4), "strides": (2, 1), "pads": (1, 0, 1, 2)},
        {"kernel_shape": (3, 3), "strides": (2, 3), "pads": (1, 1, 1, 1), "output_padding": (1, 2)},
        {"kernel_shape": (2, 3), "dilations": (2, 1), "pads": (2, 3, 1, 2)},
        {"kernel_shape": (1, 1), "strides": (3, 2), "pads": (1, 3, 0, 1)},
    )
    for window, (group, out) in product(windows, ((1, 3), (2, 2), (4, 1))):

        def transposed(net: Net, w: Any = window, g: int = group, o: int = out) -> str:
            x, weight = net.conv("x", 3, 4, 1), net.drawn(4, o, *w["kernel_shape"])
            return net("Relu", net("ConvTranspose", x, weight, net.drawn(o * g), group=g, **w))

        yield one(f"ConvTranspose {window} {group}", (3, 4, 5), transposed)


TABLES = {
    table.__name__: table
    for table in (
        *(convolutions, wide_groups, activations, pools, movement, numbers),
        *(elementary, summaries, resampling),
    )
}


def random_graph(seed: int) -> Graph:
    """Return a network of a dozen nodes that take one another's results."""
    random = np.random.default_rng(seed)
    channels, height, width = (int(n) for n in random.integers(1, [6, 14, 14]))
    net = Net(channels, height, width, seed=seed)
    known = [("x", channels, height, width)]
    for _ in range(random.integers(3, 14)):
        x, c, h, w = known[int(random.integers(max(0, len(known) - 4), len(known)))]
        same = [name for name, *shape in known if shape == [c, h, w]]
        match int(random.integers(10)):
            case 0 | 1:
                k, out = (int(n) for n in random.integers(1, [4, 20]))
                pads = tuple(int(n) for n in random.integers(k - 1, k + 1, 4))
                y, c = net.conv(x, c, out, k, pads=pads), out
                h, w = h + pads[0] + pads[2] - k + 1, w + pads[1] + pads[3] - k + 1
            case 2:
                y = net.conv(x, c, c, 3, pads=(1, 1, 1, 1), group=c)
            case 3:
                y = net("Relu", x) if random.integers(2) else net.relu6(x)
            case 4:
                y = net(str(random.choice(["Add", "Sub", "Mul"])), x, str(random.choice(same)))
            case 5:
                y, c = net("Concat", x, str(random.choice(same)), axis=1), 2 * c
            case 6:
                y = net(
                    "MaxPool",
                    x,
                    kernel_shape=(2, 2),
                    strides=(2, 2),
                    ceil_mode=1,
                    pads=(1, 1, 1, 1),
                )
                h, w = -(-h // 2) + (h % 2 == 0), -(-w // 2) + (w % 2 == 0)
            case 7:
                y, (h, w) = net("Transpose", x, perm=(0, 1, 3, 2)), (w, h)
            case 8:
                y, (c, h, w) = net("Transpose", x, perm=(0, 2, 3, 1)), (h, w, c)
            case _:
                y = net("Mul", x, net("GlobalAveragePool", x))
        if c * h * w > 20000:
            break
        known.append((y, c, h, w))
    name, c, h, w = known[-1]
    if random.integers(2):
        return net.graph(net.head(name, c * h * w, int(random.integers(1, 20))))
    return net.graph(net("Flatten", name))
