/* With -Os, less code counts more than speed. */
#ifdef __OPTIMIZE_SIZE__
enum { SMALL = 1 };
#else
enum { SMALL = 0 };
#endif

#if defined(__GNUC__) && !defined(__OPTIMIZE_SIZE__)
#define INLINE static inline __attribute__((always_inline, unused))
#define SHARED INLINE
#define ONCE static __attribute__((noinline, unused))
#elif defined(__GNUC__)
#define INLINE static inline __attribute__((unused))
#define SHARED static __attribute__((noinline, unused))
#define ONCE SHARED
#else
#define INLINE static inline
#define SHARED INLINE
#define ONCE INLINE
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
#endif
