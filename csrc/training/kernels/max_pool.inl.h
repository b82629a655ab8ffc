// Max-pools with the place of each maximum, and what goes back to it.

namespace training {

// Of a window, what lies in the image: rows and columns first <= i < end.
struct Window {
    ptrdiff_t top, left, first_row, end_row, first_column, end_column;
};
inline Window window_at(const PoolShape& s, ptrdiff_t row, ptrdiff_t column) {
    const ptrdiff_t top = row * s.stride.h - s.padding.h, left = column * s.stride.w - s.padding.w;
    return {top,           left,
            max(0, -top),  min(s.kernel.h, s.input.h - top),
            max(0, -left), min(s.kernel.w, s.input.w - left)};
}

// What a maximum and its place become, of a vector of channels.
inline void store_largest(Vec best, Vec index, bool relu, ptrdiff_t count, float* y,
                          unsigned char* indices) {
    if (relu) {
        index = select_greater(best, zero(), index, set1(static_cast<float>(kNoIndex)));
        best = max_nan(best, zero());
    }
    store_first(y, best, count);
    store_bytes(indices, index, count);
}

// A vector of channels of a pooled pixel.
inline void largest(const PoolShape& s, const Window& w, const float* x, bool relu, ptrdiff_t count,
                    float* y, unsigned char* indices) {
    const Mask inside = mask_lanes(0, count);
    const float* row = x + (w.top + w.first_row) * s.input.w * s.pixel + w.left * s.pixel;
    Vec best = set1(-__builtin_inff()), index = zero();
    for (ptrdiff_t i = w.first_row; i < w.end_row; ++i, row += s.input.w * s.pixel) {
        for (ptrdiff_t j = w.first_column; j < w.end_column; ++j) {
            const float* from = row + j * s.pixel;
            const Vec v = count >= kLanes ? load(from) : load_mask(from, inside);
            index = select_greater(v, best, set1(static_cast<float>(i * s.kernel.w + j)), index);
            best = max_nan(v, best);
        }
    }
    store_largest(best, index, relu, count, y, indices);
}

// Windows of 2x2 in the image.
inline void max_pool_2x2(const PoolShape& s, const float* x, float* y, unsigned char* indices,
                         bool relu) {
    const ptrdiff_t below = s.input.w * s.pixel, channels = s.channels;
    for (ptrdiff_t row = 0; row < s.output.h; ++row) {
        const float* from = x + row * s.stride.h * below;
        for (ptrdiff_t column = 0; column < s.output.w; ++column, from += s.stride.w * s.pixel) {
            for (ptrdiff_t c = 0; c < channels; c += kLanes) {
                const Mask inside = mask_lanes(0, channels - c);
                const float* const taps[] = {from + c, from + c + s.pixel, from + c + below,
                                             from + c + below + s.pixel};
                Vec best = set1(-__builtin_inff()), index = zero();
#pragma GCC unroll 4
                for (int k = 0; k < 4; ++k) {
                    const Vec v = load_mask(taps[k], inside);
                    index = select_greater(v, best, set1(static_cast<float>(k)), index);
                    best = max_nan(v, best);
                }
                store_largest(best, index, relu, min(kLanes, channels - c), y + c, indices + c);
            }
            y += channels, indices += channels;
        }
    }
}

inline void max_pool(const PoolShape& s, const float* x, float* y, unsigned char* indices,
                     bool relu) {
    const bool pairs = s.kernel.h == 2 && s.kernel.w == 2 && s.padding.h == 0 && s.padding.w == 0;
    if (pairs && (s.output.h - 1) * s.stride.h + 2 <= s.input.h &&
        (s.output.w - 1) * s.stride.w + 2 <= s.input.w)
        return max_pool_2x2(s, x, y, indices, relu);
    for (ptrdiff_t row = 0; row < s.output.h; ++row) {
        for (ptrdiff_t column = 0; column < s.output.w; ++column) {
            const Window w = window_at(s, row, column);
            for (ptrdiff_t c = 0; c < s.channels; c += kLanes)
                largest(s, w, x + c, relu, min(kLanes, s.channels - c), y + c, indices + c);
            y += s.channels, indices += s.channels;
        }
    }
}

inline void max_pool_backward(const PoolShape& s, const float* dy, const unsigned char* indices,
                              float* dx) {
    const ptrdiff_t floats = s.input.h * s.input.w * s.pixel;
    for (ptrdiff_t i = 0; i < floats; ++i) dx[i] = 0.0f;
    for (ptrdiff_t row = 0; row < s.output.h; ++row) {
        for (ptrdiff_t column = 0; column < s.output.w; ++column) {
            const ptrdiff_t top = row * s.stride.h - s.padding.h;
            const ptrdiff_t left = column * s.stride.w - s.padding.w;
            for (ptrdiff_t c = 0; c < s.channels; ++c, ++dy, ++indices) {
                const ptrdiff_t tap = *indices;
                if (tap == kNoIndex) continue;
                const ptrdiff_t i = top + tap / s.kernel.w, j = left + tap % s.kernel.w;
                dx[(i * s.input.w + j) * s.pixel + c] += *dy;
            }
        }
    }
}

}  // namespace training
