// Depthwise convolutions whose kernels have three columns, with at most one column of padding on
// either side: rows above and below the image are rows of zeros, and the first and the last pixel
// of a row leave a column out.

namespace fast {
namespace depthwise {

constexpr int kMostRows = 8;    // of a kernel
constexpr int kMostPixels = 8;  // of a tile

inline bool fits(const void* fields) {
    const Conv& c = conv_of(fields);
    const long overhang = (c.out_w - 1l) * c.stride_w - c.pad_w + 3 - c.in_w;
    return c.kernel_w == 3 && c.kernel_h <= kMostRows && c.dilation_w == 1 && c.pad_w <= 1 &&
           overhang <= 1 && c.in_w >= 2 && is_whole(c.out_c);
}

inline long prepared_floats(const void* fields) {
    const Conv& c = conv_of(fields);
    return (3l * c.kernel_h + 1) * round_up(c.out_c, kLanes);
}

// For each vector of channels the bias, then the weights of each tap.
inline bool prepare(const void* fields, const float* weight, const float* bias, float* to) {
    const Conv& c = conv_of(fields);
    for (long first = 0; first < c.out_c; first += kLanes) {
        for (long tap = -1; tap < 3l * c.kernel_h; ++tap) {
            for (long o = first; o < first + kLanes; ++o, ++to) {
                *to = 0.0f;
                if (o >= c.out_c) continue;
                const long block = o / 16 * 16, width = c.out_c - block > 8 ? 16 : 8;
                *to = tap < 0 ? bias[o]
                              : weight[block * 3 * c.kernel_h + tap * width + o - block];
            }
        }
    }
    return true;
}

inline long workspace_floats(const void* fields) {
    const Conv& c = conv_of(fields);
    return static_cast<long>(c.in_w) * c.in_c;
}

struct Run {
    const float* rows[kMostRows];  // of the first pixel's first column, which may lie outside
    const float *w, *residual;
    float* y;
    long height, channels, x_pixel;
    Mask lanes;
    Limits limits;
};

template <int pixels, bool left, bool right>
inline void tile(const Run& r) {
    Vec sum[pixels];
    const Vec bias = load(r.w);
#pragma GCC unroll 16
    for (int p = 0; p < pixels; ++p) sum[p] = bias;
    const float* w = r.w;
    for (long row = 0; row < r.height; ++row) {
        const float* x = r.rows[row];
#pragma GCC unroll 3
        for (int column = 0; column < 3; ++column, x += r.channels) {
            const Vec weight = load(w += kLanes);
            const int first = left && column == 0 ? 1 : 0;
            const int end = right && column == 2 ? pixels - 1 : pixels;
#pragma GCC unroll 16
            for (int p = 0; p < pixels; ++p) {
                if (p >= first && p < end)
                    sum[p] = fma(load_some(x + p * r.x_pixel, r.lanes), weight, sum[p]);
            }
        }
    }
#pragma GCC unroll 16
    for (int p = 0; p < pixels; ++p) {
        Vec y = sum[p];
        if (r.residual) y = add(y, load_some(r.residual + p * r.channels, r.lanes));
        store_some(r.y + p * r.channels, r.lanes, limited(y, r.limits));
    }
}

using Tile = void (*)(const Run&);
#define CNNKIT_TILES(left, right)                                                          \
    {                                                                                      \
        tile<1, left, right>, tile<2, left, right>, tile<3, left, right>,                  \
            tile<4, left, right>, tile<5, left, right>, tile<6, left, right>,              \
            tile<7, left, right>, tile<8, left, right>                                     \
    }
constexpr Tile kTiles[2][2][kMostPixels] = {{CNNKIT_TILES(false, false), CNNKIT_TILES(false, true)},
                                            {CNNKIT_TILES(true, false), CNNKIT_TILES(true, true)}};
#undef CNNKIT_TILES

inline bool run(const void* fields, const float* prepared, const float* x, const float* residual,
                float* y, float* workspace) {
    const Conv& c = conv_of(fields);
    const long channels = c.out_c, row = static_cast<long>(c.in_w) * channels;
    for (long i = 0; i < row; ++i) workspace[i] = 0.0f;
    const bool left = c.pad_w > 0;
    const bool right = (c.out_w - 1l) * c.stride_w - c.pad_w + 3 > c.in_w;
    const long count = (c.out_w + kMostPixels - 1) / kMostPixels;
    const long size = c.out_w / count, larger = c.out_w % count;
    Run r;
    r.height = c.kernel_h, r.channels = channels, r.x_pixel = c.stride_w * channels;
    r.limits = limits_of(c);
    for (long oy = 0; oy < c.out_h; ++oy) {
        const float* from[kMostRows];
        for (long k = 0; k < c.kernel_h; ++k) {
            const long in = oy * c.stride_h - c.pad_h + k * c.dilation_h;
            from[k] = in < 0 || in >= c.in_h ? workspace : x + in * row;
        }
        for (long o = 0; o < channels; o += kLanes) {
            r.w = prepared + o * (3l * c.kernel_h + 1);
            r.lanes = mask_lanes(0, channels - o);
            long done = 0;
            for (long t = 0; t < count; ++t) {
                const long pixels = size + (t < larger), at = (oy * c.out_w + done) * channels + o;
                const long start = (done * c.stride_w - c.pad_w) * channels + o;
                for (long k = 0; k < c.kernel_h; ++k) r.rows[k] = from[k] + start;
                r.y = y + at, r.residual = residual ? residual + at : nullptr;
                kTiles[left && t == 0][right && t + 1 == count][pixels - 1](r);
                done += pixels;
            }
        }
    }
    return true;
}

constexpr ProgramConv kConv = {"depthwise", true,   fits, prepared_floats,
                               prepare,     workspace_floats, run};

}  // namespace depthwise
}  // namespace fast
