/* Sums of two values, each in a scale of its own: x * left + (z * right + rest), both rounded once
 * to float, as fused instructions do, and as doubles do that have all digits of a sum. */
struct add {
    int count;
    float left, right, rest;
};

INLINE uint8_t added(struct add a, int32_t x, int32_t z) {
#if defined(ROUNDS_AT_ONCE) && defined(__ARM_FEATURE_FMA)
    float sum = a.rest;
    __asm__(
        "vmov s14, s15, %1, %2\n\tvcvt.f32.s32 s14, s14\n\tvcvt.f32.s32 s15, s15\n\t"
        "vfma.f32 %0, s15, %4\n\tvfma.f32 %0, s14, %3"
        : "+t"(sum)
        : "r"(x), "r"(z), "t"(a.left), "t"(a.right)
        : "s14", "s15");
    return saturated(rounded(sum));
#else
    const float second = (float)((double)z * (double)a.right + (double)a.rest);
    return saturated(rounded((float)((double)x * (double)a.left + (double)second)));
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
            vfmaq_n_f32(vfmaq_n_f32(vdupq_n_f32(a.rest), q, a.right), p, a.left);
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
