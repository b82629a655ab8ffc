// Max-pool of any size, with or without ReLU, of convolution rows that lie in memory. After the
// SIMD wrappers.

namespace pool {

// Floats of a line for rows of `row` floats, whole vectors: a row with its padding on both sides,
// and what vectors read beyond it.
inline ptrdiff_t line_floats(const PlainShape& s, ptrdiff_t row) {
    const ptrdiff_t reach =
        max((s.output.w - 1) * s.pool_stride.w + s.pool_kernel.w, s.pool_padding.w + row);
    return reach + s.pool_kernel.w + 2 * kLanes;
}

// Pools convolution rows first <= r < last, which begin at row(r) and have `floats` floats, of
// which conv.w are columns, to one output row. NaN wins, as in PyTorch.
template <bool relu = true, typename Row>
inline void pool_row(const PlainShape& s, Row row, ptrdiff_t floats, ptrdiff_t first,
                     ptrdiff_t last, float* line, float* y) {
    const float* const end = line + line_floats(s, floats);
    float* inside = line + s.pool_padding.w;
    for (ptrdiff_t j = 0; j < floats; j += kLanes) {
        Vec most = load(row(first) + j);
        for (ptrdiff_t r = first + 1; r < last; ++r) most = max_nan(most, load(row(r) + j));
        store(inside + j, most);
    }
    // Padding never wins, nor do the lanes beyond the row's end.
    for (ptrdiff_t j = 0; j < s.pool_padding.w; ++j) line[j] = -__builtin_inff();
    for (float* at = inside + s.conv.w; at < end; ++at) *at = -__builtin_inff();
    // The maximum of every window, also of those that the stride leaves out; branches would be
    // mispredicted.
    const auto window = [&](ptrdiff_t j) {
        Vec most = load(line + j);
        for (ptrdiff_t k = 1; k < s.pool_kernel.w; ++k) most = max_nan(most, load(line + j + k));
        if constexpr (relu) most = max_nan(most, zero());
        return most;
    };
    if (s.pool_stride.w == 2) {
        for (ptrdiff_t j = 0; j < s.output.w; j += kLanes) {
            Vec even, odd;
            deinterleave(window(2 * j), window(2 * j + kLanes), even, odd);
            store_mask(y + j, mask_lanes(0, s.output.w - j), even);
        }
        return;
    }
    const ptrdiff_t reach = (s.output.w - 1) * s.pool_stride.w + 1;
    for (ptrdiff_t j = 0; j < reach; j += kLanes) store(line + j, window(j));
    for (ptrdiff_t j = 0; j < s.output.w; ++j) y[j] = line[j * s.pool_stride.w];
}

}  // namespace pool
