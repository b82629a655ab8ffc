"""What is the same in all files of the C format, as templates."""

from __future__ import annotations

from string import Template

HEADER = Template("""\
/* cnnkit$kind model: $stem.h and $stem.c, a convolutional network of $parameters parameters in C99.
 *
 *     float probabilities[${MACRO}_CLASSES];
 *     int label = ${name}_predict(pixels, probabilities);
 *     puts(${name}_names[label]);
 *
 * Pixels: uint8_t [$channels][$height][$width], raw, from 0 to 255, $colours; scaled inside.
 * Flash:  $flash bytes of constants, and the code.
 * RAM:    $ram
 * Calls:  $calls
$needs * Test:   compile with -D${MACRO}_SELF_TEST and call ${name}_self_test() first.$accuracy
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
$arena#define ${MACRO}_EXPORT 0x$export /* $stem.c checks that both files are of one export */
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
$more
#ifdef ${MACRO}_SELF_TEST
/* Classify $count pictures whose answers are known; return how many come out wrong: 0 is right. */
int ${name}_self_test(void);
#endif

#ifdef __cplusplus
}
#endif

#endif

$notes/* metadata: $metadata */
""")

SOURCE_START = Template("""\
/* cnnkit$kind model: $stem.h says what this is and how to use it.
 *
$method
 */
#include "$stem.h"

#if ${MACRO}_EXPORT != 0x$export
#error "$stem.h and $stem.c are of different exports; use the two files of one export"
#endif

#ifndef ${MACRO}_OWN_EXPF
#include <math.h>
#endif
$includes
#ifdef __cplusplus
#define restrict __restrict
#endif

${long_names}const char *const ${name}_names[$classes] = {
$names
};
""")

CALLS = Template("""
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

void ${name}_logits$in(${arena}const uint8_t pixels[$pixels], float logits[$classes]) {
    run(${given}pixels, logits);
}

int ${name}_predict$in(${arena}const uint8_t pixels[$pixels], float probabilities[$classes]) {
    float logits[$classes], sum = 0.0f;
    int label = 0;
    run(${given}pixels, logits);
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
""")

SELF_TEST = Template("""
#ifdef ${MACRO}_SELF_TEST
$golden
${exact}static int differ(const float *a, const float *b) {
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
$same            differ(logits, golden_logits + i * $classes) ||
            differ(probabilities, golden_probabilities + i * $classes);
    }
    return wrong;
}
#endif
""")

FLOAT_NEEDS = """\
 * Needs:  C99, and expf of the C library unless ${MACRO}_OWN_EXPF is defined. With -O3 and the
 *         processor's vectors (say -mavx2 -mfma) it is fastest; GCC's -std=c99 keeps it from
 *         fusing multiplication and addition, -std=gnu99 or -ffp-contract=fast lets it.
"""
INTEGER_NEEDS = """\
 * Needs:  C99, and expf of the C library unless ${MACRO}_OWN_EXPF is defined. Layers are sums of
 *         products of 8-bit integers; a float multiplication for each result brings it into
 *         its scale, so that any processor gives the same logits to the bit. -O3 and the
 *         processor's vectors (say -mavx2) are fastest; Cortex-M4 and M7 multiply in pairs.
"""
# The logits that integers give, which are the same on every processor.
EXACT = Template("""\
$values
static int differ_at_all(const float *a, const float *b) {
    for (int k = 0; k < $classes; ++k) {
        if (a[k] != b[k]) return 1;
    }
    return 0;
}

""")
SAME_LOGITS = Template("            differ_at_all(logits, golden_exact + i * $classes) ||\n")

# What a network has more that keeps its values in an array, and not on the stack.
ARENA_MACRO = """\
#define ${MACRO}_ARENA_$UNIT $arena /* that values take between layers */
"""
ARENA_FUNCTIONS = """
/* The same in an array of the caller's: calls with different arrays may run at once. */
int ${name}_predict_in($element arena[${MACRO}_ARENA_$UNIT],
    const uint8_t pixels[${MACRO}_PIXELS], float probabilities[${MACRO}_CLASSES]);
void ${name}_logits_in($element arena[${MACRO}_ARENA_$UNIT],
    const uint8_t pixels[${MACRO}_PIXELS], float logits[${MACRO}_CLASSES]);
"""
STATIC_ARENA = Template("""
#ifndef ${MACRO}_NO_STATIC_ARENA
static $element static_arena[${MACRO}_ARENA_$UNIT];

void ${name}_logits(const uint8_t pixels[$pixels], float logits[$classes]) {
    ${name}_logits_in(static_arena, pixels, logits);
}

int ${name}_predict(const uint8_t pixels[$pixels], float probabilities[$classes]) {
    return ${name}_predict_in(static_arena, pixels, probabilities);
}
#endif
""")
