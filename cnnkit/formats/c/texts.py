"""The two files of the C format as text: `header_text(...)` and `source_text(...)`."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from string import Template
from typing import Any

import numpy as np

from cnnkit.formats.c.body import Body
from cnnkit.formats.c.literals import array, character, filled, float_text, string
from cnnkit.formats.c.templates import (
    ARENA_FUNCTIONS,
    ARENA_MACRO,
    CALLS,
    EXACT,
    FLOAT_NEEDS,
    HEADER,
    INTEGER_NEEDS,
    SAME_LOGITS,
    SELF_TEST,
    SOURCE_START,
    STATIC_ARENA,
)
from cnnkit.formats.golden import COUNT, Golden
from cnnkit.graph.preprocessing import (
    MNIST,
    RECIPES,
    RESIZE_FILTERS,
    RESIZE_MODES,
    Preprocessing,
)
from cnnkit.graph.weights import Weights

LONGEST_LITERAL = 4095  # bytes; C99 promises no more
IN_8_BITS = " int8"
EXPORT = "@export@"  # stands for the digest of both texts, until both are known


def header_text(weights: Weights, body: Body, metadata: Mapping[str, Any], stem: str) -> str:
    """Return the header; `metadata` are the JSON values that stand at its end."""
    accuracy, names = metadata.get("cnnkit.test_accuracy"), _names(weights, stem)
    known = isinstance(accuracy, float)
    channels, height, width = weights.size
    names |= _arena_names(body)
    arena, more = (
        Template(text if body.arena else "").substitute(names)
        for text in (ARENA_MACRO, ARENA_FUNCTIONS)
    )
    return HEADER.substitute(
        names,
        kind=_kind(body),
        needs=Template(INTEGER_NEEDS if body.exact is not None else FLOAT_NEEDS).substitute(names),
        parameters=f"{body.parameters:,}",
        colours=_colours(metadata, weights.size),
        channels=channels,
        height=height,
        width=width,
        flash=f"{flash_bytes(body, metadata['names']):,}",
        ram=_ram(body),
        calls=_calls(body, names["name"]),
        stack_bytes=body.stack_bytes,
        arena=arena,
        more=more,
        notes=body.notes,
        accuracy=f"\n * Right:  {accuracy:.2%} of the test images." if known else "",
        resize=_resize(metadata, prefix(stem).upper()),
        sha256=metadata["cnnkit.weights_sha256"],
        count=COUNT,
        # no "*/" may end the comment early, and no "/*" begin another
        metadata=json.dumps(metadata, indent=1, sort_keys=True).replace("*", "\\u002a"),
    )


def _ram(body: Body) -> str:
    """Return what a call needs, in the header's lines."""
    if body.arena:
        return (
            f"{body.arena_bytes:,} bytes of one array, static or the caller's, and about "
            f"{body.stack_bytes:,} bytes of stack."
        )
    return (
        f"no variables; {body.stack_bytes:,} bytes of arrays on the stack during a call, and a few "
        "hundred more\n *         (up to 4 KB with -O3 and wide vectors)."
    )


def _calls(body: Body, name: str) -> str:
    if not body.arena:
        return "no allocation and no state: any number of threads may call at once."
    return (
        "no allocation. Calls share the static array: one at a time, or each thread gives\n"
        f" *         an array of its own to {name}_predict_in(); then -D"
        f"{name.upper()}_NO_STATIC_ARENA\n *         leaves out the static one."
    )


def source_text(
    weights: Weights, body: Body, metadata: Mapping[str, Any], golden: Golden, stem: str
) -> str:
    """Return the source: names, parameters, the network, and what the header declares."""
    names = _names(weights, stem) | _arena_names(body)
    long_names, texts = _class_names(metadata["names"])
    vectors = [
        array("uint8_t", "golden_images", golden.images.ravel()),
        array("uint8_t" if weights.classes <= 256 else "int32_t", "golden_labels", golden.labels),
        array("float", "golden_logits", golden.logits.ravel()),
        array("float", "golden_probabilities", golden.probabilities.ravel()),
    ]
    tolerance = float_text(float(np.float32(golden.tolerance)))
    method = "\n".join(f" * {line}" for line in body.method)
    parts = [
        SOURCE_START.substitute(
            names,
            kind=_kind(body),
            includes="" if body.exact is None else "#include <string.h>\n",
            method=method,
            long_names=long_names,
            names=texts,
        ),
        *body.definitions(),
        body.functions,
        CALLS.substitute(names, **_arena(body, names)),
    ]
    end = STATIC_ARENA.substitute(names) if body.arena else ""
    exact, same = _exact(body, names)
    end += SELF_TEST.substitute(
        names,
        golden="".join(vectors),
        exact=exact,
        same=same,
        tolerance=tolerance,
        count=COUNT,
    )
    return "\n".join(parts) + end + body.graph


