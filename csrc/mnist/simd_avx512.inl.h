// AVX-512 behind the names that the shared parts of the engine use. Needs <immintrin.h>.
//
// F: a machine vector of floats, I: of int32, M: a mask of its lanes. Wide: 16 lanes, here the same
// as F.

using F = __m512;
using I = __m512i;
using M = __mmask16;
using Wide = F;
constexpr int kLanes = 16;

inline F load(const float* p) { return _mm512_load_ps(p); }
inline void store(float* p, F x) { _mm512_store_ps(p, x); }
inline I load(const int32_t* p) { return _mm512_load_si512(p); }
inline void store(int32_t* p, I x) { _mm512_store_si512(p, x); }
inline F splat(float x) { return _mm512_set1_ps(x); }
inline I splat(int32_t x) { return _mm512_set1_epi32(x); }
inline F spread(const float* four) { return _mm512_broadcast_f32x4(_mm_load_ps(four)); }
inline F zero() { return _mm512_setzero_ps(); }

inline F add(F a, F b) { return _mm512_add_ps(a, b); }
inline I add(I a, I b) { return _mm512_add_epi32(a, b); }
inline F sub(F a, F b) { return _mm512_sub_ps(a, b); }
inline F mul(F a, F b) { return _mm512_mul_ps(a, b); }
inline F div(F a, F b) { return _mm512_div_ps(a, b); }
inline F root(F a) { return _mm512_sqrt_ps(a); }
inline F fma(F a, F b, F c) { return _mm512_fmadd_ps(a, b, c); }
inline F fnma(F a, F b, F c) { return _mm512_fnmadd_ps(a, b, c); }
inline F max(F a, F b) { return _mm512_max_ps(a, b); }  // b where either is not a number

inline I larger(I a, I b) { return _mm512_max_epi32(a, b); }
inline I without_sign(const float* p) {
    return _mm512_and_si512(_mm512_loadu_si512(p), splat(0x7fffffff));
}

inline M greater(F a, F b) { return _mm512_cmp_ps_mask(a, b, _CMP_GT_OQ); }
inline F keep(M m, F x) { return _mm512_maskz_mov_ps(m, x); }
inline I keep(M m, I x) { return _mm512_maskz_mov_epi32(m, x); }
inline M choose(M m, M yes, M no) { return (m & yes) | (~m & no); }

// Within each 128-bit lane.
inline F unpack_low(F a, F b) { return _mm512_unpacklo_ps(a, b); }
inline F unpack_high(F a, F b) { return _mm512_unpackhi_ps(a, b); }
inline F pairs_low(F a, F b) { return _mm512_shuffle_ps(a, b, 0x44); }
inline F pairs_high(F a, F b) { return _mm512_shuffle_ps(a, b, 0xee); }

// The sums of a, b, c and d over their 128-bit lanes, one in each lane.
inline Wide sum_of_lanes(F a, F b, F c, F d) {
    F ab = add(_mm512_shuffle_f32x4(a, b, 0x88), _mm512_shuffle_f32x4(a, b, 0xdd));
    F cd = add(_mm512_shuffle_f32x4(c, d, 0x88), _mm512_shuffle_f32x4(c, d, 0xdd));
    return add(_mm512_shuffle_f32x4(ab, cd, 0x88), _mm512_shuffle_f32x4(ab, cd, 0xdd));
}

// ---- what softmax needs
// ------------------------------------------------------------------------------

inline Wide wide(float x) { return splat(x); }
inline Wide load_wide(const float* p) { return load(p); }
inline void store_wide(float* p, Wide x) { store(p, x); }

constexpr M kClassLanes = (1 << kMnistClasses) - 1;

// x in the lanes of the classes, `other` in the rest.
inline Wide in_classes(Wide x, float other) {
    return _mm512_mask_mov_ps(splat(other), kClassLanes, x);
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
