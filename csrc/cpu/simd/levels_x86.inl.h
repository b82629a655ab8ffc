// Four 32-bit integers made of four bytes, for pixels; from SSE4.1.
// Included inside an ISA file's anonymous namespace, after <immintrin.h>.

using Four = __m128i;

inline Four four(int32_t value) { return _mm_set1_epi32(value); }
inline Four add_product(Four sum, const uint8_t* levels, int32_t factor) {
    const __m128i wide = _mm_cvtepu8_epi32(_mm_loadu_si32(levels));
    return _mm_add_epi32(sum, _mm_mullo_epi32(wide, _mm_set1_epi32(factor)));
}
// The integers over 2^bits, within 0 to 255.
template <int bits>
inline void store_levels(uint8_t* to, Four sum) {
    const __m128i levels = _mm_srai_epi32(sum, bits);
    const __m128i words = _mm_packs_epi32(levels, levels);
    _mm_storeu_si32(to, _mm_packus_epi16(words, words));
}
