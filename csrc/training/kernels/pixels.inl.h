// Loops over all channels of all pixels, which compilers make vectors of.

namespace training {

inline void add_pixels(const float* __restrict x, ptrdiff_t pixels, ptrdiff_t channels,
                       float* __restrict sums) {
    for (ptrdiff_t p = 0; p < pixels; ++p, x += channels) {
        for (ptrdiff_t c = 0; c < channels; ++c) sums[c] += x[c];
    }
}

inline void add_squares(const float* __restrict x, const float* __restrict mean, ptrdiff_t pixels,
                        ptrdiff_t channels, float* __restrict sums) {
    for (ptrdiff_t p = 0; p < pixels; ++p, x += channels) {
        for (ptrdiff_t c = 0; c < channels; ++c) sums[c] += (x[c] - mean[c]) * (x[c] - mean[c]);
    }
}

inline void add_products(const float* __restrict x, const float* __restrict mean,
                         const float* __restrict dy, ptrdiff_t pixels, ptrdiff_t channels,
                         float* __restrict sums) {
    for (ptrdiff_t p = 0; p < pixels; ++p, x += channels, dy += channels) {
        for (ptrdiff_t c = 0; c < channels; ++c) sums[c] += dy[c] * (x[c] - mean[c]);
    }
}

inline void normalise(const float* __restrict x, const float* __restrict mean,
                      const float* __restrict scale, const float* __restrict shift,
                      ptrdiff_t pixels, ptrdiff_t channels, float* __restrict y) {
    for (ptrdiff_t p = 0; p < pixels; ++p, x += channels, y += channels) {
        for (ptrdiff_t c = 0; c < channels; ++c) y[c] = scale[c] * (x[c] - mean[c]) + shift[c];
    }
}

inline void normalise_backward(const float* __restrict x, const float* __restrict mean,
                               const float* __restrict dy, const float* __restrict scale,
                               const float* __restrict even, const float* __restrict slope,
                               ptrdiff_t pixels, ptrdiff_t channels, float* __restrict dx) {
    for (ptrdiff_t p = 0; p < pixels; ++p, x += channels, dy += channels, dx += channels) {
        for (ptrdiff_t c = 0; c < channels; ++c)
            dx[c] = scale[c] * (dy[c] - even[c] - (x[c] - mean[c]) * slope[c]);
    }
}

inline void relu(const float* __restrict x, ptrdiff_t count, float* __restrict y) {
    for (ptrdiff_t i = 0; i < count; ++i) y[i] = x[i] <= 0.0f ? 0.0f : x[i];
}

inline void relu_backward(const float* __restrict y, ptrdiff_t count, float* __restrict dy) {
    for (ptrdiff_t i = 0; i < count; ++i) dy[i] = y[i] <= 0.0f ? 0.0f : dy[i];
}

// Wellons' integer hash (lowbias32).
inline unsigned mixed(unsigned bits) {
    bits = (bits ^ (bits >> 16)) * 0x7feb352du;
    bits = (bits ^ (bits >> 15)) * 0x846ca68bu;
    return bits ^ (bits >> 16);
}

inline void drop(const float* __restrict x, ptrdiff_t count, unsigned key, unsigned more,
                 unsigned threshold, float scale, float* __restrict y) {
    for (ptrdiff_t i = 0; i < count; ++i) {
        const unsigned bits = mixed(mixed(static_cast<unsigned>(i) + key) ^ more);
        y[i] = (bits >> 8) < threshold ? 0.0f : scale * x[i];
    }
}

}  // namespace training
