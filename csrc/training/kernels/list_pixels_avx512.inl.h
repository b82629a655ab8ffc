// As list_pixels.inl.h, 16 channels at a time: AVX-512 has a compress instruction.

namespace training {

inline int list_pixel(const float* dy, const unsigned char* indices, ptrdiff_t channels,
                      ptrdiff_t taps, int stride, const Pixels& to, int n, int* ends) {
    const __m512i first =
        _mm512_mullo_epi32(_mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15),
                           _mm512_set1_epi32(stride));
    for (ptrdiff_t k = 0; k < taps; ++k) {
        const __m128i tap = _mm_set1_epi8(static_cast<char>(k));
        for (ptrdiff_t o = 0; o < channels; o += kLanes) {
            const Mask inside = mask_lanes(0, channels - o);
            const Vec value = load_mask(dy + o, inside);
            const Mask some =
                _mm512_cmp_ps_mask(value, zero(), _CMP_NEQ_UQ) &
                _mm_mask_cmpeq_epi8_mask(
                    inside,
                    load_indices(indices + o, kLanes < channels - o ? kLanes : channels - o), tap);
            const __m512i place =
                _mm512_add_epi32(first, _mm512_set1_epi32(static_cast<int>(o) * stride));
            store(to.values + n, _mm512_maskz_compress_ps(some, value));
            _mm512_storeu_si512(to.places + n, _mm512_maskz_compress_epi32(some, place));
            n += __builtin_popcount(some);
        }
        ends[k] = n;
    }
    return n;
}

}  // namespace training
