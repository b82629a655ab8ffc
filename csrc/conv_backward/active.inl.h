// A list of the pooled pixels that carry a gradient, which are those whose maximum is above zero.

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

inline float sum(const Active& a) {
    Vec total = zero();
    for (long n = 0; n < a.count; n += kLanes)
        total = add(total, load_mask(a.value + n, mask_lanes(0, a.count - n)));
    float lanes[kLanes];
    store(lanes, total);
    return lane_sum(lanes);
}
