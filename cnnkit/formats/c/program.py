"""A lowered graph as C, the kernels' source and calls of them: `program_body(prepare(graph))`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from importlib.resources import files

from cnnkit.formats.c.body import Body
from cnnkit.formats.c.graph_comment import graph_comment
from cnnkit.formats.c.literals import filled, float_text
from cnnkit.graph.graph import Graph
from cnnkit.graph.program import Program, Step, lower
from cnnkit.graph.program.steps import FLOAT, Number, Place
from cnnkit.graph.types import Array

METHOD = (
    "How it works: each layer is a call of a kernel on one array, the arena, in which buffers that",
    "are not needed at the same time share their place. Images lie as [H][W][C], and weights in",
    "the order in which the kernels read them.",
)
KERNELS = files("cnnkit.formats.c") / "kernels"
# What a kernel's source needs before it.
NEEDS = {
    "conv": ("vectors", "taps", "windows"),
    "depthwise": ("vectors", "taps", "windows"),
    "activation": ("vectors",),
    "arithmetic": ("vectors",),
    "pool": ("vectors", "taps"),
    "function": ("vectors",),
    "lrn": ("logarithm",),
    "softmax": ("logarithm",),
    "elementary": ("root",),
    "reduce": ("sums",),
    "standardise": ("sums", "root"),
}
# What calls power_of_e, which stands behind them.
POWERS = {"function", "lrn", "softmax", "elementary"}
OF_CONVOLUTIONS = dict.fromkeys(("depthwise", "pointwise"), "conv")  # their structure
FIELD = re.compile(r"^    (int|float) ([^;]*);", re.MULTILINE)
STACK = 2048  # bytes, of the largest tile's sums and what is kept of registers, rounded up


def program_body(graph: Graph, source: object) -> Body:
    """Return the code of a prepared graph.

    Raises:
        InputError: no kernel computes some of its nodes; all of them are named.
    """
    program = lower(graph, source)
    fields = sum(fields_of(step) for step in program.steps)
    return Body(
        METHOD,
        program.constants,
        _functions(program),
        sum(a.size for a in graph.tensors.values() if a.dtype.kind == "f"),
        program.constant_bytes + FLOAT * fields,
        STACK,
        program.arena,
        largest(program),
        layer_table(program),
        graph_comment(graph),
    )


def bytes_of(array: Array) -> int:
    """Return the bytes of a constant in C, where floats have 4."""
    return array.size * (FLOAT if array.dtype.kind == "f" else array.itemsize)


def _functions(program: Program) -> str:
    """Return the kernels that are used, the layers' sizes, and `run`."""
    used = list(dict.fromkeys(step.kernel for step in program.steps))
    sources = dict.fromkeys(part for kernel in used for part in (*NEEDS.get(kernel, ()), kernel))
    parts = []
    if POWERS & {*used}:
        parts.append("static float power_of_e(float x);\n")
    parts += [kernel_source(name) for name in sources]
    parts += [layer(index, step) for index, step in enumerate(program.steps)]
    calls = "\n".join(_call(program, index, step) for index, step in enumerate(program.steps))
    classes, at = program.sizes[program.result], program.offsets[program.result]
    parts.append(
        "/* The whole network. */\n"
        "static void run(float *arena, const uint8_t *pixels_in, float *logits) {\n"
        f"{calls}\n"
        f"    for (int k = 0; k < {classes}; ++k) logits[k] = arena[{at} + k];\n"
        "}\n"
    )
    return "\n".join(parts)


def kernel_source(name: str) -> str:
    """Return the C source of a kernel, or of what several share."""
    return (KERNELS / f"{name}.c").read_text(encoding="ascii")


def structure(kernel: str, text: str | None = None) -> list[str]:
    """Return the names of the fields of a kernel's structure, in their order.

    `text` is the source that has it, where that is not the kernel's own.
    """
    if text is None:
        text = kernel_source("windows" if kernel in ("conv", "depthwise") else kernel)
    start = text.index(f"struct {OF_CONVOLUTIONS.get(kernel, kernel)} {{")
    found = FIELD.finditer(text[start : text.index("};", start)])
    return [re.split(r"\W", name.strip())[0] for row in found for name in row[2].split(",")]


def layer(index: int, step: Step, text: str | None = None, more: Iterable[Step] = ()) -> str:
    """Return the definition of a step's structure; `text` as `structure` has it.

    `more` are other steps that have the same one.
    """
    assert structure(step.kernel, text) == list(step.numbers), step.kernel
    kind = OF_CONVOLUTIONS.get(step.kernel, step.kernel)
    values = filled(map(_number, step.numbers.values()), ", ")
    titles = (
        "".join(c if c.isalnum() or c in " ._:-" else "_" for c in each.node)
        for each in (step, *more)
    )
    about = filled(titles, ", ").strip()
    return f"/* {about} */\nstatic const struct {kind} layer{index} = {{\n{values}\n}};\n"


def _number(value: Number) -> str:
    if isinstance(value, tuple):
        return f"{{{', '.join(map(str, value))}}}"
    return float_text(value) if isinstance(value, float) else str(value)


def fields_of(step: Step) -> int:
    """Return how many numbers a step's structure has."""
    return sum(len(n) if isinstance(n, tuple) else 1 for n in step.numbers.values())


def _call(program: Program, index: int, step: Step) -> str:
    def place(value: Place) -> str:
        if isinstance(value, int):
            return f"arena + {program.offsets[value]}"
        return "0" if value is None else value

    arguments = [place(value) for value in (*step.inputs, step.output)]
    if step.kernel == "pixels":
        arguments[2] = "pixels_in"
    return f"    {step.kernel}(&layer{index}, {', '.join(arguments)});"


def largest(program: Program, element: int = FLOAT) -> tuple[str, ...]:
    """Return what holds the arena at the step that needs most of it, a line each.

    `element` is the bytes of one of its elements.
    """
    steps = range(len(program.steps))
    peak = max(steps, key=lambda index: sum(program.sizes[b] for b in program.live(index)))
    maker = {step.output: step for step in reversed(program.steps[: peak + 1])}
    return tuple(
        f"during {program.steps[peak].node}: {'x'.join(map(str, maker[buffer].shape))} of "
        f"{maker[buffer].node}, {element * program.sizes[buffer]:,} bytes"
        for buffer in program.live(peak)
        if buffer in maker
    )


def layer_table(program: Program, element: int = FLOAT) -> str:
    """Return a table of the layers: what each computes, and where it lies in the arena.

    `element` is the bytes of one of the arena's elements.
    """
    rows = [("layer", "kernel", "output", "MACC", "weights", "bytes", "at")]
    for step in program.steps:
        constants = [program.constants[n] for n in step.inputs if isinstance(n, str)]
        rows.append(
            (
                "".join(c if c.isalnum() or c in " ._-" else "_" for c in step.node)[:32],
                step.kernel,
                "x".join(map(str, step.shape)),
                f"{step.macc:,}",
                f"{sum(map(bytes_of, constants)):,}",
                f"{element * program.sizes[step.output]:,}",
                f"{element * program.offsets[step.output]:,}",
            )
        )
    widths = [max(len(row[i]) for row in rows) for i in range(7)]
    lines = [
        "  ".join(
            cell.ljust(width) if i < 3 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    text = "\n".join(f" *   {line}" for line in lines)
    return f"/* Layers of one image; sizes in bytes, `at` is in the arena:\n *\n{text}\n */\n\n"
