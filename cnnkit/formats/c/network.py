"""The network as C functions: `network_text(architecture)`, from pixels to logits.

Blocks read and write planes as cnnkit.formats.c.layout has them. They work in pairs: the first of a
pair makes one channel at a time, and the second adds what that channel gives to all its sums, so
that the first one's channels never exist together.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from string import Template

import numpy as np

from cnnkit.formats.c.blocks import adds, block_text, keep_of, start_of, streams, sums_of, window_of
from cnnkit.formats.c.layout import Grid, Stage, plan, round_up
from cnnkit.formats.c.literals import float_text
from cnnkit.graph.architecture import PIXEL_SCALE, Architecture

LANES = """\
/* Loops run through whole vectors of this many floats. */
#if defined(__AVX512F__)
enum { LANES = 16 };
#else
enum { LANES = 8 };
#endif
"""

LINEAR = Template("""
/* The last layer: 16 sums side by side for each class. */
static void linear(const float *restrict x, float *restrict logits) {
    for (int k = 0; k < $classes; ++k) {
        const float *restrict w = linear_weight + k * $features;
        float sum[16] = {0};
        int i = 0;
        for (; i <= $features - 16; i += 16) {
            for (int lane = 0; lane < 16; ++lane) sum[lane] += w[i + lane] * x[i + lane];
        }
        for (; i < $features; ++i) sum[i % 16] += w[i] * x[i];
        for (int half = 8; half > 0; half /= 2) {
            for (int lane = 0; lane < half; ++lane) sum[lane] += sum[lane + half];
        }
        logits[k] = linear_bias[k] + sum[0];
    }
}
""")

RUN = Template("""
/* The whole network. */
static void run(const uint8_t *restrict pixels, float *restrict logits) {
$buffers
$steps
    linear(features, logits);
}
""")

# Pixels of a row that go to one plane lie side by side there.
SPREAD = Template("""
    for (int c = 0; c < $channels; ++c) {
        for (int y = 0; y < $height; ++y, pixels += $width) {
            const int at_y = (y + $offset) % $period * $planes + (y + $offset) / $period * $pitch;
            float *row = $into + c * $channel + at_y;
            for (int i = 0; i < $period; ++i) {
                float *at = row + (i + $offset) % $period * $plane + (i + $offset) / $period;
                for (int x = i; x < $width; x += $period) *at++ = $value;
            }
        }
    }""")

PAIR = Template("""
    for (int o = 0; o < $outputs; ++o) {
        for (int q = 0; q < $sums; ++q) sum$n[o * $sums + q] = convs_${i}_bias[o];
    }
    for (int c = 0; c < $inputs; ++c) {
        block$first(x$first, c, x$n);
        for (int o = 0; o < $outputs; ++o) {
$add
        }
    }""")

GATHER = Template("""
        for (int y = 0; y < $height; ++y) {
            for (int x = 0; x < $width; ++x) {
                features[(o * $height + y) * $width + x] = map[y * $pitch + x];
            }
        }""")


@dataclass(frozen=True)
class Buffer:
    """An array of floats on the stack; its size as C text and, with the widest vectors, counted."""

    name: str
    text: str
    count: int
    zeroed: bool = False


def network_text(architecture: Architecture, normalises: bool = False) -> str:
    """Return C functions, the last of them `run(pixels, logits)`; parameters are defined before.

    With `normalises`, arrays pixel_mean and pixel_std are among these.
    """
    layout, features = plan(architecture), math.prod(architecture.feature_shapes()[-1])
    parts = [LANES, *map(block_text, layout.stages)]
    parts.append(LINEAR.substitute(classes=architecture.classes, features=features))
    definitions = (
        f"    float {buffer.name}[{buffer.text}]{' = {0}' if buffer.zeroed else ''};"
        for buffer in buffers(architecture)
    )
    into = "x1" if layout.stages else "features"
    steps = _spread(layout.grids[0], into, normalises)
    for i in range(0, len(layout.stages), 2):
        steps += _steps(layout.stages[i : i + 2], i + 2 >= len(layout.stages))
    parts.append(RUN.substitute(buffers="\n".join(definitions), steps=steps.strip("\n")))
    return "".join(parts)


def stack_bytes(architecture: Architecture) -> int:
    """Return the bytes of the largest arrays that exist together during a call."""
    stages = plan(architecture).stages
    own = [sums_of(stage)[1] for stage in stages if adds(stage) and not streams(stage)]
    return 4 * (sum(buffer.count for buffer in buffers(architecture)) + max(own, default=0))


def table_bytes(architecture: Architecture) -> int:
    """Return the bytes of the constants that are no parameters, with the widest vectors."""
    stages = plan(architecture).stages
    return 4 * sum(len(stage.keep) * round_up(stage.count) for stage in stages)


def buffers(architecture: Architecture) -> list[Buffer]:
    """Return the arrays of `run`."""
    layout = plan(architecture)
    found = []
    for first, *rest in (layout.stages[i : i + 2] for i in range(0, len(layout.stages), 2)):
        whole = first.source.size(first.source.shape[0])
        found.append(Buffer(f"x{first.number}", str(whole), whole, True))
        for second in rest:
            one = second.source.size(1)
            text, count = sums_of(second)
            many = second.block.channels * second.phases
            found.append(Buffer(f"x{second.number}", str(one), one, True))
            found.append(Buffer(f"sum{second.number}", f"{many} * {text}", many * count))
    if layout.stages:
        found.append(Buffer("map", str(layout.grids[-1].size(1)), layout.grids[-1].size(1)))
    features = math.prod(layout.grids[-1].shape)
    return [*found, Buffer("features", str(features), features)]


def _spread(grid: Grid, into: str, normalises: bool) -> str:
    value = f"(float)pixels[x] * {float_text(float(np.float32(PIXEL_SCALE)))}"
    channels, height, width = grid.shape
    return SPREAD.substitute(
        channels=channels,
        height=height,
        width=width,
        into=into,
        channel=grid.channel,
        planes=grid.period * grid.plane,
        plane=grid.plane,
        offset=grid.offset,
        period=grid.period,
        pitch=grid.pitch,
        value=f"({value} - pixel_mean[c]) / pixel_std[c]" if normalises else value,
    )


def _steps(stages: list[Stage], ends: bool) -> str:
    """Return the loops of one or two blocks; if they end the stack, they write the features."""
    first, last = stages[0], stages[-1]
    n, phases = last.number, range(last.phases)
    into = "map" if ends else f"x{n + 1} + o * {last.target.channel}"
    text = ""
    if not streams(last):
        body = [f"block{n}(x{n}, o, {into});"]
    else:
        sums, inputs = sums_of(last)[0], first.block.channels
        several = last.phases > 1
        at = [
            f"sum{n} + {f'(o * {last.phases} + {phase})' if several else 'o'} * {sums}"
            for phase in phases
        ]
        weight = f"convs_{n - 1}_weight + (o * {inputs} + c) * {last.block.kernel**2}"
        text += PAIR.substitute(
            n=n,
            i=n - 1,
            first=first.number,
            inputs=inputs,
            outputs=last.block.channels,
            sums=f"({last.phases} * {sums})" if several else f"({sums})",
            add="\n".join(
                f"            block{n}_add(x{n}{window_of(last, phase)}, {weight}, {at[phase]});"
                for phase in phases
            ),
        )
        body = [
            f"block{n}_pool({at[phase]}, {keep_of(last, phase)}, {into} + {start_of(last, phase)});"
            for phase in phases
        ]
    text += f"\n    for (int o = 0; o < {last.block.channels}; ++o) {{\n"
    text += "\n".join(f"        {call}" for call in body)
    if ends:
        _, height, width = last.target.shape
        text += GATHER.substitute(height=height, width=width, pitch=last.target.pitch)
    return text + "\n    }"
