// The SIMD wrappers that the kernels are written in, for AVX2 with FMA: 8 floats.
// Included inside an ISA file's anonymous namespace, after <immintrin.h>.

using Vec = __m256;
using Index = __m256i;      // 32-bit integers, such as the lanes for permute
using Mask = __m256i;       // a lane's sign bit
using Magnitude = __m256i;  // running maximum of |x| as an integer: NaN > Inf > every number
constexpr int kLanes = 8;
constexpr int kRegisters = 16;

inline Vec zero() { return _mm256_setzero_ps(); }
inline Vec set1(float value) { return _mm256_set1_ps(value); }
// One float in every lane. Opaque, because GCC otherwise carries overlapping scalars from one loop
// turn to the next in registers that it does not have (-fpredictive-commoning, -ftree-pre).
inline Vec broadcast(const float* from) {
    Vec v;
    asm("vbroadcastss %1, %0" : "=x"(v) : "m"(*from));
    return v;
}
// Four floats, again and again.
inline Vec set4(const float* from) {
    return _mm256_broadcast_ps(reinterpret_cast<const __m128*>(from));
}
inline Vec load(const float* from) { return _mm256_loadu_ps(from); }
inline Vec load_once(const float* from) { return load(from); }
inline void store(float* to, Vec v) { _mm256_storeu_ps(to, v); }
// `from` and `to` are multiples of the vector's size.
inline Vec load_aligned(const float* from) { return _mm256_load_ps(from); }
inline void store_aligned(float* to, Vec v) { _mm256_store_ps(to, v); }
inline void prefetch(const float* from) {
    _mm_prefetch(reinterpret_cast<const char*>(from), _MM_HINT_T0);
}
// Into the second cache.
inline void prefetch_far(const float* from) {
    _mm_prefetch(reinterpret_cast<const char*>(from), _MM_HINT_T1);
}
inline Vec add(Vec a, Vec b) { return _mm256_add_ps(a, b); }
inline Vec sub(Vec a, Vec b) { return _mm256_sub_ps(a, b); }
inline Vec mul(Vec a, Vec b) { return _mm256_mul_ps(a, b); }
// GCC neither fuses v with what follows nor puts it off until registers run out.
inline Vec settled(Vec v) {
    asm("" : "+x"(v));
    return v;
}
inline Vec div(Vec a, Vec b) { return _mm256_div_ps(a, b); }
inline Vec root(Vec v) { return _mm256_sqrt_ps(v); }
inline Vec max(Vec a, Vec b) { return _mm256_max_ps(a, b); }
inline Vec min(Vec a, Vec b) { return _mm256_min_ps(a, b); }
// The maximum as PyTorch has it: NaN wins. (The instruction returns b where either is NaN.)
inline Vec max_nan(Vec a, Vec b) {
    return _mm256_blendv_ps(_mm256_max_ps(a, b), a, _mm256_cmp_ps(a, a, _CMP_UNORD_Q));
}
// a > b ? x : y
inline Vec select_greater(Vec a, Vec b, Vec x, Vec y) {
    return _mm256_blendv_ps(y, x, _mm256_cmp_ps(a, b, _CMP_GT_OQ));
}
inline Vec fma(Vec a, Vec b, Vec c) { return _mm256_fmadd_ps(a, b, c); }    // c + a b
inline Vec fnma(Vec a, Vec b, Vec c) { return _mm256_fnmadd_ps(a, b, c); }  // c - a b

inline Mask greater(Vec a, Vec b) { return _mm256_castps_si256(_mm256_cmp_ps(a, b, _CMP_GT_OQ)); }
// v where the mask is set, else zero.
inline Vec keep(Mask m, Vec v) { return _mm256_and_ps(_mm256_castsi256_ps(m), v); }
inline Index keep(Mask m, Index v) { return _mm256_and_si256(m, v); }
// m ? yes : no, lane by lane.
inline Mask choose(Mask m, Mask yes, Mask no) {
    return _mm256_castps_si256(_mm256_blendv_ps(_mm256_castsi256_ps(no), _mm256_castsi256_ps(yes),
                                                _mm256_castsi256_ps(m)));
}
inline Mask both(Mask a, Mask b) { return _mm256_and_si256(a, b); }

