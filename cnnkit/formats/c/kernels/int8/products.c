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

#ifdef PAIRS_AT_ONCE
/* The bytes of a row as 16 bits: of each four the even ones, then the odd ones, beside those of
 * another row. What is beyond the row is 0. */
INLINE int32_t* widen(const uint8_t* x, int count, int32_t* to) {
    int i = 0;
    for (; i + 4 <= count; i += 4, to += 4) {
        const uint32_t bytes = four(x + i);
        to[0] = x_even(bytes);
        to[1] = x_odd(bytes);
    }
    if (i < count) {
        uint32_t bytes = 0;
        memcpy(&bytes, x + i, (size_t)(count - i));
        to[0] = x_even(bytes);
        to[1] = x_odd(bytes);
        to += 4;
    }
    return to;
}

/* Two rows that were widened by two rows of weights, of `row` bytes, a multiple of four. */
INLINE void products_2x2(const int32_t* restrict x, const int8_t* restrict w0,
                         const int8_t* restrict w1, int row, int32_t sums[4]) {
    const int8_t* const end = w0 + row;
    int32_t s00 = 0, s01 = 0, s10 = 0, s11 = 0;
    for (; w0 != end; x += 4, w0 += 4, w1 += 4) {
        const uint32_t v = four(w0), u = four(w1);
        const int16x2_t v0 = w_even(v), u0 = w_even(u), v1 = w_odd(v), u1 = w_odd(u);
        s00 = __smlad(x[0], v0, s00);
        s01 = __smlad(x[0], u0, s01);
        s00 = __smlad(x[1], v1, s00);
        s01 = __smlad(x[1], u1, s01);
        s10 = __smlad(x[2], v0, s10);
        s11 = __smlad(x[2], u0, s11);
        s10 = __smlad(x[3], v1, s10);
        s11 = __smlad(x[3], u1, s11);
    }
    sums[0] = s00;
    sums[1] = s01;
    sums[2] = s10;
    sums[3] = s11;
}
#else
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
