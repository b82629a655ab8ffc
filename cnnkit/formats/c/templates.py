"""The two files of the C format as text: `header_text(...)` and `source_text(...)`."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from string import Template
from typing import Any

import numpy as np

from cnnkit.formats.c.literals import array, character, filled, float_text, string
from cnnkit.formats.c.network import network_text, stack_bytes, table_bytes
from cnnkit.formats.golden import COUNT, Golden
from cnnkit.graph.architecture import Architecture
from cnnkit.graph.preprocessing import (
    MNIST,
    RECIPES,
    RESIZE_FILTERS,
    RESIZE_MODES,
    Preprocessing,
)
from cnnkit.graph.weights import Weights

LONGEST_LITERAL = 4095  # bytes; C99 promises no more
EXPORT = "@export@"  # stands for the digest of both texts, until both are known

HEADER = Template("""\
/* cnnkit model: $stem.h and $stem.c, a convolutional network of $parameters parameters in C99.
 *
 *     float probabilities[${MACRO}_CLASSES];
 *     int label = ${name}_predict(pixels, probabilities);
 *     puts(${name}_names[label]);
 *
 * Pixels: uint8_t [$channels][$height][$width], raw, from 0 to 255, $colours; scaled inside.
 * Flash:  $flash bytes of constants, and the code.
 * RAM:    no variables; $stack bytes of arrays on the stack during a call, and a few hundred more
 *         (up to 4 KB with -O3 and wide vectors).
 * Calls:  no allocation and no state: any number of threads may call at once.
 * Needs:  C99, and expf of the C library unless ${MACRO}_OWN_EXPF is defined. With -O3 and the
 *         processor's vectors (say -mavx2 -mfma) it is fastest; GCC's -std=c99 keeps it from
 *         fusing multiplication and addition, -std=gnu99 or -ffp-contract=fast lets it.
 * Test:   compile with -D${MACRO}_SELF_TEST and call ${name}_self_test() first.$accuracy
 */
#ifndef ${MACRO}_H
#define ${MACRO}_H

#include <stdint.h>

#define ${MACRO}_CHANNELS $channels
#define ${MACRO}_HEIGHT $height
#define ${MACRO}_WIDTH $width
#define ${MACRO}_PIXELS $pixels
#define ${MACRO}_CLASSES $classes
$resize#define ${MACRO}_STACK_BYTES $stack_bytes /* of arrays, during a call */
#define ${MACRO}_EXPORT 0x$export /* $stem.c checks that both files are of one export */
#define ${MACRO}_WEIGHTS_SHA256 \\
    "$sha256"

#ifdef __cplusplus
extern "C" {
#endif

/* What the classes are called, in UTF-8. */
extern const char *const ${name}_names[${MACRO}_CLASSES];

/* Return the likeliest class of a picture, and the probability of each. */
int ${name}_predict(const uint8_t pixels[${MACRO}_PIXELS],
    float probabilities[${MACRO}_CLASSES]);

/* Write the classes' logits: what probabilities are made of. */
void ${name}_logits(const uint8_t pixels[${MACRO}_PIXELS],
    float logits[${MACRO}_CLASSES]);

#ifdef ${MACRO}_SELF_TEST
/* Classify $count pictures whose answers are known; return how many come out wrong: 0 is right. */
int ${name}_self_test(void);
#endif

#ifdef __cplusplus
}
#endif

#endif

/* metadata: $metadata */
""")

SOURCE_START = Template("""\
/* cnnkit model: $stem.h says what this is and how to use it.
 *
 * How it works: rows and columns are dealt out to several planes each, as cards to players, so that
 * a step of one pooled pixel is a step of one float. Every loop over q runs through the pooled
 * pixels of a plane, with the same straight arithmetic on consecutive floats: compilers make
 * vectors of it. Planes have a border of zeros; "keep" puts them back where a loop ran across it.
 */
#include "$stem.h"

#if ${MACRO}_EXPORT != 0x$export
#error "$stem.h and $stem.c are of different exports; use the two files of one export"
#endif

#ifndef ${MACRO}_OWN_EXPF
#include <math.h>
#endif

#ifdef __cplusplus
#define restrict __restrict
#endif

${long_names}const char *const ${name}_names[$classes] = {
$names
};
""")

SOURCE_END = Template("""
/* e to the power of x, for x from 0 down. */
static float power_of_e(float x) {
#ifdef ${MACRO}_OWN_EXPF
    /* e^x = 2^n e^r with |r| <= ln(2)/2; Taylor's series of e^r is then good to 5e-9 */
    union {
        uint32_t bits;
        float value;
    } two_to_n;
    float n, r, sum = 1.0f;
    if (!(x > -87.0f)) return 0.0f;
    n = (float)(int32_t)(x * 1.44269504f - 0.5f);
    r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
    for (int k = 7; k > 0; --k) sum = 1.0f + r / (float)k * sum;
    two_to_n.bits = (uint32_t)((int32_t)n + 127) << 23;
    return sum * two_to_n.value;
#else
    return expf(x);
#endif
}