// Lanes lo <= i < hi; either end may lie outside the vector.
inline Mask mask_lanes(ptrdiff_t lo, ptrdiff_t hi) {
    const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    const __m256i first = _mm256_set1_epi32(static_cast<int>(max(min(lo, kLanes), ptrdiff_t{0})));
    const __m256i end = _mm256_set1_epi32(static_cast<int>(max(min(hi, kLanes), ptrdiff_t{0})));
    return _mm256_andnot_si256(_mm256_cmpgt_epi32(first, lane), _mm256_cmpgt_epi32(end, lane));
}
// Lanes outside the mask are neither read nor written; load_mask makes them zero, load_merge leaves
// them, and lanes that it reads must have been zero.
inline Vec load_mask(const float* from, Mask m) { return _mm256_maskload_ps(from, m); }
inline Vec load_merge(Vec v, const float* from, Mask m) {
    return _mm256_or_ps(v, _mm256_maskload_ps(from, m));
}
inline void store_mask(float* to, Mask m, Vec v) { _mm256_maskstore_ps(to, m, v); }
// The first `count` lanes, as store_mask would: AMD's masked stores take 20 cycles.
inline void store_first(float* to, Vec v, ptrdiff_t count) {
    if (count >= kLanes) return store(to, v);
    __m128 part = _mm256_castps256_ps128(v);
    if (count & 4) {
        _mm_storeu_ps(to, part);
        part = _mm256_extractf128_ps(v, 1), to += 4;
    }
    if (count & 2) {
        _mm_storel_pi(reinterpret_cast<__m64*>(to), part);
        part = _mm_movehl_ps(part, part), to += 2;
    }
    if (count & 1) _mm_store_ss(to, part);
}
// The first `count` lanes, whole numbers, as bytes.
inline void store_bytes(unsigned char* to, Vec v, ptrdiff_t count) {
    const __m256i words = _mm256_cvtps_epi32(v);
    const __m128i halves =
        _mm_packs_epi32(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
    const long long bytes = _mm_cvtsi128_si64(_mm_packus_epi16(halves, halves));
    if (count == kLanes) {
        __builtin_memcpy(to, &bytes, kLanes);
    } else {
        __builtin_memcpy(to, &bytes, count);
    }
}

// kLanes bytes as floats.
inline Vec load_bytes(const unsigned char* from) {
    const __m128i bytes = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(from));
    return _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(bytes));
}

// even = a0 a2 .. b0 b2 .., odd = a1 a3 .. b1 b3 ..
inline void deinterleave(Vec a, Vec b, Vec& even, Vec& odd) {
    const __m256d e = _mm256_castps_pd(_mm256_shuffle_ps(a, b, 0x88));
    const __m256d o = _mm256_castps_pd(_mm256_shuffle_ps(a, b, 0xdd));
    even = _mm256_castpd_ps(_mm256_permute4x64_pd(e, 0xd8));
    odd = _mm256_castpd_ps(_mm256_permute4x64_pd(o, 0xd8));
}

// low = a0 b0 a1 b1 .., high = the other half
inline void interleave(Vec a, Vec b, Vec& low, Vec& high) {
    const Vec l = _mm256_unpacklo_ps(a, b), h = _mm256_unpackhi_ps(a, b);
    low = _mm256_permute2f128_ps(l, h, 0x20);
    high = _mm256_permute2f128_ps(l, h, 0x31);
}
// Lane l is a[index[l]], or b[index[l] - kLanes].
inline Index load_index(const int* from) {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
}
inline Index load_aligned(const int* from) {
    return _mm256_load_si256(reinterpret_cast<const __m256i*>(from));
}
inline void store_aligned(int* to, Index v) {
    _mm256_store_si256(reinterpret_cast<__m256i*>(to), v);
}
inline Index set1_index(int value) { return _mm256_set1_epi32(value); }
inline Index add(Index a, Index b) { return _mm256_add_epi32(a, b); }
inline Vec permute(Vec a, Index index, Vec b) {
    const Vec from_b = _mm256_castsi256_ps(_mm256_slli_epi32(index, 28));
    return _mm256_blendv_ps(_mm256_permutevar8x32_ps(a, index), _mm256_permutevar8x32_ps(b, index),
                            from_b);
}

