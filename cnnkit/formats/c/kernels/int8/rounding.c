#if defined(__GNUC__)
#define INLINE static inline __attribute__((always_inline))
#else
#define INLINE static inline
#endif

/* The integer nearest to a float between -2^22 and 2^22, of two the even one: the float's last bit
 * stands for 1 once 1.5 * 2^23 is added. */
INLINE int32_t nearest(float value) {
    int32_t bits;
    value += 12582912.0f;
    memcpy(&bits, &value, sizeof bits);
    return bits - 0x4B400000;
}

INLINE float limited(float value, float low, float high) {
    value = value < low ? low : value;
    return value > high ? high : value;
}

/* A sum times a factor as a byte, whose zero point stands for 0. */
INLINE uint8_t requantised(int32_t sum, float factor, int zero) {
    const float scaled = limited((float)sum * factor, (float)-zero, (float)(255 - zero));
    return (uint8_t)(nearest(scaled) + zero);
}
