"""One block as C functions: `block_text(stage)`. See cnnkit.formats.c.layout for the planes.

A loop runs through the pooled pixels of a plane, and its body is straight: it loads the window that
a pooled pixel sees, adds weight times pixel to one sum for each position of the pool, and takes the
largest. With one input channel the sums are never in memory. With more they are, and a call
adds one channel: there a loop needs no more registers than its weights and sums.
"""

from __future__ import annotations

from collections.abc import Iterable
from string import Template

from cnnkit.formats.c.layout import Stage, round_up
from cnnkit.formats.c.literals import filled

MOST_COPIES = 4  # of a loop in the code

COUNT = Template("""
/* block $n: pooled pixels of a plane, and which of them are no border */
enum { N$n = ($count + LANES - 1) / LANES * LANES };
static const float block${n}_keep[$rows][N$n] = {
$keep
};
""")

PLANE = Template("""
/* Block $n: convolution, ReLU and max-pool of one channel to one plane. */
static ${inline}void block${n}_plane(
    $parameters,
    float bias, const float *restrict keep, float *restrict y) {
$body
}
""")

ADD = Template("""
/* Block $n: what one input channel adds to the sums of one output channel. */
static ${inline}void block${n}_add(
    $parameters,
    float *restrict sum) {
    for (int q = 0; q < N$n; ++q) {
$window
$sums
$taps
$stores
    }
}

/* Block $n: ReLU and max-pool of the sums to one plane. */
static void block${n}_pool(const float *restrict sum, const float *restrict keep,
                        float *restrict y) {
    for (int q = 0; q < N$n; ++q) {
        float best = 0;
$best
        y[q] = keep[q] * best;
    }
}
""")

ONE_INPUT = Template("""\
    for (int q = 0; q < N$n; ++q) {
$window
$sums
$taps
        float best = 0;
$best
        y[q] = keep[q] * best;
    }""")

MANY_INPUTS = Template("""\
    float sum[$size];
    for (int q = 0; q < $size; ++q) sum[q] = bias;
    for (int c = 0; c < $inputs; ++c) {
        block${n}_add(x + c * $channel$names, w + c * $area, sum);
    }
    block${n}_pool(sum, keep, y);""")

CHANNEL = Template("""
static void block$n(const float *restrict x, int channel, float *restrict y) {
    const float *w = convs_${i}_weight + channel * $weights;
    const float bias = convs_${i}_bias[channel];
$planes
}
""")


def block_text(stage: Stage) -> str:
    """Return the constants and functions of one block.

    The first of a pair of blocks gets a function for a whole channel.
    """
    n, inputs, area = stage.number, stage.source.shape[0], stage.block.kernel**2
    rows = (filled(["01"[kept] for kept in lanes], ", ", 5) for lanes in stage.keep)
    keep = ",\n".join(f"    {{{row.lstrip()}}}" for row in rows)
    text = COUNT.substitute(n=n, count=stage.count, rows=len(stage.keep), keep=keep)
    if not adds(stage):
        body = ONE_INPUT.substitute(_loop(stage))
    else:
        text += ADD.substitute(_loop(stage))
        body = MANY_INPUTS.substitute(
            n=n,
            size=sums_of(stage)[0],
            inputs=inputs,
            channel=stage.source.channel,
            area=area,
            names="".join(f", {name}" for name in _names(stage)),
        )
    if streams(stage):
        return text
    planes = (
        f"block{n}_plane(x{window_of(stage, phase)}, w, bias, {keep_of(stage, phase)}, "
        f"y + {start_of(stage, phase)});"
        for phase in range(stage.phases)
    )
    text += PLANE.substitute(_loop(stage), body=body)
    return text + CHANNEL.substitute(
        n=n, i=n - 1, weights=inputs * area, planes="\n".join(f"    {call}" for call in planes)
    )


def streams(stage: Stage) -> bool:
    """Whether a block is the second of a pair: it takes one input channel after another."""
    return stage.number % 2 == 0


def adds(stage: Stage) -> bool:
    """Whether a block keeps its sums in memory, to add to them."""
    return streams(stage) or stage.source.shape[0] > 1


def sums_of(stage: Stage) -> tuple[str, int]:
    """Return the floats that the sums of a plane take, as C text and with the widest vectors."""
    return f"{stage.positions} * N{stage.number}", stage.positions * round_up(stage.count)


def window_of(stage: Stage, phase: int) -> str:
    """Return the arguments that place the window of a plane's pixels; with one plane, none."""
    places = [*stage.rows[phase], *stage.columns[phase]] if stage.phases > 1 else []
    return "".join(f", {place}" for place in places)


def keep_of(stage: Stage, phase: int) -> str:
    """Return the C text for which lanes of a plane are no border."""
    return f"block{stage.number}_keep[{phase if len(stage.keep) > 1 else 0}]"


def start_of(stage: Stage, phase: int) -> int:
    """Return where the pixels of a plane begin in a channel of the target."""
    return phase * stage.target.plane + stage.start[phase]


def _names(stage: Stage) -> list[str]:
    sides = range(stage.window if stage.phases > 1 else 0)
    return [*(f"row{u}" for u in sides), *(f"column{v}" for v in sides)]


def _parameters(stage: Stage) -> str:
    places = [f"int {name}" for name in _names(stage)]
    return filled(["const float *restrict x", *places, "const float *restrict w"], ", ", 4).strip()


def _loop(stage: Stage) -> dict[str, object]:
    """Return the text of a loop's body, by its names in the templates."""
    n, pool, kernel = stage.number, stage.block.pool, stage.block.kernel
    window = [(u, v) for u in range(stage.window) for v in range(stage.window)]
    positions = [(i, *divmod(i, pool)) for i in range(stage.positions)]
    memory = [f"sum[{i} * N{n} + q]" for i in range(stage.positions)]

    def place(u: int, v: int) -> str:
        if stage.phases > 1:
            return f"row{u} + column{v}"
        return str(stage.rows[0][u] + stage.columns[0][v])

    return {
        "n": n,
        # Inlined, a loop knows every address in its window.
        "inline": "inline " if stage.phases <= MOST_COPIES else "",
        "parameters": _parameters(stage),
        "window": _statements(f"const float x{u}_{v} = x[{place(u, v)} + q];" for u, v in window),
        "sums": _statements(
            f"float s{i} = {memory[i] if adds(stage) else 'bias'};" for i, _, _ in positions
        ),
        "taps": _statements(
            f"s{i} += w[{ky * kernel + kx}] * x{a + ky}_{b + kx};"
            for ky in range(kernel)
            for kx in range(kernel)
            for i, a, b in positions
        ),
        "stores": _statements(f"{memory[i]} = s{i};" for i, _, _ in positions),
        "best": _statements(
            f"best = {value} > best ? {value} : best;"
            for value in (memory if adds(stage) else [f"s{i}" for i, _, _ in positions])
        ),
    }


def _statements(lines: Iterable[str]) -> str:
    return filled(lines, " ", 8)
