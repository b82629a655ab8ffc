// Depthwise convolutions of 3x3 and 5x5 kernels whose padding is at most half a kernel wide: rows
// above and below the image are rows of zeros, and pixels at the ends of a row leave columns out.

namespace fast {
namespace depthwise {

// Some pixels of a row, all channels. Their sums stay in registers for one vector of channels.
struct Run {
    const float* rows[5];  // of the first pixel's first column, which may lie outside
    const float *w, *residual;
    float* y;
    ptrdiff_t channels;
    Limits limits;
};

// `left` columns of the first pixel lie outside the image, `right` of the last one.
template <int kernel, int stride, int pixels, int left, int right>
inline void tile(const Run& r) {
    const ptrdiff_t x_pixel = stride * r.channels;
    const float* w = r.w;
    for (ptrdiff_t at = 0; at < r.channels; at += kLanes) {
        const Mask lanes = mask_lanes(0, r.channels - at);
        Vec sum[pixels];
        const Vec bias = load(w);
        w += kLanes;
#pragma GCC unroll 16
        for (int p = 0; p < pixels; ++p) sum[p] = bias;
#pragma GCC unroll 5
        for (int row = 0; row < kernel; ++row) {
            const float* x = r.rows[row] + at;
#pragma GCC unroll 5
            for (int column = 0; column < kernel; ++column, x += r.channels, w += kLanes) {
                const Vec weight = load(w);
#pragma GCC unroll 16
                for (int p = 0; p < pixels; ++p) {
                    const bool outside = column < left - p * stride ||
                                         column >= kernel - right + (pixels - 1 - p) * stride;
                    if (!outside) sum[p] = fma(load_some(x + p * x_pixel, lanes), weight, sum[p]);
                }
            }
        }
#pragma GCC unroll 16
        for (int p = 0; p < pixels; ++p) {
            Vec y = sum[p];
            const ptrdiff_t place = p * r.channels + at;
            if (r.residual) y = add(y, load_some(r.residual + place, lanes));
            store_some(r.y + place, lanes, limited(y, r.limits));
        }
    }
}

// Tiles of one kernel and stride, by the columns that lie outside on either side.
constexpr int kMostPixels = 6;
using Tile = void (*)(const Run&);
template <int kernel, int stride>
struct Tiles {
    static constexpr int kSides = kernel / 2 + 1;
    template <int left, int right>
    static Tile of(ptrdiff_t pixels) {
        constexpr Tile kTiles[kMostPixels] = {
            tile<kernel, stride, 1, left, right>, tile<kernel, stride, 2, left, right>,
            tile<kernel, stride, 3, left, right>, tile<kernel, stride, 4, left, right>,
            tile<kernel, stride, 5, left, right>, tile<kernel, stride, 6, left, right>};
        return kTiles[pixels - 1];
    }
    template <int left>
    static Tile of(ptrdiff_t right, ptrdiff_t pixels) {
        if (right == 0) return of<left, 0>(pixels);
        if (right == 1) return of<left, 1>(pixels);
        if constexpr (kSides > 2) return of<left, 2>(pixels);
        return nullptr;
    }
    static Tile of(ptrdiff_t left, ptrdiff_t right, ptrdiff_t pixels) {
        if (left == 0) return of<0>(right, pixels);
        if (left == 1) return of<1>(right, pixels);
        if constexpr (kSides > 2) return of<2>(right, pixels);
        return nullptr;
    }
};

// The columns of the last pixel that lie outside.
inline ptrdiff_t overhang(const Conv& c) {
    return max(0, (c.out_w - ptrdiff_t{1}) * c.stride_w - c.pad_w + c.kernel_w - c.in_w);
}

template <int kernel, int stride>
bool fits(const void* fields) {
    const Conv& c = conv_of(fields);
    return c.kernel_h == kernel && c.kernel_w == kernel && c.stride_w == stride &&
           c.dilation_w == 1 && c.pad_w <= kernel / 2 && overhang(c) <= kernel / 2 &&
           is_whole(c.out_c);
}

inline ptrdiff_t prepared_floats(const void* fields) {
    const Conv& c = conv_of(fields);
    return (static_cast<ptrdiff_t>(c.kernel_h) * c.kernel_w + 1) * round_up(c.out_c, kLanes);
}

// Whether two neighbouring pixels fill a vector, whose lanes then have the weights twice.
inline bool paired(const Conv& c) {
    return kMasks && 2 * c.out_c == kLanes && c.kernel_w == 3 && c.kernel_h == 3 &&
           c.stride_w == 1 && c.out_w % 2 == 0;
}

// For each vector of channels the bias, then the weights of each tap.
inline bool prepare(const void* fields, const float* weight, const float* bias, float* to) {
    const Conv& c = conv_of(fields);
    const ptrdiff_t taps = static_cast<ptrdiff_t>(c.kernel_h) * c.kernel_w;
    for (ptrdiff_t first = 0; first < c.out_c; first += kLanes) {
        for (ptrdiff_t tap = -1; tap < taps; ++tap) {
            for (ptrdiff_t lane = first; lane < first + kLanes; ++lane) {
                const ptrdiff_t o = paired(c) ? lane % c.out_c : lane;
                *to++ = o >= c.out_c ? 0.0f : tap < 0 ? bias[o] : packed(c, weight, 1, tap, 0, o);
            }
        }
    }
    return true;
}

inline ptrdiff_t workspace_floats(const void* fields) {
    const Conv& c = conv_of(fields);
    return static_cast<ptrdiff_t>(c.in_w) * c.in_c;
}

inline ptrdiff_t parts(const void* fields) { return conv_of(fields).out_h; }

template <int kernel, int stride>
void run(const void* fields, const float* prepared, const float* x, const float* residual, float* y,
         float* workspace, ptrdiff_t first, ptrdiff_t end) {
    const Conv& c = conv_of(fields);
    const ptrdiff_t channels = c.out_c, row = static_cast<ptrdiff_t>(c.in_w) * channels;
    for (ptrdiff_t i = 0; i < row; ++i) workspace[i] = 0.0f;
    const ptrdiff_t count = (c.out_w + kMostPixels - 1) / kMostPixels;
    const ptrdiff_t size = c.out_w / count, larger = c.out_w % count;
    Run r;
    r.w = prepared, r.channels = channels, r.limits = limits_of(c);
    for (ptrdiff_t oy = first; oy < end; ++oy) {
        const float* from[kernel];
        for (ptrdiff_t k = 0; k < kernel; ++k) {
            const ptrdiff_t in = oy * c.stride_h - c.pad_h + k * c.dilation_h;
            from[k] = in < 0 || in >= c.in_h ? workspace : x + in * row;
        }
        ptrdiff_t done = 0;
        for (ptrdiff_t t = 0; t < count; ++t) {
            const ptrdiff_t pixels = size + (t < larger), at = (oy * c.out_w + done) * channels;
            const ptrdiff_t start = (done * stride - c.pad_w) * channels;
            for (ptrdiff_t k = 0; k < kernel; ++k) r.rows[k] = from[k] + start;
            r.y = y + at, r.residual = residual ? residual + at : nullptr;
            Tiles<kernel, stride>::of(t == 0 ? c.pad_w : 0, t + 1 == count ? overhang(c) : 0,
                                      pixels)(r);
            done += pixels;
        }
    }
}

// A kernel of one pixel, which is a batch normalisation that no convolution precedes.
inline bool is_norm(const void* fields) {
    const Conv& c = conv_of(fields);
    return c.kernel_h == 1 && c.kernel_w == 1 && c.stride_h == 1 && c.stride_w == 1 &&
           c.pad_h == 0 && c.pad_w == 0 && c.in_h == c.out_h && c.in_w == c.out_w;
}
inline ptrdiff_t no_floats(const void*) { return 0; }
inline ptrdiff_t pixels(const void* fields) {
    const Conv& c = conv_of(fields);
    return static_cast<ptrdiff_t>(c.out_h) * c.out_w;
}
inline void norm(const void* fields, const float* prepared, const float* x, const float* residual,
                 float* y, float*, ptrdiff_t first, ptrdiff_t end) {
    const Conv& c = conv_of(fields);
    const Limits limits = limits_of(c);
    const ptrdiff_t channels = c.out_c;
    for (ptrdiff_t pixel = first; pixel < end; ++pixel) {
        const float* w = prepared;
        for (ptrdiff_t at = 0; at < channels; at += kLanes, w += 2 * kLanes) {
            const ptrdiff_t i = pixel * channels + at, count = channels - at;
            const Vec in = count >= kLanes ? load(x + i) : load_mask(x + i, mask_lanes(0, count));
            const Vec sum = fma(in, load(w + kLanes), load(w));
            put(y + i, sum, residual ? residual + i : nullptr, count, limits);
        }
    }
}
constexpr ProgramAlgorithm kNorm = {
    "norm", "depthwise", is_norm, prepared_floats, prepare, no_floats, pixels, nullptr, norm};

template <int kernel, int stride>
constexpr ProgramAlgorithm algorithm(const char* name) {
    return {name,  "depthwise", fits<kernel, stride>, prepared_floats, prepare, workspace_floats,
            parts, nullptr,     run<kernel, stride>};
}
constexpr ProgramAlgorithm k5x5 = algorithm<5, 1>("depthwise-5x5");
constexpr ProgramAlgorithm k5x5Stride2 = algorithm<5, 2>("depthwise-5x5/2");

}  // namespace depthwise
}  // namespace fast
