/* Sums of products of bytes x and weights w, which are side by side. Where the processor multiplies
 * two pairs of 16 bits at once (Cortex-M4, M7, M33), they are widened to those first; not with -Os,
 * because that takes more code. */
#if defined(__GNUC__) && defined(__ARM_FEATURE_DSP) && defined(__ARMEL__) && \
    defined(__thumb2__) && !defined(HELIUM) && !defined(__OPTIMIZE_SIZE__)
#include <arm_acle.h>
#define PAIRS_AT_ONCE 1
#endif

#ifdef PAIRS_AT_ONCE
INLINE uint32_t four(const void* from) {
    uint32_t bytes;
    memcpy(&bytes, from, sizeof bytes);
    return bytes;
}

/* Bytes 0 and 2 as two numbers of 16 bits, and bytes 1 and 3: x has no sign, w has one. */
INLINE int16x2_t x_even(uint32_t bytes) {
    int16x2_t pair; /* compilers do not agree on the types of the builtins */
    __asm__("uxtb16 %0, %1" : "=r"(pair) : "r"(bytes));
    return pair;
}

INLINE int16x2_t w_even(uint32_t bytes) {
    int16x2_t pair;
    __asm__("sxtb16 %0, %1" : "=r"(pair) : "r"(bytes));
    return pair;
}

INLINE int16x2_t x_odd(uint32_t bytes) {
    int16x2_t pair; /* nor have these a rotation, which costs nothing */
    __asm__("uxtb16 %0, %1, ror #8" : "=r"(pair) : "r"(bytes));
    return pair;
}

INLINE int16x2_t w_odd(uint32_t bytes) {
    int16x2_t pair;
    __asm__("sxtb16 %0, %1, ror #8" : "=r"(pair) : "r"(bytes));
    return pair;
}
#endif

#ifndef PAIRS_AT_ONCE
/* Two rows of bytes by two rows of weights. */
INLINE void products_2x2(const uint8_t* restrict x0, const uint8_t* restrict x1,
                         const int8_t* restrict w0, const int8_t* restrict w1, int count,
                         int32_t sums[4]) {
    int32_t s00 = 0, s01 = 0, s10 = 0, s11 = 0;
    for (int i = 0; i < count; ++i) {
        const int16_t a = x0[i], b = x1[i], v = w0[i], u = w1[i];
        s00 += a * v;
        s01 += a * u;
        s10 += b * v;
        s11 += b * u;
    }
    sums[0] = s00;
    sums[1] = s01;
    sums[2] = s10;
    sums[3] = s11;
}
#endif

/* One row of bytes by two rows of weights. */
INLINE void products_1x2(const uint8_t* restrict x, const int8_t* restrict w0,
                         const int8_t* restrict w1, int count, int32_t sums[2]) {
    int32_t s0 = 0, s1 = 0;
    int i = 0;
#ifdef HELIUM
    int32_t flips[2] = {0, 0};
    add_flips(w0, w1, count, flips);
    s0 = flips[0], s1 = flips[1];
    __asm__ volatile(
        "vmov.i8 q7, #0x80\n\tdlstp.8 lr, %[count]\n1:\n\t"
        "vldrb.8 q0, [%[x]], #16\n\tveor q0, q0, q7\n\tvldrb.8 q1, [%[w0]], #16\n\t"
        "vldrb.8 q2, [%[w1]], #16\n\tvmladava.s8 %[s0], q0, q1\n\t"
        "vmladava.s8 %[s1], q0, q2\n\tletp lr, 1b"
        : [x] "+r"(x), [w0] "+r"(w0), [w1] "+r"(w1), [s0] "+Te"(s0), [s1] "+Te"(s1)
        : [count] "r"(count)
        : "lr", "q0", "q1", "q2", "q7", "memory");
    i = count;
#endif
#ifdef PAIRS_AT_ONCE
    for (; i + 4 <= count; i += 4) {
        const uint32_t a = four(x + i), v = four(w0 + i), u = four(w1 + i);
        s0 = __smlad(x_even(a), w_even(v), s0);
        s1 = __smlad(x_even(a), w_even(u), s1);
        s0 = __smlad(x_odd(a), w_odd(v), s0);
        s1 = __smlad(x_odd(a), w_odd(u), s1);
    }
#endif
    for (; i < count; ++i) {
        const int16_t a = x[i], v = w0[i], u = w1[i];
        s0 += a * v;
        s1 += a * u;
    }
    sums[0] = s0;
    sums[1] = s1;
}
