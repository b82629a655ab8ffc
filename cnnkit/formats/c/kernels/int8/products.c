/* Sums of products of bytes x and weights w, which are side by side. Where the processor multiplies
 * two pairs of 16 bits at once (Cortex-M4, M7, M33), four products take two of its instructions. */
#if defined(__GNUC__) && defined(__ARM_FEATURE_DSP) && defined(__ARMEL__)
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
INLINE int16x2_t x_even(uint32_t bytes) { return (int16x2_t)__uxtb16(bytes); }

INLINE int16x2_t w_even(uint32_t bytes) { return __sxtb16((int8x4_t)bytes); }

INLINE int16x2_t x_odd(uint32_t bytes) {
    int16x2_t pair; /* the builtins have no rotation, which the instruction does at no cost */
    __asm__("uxtb16 %0, %1, ror #8" : "=r"(pair) : "r"(bytes));
    return pair;
}

INLINE int16x2_t w_odd(uint32_t bytes) {
    int16x2_t pair;
    __asm__("sxtb16 %0, %1, ror #8" : "=r"(pair) : "r"(bytes));
    return pair;
}
#endif

/* Two rows of bytes by two rows of weights. */
INLINE void products_2x2(const uint8_t* restrict x0, const uint8_t* restrict x1,
                         const int8_t* restrict w0, const int8_t* restrict w1, int count,
                         int32_t sums[4]) {
    int32_t s00 = 0, s01 = 0, s10 = 0, s11 = 0;
    int i = 0;
#ifdef PAIRS_AT_ONCE
    for (; i + 4 <= count; i += 4) {
        const uint32_t a = four(x0 + i), b = four(x1 + i), v = four(w0 + i), u = four(w1 + i);
        s00 = __smlad(x_even(a), w_even(v), s00);
        s01 = __smlad(x_even(a), w_even(u), s01);
        s10 = __smlad(x_even(b), w_even(v), s10);
        s11 = __smlad(x_even(b), w_even(u), s11);
        s00 = __smlad(x_odd(a), w_odd(v), s00);
        s01 = __smlad(x_odd(a), w_odd(u), s01);
        s10 = __smlad(x_odd(b), w_odd(v), s10);
        s11 = __smlad(x_odd(b), w_odd(u), s11);
    }
#endif
    for (; i < count; ++i) {
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

/* One row of bytes by two rows of weights. */
INLINE void products_1x2(const uint8_t* restrict x, const int8_t* restrict w0,
                         const int8_t* restrict w1, int count, int32_t sums[2]) {
    int32_t s0 = 0, s1 = 0;
    int i = 0;
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
