// Dense convolutions of at most 8 output channels, which would leave half of the lanes idle: a
// vector's even lanes have the channels' sums of every other input float, its odd lanes those of
// the floats between. After dense.inl.h.

namespace fast {
namespace pairs {

constexpr ptrdiff_t kMostChannels = kLanes / 2;
constexpr int kMostPixels = 16;
constexpr Mask kEven = 0x5555;

inline bool fits(const void* fields) {
    const Conv& c = conv_of(fields);
    return c.out_c <= kMostChannels && c.out_h > 1 && c.out_w > 1 && c.dilation_w == 1 &&
           c.kernel_w * c.in_c > 1 && dense::fits(fields);
}

// Pairs of a run of input floats, the last of which may be half of one.
inline ptrdiff_t pairs(const Conv& c) {
    return (static_cast<ptrdiff_t>(c.kernel_w) * c.in_c + 1) / 2;
}

inline ptrdiff_t prepared_floats(const void* fields) {
    const Conv& c = conv_of(fields);
    return (c.kernel_h * pairs(c) + 1) * kLanes;
}

// The bias, then the weights of each pair, side by side for each channel.
inline bool prepare(const void* fields, const float* weight, const float* bias, float* to) {
    const Conv& c = conv_of(fields);
    for (ptrdiff_t i = 0; i < prepared_floats(fields); ++i) to[i] = 0.0f;
    for (ptrdiff_t o = 0; o < c.out_c; ++o) {
        to[2 * o] = bias[o];
        for (ptrdiff_t k = 0; k < c.kernel_h; ++k) {
            for (ptrdiff_t i = 0; i < static_cast<ptrdiff_t>(c.kernel_w) * c.in_c; ++i) {
                const ptrdiff_t tap = k * c.kernel_w + i / c.in_c;
                to[(k * pairs(c) + i / 2 + 1) * kLanes + 2 * o + i % 2] =
                    packed(c, weight, c.in_c, tap, i % c.in_c, o);
            }
        }
    }
    return true;
}

struct Run {
    const float *x, *prepared, *residual;
    float* y;
    ptrdiff_t rows, span, x_row, x_pixel, channels;
    Limits limits;
};

inline Vec broadcast2(const float* from) {
    Vec v;
    asm("vbroadcastf32x2 %1, %0" : "=v"(v) : "m"(*reinterpret_cast<const float (*)[2]>(from)));
    return v;
}

// Two pixels of a vector as they lie in memory.
template <int pixels>
inline void finish(const Run& r, const Vec (&sum)[pixels]) {
    const Limits limits = r.limits;
    const ptrdiff_t channels = r.channels;
    const bool plain = limits.kind == 1 && !r.residual && channels == kMostChannels;
    const Mask one = mask_lanes(0, channels), two = one | (one << kMostChannels);
    const float* residual = r.residual;
    float* y = r.y;
#pragma GCC unroll 8
    for (int p = 0; p < pixels; p += 2, y += 2 * channels) {
        const bool both = p + 1 < pixels;
        Vec even, odd;
        deinterleave(sum[p], both ? sum[p + 1] : zero(), even, odd);
        Vec v = add(even, odd);
        if (plain && both) {
            store(y, max(limits.low, v));
            continue;
        }
        if (residual) {
            v = add(v, _mm512_maskz_expandloadu_ps(both ? two : one, residual));
            residual += 2 * channels;
        }
        v = _mm512_maskz_compress_ps(two, limited(v, limits));
        store_first(y, v, (both ? 2 : 1) * channels);
    }
}

template <int pixels>
void tile(const Run& r) {
    constexpr int kBases = (pixels + 3) / 4;
    Vec sum[pixels];
#pragma GCC unroll 16
    for (int p = 0; p < pixels; ++p) sum[p] = load(r.prepared);
    const float* w = r.prepared + kLanes;
    const ptrdiff_t pixel = r.x_pixel, third = 3 * pixel;
    for (ptrdiff_t row = 0; row < r.rows; ++row) {
        const float* base[kBases];
#pragma GCC unroll 4
        for (int b = 0; b < kBases; ++b) base[b] = r.x + row * r.x_row + 4 * b * pixel;
        for (ptrdiff_t i = 1; i < r.span; i += 2, w += kLanes) {
            const Vec weight = load(w);
#pragma GCC unroll 16
            for (int p = 0; p < pixels; ++p) {
                const Vec two = broadcast2(base[p / 4] + (p % 4 == 3 ? third : p % 4 * pixel));
                sum[p] = fma(two, weight, sum[p]);
            }
#pragma GCC unroll 4
            for (int b = 0; b < kBases; ++b) {
                base[b] += 2;
                asm("" : "+r"(base[b]));
            }
        }
        if (r.span % 2 == 0) continue;
        const Vec weight = load(w);
        w += kLanes;
#pragma GCC unroll 16
        for (int p = 0; p < pixels; ++p) {
            const Vec one = broadcast(base[p / 4] + (p % 4 == 3 ? third : p % 4 * pixel));
            sum[p] = _mm512_mask3_fmadd_ps(one, weight, sum[p], kEven);
        }
    }
    products_are_made();
    finish(r, sum);
}

using Tile = void (*)(const Run&);
constexpr Tile kTiles[kMostPixels] = {tile<1>,  tile<2>,  tile<3>,  tile<4>,  tile<5>,  tile<6>,
                                      tile<7>,  tile<8>,  tile<9>,  tile<10>, tile<11>, tile<12>,
                                      tile<13>, tile<14>, tile<15>, tile<16>};

inline void run(const void* fields, const float* prepared, const float* x, const float* residual,
                float* y, float* workspace, ptrdiff_t begin, ptrdiff_t end) {
    const Conv& c = conv_of(fields);
    const dense::Plan p = dense::plan(c);
    const ptrdiff_t tiles = (c.out_w + kMostPixels - 1) / kMostPixels;
    Run r;
    r.prepared = prepared, r.rows = c.kernel_h,
    r.span = static_cast<ptrdiff_t>(c.kernel_w) * c.in_c;
    r.x_row = c.dilation_h * p.row, r.x_pixel = static_cast<ptrdiff_t>(c.stride_w) * c.in_c;
    r.channels = c.out_c, r.limits = limits_of(c);
    for (ptrdiff_t top = begin; top < end; top += p.strip) {
        const ptrdiff_t rows = min(p.strip, end - top);
        const float* from = dense::strip(c, p, x, top, rows, workspace);
        for (ptrdiff_t row = 0; row < rows; ++row) {
            for (ptrdiff_t t = 0; t < tiles; ++t) {
                const ptrdiff_t first = c.out_w * t / tiles, last = c.out_w * (t + 1) / tiles;
                const ptrdiff_t at = ((top + row) * c.out_w + first) * c.out_c;
                r.x = from + row * c.stride_h * p.row + first * r.x_pixel;
                r.y = y + at, r.residual = residual ? residual + at : nullptr;
                kTiles[last - first - 1](r);
            }
        }
    }
}

constexpr ProgramAlgorithm kConv = {"pairs",         "conv",  fits,
                                    prepared_floats, prepare, dense::workspace_floats,
                                    dense::parts,    nullptr, run};

}  // namespace pairs
}  // namespace fast
