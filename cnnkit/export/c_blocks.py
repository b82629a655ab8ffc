"""One block as C functions: `block_text(stage)`. See cnnkit.export.c_layout for the planes.

A loop runs through the pooled pixels of a plane, and its body is straight: it loads the window that
a pooled pixel sees, adds weight times pixel to one sum for each position of the pool, and takes the
largest. With one input channel the sums are never in memory. With more they are, and a call
adds one channel: there a loop needs no more registers than its weights and sums.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from string import Template

from cnnkit.export.c_layout import Stage, round_up
from cnnkit.export.c_text import array, filled

COUNT = Template("""
enum { N$n = ($count + LANES - 1) / LANES * LANES }; /* pooled pixels of a plane */
static const float block${n}_keep[$rows][N$n] = {
$keep
};
""")

PLANE = Template("""
/* Block $n: convolution, ReLU and max-pool of one channel to one plane. */
static void block${n}_plane(const float *restrict x$offsets, const float *restrict w,
                        float bias, const float *restrict keep, float *restrict y) {
    for (int q = 0; q < N$n; ++q) {
$window
$sums
$taps
        float best = 0;
$best
        y[q] = keep[q] * best;
    }
}
""")

ADD = Template("""
/* Block $n: what one input channel adds to the sums of one output channel. */
static void block${n}_add(const float *restrict x$offsets, const float *restrict w,
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

CHANNEL = Template("""
static void block$n(const float *restrict x, int channel, float *restrict y) {
    for (int phase = 0; phase < $phases; ++phase) {
$body
    }
}
""")

ONE_INPUT = Template("""\
        block${n}_plane(x$offsets, convs_${i}_weight + channel * $taps,
                    convs_${i}_bias[channel], $keep, y$start);""")

MANY_INPUTS = Template("""\
        float sum[$sums];
        for (int q = 0; q < $sums; ++q) sum[q] = convs_${i}_bias[channel];
        for (int c = 0; c < $inputs; ++c) {
            block${n}_add(x + c * $stride$offsets,
                      convs_${i}_weight + (channel * $inputs + c) * $taps, sum);
        }
        block${n}_pool(sum, $keep, y$start);""")


@dataclass(frozen=True)
class Choice:
    """C text that chooses what belongs to a `phase`: a plane of the target."""

    offsets: str  # arguments: the window's rows and columns
    keep: str
    start: str  # after the target's channel


def choice(stage: Stage) -> Choice:
    """Return how a call names a plane; with one plane nothing is to be chosen."""
    n, several = stage.number, stage.phases > 1
    at = f"phase * {stage.window}"
    return Choice(
        f", block{n}_rows + {at}, block{n}_columns + {at}" if several else "",
        f"block{n}_keep[{'phase' if len(stage.keep) > 1 else 0}]",
        f" + block{n}_start[phase]" if several else f" + {stage.start[0]}",
    )


def sums_of(stage: Stage) -> tuple[str, int]:
    """Return the floats that the sums of a plane take, as C text and with the widest vectors."""
    return f"{stage.positions} * N{stage.number}", stage.positions * round_up(stage.count)


def block_text(stage: Stage) -> str:
    """Return the tables and functions of one block.

    The first of a pair of blocks gets a function for a whole channel.
    """
    n, inputs = stage.number, stage.source.shape[0]
    rows = (filled(["01"[kept] for kept in lanes], ", ", 5) for lanes in stage.keep)
    keep = ",\n".join(f"    {{{row.lstrip()}}}" for row in rows)
    parts = [COUNT.substitute(n=n, count=stage.count, rows=len(stage.keep), keep=keep)]
    if stage.phases > 1:
        planes = [phase * stage.target.plane + at for phase, at in enumerate(stage.start)]
        parts += ["/* by plane of the output: its first pixel, and where the window lies */\n"]
        parts += [array("int32_t", f"block{n}_start", planes)]
        parts += [array("int32_t", f"block{n}_rows", sum(stage.rows, []))]
        parts += [array("int32_t", f"block{n}_columns", sum(stage.columns, []))]
    whole = n % 2 == 1
    parts.append((PLANE if whole and inputs == 1 else ADD).substitute(_loop(stage)))
    if whole:
        call, sums = choice(stage), sums_of(stage)[0]
        body = (ONE_INPUT if inputs == 1 else MANY_INPUTS).substitute(
            vars(call),
            n=n,
            i=n - 1,
            sums=sums,
            inputs=inputs,
            stride=stage.source.channel,
            taps=stage.block.kernel**2,
        )
        parts.append(CHANNEL.substitute(n=n, phases=stage.phases, body=body))
    return "".join(parts)


def _loop(stage: Stage) -> dict[str, object]:
    """Return the text of a loop's body, by its names in the templates."""
    n, pool, kernel = stage.number, stage.block.pool, stage.block.kernel
    several, in_memory = stage.phases > 1, n % 2 == 0 or stage.source.shape[0] > 1
    window = [(u, v) for u in range(stage.window) for v in range(stage.window)]
    positions = [(i, *divmod(i, pool)) for i in range(stage.positions)]
    sums = [f"sum[{i} * N{n} + q]" for i in range(stage.positions)]

    def place(u: int, v: int) -> str:
        if several:
            return f"rows[{u}] + columns[{v}]"
        return str(stage.rows[0][u] + stage.columns[0][v])

    return {
        "n": n,
        "offsets": ", const int32_t *rows, const int32_t *columns" if several else "",
        "window": _statements(f"const float x{u}_{v} = x[{place(u, v)} + q];" for u, v in window),
        "sums": _statements(
            f"float s{i} = {sums[i] if in_memory else 'bias'};" for i in range(stage.positions)
        ),
        "taps": _statements(
            f"s{i} += w[{ky * kernel + kx}] * x{a + ky}_{b + kx};"
            for ky in range(kernel)
            for kx in range(kernel)
            for i, a, b in positions
        ),
        "stores": _statements(f"{sums[i]} = s{i};" for i in range(stage.positions)),
        "best": _statements(
            f"best = {value} > best ? {value} : best;"
            for value in (sums if in_memory else [f"s{i}" for i in range(stage.positions)])
        ),
    }


def _statements(lines: Iterable[str]) -> str:
    return filled(lines, " ", 8)
