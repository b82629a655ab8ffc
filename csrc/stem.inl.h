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

namespace stem {

constexpr int kPoints = 5;
constexpr long kMostIn = 4;                            // input channels
constexpr int kPoolMost = 16;                          // rows of a pool window
constexpr float kInputLimit = 1152921504606846976.0f;  // 2^60
constexpr float kWeightLimit = 1099511627776.0f;       // 2^40

// Vectors of output channels in a register block, and pixels: kPixels x kVectors accumulators.
constexpr int pixels(int vectors) {
    return kRegisters >= 32 ? (vectors == 3 ? 9 : 14) : (vectors == 3 ? 4 : vectors == 2 ? 6 : 12);
}

constexpr bool uses(long taps, int point) {
    return point == 0 || point == kPoints - 1 || point < taps;
}

struct Plan {
    Shape s;
    long conv_h, conv_w;
    bool pairs;  // two rows at a time, else one, directly
    long phases;
    long width;               // floats in a transformed row
    long channels;            // Cout rounded up to vectors
    long rows[kPoints];       // transformed rows that a point sums over
    long first_row[kPoints];  // where they start
    long all_rows;
    long ring;  // conv rows kept
};

constexpr int kStripe = 28;  // pixels whose products for all points are held at once

inline long taps(const Shape& s, long phase) {
    return (s.kernel.h - phase + s.stride.h - 1) / s.stride.h;
}
inline long phase_taps(const Plan& p, long phase) { return p.pairs ? taps(p.s, phase) : 1; }

inline Plan plan(const Shape& s) {
    Plan p;
    p.s = s;
    p.conv_h = (s.input.h + 2 * s.padding.h - s.kernel.h) / s.stride.h + 1;
    p.conv_w = (s.input.w + 2 * s.padding.w - s.kernel.w) / s.stride.w + 1;
    p.pairs = taps(s, 0) < kPoints;
    p.phases = p.pairs ? min(s.stride.h, s.kernel.h) : s.kernel.h;
    p.channels = round_up(s.channels_out, kLanes);
    const long blocks = p.channels / kLanes % 3 == 0
                            ? round_up(p.conv_w, pixels(3))
                            : max(round_up(p.conv_w, pixels(2)), round_up(p.conv_w, pixels(1)));
    p.width = round_up((blocks - 1) * s.stride.w + s.kernel.w, kLanes);
    p.all_rows = 0;
    for (int point = 0; point < kPoints; ++point) {
        p.rows[point] = 0;
        p.first_row[point] = p.all_rows;
        for (long f = 0; f < p.phases; ++f)
            if (p.pairs ? uses(taps(s, f), point) : point == 0) p.rows[point] += s.channels_in;
        p.all_rows += p.rows[point];
    }
    p.ring = s.pool_kernel.h + 1;
    return p;
}

inline long prepared_floats(const Plan& p) { return (p.all_rows * p.s.kernel.w + 1) * p.channels; }
inline long workspace_floats(const Plan& p) {
    return p.all_rows * p.width + kPoints * kStripe * 3 * kLanes + p.ring * p.conv_w * p.channels;
}

// Input side: transformed row = sum over i of kInput[taps - 1][point][i] (i-th input row of the
// phase). Filter side: the polynomial of the taps at the point, divided by kScale. Columns: 0, 1,
// -1, 2, infinity.
constexpr float kInput[4][kPoints][5] = {
    {{1}, {}, {}, {}, {0, 1}},
    {{1, -1}, {0, 1}, {}, {}, {0, -1, 1}},
    {{-1, 0, 1}, {0, 1, 1}, {0, -1, 1}, {}, {0, -1, 0, 1}},
    {{2, -1, -2, 1}, {0, -2, -1, 1}, {0, 2, -3, 1}, {0, -1, 0, 1}, {0, 2, -1, -2, 1}}};
constexpr double kScale[4][kPoints] = {
    {1, 1, 1, 1, 1}, {1, 1, 1, 1, 1}, {-1, 2, 2, 1, 1}, {2, -2, -6, 6, 1}};
constexpr double kAt[kPoints] = {0, 1, -1, 2, 0};

// ---- weights ----

// Vectors in the panel that starts at vector v of n.
inline long panel_vectors(long v, long n) { return n % 3 == 0 ? 3 : min(2, n - v); }

// weight [Cout][Cin][kh][kw], bias [Cout] or null -> prepared
// [panel][point][phase][Cin][kw][channels of the panel], bias; false where a weight is too large or
// not finite.
inline bool prepare(const float* weight, const float* bias, const Plan& p, float* prepared) {
    const Shape& s = p.s;
    bool tame = true;
    for (long i = 0; i < s.channels_out * s.channels_in * s.kernel.h * s.kernel.w; ++i)
        tame &= weight[i] < kWeightLimit && weight[i] > -kWeightLimit;
    float* to = prepared;
    const long vectors = p.channels / kLanes;
    for (long v = 0; v < vectors; v += panel_vectors(v, vectors))
        for (int point = 0; point < kPoints; ++point)
            for (long f = 0; f < p.phases; ++f) {
                const long t = phase_taps(p, f);
                if (p.pairs ? !uses(t, point) : point > 0) continue;
                for (long ci = 0; ci < s.channels_in; ++ci)
                    for (long kx = 0; kx < s.kernel.w; ++kx)
                        for (long lane = 0; lane < panel_vectors(v, vectors) * kLanes; ++lane) {
                            const long co = v * kLanes + lane;
                            double sum = 0;
                            if (co < s.channels_out) {
                                const float* w =
                                    weight + (co * s.channels_in + ci) * s.kernel.h * s.kernel.w +
                                    kx;
                                double power = 1;
                                for (long i = 0; i < t; ++i, power *= kAt[point])
                                    sum +=
                                        (point == kPoints - 1 ? i == t - 1 : power) *
                                        static_cast<double>(w[(f + i * s.stride.h) * s.kernel.w]);
                            }
                            *to++ = static_cast<float>(sum / kScale[t - 1][point]);
                        }
            }
    for (long co = 0; co < p.channels; ++co) {
        const float b = bias && co < s.channels_out ? bias[co] : 0.0f;
        tame &= b < kInputLimit && b > -kInputLimit;
        *to++ = b;
    }
    return tame;
}

// ---- input ----

// All transformed rows of one phase for conv rows y and y + 1, one input channel: `row` is the
// first input row.
template <int kTaps>
void input_rows(const float* x, const Plan& p, long row, float* const (&to)[kPoints]) {
    const Shape& s = p.s;
    for (long c = 0; c < p.width; c += kLanes) {
        const Mask inside = mask_lanes(s.padding.w - c, s.input.w + s.padding.w - c);
        Vec d[kTaps + 1];
#pragma GCC unroll 5
        for (int i = 0; i <= kTaps; ++i) {
            const long y = row + i * s.stride.h;
            d[i] = y >= 0 && y < s.input.h ? load_mask(x + y * s.input.w + c - s.padding.w, inside)
                                           : zero();
        }
#pragma GCC unroll 5
        for (int point = 0; point < kPoints; ++point) {
            if (!uses(kTaps, point) || !to[point]) continue;
            const float* factor = kInput[kTaps - 1][point];
            Vec sum = zero();
#pragma GCC unroll 5
            for (int i = 0; i <= kTaps; ++i) {
                if (factor[i] == 1)
                    sum = add(sum, d[i]);
                else if (factor[i] == -1)
                    sum = sub(sum, d[i]);
                else if (factor[i] != 0)
                    sum = fma(set1(factor[i]), d[i], sum);
            }
            store(to[point] + c, sum);
        }
    }
}

inline void input_pair(const float* x, const Plan& p, long y, float* v) {
    const Shape& s = p.s;
    long at[kPoints];
    for (int point = 0; point < kPoints; ++point) at[point] = p.first_row[point];
    for (long f = 0; f < p.phases; ++f) {
        const long t = phase_taps(p, f);
        for (long ci = 0; ci < s.channels_in; ++ci) {
            const float* from = x + ci * s.input.h * s.input.w;
            const long row = y * s.stride.h - s.padding.h + f;
            float* to[kPoints] = {};
            for (int point = 0; point < (p.pairs ? kPoints : 1); ++point)
                if (uses(t, point)) to[point] = v + at[point]++ * p.width;
            if (t == 1) input_rows<1>(from, p, row, to);
            if (t == 2) input_rows<2>(from, p, row, to);
            if (t == 3) input_rows<3>(from, p, row, to);
            if (t == 4) input_rows<4>(from, p, row, to);
        }
    }
}

inline bool tame(const float* x, const Shape& s, long first, long last) {
    Magnitude most = no_magnitude();
    for (long ci = 0; ci < s.channels_in; ++ci) {
        const float* from = x + (ci * s.input.h + first) * s.input.w;
        const long count = (last - first) * s.input.w;
        long i = 0;
        for (; i + kLanes <= count; i += kLanes) most = magnitude(most, load(from + i));
        if (i < count) most = magnitude(most, load_mask(from + i, mask_lanes(0, count - i)));
    }
    return below(most, kInputLimit);
}

// ---- product ----

// m[pixel][channels] = sum over rows and kx of v[row][kStride pixel + kx] u[row][kx][channels]
template <int kPixels, int kVectors, int kStride>
__attribute__((noinline)) void product(const float* v, long rows, long width, long kw,
                                       const float* u, float* m) {
    Vec sum[kPixels][kVectors];
#pragma GCC unroll 16
    for (int a = 0; a < kPixels; ++a)
#pragma GCC unroll 4
        for (int b = 0; b < kVectors; ++b) sum[a][b] = zero();
    for (long r = 0; r < rows; ++r, v += width)
        for (long kx = 0; kx < kw; ++kx, u += kVectors * kLanes) {
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
    constexpr long kPlane = kStripe * kVectors * kLanes;
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
    constexpr long kPixelFloats = kVectors * kLanes;
    constexpr int kBlock = kStripe / kPixels * kPixels;  // pixels of a stripe
    for (long x0 = 0; x0 < p.conv_w; x0 += kBlock) {
        const float* weights = u;
        const long count = min(kBlock, p.conv_w - x0);
        for (int point = 0; point < kPoints; ++point) {
            if (p.rows[point] == 0) continue;
            for (long x = 0; x < count; x += kPixels)
                product<kPixels, kVectors, kStride>(
                    v + p.first_row[point] * p.width + (x0 + x) * kStride, p.rows[point], p.width,
                    p.s.kernel.w, weights, m + (point * kStripe + x) * kPixelFloats);
            weights += p.rows[point] * p.s.kernel.w * kPixelFloats;
        }
        for (long x = 0; x < count; ++x) {
            const float* from = m + x * kPixelFloats;
            const long to = (x0 + x) * kPixelFloats;
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
inline Vec window(const Plan& p, const float* const* rows, long step, long left) {
    const long height = kHeight ? kHeight : p.s.pool_kernel.h,
               width = kWidth ? kWidth : p.s.pool_kernel.w;
    const bool inside = left >= 0 && left + width <= p.conv_w;
    Vec most = load(rows[0] + min(p.conv_w - 1, max(0, left)) * step);
#pragma GCC unroll 3
    for (long i = 0; i < height; ++i)
#pragma GCC unroll 3
        for (long j = 0; j < width; ++j) {
            const long column = inside ? left + j : min(p.conv_w - 1, max(0, left + j));
            most = max(most, load(rows[i] + column * step));
        }
    return most;
}

// One pooled row of up to a vector of channels. ReLU is the zero in the maximum.
template <int kHeight, int kWidth>
void pool_row(const Plan& p, const float* const* rows, long step, Vec bias, long channels,
              float* y) {
    const Shape& s = p.s;
    for (long x0 = 0; x0 < s.output.w; x0 += kLanes) {
        const long count = min(kLanes, s.output.w - x0);
        Vec out[kLanes];
        for (long x = 0; x < kLanes; ++x) {
            const long left = min(x0 + x, s.output.w - 1) * s.pool_stride.w - s.pool_padding.w;
            out[x] = max(add(window<kHeight, kWidth>(p, rows, step, left), bias), zero());
        }
        transpose(out);
        const Mask stored = mask_lanes(0, count);
        for (long lane = 0; lane < channels; ++lane) {
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
inline void pool_panel(const Plan& p, const float* ring, const float* bias, long r, long c,
                       long vectors, float* y) {
    const Shape& s = p.s;
    const long top = r * s.pool_stride.h - s.pool_padding.h, step = vectors * kLanes;
    const float* rows[kPoolMost];
    for (long v = 0; v < vectors; ++v, c += kLanes) {
        for (long i = 0; i < s.pool_kernel.h; ++i)
            rows[i] =
                ring + min(p.conv_h - 1, max(0, top + i)) % p.ring * p.conv_w * step + v * kLanes;
        const Vec b = load(bias + c);
        const long channels = min(kLanes, s.channels_out - c);
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
// 2^60 up: y is then undefined.
inline bool run(const float* x, const float* prepared, const Plan& p, long row0, long row1,
                float* y, float* workspace) {
    const Shape& s = p.s;
    if (row0 >= row1) return true;
    float* v = workspace;
    float* m = v + p.all_rows * p.width;
    float* ring = m + kPoints * kStripe * 3 * kLanes;
    const float* bias = prepared + p.all_rows * s.kernel.w * p.channels;
    const long step = p.pairs ? 2 : 1, vectors = p.channels / kLanes;
    const long first = max(0, row0 * s.pool_stride.h - s.pool_padding.h) / step * step;
    const long last =
        min(p.conv_h, (row1 - 1) * s.pool_stride.h - s.pool_padding.h + s.pool_kernel.h);
    long r = row0, checked = max(0, first * s.stride.h - s.padding.h);
    for (long row = first; row < last; row += step) {
        const long needed =
            min(s.input.h, (row + step - 1) * s.stride.h - s.padding.h + s.kernel.h);
        if (checked < needed && !tame(x, s, checked, needed)) return false;
        checked = max(checked, needed);
        input_pair(x, p, row, v);
        const float* u = prepared;
        // Pool every row whose window is complete.
        long complete = r;
        while (complete < row1 && min(last, complete * s.pool_stride.h - s.pool_padding.h +
                                                s.pool_kernel.h) <= row + step)
            ++complete;
        for (long c = 0; c < vectors;) {
            const long n = panel_vectors(c, vectors), ring_row = p.conv_w * n * kLanes;
            float* panel = ring + c * kLanes * p.ring * p.conv_w;
            float* to0 = panel + row % p.ring * ring_row;
            float* to1 = panel + (row + 1) % p.ring * ring_row;
            if (n == 3) conv_rows_strided<3>(p, v, u, m, to0, to1);
            if (n == 2) conv_rows_strided<2>(p, v, u, m, to0, to1);
            if (n == 1) conv_rows_strided<1>(p, v, u, m, to0, to1);
            for (long i = r; i < complete; ++i) pool_panel(p, panel, bias, i, c * kLanes, n, y);
            u += p.all_rows * s.kernel.w * n * kLanes;
            c += n;
        }
        r = complete;
    }
    return true;
}

// ---- as an algorithm ----

inline bool fits(const Shape& s, Precision) {
    return s.channels_in <= kMostIn && s.channels_out >= kLanes && s.stride.w <= 4 &&
           s.pool_kernel.h <= kPoolMost;
}

inline size_t prepared_bytes(const Shape& s) { return sizeof(float) * prepared_floats(plan(s)); }
inline size_t workspace_bytes(const Shape& s) { return sizeof(float) * workspace_floats(plan(s)); }

inline bool prepare(const Shape& s, const float* weight, const float* bias, void* prepared) {
    return prepare(weight, bias, plan(s), static_cast<float*>(prepared));
}

inline bool run(const Shape& s, const float* x, const void* prepared, float* y,
                unsigned char* winners, long row0, long row1, void* workspace) {
    return !winners && run(x, static_cast<const float*>(prepared), plan(s), row0, row1, y,
                           static_cast<float*>(workspace));
}

constexpr Algorithm kAlgorithm = {"stem", fits, prepared_bytes, prepare, workspace_bytes, run};

}  // namespace stem
