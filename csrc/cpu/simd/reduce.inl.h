// Words that only gradients need: vectors of winners, and the sum of a vector's lanes.

// where(winners, k, v) is v where k won, else 0; won(winners, v) where anybody did;
// choose(winners, bit, a, b) is a where the winner has this bit, b where it has not (and either,
// where nobody won).
#if defined(__AVX512F__)
using Winners = __m128i;
inline Winners load_winners(const unsigned char* from, long count) {
    const Winners none = _mm_set1_epi8(static_cast<char>(kNoWinner));
    return _mm_mask_loadu_epi8(none, mask_lanes(0, count), from);
}
inline Vec where(Winners w, int k, Vec v) {
    return _mm512_maskz_mov_ps(_mm_cmpeq_epi8_mask(w, _mm_set1_epi8(static_cast<char>(k))), v);
}
inline Vec won(Winners w, Vec v) {
    const __m128i none = _mm_set1_epi8(static_cast<char>(kNoWinner));
    return _mm512_maskz_mov_ps(_mm_cmpneq_epi8_mask(w, none), v);
}
inline Vec choose(Winners w, int bit, Vec a, Vec b) {
    return _mm512_mask_blend_ps(_mm_test_epi8_mask(w, _mm_set1_epi8(static_cast<char>(bit))), b, a);
}
#else
inline void copy_winners(const unsigned char* from, long count, unsigned char (&to)[8]) {
    for (long i = 0; i < kLanes; ++i) to[i] = i < count ? from[i] : kNoWinner;
}
#if defined(__AVX2__)
using Winners = __m256i;
inline Winners load_winners(const unsigned char* from, long count) {
    unsigned char few[8];
    if (count < kLanes) copy_winners(from, count, few), from = few;
    return _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(from)));
}
inline Vec where(Winners w, int k, Vec v) {
    return _mm256_and_ps(_mm256_castsi256_ps(_mm256_cmpeq_epi32(w, _mm256_set1_epi32(k))), v);
}
inline Vec won(Winners w, Vec v) {
    const __m256i none = _mm256_cmpeq_epi32(w, _mm256_set1_epi32(kNoWinner));
    return _mm256_andnot_ps(_mm256_castsi256_ps(none), v);
}
inline Vec choose(Winners w, int bit, Vec a, Vec b) {
    const __m256i set = _mm256_and_si256(w, _mm256_set1_epi32(bit));
    const __m256i unset = _mm256_cmpeq_epi32(set, _mm256_setzero_si256());
    return _mm256_blendv_ps(a, b, _mm256_castsi256_ps(unset));
}
#elif defined(CNNKIT_NEON)
using Winners = uint32x4_t;
inline Winners load_winners(const unsigned char* from, long count) {
    unsigned char few[8] = {};
    copy_winners(from, count, few);
    return vmovl_u16(vget_low_u16(vmovl_u8(vld1_u8(few))));
}
inline Vec where(Winners w, int k, Vec v) {
    const uint32x4_t same = vceqq_u32(w, vdupq_n_u32(static_cast<unsigned>(k)));
    return vreinterpretq_f32_u32(vandq_u32(vreinterpretq_u32_f32(v), same));
}
inline Vec won(Winners w, Vec v) {
    const uint32x4_t none = vceqq_u32(w, vdupq_n_u32(kNoWinner));
    return vreinterpretq_f32_u32(vbicq_u32(vreinterpretq_u32_f32(v), none));
}
inline Vec choose(Winners w, int bit, Vec a, Vec b) {
    return vbslq_f32(vtstq_u32(w, vdupq_n_u32(static_cast<unsigned>(bit))), a, b);
}
#else
using Winners = int;
inline Winners load_winners(const unsigned char* from, long) { return *from; }
inline Vec where(Winners w, int k, Vec v) { return w == k ? v : 0.0f; }
inline Vec won(Winners w, Vec v) { return w == kNoWinner ? 0.0f : v; }
inline Vec choose(Winners w, int bit, Vec a, Vec b) { return w & bit ? a : b; }
#endif
#endif

// In halves, which wait for each other less often than lane after lane.
inline float lane_sum(const float* from) {
    float lanes[kLanes];
    store(lanes, load(from));
#pragma GCC unroll 4
    for (int half = kLanes / 2; half > 0; half /= 2) {
#pragma GCC unroll 8
        for (int i = 0; i < half; ++i) lanes[i] += lanes[i + half];
    }
    return lanes[0];
}
