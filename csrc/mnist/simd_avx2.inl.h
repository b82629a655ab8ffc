// AVX2 with FMA behind the names that the shared parts of the engine use. Needs <immintrin.h>.
//
// F: a machine vector of floats, I: of int32, M: a mask of its lanes. Wide: 16 lanes, here two of
// F.

using F = __m256;
using I = __m256i;
struct M {
    __m256 lanes;
};
struct Wide {
    F low, high;
};
constexpr int kLanes = 8;

inline F load(const float* p) { return _mm256_load_ps(p); }
inline void store(float* p, F x) { _mm256_store_ps(p, x); }
inline I load(const int32_t* p) { return _mm256_load_si256(reinterpret_cast<const I*>(p)); }
inline void store(int32_t* p, I x) { _mm256_store_si256(reinterpret_cast<I*>(p), x); }
inline F splat(float x) { return _mm256_set1_ps(x); }
inline I splat(int32_t x) { return _mm256_set1_epi32(x); }
inline F spread(const float* four) {
    return _mm256_broadcast_ps(reinterpret_cast<const __m128*>(four));
}
inline F zero() { return _mm256_setzero_ps(); }

inline F add(F a, F b) { return _mm256_add_ps(a, b); }
inline I add(I a, I b) { return _mm256_add_epi32(a, b); }
inline F sub(F a, F b) { return _mm256_sub_ps(a, b); }
inline F mul(F a, F b) { return _mm256_mul_ps(a, b); }
inline F div(F a, F b) { return _mm256_div_ps(a, b); }
inline F root(F a) { return _mm256_sqrt_ps(a); }
inline F fma(F a, F b, F c) { return _mm256_fmadd_ps(a, b, c); }
inline F fnma(F a, F b, F c) { return _mm256_fnmadd_ps(a, b, c); }
inline F max(F a, F b) { return _mm256_max_ps(a, b); }  // b where either is not a number

inline I larger(I a, I b) { return _mm256_max_epi32(a, b); }
inline I without_sign(const float* p) {
    return _mm256_and_si256((I)_mm256_loadu_ps(p), splat(0x7fffffff));
}

inline M greater(F a, F b) { return {_mm256_cmp_ps(a, b, _CMP_GT_OQ)}; }
inline F keep(M m, F x) { return _mm256_and_ps(m.lanes, x); }
inline I keep(M m, I x) { return _mm256_and_si256((I)m.lanes, x); }
inline M choose(M m, M yes, M no) { return {_mm256_blendv_ps(no.lanes, yes.lanes, m.lanes)}; }

// Within each 128-bit lane.
inline F unpack_low(F a, F b) { return _mm256_unpacklo_ps(a, b); }
inline F unpack_high(F a, F b) { return _mm256_unpackhi_ps(a, b); }
inline F pairs_low(F a, F b) { return _mm256_shuffle_ps(a, b, 0x44); }
inline F pairs_high(F a, F b) { return _mm256_shuffle_ps(a, b, 0xee); }

// The sums of a, b, c and d over their 128-bit lanes, one in each lane.
inline F sum_of_lanes(F a, F b) {
    return add(_mm256_permute2f128_ps(a, b, 0x20), _mm256_permute2f128_ps(a, b, 0x31));
}
inline Wide sum_of_lanes(F a, F b, F c, F d) { return {sum_of_lanes(a, b), sum_of_lanes(c, d)}; }

// ---- what softmax needs
// ------------------------------------------------------------------------------

inline Wide wide(float x) { return {splat(x), splat(x)}; }
inline Wide load_wide(const float* p) { return {load(p), load(p + 8)}; }
inline void store_wide(float* p, Wide x) { store(p, x.low), store(p + 8, x.high); }
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
    return {x.low, _mm256_blend_ps(splat(other), x.high, 0x03)};
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
    F y = max(x.low, x.high);
    y = max(y, _mm256_permute2f128_ps(y, y, 0x01));
    y = max(y, _mm256_permute_ps(y, 0x4e));
    y = max(y, _mm256_permute_ps(y, 0xb1));
    return {y, y};
}

inline Wide broadcast_sum(Wide x) {
    F y = add(x.low, x.high);
    y = add(y, _mm256_permute2f128_ps(y, y, 0x01));
    y = add(y, _mm256_permute_ps(y, 0x4e));
    y = add(y, _mm256_permute_ps(y, 0xb1));
    return {y, y};
}

inline Wide round_even(Wide x) { return {_mm256_round_ps(x.low, 8), _mm256_round_ps(x.high, 8)}; }

// In two factors, so that results below the normal range keep their digits; n in [-150, 0].
inline F times_power_of_two(F x, F n) {
    I whole = _mm256_cvtps_epi32(n), half = _mm256_srai_epi32(whole, 1), bias = splat(127);
    F first = (F)_mm256_slli_epi32(add(half, bias), 23);
    F second = (F)_mm256_slli_epi32(add(_mm256_sub_epi32(whole, half), bias), 23);
    return mul(mul(x, first), second);
}
inline Wide times_power_of_two(Wide x, Wide n) {
    return {times_power_of_two(x.low, n.low), times_power_of_two(x.high, n.high)};
}

// x = mantissa * 2^exponent with mantissa in [3/4, 3/2), for normal x > 0.
inline void split(F x, F* mantissa, F* exponent) {
    I three_quarters = splat(0x3f400000);
    I whole = _mm256_srai_epi32(_mm256_sub_epi32((I)x, three_quarters), 23);
    *mantissa = (F)_mm256_sub_epi32((I)x, _mm256_slli_epi32(whole, 23));
    *exponent = _mm256_cvtepi32_ps(whole);
}
inline void split(Wide x, Wide* mantissa, Wide* exponent) {
    split(x.low, &mantissa->low, &exponent->low);
    split(x.high, &mantissa->high, &exponent->high);
}
