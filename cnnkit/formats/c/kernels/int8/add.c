/* Sums of two values, each in a scale of its own. The factors have few digits, so that nothing is
 * rounded before the end, whatever instructions the compiler chooses. */
struct add {
    int count;
    float left, right, rest;
};

INLINE uint8_t added(struct add a, int32_t x, int32_t z) {
#ifdef ROUNDS_AT_ONCE
    float sum = a.rest;
    __asm__(
        "vmov s14, s15, %1, %2\n\tvcvt.f32.s32 s14, s14\n\tvcvt.f32.s32 s15, s15\n\t"
        "vmla.f32 %0, s14, %3\n\tvmla.f32 %0, s15, %4"
        : "+t"(sum)
        : "r"(x), "r"(z), "t"(a.left), "t"(a.right)
        : "s14", "s15");
    return saturated(rounded(sum));
#else
    return saturated(rounded(((float)x * a.left + a.rest) + (float)z * a.right));
#endif
}

static void add(const struct add* of, const uint8_t* x, const uint8_t* z, uint8_t* y) {
    const struct add a = *of; /* stores of bytes may change what is behind a pointer */
    int i = 0;
#ifdef HELIUM
    for (; i + 4 <= a.count; i += 4) {
        const float32x4_t p = vcvtq_f32_s32(vreinterpretq_s32_u32(vldrbq_u32(x + i)));
        const float32x4_t q = vcvtq_f32_s32(vreinterpretq_s32_u32(vldrbq_u32(z + i)));
        const float32x4_t sum =
            vfmaq_n_f32(vfmaq_n_f32(vdupq_n_f32(a.rest), p, a.left), q, a.right);
        vstrbq_s32((int8_t*)(y + i), as_bytes(vcvtnq_s32_f32(sum)));
    }
#elif defined(PAIRS_AT_ONCE)
    for (; i + 4 <= a.count; i += 4) {
        const uint32_t p = four(x + i), q = four(z + i);
        y[i] = added(a, (uint8_t)p, (uint8_t)q);
        y[i + 1] = added(a, (uint8_t)(p >> 8), (uint8_t)(q >> 8));
        y[i + 2] = added(a, (uint8_t)(p >> 16), (uint8_t)(q >> 16));
        y[i + 3] = added(a, (int32_t)(p >> 24), (int32_t)(q >> 24));
    }
#endif
    for (; i < a.count; ++i) y[i] = added(a, x[i], z[i]);
}
