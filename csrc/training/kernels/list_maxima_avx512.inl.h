// As list_maxima.inl.h, 16 channels of 16 windows at a time: AVX-512 has a compress instruction.

namespace training {

inline void transpose_bytes(__m128i (&r)[16]) {
#pragma GCC unroll 4
    for (int pass = 0; pass < 4; ++pass) {
        __m128i t[16];
#pragma GCC unroll 8
        for (int i = 0; i < 8; ++i) {
            t[2 * i] = _mm_unpacklo_epi8(r[i], r[i + 8]);
            t[2 * i + 1] = _mm_unpackhi_epi8(r[i], r[i + 8]);
        }
#pragma GCC unroll 16
        for (int i = 0; i < 16; ++i) r[i] = t[i];
    }
}

inline void list_windows(const MaximaShape& s, const Maxima& m, const Places& p, const float* dy,
                         const unsigned char* indices, ptrdiff_t first, ptrdiff_t end, int* counts,
                         float* totals) {
    const ptrdiff_t channels = s.pool.channels;
    const bool few = s.pool.kernel.h * s.pool.kernel.w <= kLanes;
    const __m512i taps = _mm512_loadu_si512(p.tap);
    const __m128i none = _mm_set1_epi8(static_cast<char>(kNoIndex));
    for (; first < end; first += kLanes) {
        const __m512i starts = _mm512_loadu_si512(m.starts + first);
        for (ptrdiff_t o = 0; o < channels; o += kLanes) {
            const ptrdiff_t width = min(kLanes, channels - o);
            const Mask inside = mask_lanes(0, width);
            const float* value_at = dy + first * channels + o;
            const unsigned char* index_at = indices + first * channels + o;
            Vec value[kLanes], total = load_mask(totals + o, inside);
            __m128i index[kLanes];
#pragma GCC unroll 16
            for (int r = 0; r < kLanes; ++r, value_at += channels, index_at += channels) {
                const Mask some = first + r < end ? inside : Mask(0);
                index[r] = _mm_mask_loadu_epi8(none, some, index_at);
                value[r] = load_mask(value_at, some & _mm_cmpneq_epi8_mask(index[r], none));
                total = add(total, value[r]);
            }
            store_mask(totals + o, inside, total);
            transpose(value);
            transpose_bytes(index);
            for (ptrdiff_t k = 0; k < width; ++k) {
                const Mask some = _mm512_cmp_ps_mask(value[k], zero(), _CMP_NEQ_UQ);
                const __m512i wide = _mm512_cvtepu8_epi32(index[k]);
                const __m512i tap = few ? _mm512_permutexvar_epi32(wide, taps)
                                        : _mm512_i32gather_epi32(wide, p.tap, sizeof(int));
                const __m512i place = _mm512_add_epi32(starts, tap);
                const ptrdiff_t to = (o + k) * m.room + counts[o + k];
                store(m.values + to, _mm512_maskz_compress_ps(some, value[k]));
                _mm512_storeu_si512(m.places + to, _mm512_maskz_compress_epi32(some, place));
                counts[o + k] += __builtin_popcount(some);
            }
        }
    }
}

}  // namespace training