void ${name}_logits(const uint8_t pixels[$pixels], float logits[$classes]) {
    run(pixels, logits);
}

int ${name}_predict(const uint8_t pixels[$pixels], float probabilities[$classes]) {
    float logits[$classes], sum = 0.0f;
    int label = 0;
    run(pixels, logits);
    for (int k = 1; k < $classes; ++k) {
        if (logits[k] > logits[label]) label = k;
    }
    for (int k = 0; k < $classes; ++k) {
        probabilities[k] = power_of_e(logits[k] - logits[label]);
        sum += probabilities[k];
    }
    for (int k = 0; k < $classes; ++k) probabilities[k] /= sum;
    return label;
}

#ifdef ${MACRO}_SELF_TEST
$golden
static int differ(const float *a, const float *b) {
    for (int k = 0; k < $classes; ++k) {
        const float error = a[k] - b[k];
        if (!(error <= $tolerance && error >= -$tolerance)) return 1;
    }
    return 0;
}

int ${name}_self_test(void) {
    int wrong = 0;
    for (int i = 0; i < $count; ++i) {
        float logits[$classes], probabilities[$classes];
        const uint8_t *pixels = golden_images + i * $pixels;
        ${name}_logits(pixels, logits);
        wrong += ${name}_predict(pixels, probabilities) != golden_labels[i] ||
            differ(logits, golden_logits + i * $classes) ||
            differ(probabilities, golden_probabilities + i * $classes);
    }
    return wrong;
}
#endif
""")


def header_text(weights: Weights, metadata: Mapping[str, Any], stem: str) -> str:
    """Return the header; `metadata` are the JSON values that stand at its end."""
    architecture, accuracy = weights.architecture, metadata.get("cnnkit.test_accuracy")
    known = isinstance(accuracy, float)
    channels, height, width = architecture.input
    return HEADER.substitute(
        _names(architecture, stem),
        parameters=f"{_parameters(architecture):,}",
        colours=_colours(metadata, architecture),
        channels=channels,
        height=height,
        width=width,
        flash=f"{flash_bytes(architecture, metadata['names']):,}",
        stack=f"{stack_bytes(architecture):,}",
        stack_bytes=stack_bytes(architecture),
        accuracy=f"\n * Right:  {accuracy:.2%} of the test images." if known else "",
        resize=_resize(metadata, prefix(stem).upper()),
        sha256=weights.sha256,
        count=COUNT,
        # no "*/" may end the comment early, and no "/*" begin another
        metadata=json.dumps(metadata, indent=1, sort_keys=True).replace("*", "\\u002a"),
    )


def source_text(weights: Weights, metadata: Mapping[str, Any], golden: Golden, stem: str) -> str:
    """Return the source: names, parameters, the network, and what the header declares."""
    architecture, tensors = weights.architecture, weights.tensors
    names = _names(architecture, stem)
    long_names, texts = _class_names(metadata["names"])
    parameters = [
        array("float", name.replace(".", "_"), tensors[name].ravel())
        for name in architecture.parameter_shapes()
    ]
    vectors = [
        array("uint8_t", "golden_images", golden.images.ravel()),
        array("uint8_t", "golden_labels", golden.labels),
        array("float", "golden_logits", golden.logits.ravel()),
        array("float", "golden_probabilities", golden.probabilities.ravel()),
    ]
    tolerance = float_text(float(np.float32(golden.tolerance)))
    return "\n".join(
        [
            SOURCE_START.substitute(names, long_names=long_names, names=texts),
            *parameters,
            network_text(architecture),
            SOURCE_END.substitute(names, golden="".join(vectors), tolerance=tolerance, count=COUNT),
        ]
    )


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


def _colours(metadata: Mapping[str, Any], architecture: Architecture) -> str:
    """Return what the pixels show. Nothing of it is the file's own words, which might be code."""
    stated = metadata.get("cnnkit.preprocessing")
    if isinstance(stated, Mapping) and stated.get("colours") == RECIPES[MNIST]:
        return "white on black"
    return Preprocessing.of(architecture.input).colours


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


def flash_bytes(architecture: Architecture, names: Sequence[str]) -> int:
    """Return the bytes of all constants but the golden vectors, with pointers of four bytes."""
    texts = sum(4 + len(name.encode()) + 1 for name in names)
    return 4 * _parameters(architecture) + table_bytes(architecture) + texts


def _parameters(architecture: Architecture) -> int:
    return sum(map(math.prod, architecture.parameter_shapes().values()))


def prefix(stem: str) -> str:
    """Return what the names begin with, after the files: networks of other names fit beside it."""
    return "cnnkit_" + re.sub(r"\W", "_", stem, flags=re.ASCII).lower()


def _names(architecture: Architecture, stem: str) -> dict[str, Any]:
    return {
        "name": prefix(stem),
        "MACRO": prefix(stem).upper(),
        "stem": stem,
        "pixels": math.prod(architecture.input),
        "classes": architecture.classes,
        "export": EXPORT,
    }
