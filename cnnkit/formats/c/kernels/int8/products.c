/* Sums of products of bytes x and weights w, which are side by side. Where the processor multiplies
 * two pairs of 16 bits at once (Cortex-M4, M7, M33), they are widened to those first; not with -Os,
 * because that takes more code. */
#if defined(__GNUC__) && defined(__ARM_FEATURE_DSP) && defined(__ARMEL__) && !defined(HELIUM) && \
    !defined(__OPTIMIZE_SIZE__)
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

#ifdef PAIRS_AT_ONCE
/* Bytes as pairs of 16 bits: of each four the even ones, and four words on the odd ones. What is
 * beyond the bytes is 0. */
INLINE int32_t* widen(const uint8_t* x, int count, int32_t* to) {
    const uint8_t* const end = x + count;
#define WIDEN_FOUR(at)                         \
    do {                                       \
        const uint32_t bytes = four(x + (at)); \
        to[2 * (at)] = x_even(bytes);          \
        to[2 * (at) + 4] = x_odd(bytes);       \
    } while (0)
    for (; count >= 16; count -= 16) {
        WIDEN_FOUR(0);
        WIDEN_FOUR(4);
        WIDEN_FOUR(8);
        WIDEN_FOUR(12);
        x += 16;
        to += 32;
    }
    for (; count >= 4; count -= 4, x += 4, to += 8) WIDEN_FOUR(0);
    if (x < end) {
        uint32_t bytes = 0;
        memcpy(&bytes, x, (size_t)(end - x));
        to[0] = x_even(bytes);
        to[4] = x_odd(bytes);
    }
    return to;
}

/* Two words, one behind the other. */
INLINE void next_two(const int32_t** from, int32_t* a, int32_t* b) {
    __asm__("ldrd %0, %1, [%2], #8" : "=r"(*a), "=r"(*b), "+r"(*from) : : "memory");
}

/* Add two products of 16 bits to a sum, which stays in its register. */
INLINE void add_two(int32_t* sum, int32_t x, int32_t w) {
    __asm__("smlad %0, %1, %2, %0" : "+r"(*sum) : "r"(x), "r"(w));
}

/* Four windows by two rows of weights, both widened: of each two of a row the pairs of all four
 * windows, and of both rows. Sums begin with `first` and `second`. */
INLINE void products_2x4(const int32_t* x, const int32_t* w, int row, int32_t first, int32_t second,
                         int32_t sums[8]) {
    int left = row / 16;
    int32_t s0 = first, s1 = second, s2 = first, s3 = second;
    int32_t s4 = first, s5 = second, s6 = first, s7 = second;
#define TWO_OF_A_ROW(v, u, a, b) \
    next_two(&w, &v, &u);        \
    next_two(&x, &a, &b);        \
    add_two(&s0, a, v);          \
    add_two(&s1, a, u);          \
    add_two(&s2, b, v);          \
    add_two(&s3, b, u);          \
    next_two(&x, &a, &b);        \
    add_two(&s4, a, v);          \
    add_two(&s5, a, u);          \
    add_two(&s6, b, v);          \
    add_two(&s7, b, u)
    int32_t v, u, a, b;
    if (left) {
        do {
            TWO_OF_A_ROW(v, u, a, b);
            TWO_OF_A_ROW(v, u, a, b);
            TWO_OF_A_ROW(v, u, a, b);
            TWO_OF_A_ROW(v, u, a, b);
            TWO_OF_A_ROW(v, u, a, b);
            TWO_OF_A_ROW(v, u, a, b);
            TWO_OF_A_ROW(v, u, a, b);
            TWO_OF_A_ROW(v, u, a, b);
            __asm__ volatile("" : "+r"(s6), "+r"(s7)); /* frees a register for the count */
        } while (--left);
    }
    for (left = row % 16; left; left -= 4) {
        TWO_OF_A_ROW(v, u, a, b);
        TWO_OF_A_ROW(v, u, a, b);
        __asm__ volatile("" : "+r"(s6), "+r"(s7));
    }
    sums[0] = s0;
    sums[1] = s1;
    sums[2] = s2;
    sums[3] = s3;
    sums[4] = s4;
    sums[5] = s5;
    sums[6] = s6;
    sums[7] = s7;
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