def _kind(body: Body) -> str:
    """Return what the first words of both files say more of a network in 8 bits."""
    return "" if body.exact is None else IN_8_BITS


def _arena_names(body: Body) -> dict[str, Any]:
    unit = "FLOATS" if body.element == "float" else "BYTES"
    return {"arena": body.arena, "element": body.element, "UNIT": unit}


def _exact(body: Body, names: Mapping[str, Any]) -> tuple[str, str]:
    """Return the exact logits, with a function that compares them, and its call."""
    if body.exact is None:
        return "", ""
    values = array("float", "golden_exact", body.exact.ravel())
    return EXACT.substitute(names, values=values), SAME_LOGITS.substitute(names)


def _arena(body: Body, names: Mapping[str, Any]) -> dict[str, str]:
    """Return what the functions' names and arguments have more where there is an arena."""
    if not body.arena:
        return dict.fromkeys(("in", "arena", "given"), "")
    return {
        "in": "_in",
        "arena": f"{body.element} arena[{names['MACRO']}_ARENA_{names['UNIT']}],\n    ",
        "given": "arena, ",
    }


def _class_names(names: Sequence[str]) -> tuple[str, str]:
    """Return arrays of the names that no string literal may hold, and the list of all names."""
    arrays, items = [], []
    for k, name in enumerate(names):
        content = name.encode()
        if len(content) <= LONGEST_LITERAL:
            items.append(string(name))
            continue
        letters = filled((character(byte) for byte in [*content, 0]), ", ")
        arrays.append(f"static const char name_{k}[{len(content) + 1}] = {{\n{letters}\n}};\n")
        items.append(f"name_{k}")
    return "".join(arrays), ",\n".join(f"    {item}" for item in items)


def _colours(metadata: Mapping[str, Any], size: tuple[int, int, int]) -> str:
    """Return what the pixels show. Nothing of it is the file's own words, which might be code."""
    stated = metadata.get("cnnkit.preprocessing")
    if isinstance(stated, Mapping) and stated.get("colours") == RECIPES[MNIST]:
        return "white on black"
    return Preprocessing.of(size).colours


def _resize(metadata: Mapping[str, Any], macro: str) -> str:
    """Return how a picture gets the network's size, by the names of the host apps' fitting.h.

    Nothing is said if it must have that size already.
    """
    stated = metadata.get("cnnkit.preprocessing")
    resize = stated.get("resize") if isinstance(stated, Mapping) else None
    if not isinstance(resize, Mapping):
        return ""
    mode, name, fill = resize.get("mode"), resize.get("filter"), resize.get("fill")
    if mode not in RESIZE_MODES or name not in RESIZE_FILTERS or type(fill) is not int:
        return ""
    if not 0 <= fill <= 255 or not (resize.get("antialias") or name == "nearest"):
        return ""
    return (
        f"#define {macro}_RESIZE_MODE CNNKIT_FIT_{str(mode).upper()} /* see fitting.h */\n"
        f"#define {macro}_RESIZE_FILTER CNNKIT_FILTER_{str(name).upper()}\n"
        f"#define {macro}_RESIZE_FILL {fill}\n"
    )


def flash_bytes(body: Body, names: Sequence[str]) -> int:
    """Return the bytes of all constants but the golden vectors, with pointers of four bytes."""
    return body.constant_bytes + sum(4 + len(name.encode()) + 1 for name in names)


def prefix(stem: str) -> str:
    """Return what the names begin with, after the files: networks of other names fit beside it."""
    return "cnnkit_" + re.sub(r"\W", "_", stem, flags=re.ASCII).lower()


def _names(weights: Weights, stem: str) -> dict[str, Any]:
    return {
        "name": prefix(stem),
        "MACRO": prefix(stem).upper(),
        "stem": stem,
        "pixels": math.prod(weights.size),
        "classes": weights.classes,
        "export": EXPORT,
    }
