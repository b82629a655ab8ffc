// Lists the active pixels of one output channel, a vector at a time: AVX-512 has a compress
// instruction.
#include "cpu/simd/reduce.inl.h"
#include "conv_backward/active.inl.h"

inline void gather(const ConvShape& s, const Steps& step, const float* grad,
                   const unsigned char* indices, ptrdiff_t pixels, Active& active) {
    const int width = static_cast<int>(s.pool_kernel.w);
    const int column_step = static_cast<int>(s.stride.w * step.column),
              row_step = static_cast<int>(s.stride.h * step.row);
    const int reciprocal = 65535 / width + 1;  // tap / width, by a multiplication
    ptrdiff_t n = 0;
    const __m128i none = _mm_set1_epi8(static_cast<char>(kNoIndex));
    for (ptrdiff_t i = 0; i < pixels; i += kLanes) {
        const Mask inside = mask_lanes(0, pixels - i);
        const __m128i index = _mm_maskz_loadu_epi8(inside, indices + i);
        const Mask some = _mm_mask_cmpneq_epi8_mask(inside, index, none);
        const __m512i tap = _mm512_cvtepu8_epi32(index);
        const __m512i row =
            _mm512_srli_epi32(_mm512_mullo_epi32(tap, _mm512_set1_epi32(reciprocal)), 16);
        const __m512i first = _mm512_maskz_loadu_epi32(inside, active.base + i);
        const __m512i down =
            _mm512_mullo_epi32(row, _mm512_set1_epi32(row_step - width * column_step));
        const __m512i right = _mm512_mullo_epi32(tap, _mm512_set1_epi32(column_step));
        const __m512i at = _mm512_add_epi32(first, _mm512_add_epi32(down, right));
        _mm512_storeu_si512(active.at + n, _mm512_maskz_compress_epi32(some, at));
        store(active.value + n, _mm512_maskz_compress_ps(some, load_mask(grad + i, inside)));
        n += __builtin_popcount(some);
    }
    active.count = n;
}
