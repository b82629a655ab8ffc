"""An integer graph as C, the kernels' source and calls of them: `integer_body(graph, images)`."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from cnnkit.formats.c.body import Body
from cnnkit.formats.c.graph_comment import graph_comment
from cnnkit.formats.c.program import (
    KERNELS,
    bytes_of,
    fields_of,
    kernel_source,
    largest,
    layer,
    layer_table,
)
from cnnkit.graph.graph import Graph
from cnnkit.graph.kept import Kept, key_of
from cnnkit.graph.program.steps import Place, Program, Step
from cnnkit.graph.quantised import run_integers
from cnnkit.graph.quantised.lowering import lower_integers
from cnnkit.graph.quantised.room import number

METHOD = (
    "How it works: each layer is a call of a kernel on one array of bytes, the arena, in which",
    "buffers that are not needed at the same time share their place. Images lie as [H][W][C], and",
    "their bytes stand for (byte - zero point) * scale. Sums of products are integers; each is",
    "brought into the scale of the result by a factor of its channel, and rounded half to even.",
)
# What a kernel's source needs before it.
NEEDS = {
    "conv": ("helium", "products", "window", "tile", "convolve"),
    "pointwise": ("helium", "products", "window", "tile", "convolve"),
    "depthwise": ("helium", "products", "window", "strip"),
    "gemm": ("helium", "products"),
    "scores": ("helium", "products"),
    "add": ("helium", "products"),
    "pool": ("helium", "products", "taps"),
    "average": ("helium",),
    "pooled": ("helium", "products", "window", "tile", "convolve", "taps", "pool"),
}
# Where its structure stands.
SHARED = dict.fromkeys(("conv", "pointwise", "depthwise"), "window")
KEPT = Kept["NDArray[np.float32]"](1)  # exact logits
STACK = 512  # bytes, of sums and of what is kept of registers, rounded up


def integer_body(graph: Graph, source: object, images: NDArray[np.uint8] | None = None) -> Body:
    """Return the code of an integer graph.

    Args:
        graph: what `to_integers` made.
        source: the file that errors shall name.
        images: the golden ones, whose exact logits a self-test compares; None leaves them out.

    Raises:
        InputError: no kernel computes some of its nodes; all of them are named.
    """
    program = _named(lower_integers(graph, source, bands=True))
    held = sum(map(bytes_of, program.constants.values()))
    classes = program.steps[-1].shape[0]
    exact = np.zeros((0, classes), np.float32)
    if images is not None:  # the same ones for a budget, for the files, and where these are read
        exact = KEPT.of(key_of(graph, images), partial(run_integers, graph, images))
    return Body(
        METHOD,
        program.constants,
        _functions(program),
        sum(a.size for name, a in program.constants.items() if name.startswith(("weight", "bias"))),
        held + 4 * sum(fields_of(program.steps[index]) for index in {*_structures(program)}),
        STACK,
        program.arena,
        largest(program, 1),
        layer_table(program, 1),
        graph_comment(graph),
        "uint8_t",
        exact,
    )


def _named(program: Program) -> Program:
    """Return a program whose convolutions of single pixels have a kernel of their own."""
    return replace(program, steps=tuple(map(_named_step, program.steps)))


def _named_step(step: Step) -> Step:
    """Return a convolution of single pixels as such, and that of a single one as a matrix."""
    of = step.numbers
    if not _is_pointwise(step):
        return step
    if of["in_h"] == of["in_w"] == of["groups"] == 1 and number(of, "in_c") % 4 == 0:
        numbers = {"features": of["in_c"], "outputs": of["out_c"], "zero_y": of["zero_y"]}
        return replace(step, kernel="gemm", numbers=numbers, inputs=step.inputs[:-1])
    return replace(step, kernel="pointwise")


def _is_pointwise(step: Step) -> bool:
    """Tell whether a step is a convolution whose windows are the pixel in their place alone."""
    of = step.numbers
    return (
        step.kernel == "conv"
        and of["kernel_h"] == of["kernel_w"] == of["stride_h"] == of["stride_w"] == 1
        and (of["in_h"], of["in_w"], of["pad_h"], of["pad_w"]) == (of["out_h"], of["out_w"], 0, 0)
    )


def _structures(program: Program) -> list[int]:
    """Return for each step the first one of the same kernel and sizes, whose structure it has.

    A kernel that is called with a single structure is compiled for its sizes.
    """
    first: dict[object, int] = {}
    return [
        first.setdefault((step.kernel, *step.numbers.values()), index)
        for index, step in enumerate(program.steps)
    ]


def _functions(program: Program) -> str:
    """Return the kernels that are used, the layers' sizes, and `run`."""
    used = list(dict.fromkeys(step.kernel for step in program.steps))
    sources = ("rounding", *(part for kernel in used for part in (*NEEDS.get(kernel, ()), kernel)))
    parts = [_source(name) for name in dict.fromkeys(sources)]
    structures, steps = _structures(program), program.steps
    for index in sorted({*structures}):
        text = _source(SHARED.get(steps[index].kernel, steps[index].kernel))
        same = [step for step, first in zip(steps, structures, strict=True) if first == index]
        parts.append(layer(index, same[0], text, same[1:]))
    calls = "\n".join(map(partial(_call, program), structures, steps))
    parts.append(
        "/* The whole network. */\n"
        "static void run(uint8_t *arena, const uint8_t *pixels_in, float *logits) {\n"
        f"{calls}\n"
        "}\n"
    )
    return "\n".join(parts)


def _source(name: str) -> str:
    if name == "taps":
        return kernel_source(name)
    return (KERNELS / "int8" / f"{name}.c").read_text(encoding="ascii")


def _call(program: Program, index: int, step: Step) -> str:
    def place(value: Place) -> str:
        if value == program.result:
            return "logits"
        if isinstance(value, int):
            return f"arena + {program.offsets[value]}"
        return "0" if value is None else value

    arguments = [place(value) for value in (*step.inputs, step.output)]
    if step.kernel == "pixels":
        arguments[1] = "pixels_in"
    return f"    {step.kernel}(&layer{index}, {', '.join(arguments)});"
