/* With -Os, less code counts more than speed. */
#ifdef __OPTIMIZE_SIZE__
enum { SMALL = 1 };
#else
enum { SMALL = 0 };
#endif

#if defined(__GNUC__) && !defined(__OPTIMIZE_SIZE__)
#define INLINE static inline __attribute__((always_inline, unused))
#define SHARED INLINE
#elif defined(__GNUC__)
#define INLINE static inline __attribute__((unused))
#define SHARED static __attribute__((noinline, unused))
#else
#define INLINE static inline
#define SHARED INLINE
#endif

#if defined(__GNUC__) && defined(__ARM_FEATURE_DSP) && defined(__ARM_FP)
#if __ARM_FP & 4
#include <arm_acle.h>
#define ROUNDS_AT_ONCE 1
#endif
#endif

#ifdef ROUNDS_AT_ONCE
/* The integer nearest to a float, of two the even one. */
INLINE int32_t rounded(float value) {
    int32_t whole;
    __asm__("vcvtr.s32.f32 %0, %0" : "+t"(value));
    memcpy(&whole, &value, sizeof whole);
    return whole;
}

INLINE uint8_t saturated(int32_t value) { return (uint8_t)__usat(value, 8); }

/* A sum times a factor as a byte, whose zero point stands for 0. */
SHARED uint8_t requantised(int32_t sum, float factor, int zero) {
    return saturated(__qadd(rounded((float)sum * factor), zero));
}

/* Likewise sums of two channels of four pixels, which change registers in pairs. */
INLINE void requantise_eight(int32_t s[8], float factor, float other, int zero, int k, int next,
                             uint8_t* const y[4]) {
#define INTO(f, g, r, q) "vmov " f ", " g ", " r ", " q "\n\t"
#define SCALE(f, by)                                          \
    "vcvt.f32.s32 " f ", " f "\n\tvmul.f32 " f ", " f ", " by \
    "\n\t"                                                    \
    "vcvtr.s32.f32 " f ", " f "\n\t"
    __asm__(INTO("s0", "s1", "%0", "%1") INTO("s2", "s3", "%2", "%3") INTO("s4", "s5", "%4", "%5")
                INTO("s6", "s7", "%6", "%7") SCALE("s0", "%8") SCALE("s1", "%9") SCALE("s2", "%8")
                    SCALE("s3", "%9") SCALE("s4", "%8") SCALE("s5", "%9") SCALE("s6", "%8")
                        SCALE("s7", "%9") INTO("%0", "%1", "s0", "s1") INTO("%2", "%3", "s2", "s3")
                            INTO("%4", "%5", "s4", "s5") INTO("%6", "%7", "s6", "s7")
            : "+r"(s[0]), "+r"(s[1]), "+r"(s[2]), "+r"(s[3]), "+r"(s[4]), "+r"(s[5]), "+r"(s[6]),
              "+r"(s[7])
            : "t"(factor), "t"(other)
            : "s0", "s1", "s2", "s3", "s4", "s5", "s6", "s7");
#undef SCALE
#undef INTO
    y[3][next] = saturated(__qadd(s[7], zero));
    y[3][k] = saturated(__qadd(s[6], zero));
    y[2][next] = saturated(__qadd(s[5], zero));
    y[2][k] = saturated(__qadd(s[4], zero));
    y[1][next] = saturated(__qadd(s[3], zero));
    y[1][k] = saturated(__qadd(s[2], zero));
    y[0][next] = saturated(__qadd(s[1], zero));
    y[0][k] = saturated(__qadd(s[0], zero));
}

/* Likewise two sums, which change registers together. */
INLINE void requantise_two(int32_t sum, int32_t other, float factor, float of_other, int zero,
                           uint8_t* y, uint8_t* y_other) {
    __asm__(
        "vmov s14, s15, %0, %1\n\tvcvt.f32.s32 s14, s14\n\tvcvt.f32.s32 s15, s15\n\t"
        "vmul.f32 s14, s14, %2\n\tvmul.f32 s15, s15, %3\n\t"
        "vcvtr.s32.f32 s14, s14\n\tvcvtr.s32.f32 s15, s15\n\tvmov %0, %1, s14, s15"
        : "+r"(sum), "+r"(other)
        : "t"(factor), "t"(of_other)
        : "s14", "s15");
    *y_other = saturated(__qadd(other, zero));
    *y = saturated(__qadd(sum, zero));
}
#else
INLINE float limited(float value, float low, float high) {
    value = value < low ? low : value;
    return value > high ? high : value;
}

/* The integer nearest to a float between -2^22 and 2^22, of two the even one: the float's last bit
 * stands for 1 once 1.5 * 2^23 is added. */
INLINE int32_t nearest(float value) {
    int32_t bits;
    value += 12582912.0f;
    memcpy(&bits, &value, sizeof bits);
    return bits - 0x4B400000;
}

/* A number from 0 to 255 as a byte, others as the nearest one. */
INLINE int32_t rounded(float value) { return nearest(limited(value, 0.0f, 255.0f)); }

INLINE uint8_t saturated(int32_t value) { return (uint8_t)value; }

SHARED uint8_t requantised(int32_t sum, float factor, int zero) {
    const float scaled = limited((float)sum * factor, (float)-zero, (float)(255 - zero));
    return (uint8_t)(nearest(scaled) + zero);
}

INLINE void requantise_two(int32_t sum, int32_t other, float factor, float of_other, int zero,
                           uint8_t* y, uint8_t* y_other) {
    *y_other = requantised(other, of_other, zero);
    *y = requantised(sum, factor, zero);
}

INLINE void requantise_eight(int32_t s[8], float factor, float other, int zero, int k, int next,
                             uint8_t* const y[4]) {
    for (int p = 3; p >= 0; --p) {
        requantise_two(s[2 * p], s[2 * p + 1], factor, other, zero, y[p] + k, y[p] + next);
    }
}
#endif
