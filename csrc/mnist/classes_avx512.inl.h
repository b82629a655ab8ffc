// Rows of 16 floats, one for each class and the rest unused, with AVX-512: one vector. After
// cpu/simd/avx512.inl.h and mnist.h.

using Wide = Vec;

// The sums of a, b, c and d over their 128-bit lanes, one in each lane.
inline Wide sum_of_lanes(Vec a, Vec b, Vec c, Vec d) {
    Vec ab = add(_mm512_shuffle_f32x4(a, b, 0x88), _mm512_shuffle_f32x4(a, b, 0xdd));
    Vec cd = add(_mm512_shuffle_f32x4(c, d, 0x88), _mm512_shuffle_f32x4(c, d, 0xdd));
    return add(_mm512_shuffle_f32x4(ab, cd, 0x88), _mm512_shuffle_f32x4(ab, cd, 0xdd));
}

inline Wide wide(float x) { return set1(x); }
inline Wide load_wide(const float* p) { return load_aligned(p); }
inline void store_wide(float* p, Wide x) { store_aligned(p, x); }

constexpr Mask kClassLanes = (1 << kMnistClasses) - 1;

// x in the lanes of the classes, `other` in the rest.
inline Wide in_classes(Wide x, float other) {
    return _mm512_mask_mov_ps(set1(other), kClassLanes, x);
}
inline void store_classes(float* p, Wide x) { _mm512_mask_storeu_ps(p, kClassLanes, x); }
inline unsigned equal_bits(Wide a, Wide b) { return _mm512_cmp_ps_mask(a, b, _CMP_EQ_OQ); }

inline Wide broadcast_max(Wide x) {
    x = max(x, _mm512_shuffle_f32x4(x, x, 0x4e));
    x = max(x, _mm512_shuffle_f32x4(x, x, 0xb1));
    x = max(x, _mm512_permute_ps(x, 0x4e));
    return max(x, _mm512_permute_ps(x, 0xb1));
}

inline Wide broadcast_sum(Wide x) {
    x = add(x, _mm512_shuffle_f32x4(x, x, 0x4e));
    x = add(x, _mm512_shuffle_f32x4(x, x, 0xb1));
    x = add(x, _mm512_permute_ps(x, 0x4e));
    return add(x, _mm512_permute_ps(x, 0xb1));
}

inline Wide round_even(Wide x) { return _mm512_roundscale_ps(x, 8); }
inline Wide times_power_of_two(Wide x, Wide n) { return _mm512_scalef_ps(x, n); }

// x = mantissa * 2^exponent with mantissa in [3/4, 3/2), for normal x > 0.
inline void split(Wide x, Wide* mantissa, Wide* exponent) {
    *mantissa = _mm512_getmant_ps(x, _MM_MANT_NORM_p75_1p5, _MM_MANT_SIGN_src);
    *exponent = _mm512_getexp_ps(div(x, *mantissa));
}
