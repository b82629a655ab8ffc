// The SIMD wrappers that the kernels are written in, for AVX-512 (F, BW, DQ, VL): 16 floats.
// Included inside an ISA file's anonymous namespace, after <immintrin.h>.

using Vec = __m512;
using Index = __m512i;      // 32-bit integers, such as the lanes for permute
using Mask = __mmask16;     // one bit per lane
using Magnitude = __m512i;  // running maximum of |x| as an integer: NaN > Inf > every number
constexpr int kLanes = 16;
constexpr int kRegisters = 32;

inline Vec zero() { return _mm512_setzero_ps(); }
inline Vec set1(float value) { return _mm512_set1_ps(value); }
// One float in every lane. Opaque, because GCC otherwise carries overlapping scalars from one loop
// turn to the next in registers that it does not have (-fpredictive-commoning, -ftree-pre).
inline Vec broadcast(const float* from) {
    Vec v;
    asm("vbroadcastss %1, %0" : "=v"(v) : "m"(*from));
    return v;
}
// Four floats, again and again; repeat4 is opaque for the same reason as broadcast.
inline Vec set4(const float* from) { return _mm512_broadcast_f32x4(_mm_loadu_ps(from)); }
inline Vec repeat4(const float* from) {
    Vec v;
    asm("vbroadcastf32x4 %1, %0" : "=v"(v) : "m"(*reinterpret_cast<const __m128_u*>(from)));
    return v;
}
inline Vec load(const float* from) { return _mm512_loadu_ps(from); }
// Into a register, which GCC otherwise spares by reading the same again for each use.
inline Vec load_once(const float* from) {
    Vec v;
    asm("vmovups %1, %0" : "=v"(v) : "m"(*reinterpret_cast<const __m512_u*>(from)));
    return v;
}
inline void store(float* to, Vec v) { _mm512_storeu_ps(to, v); }
// `from` and `to` are multiples of the vector's size.
inline Vec load_aligned(const float* from) { return _mm512_load_ps(from); }
inline void store_aligned(float* to, Vec v) { _mm512_store_ps(to, v); }
inline void prefetch(const float* from) {
    _mm_prefetch(reinterpret_cast<const char*>(from), _MM_HINT_T0);
}
// Into the second cache.
inline void prefetch_far(const float* from) {
    _mm_prefetch(reinterpret_cast<const char*>(from), _MM_HINT_T1);
}
inline Vec add(Vec a, Vec b) { return _mm512_add_ps(a, b); }
inline Vec sub(Vec a, Vec b) { return _mm512_sub_ps(a, b); }
inline Vec mul(Vec a, Vec b) { return _mm512_mul_ps(a, b); }
inline Vec settled(Vec v) { return v; }
inline Vec div(Vec a, Vec b) { return _mm512_div_ps(a, b); }
inline Vec root(Vec v) { return _mm512_sqrt_ps(v); }
inline Vec max(Vec a, Vec b) { return _mm512_max_ps(a, b); }
inline Vec min(Vec a, Vec b) { return _mm512_min_ps(a, b); }
// The maximum as PyTorch has it: NaN wins. (The instruction returns b where either is NaN.)
inline Vec max_nan(Vec a, Vec b) {
    return _mm512_mask_mov_ps(_mm512_max_ps(a, b), _mm512_cmp_ps_mask(a, a, _CMP_UNORD_Q), a);
}
// a > b ? x : y
inline Vec select_greater(Vec a, Vec b, Vec x, Vec y) {
    return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(a, b, _CMP_GT_OQ), y, x);
}
inline Vec fma(Vec a, Vec b, Vec c) { return _mm512_fmadd_ps(a, b, c); }    // c + a b
inline Vec fnma(Vec a, Vec b, Vec c) { return _mm512_fnmadd_ps(a, b, c); }  // c - a b

inline Mask greater(Vec a, Vec b) { return _mm512_cmp_ps_mask(a, b, _CMP_GT_OQ); }
// v where the mask is set, else zero.
inline Vec keep(Mask m, Vec v) { return _mm512_maskz_mov_ps(m, v); }
inline Index keep(Mask m, Index v) { return _mm512_maskz_mov_epi32(m, v); }
// m ? yes : no, lane by lane.
inline Mask choose(Mask m, Mask yes, Mask no) { return (m & yes) | (~m & no); }
inline Mask both(Mask a, Mask b) { return a & b; }

// Lanes lo <= i < hi; either end may lie outside the vector.
inline Mask mask_lanes(ptrdiff_t lo, ptrdiff_t hi) {
    lo = lo < 0 ? 0 : lo;
    hi = hi > kLanes ? kLanes : hi;
    return hi <= lo ? Mask(0) : Mask((0xffffu >> (kLanes - hi)) & (0xffffu << lo));
}
// Lanes outside the mask are neither read nor written; reading makes them zero.
inline Vec load_mask(const float* from, Mask m) { return _mm512_maskz_loadu_ps(m, from); }
inline Vec load_merge(Vec v, const float* from, Mask m) { return _mm512_mask_loadu_ps(v, m, from); }
inline void store_mask(float* to, Mask m, Vec v) { _mm512_mask_storeu_ps(to, m, v); }
// The first `count` lanes.
inline void store_first(float* to, Vec v, ptrdiff_t count) {
    store_mask(to, mask_lanes(0, count), v);
}
// The first `count` lanes, whole numbers, as bytes.
inline void store_bytes(unsigned char* to, Vec v, ptrdiff_t count) {
    _mm512_mask_cvtepi32_storeu_epi8(to, mask_lanes(0, count), _mm512_cvtps_epi32(v));
}

