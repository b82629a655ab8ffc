// As list_maxima.inl.h, a vector of channels at a time: AVX-512 has a compress instruction.

namespace training {

inline int list_maxima(const float* dy, const unsigned char* indices, long channels, int tap,
                       int step, float* values, int* places) {
    const __m128i wanted = _mm_set1_epi8(static_cast<char>(tap));
    const __m512i lanes = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    __m512i place = _mm512_mullo_epi32(lanes, _mm512_set1_epi32(step));
    const __m512i next = _mm512_set1_epi32(step * kLanes);
    int n = 0;
    for (long o = 0; o < channels; o += kLanes) {
        const Mask inside = mask_lanes(0, channels - o);
        const __m128i index = _mm_maskz_loadu_epi8(inside, indices + o);
        const Mask some = _mm_mask_cmpeq_epi8_mask(inside, index, wanted);
        store(values + n, _mm512_maskz_compress_ps(some, load_mask(dy + o, inside)));
        _mm512_storeu_si512(places + n, _mm512_maskz_compress_epi32(some, place));
        n += __builtin_popcount(some);
        place = _mm512_add_epi32(place, next);
    }
    return n;
}

}  // namespace training