// Within each 128-bit lane.
inline Vec unpack_low(Vec a, Vec b) { return _mm256_unpacklo_ps(a, b); }
inline Vec unpack_high(Vec a, Vec b) { return _mm256_unpackhi_ps(a, b); }
inline Vec pairs_low(Vec a, Vec b) { return _mm256_shuffle_ps(a, b, 0x44); }
inline Vec pairs_high(Vec a, Vec b) { return _mm256_shuffle_ps(a, b, 0xee); }

inline void transpose(Vec (&r)[kLanes]) {
    Vec t[kLanes];
    for (int i = 0; i < 8; i += 4) {
        const Vec a = _mm256_unpacklo_ps(r[i], r[i + 1]), b = _mm256_unpackhi_ps(r[i], r[i + 1]);
        const Vec c = _mm256_unpacklo_ps(r[i + 2], r[i + 3]),
                  d = _mm256_unpackhi_ps(r[i + 2], r[i + 3]);
        t[i] = _mm256_shuffle_ps(a, c, 0x44);
        t[i + 1] = _mm256_shuffle_ps(a, c, 0xee);
        t[i + 2] = _mm256_shuffle_ps(b, d, 0x44);
        t[i + 3] = _mm256_shuffle_ps(b, d, 0xee);
    }
    for (int i = 0; i < 4; ++i) {
        r[i] = _mm256_permute2f128_ps(t[i], t[i + 4], 0x20);
        r[i + 4] = _mm256_permute2f128_ps(t[i], t[i + 4], 0x31);
    }
}

inline Magnitude no_magnitude() { return _mm256_setzero_si256(); }
inline Magnitude magnitude(Magnitude most, Vec v) {
    const __m256i bits = _mm256_and_si256(_mm256_castps_si256(v), _mm256_set1_epi32(0x7fffffff));
    return _mm256_max_epu32(most, bits);
}
inline bool below(Magnitude most, float limit) {
    const __m256i bits = _mm256_castps_si256(_mm256_set1_ps(limit));
    // No sign bit is set on either side, so the signed comparison serves.
    return _mm256_movemask_epi8(_mm256_cmpgt_epi32(bits, most)) == -1;
}

// ---- max-pool indices, as in scalar.inl.h ----

using PoolIndices = __m256i;
inline PoolIndices load_indices(const unsigned char* from, ptrdiff_t count) {
    unsigned char few[8];
    if (count < kLanes) {
        for (ptrdiff_t lane = 0; lane < kLanes; ++lane)
            few[lane] = lane < count ? from[lane] : kNoIndex;
        from = few;
    }
    return _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(from)));
}
inline Vec where_index(PoolIndices i, int k, Vec v) {
    return _mm256_and_ps(_mm256_castsi256_ps(_mm256_cmpeq_epi32(i, _mm256_set1_epi32(k))), v);
}
inline Vec where_active(PoolIndices i, Vec v) {
    const __m256i none = _mm256_cmpeq_epi32(i, _mm256_set1_epi32(kNoIndex));
    return _mm256_andnot_ps(_mm256_castsi256_ps(none), v);
}
inline Vec select_bit(PoolIndices i, int bit, Vec a, Vec b) {
    const __m256i set = _mm256_and_si256(i, _mm256_set1_epi32(bit));
    const __m256i unset = _mm256_cmpeq_epi32(set, _mm256_setzero_si256());
    return _mm256_blendv_ps(a, b, _mm256_castsi256_ps(unset));
}
