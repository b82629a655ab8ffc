// A list of the pooled pixels that carry a gradient, which are those whose maximum is above zero.

// The pooled pixels of one output channel that carry a gradient, in an image whose rows and columns
// are `Steps` floats apart.
struct Active {
    int* base;  // of each pooled pixel: where its window's first tap finds its first pixel
    int* at;    // of each active one: where the maximum does
    float* value;
    ptrdiff_t count;
};

struct Steps {
    ptrdiff_t row, column;
};

// Entries of a list: whole vectors, and one that `gather` may write beyond.
inline ptrdiff_t entries(ptrdiff_t pixels) { return round_up(pixels, kLanes) + 16; }
inline size_t list_bytes(ptrdiff_t pixels) {
    return (sizeof(float) + 2 * sizeof(int)) * entries(pixels);
}
inline Active list_in(float* memory, ptrdiff_t pixels) {
    const ptrdiff_t length = entries(pixels);
    int* base = reinterpret_cast<int*>(memory + length);
    return {base, base + length, memory, 0};
}

inline void find_windows(const ConvShape& s, const Steps& step, ptrdiff_t rows, Active& active) {
    int* base = active.base;
    for (ptrdiff_t r = 0; r < rows; ++r) {
        const ptrdiff_t row = (r * s.pool_stride.h - s.pool_padding.h) * s.stride.h;
        for (ptrdiff_t c = 0; c < s.output.w; ++c) {
            const ptrdiff_t column = (c * s.pool_stride.w - s.pool_padding.w) * s.stride.w;
            *base++ = static_cast<int>(row * step.row + column * step.column);
        }
    }
}

inline float sum(const Active& a) {
    Vec total = zero();
    for (ptrdiff_t n = 0; n < a.count; n += kLanes)
        total = add(total, load_mask(a.value + n, mask_lanes(0, a.count - n)));
    float lanes[kLanes];
    store(lanes, total);
    return lane_sum(lanes);
}
