// The pooled pixels that carry a gradient, as a list: only where a maximum is above zero.

// The pooled pixels of one output channel that carry a gradient, in an image whose rows and columns
// are `Steps` floats apart.
struct Active {
    int* base;  // of each pooled pixel: where its window's first tap finds its first pixel
    int* at;    // of each active one: where the maximum does
    float* value;
    long count;
};

struct Steps {
    long row, column;
};

// Entries of a list: whole vectors, and one that `gather` may write beyond.
inline long entries(long pixels) { return round_up(pixels, kLanes) + 16; }
inline size_t list_bytes(long pixels) {
    return (sizeof(float) + 2 * sizeof(int)) * entries(pixels);
}
inline Active list_in(float* memory, long pixels) {
    const long length = entries(pixels);
    int* base = reinterpret_cast<int*>(memory + length);
    return {base, base + length, memory, 0};
}

inline void find_windows(const ConvShape& s, const Steps& step, long rows, Active& active) {
    int* base = active.base;
    for (long r = 0; r < rows; ++r) {
        const long row = (r * s.pool_stride.h - s.pool_padding.h) * s.stride.h;
        for (long c = 0; c < s.output.w; ++c) {
            const long column = (c * s.pool_stride.w - s.pool_padding.w) * s.stride.w;
            *base++ = static_cast<int>(row * step.row + column * step.column);
        }
    }
}

inline void gather(const ConvShape& s, const Steps& step, const float* grad,
                   const unsigned char* indices, long pixels, Active& active) {
    const int width = static_cast<int>(s.pool_kernel.w);
    const int column_step = static_cast<int>(s.stride.w * step.column),
              row_step = static_cast<int>(s.stride.h * step.row);
    const int reciprocal = 65535 / width + 1;  // tap / width, by a multiplication
    long n = 0;
#if defined(__AVX512F__)
    const __m128i none = _mm_set1_epi8(static_cast<char>(kNoIndex));
    for (long i = 0; i < pixels; i += kLanes) {
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
#else
    for (long i = 0; i < pixels; ++i) {
        const int tap = indices[i], row = tap * reciprocal >> 16;
        active.at[n] = active.base[i] + row * row_step + (tap - row * width) * column_step;
        active.value[n] = grad[i];
        n += tap != kNoIndex;
    }
#endif
    active.count = n;
}

inline float sum(const Active& a) {
    Vec total = zero();
    for (long n = 0; n < a.count; n += kLanes)
        total = add(total, load_mask(a.value + n, mask_lanes(0, a.count - n)));
    float lanes[kLanes];
    store(lanes, total);
    return lane_sum(lanes);
}
