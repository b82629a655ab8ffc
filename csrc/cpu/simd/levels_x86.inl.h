// Sixteen 32-bit sums of bytes by factors, and pixels of four bytes; AVX2 and AVX-512.
// Included inside an ISA file's anonymous namespace, after <immintrin.h>.

#ifdef __AVX512F__
using Sums = __m512i;

inline Sums sums_of(int32_t value) { return _mm512_set1_epi32(value); }
inline Sums add_products(Sums sums, const uint8_t* levels, int32_t factor) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(levels));
    const Sums wide = _mm512_cvtepu8_epi32(bytes);
    return _mm512_add_epi32(sums, _mm512_mullo_epi32(wide, _mm512_set1_epi32(factor)));
}
// The sums over 2^bits, within 0 to 255.
template <int bits>
inline void store_levels(uint8_t* to, Sums sums) {
    const Sums levels = _mm512_max_epi32(_mm512_srai_epi32(sums, bits), _mm512_setzero_si512());
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to), _mm512_cvtusepi32_epi8(levels));
}
#else
struct Sums {
    __m256i low, high;
};

inline Sums sums_of(int32_t value) { return {_mm256_set1_epi32(value), _mm256_set1_epi32(value)}; }
inline __m256i add_products(__m256i sums, const uint8_t* levels, __m256i factor) {
    const __m256i wide = _mm256_cvtepu8_epi32(_mm_loadu_si64(levels));
    return _mm256_add_epi32(sums, _mm256_mullo_epi32(wide, factor));
}
inline Sums add_products(Sums sums, const uint8_t* levels, int32_t factor) {
    const __m256i all = _mm256_set1_epi32(factor);
    return {add_products(sums.low, levels, all), add_products(sums.high, levels + 8, all)};
}
// The sums over 2^bits, within 0 to 255.
template <int bits>
inline void store_levels(uint8_t* to, Sums sums) {
    const __m256i low = _mm256_srai_epi32(sums.low, bits);
    const __m256i high = _mm256_srai_epi32(sums.high, bits);
    const __m256i words = _mm256_permute4x64_epi64(_mm256_packs_epi32(low, high), 0xd8);
    const __m128i first = _mm256_castsi256_si128(words), last = _mm256_extracti128_si256(words, 1);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to), _mm_packus_epi16(first, last));
}
#endif

// Pixel i of row r becomes pixel r of row i, four of each; rows are so many bytes apart.
inline void transpose_pixels(const uint8_t* from, ptrdiff_t from_step, uint8_t* to,
                             ptrdiff_t to_step) {
    const auto row = [&](int r) {
        return _mm_loadu_si128(reinterpret_cast<const __m128i*>(from + r * from_step));
    };
    const auto store_row = [&](int r, __m128i pixels) {
        _mm_storeu_si128(reinterpret_cast<__m128i*>(to + r * to_step), pixels);
    };
    const __m128i a = row(0), b = row(1), c = row(2), d = row(3);
    const __m128i ab = _mm_unpacklo_epi32(a, b), cd = _mm_unpacklo_epi32(c, d);
    const __m128i ab2 = _mm_unpackhi_epi32(a, b), cd2 = _mm_unpackhi_epi32(c, d);
    store_row(0, _mm_unpacklo_epi64(ab, cd));
    store_row(1, _mm_unpackhi_epi64(ab, cd));
    store_row(2, _mm_unpacklo_epi64(ab2, cd2));
    store_row(3, _mm_unpackhi_epi64(ab2, cd2));
}
