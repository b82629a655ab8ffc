// Rows of 16 floats, one for each class and the rest unused, with AVX2: two vectors. After
// cpu/simd/avx2.inl.h and mnist.h.

struct Wide {
    Vec low, high;
};

// The sums of a, b, c and d over their 128-bit lanes, one in each lane.
inline Vec sum_of_lanes(Vec a, Vec b) {
    return add(_mm256_permute2f128_ps(a, b, 0x20), _mm256_permute2f128_ps(a, b, 0x31));
}
inline Wide sum_of_lanes(Vec a, Vec b, Vec c, Vec d) {
    return {sum_of_lanes(a, b), sum_of_lanes(c, d)};
}

inline Wide wide(float x) { return {set1(x), set1(x)}; }
inline Wide load_wide(const float* p) { return {load_aligned(p), load_aligned(p + 8)}; }
inline void store_wide(float* p, Wide x) { store_aligned(p, x.low), store_aligned(p + 8, x.high); }
inline Wide add(Wide a, Wide b) { return {add(a.low, b.low), add(a.high, b.high)}; }
inline Wide sub(Wide a, Wide b) { return {sub(a.low, b.low), sub(a.high, b.high)}; }
inline Wide mul(Wide a, Wide b) { return {mul(a.low, b.low), mul(a.high, b.high)}; }
inline Wide div(Wide a, Wide b) { return {div(a.low, b.low), div(a.high, b.high)}; }
inline Wide max(Wide a, Wide b) { return {max(a.low, b.low), max(a.high, b.high)}; }
inline Wide fma(Wide a, Wide b, Wide c) {
    return {fma(a.low, b.low, c.low), fma(a.high, b.high, c.high)};
}
inline Wide fnma(Wide a, Wide b, Wide c) {
    return {fnma(a.low, b.low, c.low), fnma(a.high, b.high, c.high)};
}

// x in the lanes of the classes, `other` in the rest.
inline Wide in_classes(Wide x, float other) {
    return {x.low, _mm256_blend_ps(set1(other), x.high, 0x03)};
}

inline void store_classes(float* p, Wide x) {
    _mm256_storeu_ps(p, x.low);
    _mm_storel_pi(reinterpret_cast<__m64*>(p + 8), _mm256_castps256_ps128(x.high));
}

inline unsigned equal_bits(Wide a, Wide b) {
    unsigned low =
        static_cast<unsigned>(_mm256_movemask_ps(_mm256_cmp_ps(a.low, b.low, _CMP_EQ_OQ)));
    unsigned high =
        static_cast<unsigned>(_mm256_movemask_ps(_mm256_cmp_ps(a.high, b.high, _CMP_EQ_OQ)));
    return low | high << 8;
}

inline Wide broadcast_max(Wide x) {
    Vec y = max(x.low, x.high);
    y = max(y, _mm256_permute2f128_ps(y, y, 0x01));
    y = max(y, _mm256_permute_ps(y, 0x4e));
    y = max(y, _mm256_permute_ps(y, 0xb1));
    return {y, y};
}

inline Wide broadcast_sum(Wide x) {
    Vec y = add(x.low, x.high);
    y = add(y, _mm256_permute2f128_ps(y, y, 0x01));
    y = add(y, _mm256_permute_ps(y, 0x4e));
    y = add(y, _mm256_permute_ps(y, 0xb1));
    return {y, y};
}

inline Wide round_even(Wide x) { return {_mm256_round_ps(x.low, 8), _mm256_round_ps(x.high, 8)}; }

// In two factors, so that results below the normal range keep their digits; n in [-150, 0].
inline Vec times_power_of_two(Vec x, Vec n) {
    Index whole = _mm256_cvtps_epi32(n), half = _mm256_srai_epi32(whole, 1), bias = set1_index(127);
    Vec first = (Vec)_mm256_slli_epi32(add(half, bias), 23);
    Vec second = (Vec)_mm256_slli_epi32(add(_mm256_sub_epi32(whole, half), bias), 23);
    return mul(mul(x, first), second);
}
inline Wide times_power_of_two(Wide x, Wide n) {
    return {times_power_of_two(x.low, n.low), times_power_of_two(x.high, n.high)};
}

// x = mantissa * 2^exponent with mantissa in [3/4, 3/2), for normal x > 0.
inline void split(Vec x, Vec* mantissa, Vec* exponent) {
    Index three_quarters = set1_index(0x3f400000);
    Index whole = _mm256_srai_epi32(_mm256_sub_epi32((Index)x, three_quarters), 23);
    *mantissa = (Vec)_mm256_sub_epi32((Index)x, _mm256_slli_epi32(whole, 23));
    *exponent = _mm256_cvtepi32_ps(whole);
}
inline void split(Wide x, Wide* mantissa, Wide* exponent) {
    split(x.low, &mantissa->low, &exponent->low);
    split(x.high, &mantissa->high, &exponent->high);
}