// kLanes bytes as floats.
inline Vec load_bytes(const unsigned char* from) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
    return _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(bytes));
}

// even = a0 a2 .. b0 b2 .., odd = a1 a3 .. b1 b3 ..
inline void deinterleave(Vec a, Vec b, Vec& even, Vec& odd) {
    const __m512i e = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
    const __m512i o = _mm512_setr_epi32(1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
    even = _mm512_permutex2var_ps(a, e, b);
    odd = _mm512_permutex2var_ps(a, o, b);
}
// low = a0 b0 a1 b1 .., high = the other half
inline void interleave(Vec a, Vec b, Vec& low, Vec& high) {
    const __m512i l = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
    const __m512i h =
        _mm512_setr_epi32(8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
    low = _mm512_permutex2var_ps(a, l, b);
    high = _mm512_permutex2var_ps(a, h, b);
}
// Lane l is a[index[l]], or b[index[l] - kLanes].
inline Index load_index(const int* from) { return _mm512_loadu_si512(from); }
inline Index load_aligned(const int* from) { return _mm512_load_si512(from); }
inline void store_aligned(int* to, Index v) { _mm512_store_si512(to, v); }
inline void store_index(int* to, Index v) { _mm512_storeu_si512(to, v); }
inline Index set1_index(int value) { return _mm512_set1_epi32(value); }
inline Index add(Index a, Index b) { return _mm512_add_epi32(a, b); }
inline Vec permute(Vec a, Index index, Vec b) { return _mm512_permutex2var_ps(a, index, b); }

// Within each 128-bit lane.
inline Vec unpack_low(Vec a, Vec b) { return _mm512_unpacklo_ps(a, b); }
inline Vec unpack_high(Vec a, Vec b) { return _mm512_unpackhi_ps(a, b); }
inline Vec pairs_low(Vec a, Vec b) { return _mm512_shuffle_ps(a, b, 0x44); }
inline Vec pairs_high(Vec a, Vec b) { return _mm512_shuffle_ps(a, b, 0xee); }

inline void transpose(Vec (&r)[kLanes]) {
    Vec t[kLanes];
    for (int i = 0; i < 16; i += 4) {
        const Vec a = _mm512_unpacklo_ps(r[i], r[i + 1]), b = _mm512_unpackhi_ps(r[i], r[i + 1]);
        const Vec c = _mm512_unpacklo_ps(r[i + 2], r[i + 3]),
                  d = _mm512_unpackhi_ps(r[i + 2], r[i + 3]);
        t[i] = _mm512_shuffle_ps(a, c, 0x44);
        t[i + 1] = _mm512_shuffle_ps(a, c, 0xee);
        t[i + 2] = _mm512_shuffle_ps(b, d, 0x44);
        t[i + 3] = _mm512_shuffle_ps(b, d, 0xee);
    }
    for (int i = 0; i < 4; ++i) {
        const Vec a = _mm512_shuffle_f32x4(t[i], t[i + 4], 0x88);
        const Vec b = _mm512_shuffle_f32x4(t[i], t[i + 4], 0xdd);
        const Vec c = _mm512_shuffle_f32x4(t[i + 8], t[i + 12], 0x88);
        const Vec d = _mm512_shuffle_f32x4(t[i + 8], t[i + 12], 0xdd);
        r[i] = _mm512_shuffle_f32x4(a, c, 0x88);
        r[i + 8] = _mm512_shuffle_f32x4(a, c, 0xdd);
        r[i + 4] = _mm512_shuffle_f32x4(b, d, 0x88);
        r[i + 12] = _mm512_shuffle_f32x4(b, d, 0xdd);
    }
}

inline Magnitude no_magnitude() { return _mm512_setzero_si512(); }
inline Magnitude magnitude(Magnitude most, Vec v) {
    const __m512i bits = _mm512_and_si512(_mm512_castps_si512(v), _mm512_set1_epi32(0x7fffffff));
    return _mm512_max_epu32(most, bits);
}
inline bool below(Magnitude most, float limit) {
    const __m512i bits = _mm512_castps_si512(_mm512_set1_ps(limit));
    return _mm512_cmpge_epu32_mask(most, bits) == 0;
}

// ---- max-pool indices, as in scalar.inl.h ----

using PoolIndices = __m128i;
inline PoolIndices load_indices(const unsigned char* from, ptrdiff_t count) {
    const PoolIndices none = _mm_set1_epi8(static_cast<char>(kNoIndex));
    return _mm_mask_loadu_epi8(none, mask_lanes(0, count), from);
}
inline Vec where_index(PoolIndices i, int k, Vec v) {
    return _mm512_maskz_mov_ps(_mm_cmpeq_epi8_mask(i, _mm_set1_epi8(static_cast<char>(k))), v);
}
inline Vec where_active(PoolIndices i, Vec v) {
    const __m128i none = _mm_set1_epi8(static_cast<char>(kNoIndex));
    return _mm512_maskz_mov_ps(_mm_cmpneq_epi8_mask(i, none), v);
}
inline Vec select_bit(PoolIndices i, int bit, Vec a, Vec b) {
    return _mm512_mask_blend_ps(_mm_test_epi8_mask(i, _mm_set1_epi8(static_cast<char>(bit))), b, a);
}
