// relu(conv + bias), then max-pool, for few input channels (an image), NCHW in and out: any kernel,
// stride 1 to 4, any padding and pool. Lanes are output channels; only the last vector of Cout may
// be partly empty.
//
// Vertically the convolution is Winograd's F(2, t): two conv rows at a time. With a vertical stride
// s the kernel rows ky = f, f + s, .. (phase f) form a stride-1 filter of t_f taps over every s-th
// input row; each is transformed at the points 0, 1, -1, 2, infinity (the first t and the last),
// and since the products of a point are weighted alike whatever their phase, they share one
// accumulator:
//   y0 = m(0) + m(1) + m(-1) + m(2)       y1 = m(1) - m(-1) + 2 m(2) + m(inf)
// 7x7 stride 2 then costs 9/14 of the direct products, 11x11 stride 4 15/22, 3x3 stride 1 4/6.
// Where a phase has more than four taps (5x5 stride 1) single rows are computed directly, as kh
// phases of one tap at the point 0.

#include "conv/few_inputs_pack.inl.h"

namespace few_inputs {

// ---- product ----

// m[pixel][channels] = sum over rows and kx of v[row][kStride pixel + kx] u[row][kx][channels]
template <int kPixels, int kVectors, int kStride>
__attribute__((noinline)) void product(const float* v, ptrdiff_t rows, ptrdiff_t width,
                                       ptrdiff_t kw, const float* u, float* m) {
    Vec sum[kPixels][kVectors];
#pragma GCC unroll 16
    for (int a = 0; a < kPixels; ++a)
#pragma GCC unroll 4
        for (int b = 0; b < kVectors; ++b) sum[a][b] = zero();
    for (ptrdiff_t r = 0; r < rows; ++r, v += width)
        for (ptrdiff_t kx = 0; kx < kw; ++kx, u += kVectors * kLanes) {
            Vec weights[kVectors];
#pragma GCC unroll 4
            for (int b = 0; b < kVectors; ++b) weights[b] = load(u + b * kLanes);
#pragma GCC unroll 16
            for (int a = 0; a < kPixels; ++a) {
                const Vec pixel = broadcast(v + kx + a * kStride);
#pragma GCC unroll 4
                for (int b = 0; b < kVectors; ++b) sum[a][b] = fma(pixel, weights[b], sum[a][b]);
            }
        }
#pragma GCC unroll 16
    for (int a = 0; a < kPixels; ++a)
#pragma GCC unroll 4
        for (int b = 0; b < kVectors; ++b) store(m + (a * kVectors + b) * kLanes, sum[a][b]);
}

// The products of a pixel at the points that kTaps taps use -> the pixel in both conv rows.
template <int kTaps, int kVectors>
inline void output_pair(const float* m, float* row0, float* row1) {
    constexpr ptrdiff_t kPlane = kStripe * kVectors * kLanes;
#pragma GCC unroll 4
    for (int b = 0; b < kVectors; ++b) {
        const float* from = m + b * kLanes;
        Vec y0 = load(from), y1 = load(from + 4 * kPlane);
        if (kTaps >= 2) {
            const Vec one = load(from + kPlane);
            y0 = add(y0, one);
            y1 = add(y1, one);
        }
        if (kTaps >= 3) {
            const Vec minus = load(from + 2 * kPlane);
            y0 = add(y0, minus);
            y1 = sub(y1, minus);
        }
        if (kTaps >= 4) {
            const Vec two = load(from + 3 * kPlane);
            y0 = add(y0, two);
            y1 = fma(set1(2.0f), two, y1);
        }
        store(row0 + b * kLanes, y0);
        store(row1 + b * kLanes, y1);
    }
}
template <int kVectors>
inline void copy_pixel(const float* m, float* row) {
    for (int b = 0; b < kVectors; ++b) store(row + b * kLanes, load(m + b * kLanes));
}

// Conv rows y and y + 1 (or y alone) without bias, channels of one panel: to row0, row1
// [pixel][channels].
template <int kVectors, int kStride>
void conv_rows(const Plan& p, const float* v, const float* u, float* m, float* row0, float* row1) {
    constexpr int kPixels = pixels(kVectors);
    constexpr ptrdiff_t kPixelFloats = kVectors * kLanes;
    constexpr int kBlock = kStripe / kPixels * kPixels;  // pixels of a stripe
    for (ptrdiff_t x0 = 0; x0 < p.conv_w; x0 += kBlock) {
        const float* weights = u;
        const ptrdiff_t count = min(kBlock, p.conv_w - x0);
        for (int point = 0; point < kPoints; ++point) {
            if (p.rows[point] == 0) continue;
            for (ptrdiff_t x = 0; x < count; x += kPixels)
                product<kPixels, kVectors, kStride>(
                    v + p.first_row[point] * p.width + (x0 + x) * kStride, p.rows[point], p.width,
                    p.s.kernel.w, weights, m + (point * kStripe + x) * kPixelFloats);
            weights += p.rows[point] * p.s.kernel.w * kPixelFloats;
        }
        for (ptrdiff_t x = 0; x < count; ++x) {
            const float* from = m + x * kPixelFloats;
            const ptrdiff_t to = (x0 + x) * kPixelFloats;
            if (!p.pairs)
                copy_pixel<kVectors>(from, row0 + to);
            else if (p.rows[3])
                output_pair<4, kVectors>(from, row0 + to, row1 + to);
            else if (p.rows[2])
                output_pair<3, kVectors>(from, row0 + to, row1 + to);
            else if (p.rows[1])
                output_pair<2, kVectors>(from, row0 + to, row1 + to);
            else
                output_pair<1, kVectors>(from, row0 + to, row1 + to);
        }
    }
}

template <int kVectors>
void conv_rows_strided(const Plan& p, const float* v, const float* u, float* m, float* row0,
                       float* row1) {
    switch (p.s.stride.w) {
        case 1:
            return conv_rows<kVectors, 1>(p, v, u, m, row0, row1);
        case 2:
            return conv_rows<kVectors, 2>(p, v, u, m, row0, row1);
        case 3:
            return conv_rows<kVectors, 3>(p, v, u, m, row0, row1);
        case 4:
            return conv_rows<kVectors, 4>(p, v, u, m, row0, row1);
    }
}

// ---- output ----

// Maximum of a window whose left column is `left`: kHeight x kWidth, or the plan's size where they
// are 0. Rows hold the window's rows, `step` floats a pixel; columns outside the image repeat the
// nearest one inside, which changes no maximum.
template <int kHeight, int kWidth>
inline Vec window(const Plan& p, const float* const* rows, ptrdiff_t step, ptrdiff_t left) {
    const ptrdiff_t height = kHeight ? kHeight : p.s.pool_kernel.h,
                    width = kWidth ? kWidth : p.s.pool_kernel.w;
    const bool inside = left >= 0 && left + width <= p.conv_w;
    Vec most = load(rows[0] + min(p.conv_w - 1, max(0, left)) * step);
#pragma GCC unroll 3
    for (ptrdiff_t i = 0; i < height; ++i)
#pragma GCC unroll 3
        for (ptrdiff_t j = 0; j < width; ++j) {
            const ptrdiff_t column = inside ? left + j : min(p.conv_w - 1, max(0, left + j));
            most = max(most, load(rows[i] + column * step));
        }
    return most;
}

// One pooled row of up to a vector of channels. ReLU is the zero in the maximum.
template <int kHeight, int kWidth>
void pool_row(const Plan& p, const float* const* rows, ptrdiff_t step, Vec bias, ptrdiff_t channels,
              float* y) {
    const PlainShape& s = p.s;
    for (ptrdiff_t x0 = 0; x0 < s.output.w; x0 += kLanes) {
        const ptrdiff_t count = min(kLanes, s.output.w - x0);
        Vec out[kLanes];
        for (ptrdiff_t x = 0; x < kLanes; ++x) {
            const ptrdiff_t left = min(x0 + x, s.output.w - 1) * s.pool_stride.w - s.pool_padding.w;
            out[x] = max(add(window<kHeight, kWidth>(p, rows, step, left), bias), zero());
        }
        transpose(out);
        const Mask stored = mask_lanes(0, count);
        for (ptrdiff_t lane = 0; lane < channels; ++lane) {
            float* to = y + lane * s.output.h * s.output.w + x0;
            if (count == kLanes)
                store(to, out[lane]);
            else
                store_mask(to, stored, out[lane]);
        }
    }
}

// Pooled row r of a panel of `vectors` vectors from channel c on, from the panel's ring of conv
// rows.
inline void pool_panel(const Plan& p, const float* ring, const float* bias, ptrdiff_t r,
                       ptrdiff_t c, ptrdiff_t vectors, float* y) {
    const PlainShape& s = p.s;
    const ptrdiff_t top = r * s.pool_stride.h - s.pool_padding.h, step = vectors * kLanes;
    const float* rows[kPoolMost];
    for (ptrdiff_t v = 0; v < vectors; ++v, c += kLanes) {
        for (ptrdiff_t i = 0; i < s.pool_kernel.h; ++i)
            rows[i] =
                ring + min(p.conv_h - 1, max(0, top + i)) % p.ring * p.conv_w * step + v * kLanes;
        const Vec b = load(bias + c);
        const ptrdiff_t channels = min(kLanes, s.channels_out - c);
        float* to = y + (c * s.output.h + r) * s.output.w;
        if (s.pool_kernel.h == 2 && s.pool_kernel.w == 2)
            pool_row<2, 2>(p, rows, step, b, channels, to);
        else if (s.pool_kernel.h == 3 && s.pool_kernel.w == 3)
            pool_row<3, 3>(p, rows, step, b, channels, to);
        else
            pool_row<0, 0>(p, rows, step, b, channels, to);
    }
}

// Pooled rows row0 .. row1 - 1 of one image. False where the input holds NaN, Inf or anything from
// 2^20 up: y is then undefined.
inline bool run(const float* x, const float* prepared, const Plan& p, ptrdiff_t row0,
                ptrdiff_t row1, float* y, float* workspace) {
    const PlainShape& s = p.s;
    if (row0 >= row1) return true;
    float* v = workspace;
    float* m = v + p.all_rows * p.width;
    float* ring = m + kPoints * kStripe * 3 * kLanes;
    const float* bias = prepared + p.all_rows * s.kernel.w * p.channels;
    const ptrdiff_t step = p.pairs ? 2 : 1, vectors = p.channels / kLanes;
    const ptrdiff_t first = max(0, row0 * s.pool_stride.h - s.pool_padding.h) / step * step;
    const ptrdiff_t last =
        min(p.conv_h, (row1 - 1) * s.pool_stride.h - s.pool_padding.h + s.pool_kernel.h);
    ptrdiff_t r = row0, checked = max(0, first * s.stride.h - s.padding.h);
    for (ptrdiff_t row = first; row < last; row += step) {
        const ptrdiff_t needed =
            min(s.input.h, (row + step - 1) * s.stride.h - s.padding.h + s.kernel.h);
        if (checked < needed && !tame(x, s, checked, needed)) return false;
        checked = max(checked, needed);
        input_pair(x, p, row, v);
        const float* u = prepared;
        // Pool every row whose window is complete.
        ptrdiff_t complete = r;
        while (complete < row1 && min(last, complete * s.pool_stride.h - s.pool_padding.h +
                                                s.pool_kernel.h) <= row + step)
            ++complete;
        for (ptrdiff_t c = 0; c < vectors;) {
            const ptrdiff_t n = panel_vectors(c, vectors), ring_row = p.conv_w * n * kLanes;
            float* panel = ring + c * kLanes * p.ring * p.conv_w;
            float* to0 = panel + row % p.ring * ring_row;
            float* to1 = panel + (row + 1) % p.ring * ring_row;
            if (n == 3) conv_rows_strided<3>(p, v, u, m, to0, to1);
            if (n == 2) conv_rows_strided<2>(p, v, u, m, to0, to1);
            if (n == 1) conv_rows_strided<1>(p, v, u, m, to0, to1);
            for (ptrdiff_t i = r; i < complete; ++i)
                pool_panel(p, panel, bias, i, c * kLanes, n, y);
            u += p.all_rows * s.kernel.w * n * kLanes;
            c += n;
        }
        r = complete;
    }
    return true;
}

// ---- as an algorithm ----

inline bool fits(const ConvShape& s, Precision) {
    return is_plain(s) && s.channels_in <= kMostIn && s.channels_out >= kLanes && s.stride.w <= 4 &&
           s.pool_kernel.h <= kPoolMost;
}

inline size_t prepared_bytes(const ConvShape& s) {
    return sizeof(float) * prepared_floats(plan(s));
}
inline size_t workspace_bytes(const ConvShape& s) {
    return sizeof(float) * workspace_floats(plan(s));
}

inline bool prepare(const ConvShape& s, const float* weight, const float* bias, void* prepared) {
    return prepare(weight, bias, plan(s), static_cast<float*>(prepared));
}

inline bool run(const ConvShape& s, const float* x, const void* prepared, float* y, unsigned char*,
                ptrdiff_t row0, ptrdiff_t row1, void* workspace, const float*) {
    return run(x, static_cast<const float*>(prepared), plan(s), row0, row1, y,
               static_cast<float*>(workspace));
}

constexpr ConvKernel kConvKernel = {"stem",  false,           true, fits, prepared_bytes,
                                    prepare, workspace_bytes, run};

}  // namespace few_inputs
