// Dense convolutions of one input channel whose outputs would leave lanes idle: a vector holds
// neighbouring pixels of a row instead, and channels are put side by side when they are stored.
// After dense.inl.h, whose sums have the same order.

namespace fast {
namespace columns {

constexpr int kChannels = 6;  // that are computed together

inline ptrdiff_t taps(const Conv& c) { return static_cast<ptrdiff_t>(c.kernel_h) * c.kernel_w; }

inline bool fits(const void* fields) {
    const Conv& c = conv_of(fields);
    return c.in_c == 1 && c.stride_w == 1 && c.dilation_w == 1 && c.out_h > 1 &&
           c.out_w >= kLanes && ptrdiff_t{4} * c.out_c <= 3 * round_up(c.out_c, kLanes) &&
           !dense::plan(c).upright && dense::fits(fields);
}

inline ptrdiff_t prepared_floats(const void* fields) {
    return conv_of(fields).out_c * (taps(conv_of(fields)) + 1);
}

// The bias, then the weights of each tap for each few channels.
inline bool prepare(const void* fields, const float* weight, const float* bias, float* to) {
    const Conv& c = conv_of(fields);
    for (ptrdiff_t o = 0; o < c.out_c; ++o) *to++ = bias[o];
    for (ptrdiff_t first = 0; first < c.out_c; first += kChannels) {
        for (ptrdiff_t tap = 0; tap < taps(c); ++tap) {
            for (ptrdiff_t o = first; o < min(first + kChannels, c.out_c); ++o)
                *to++ = packed(c, weight, 1, tap, 0, o);
        }
    }
    return true;
}

// Two vectors of pixels, that begin at x and `apart` floats later, of some channels. Of each, the
// first pixels are left out that are stored already.
struct Run {
    const float *x, *w, *bias, *residual;
    float* y;
    ptrdiff_t x_row, kernel_h, kernel_w, y_pixel;
    ptrdiff_t apart, written[2];
    Limits limits;
};

template <int channels>
inline void tile(const Run& r) {
    Vec sum[2][channels];
#pragma GCC unroll 6
    for (int o = 0; o < channels; ++o) sum[0][o] = sum[1][o] = set1(r.bias[o]);
    const float* w = r.w;
    for (ptrdiff_t k = 0; k < r.kernel_h; ++k) {
        const float* x = r.x + k * r.x_row;
        for (ptrdiff_t l = 0; l < r.kernel_w; ++l, ++x, w += channels) {
            const Vec first = load(x), second = load(x + r.apart);
#pragma GCC unroll 6
            for (int o = 0; o < channels; ++o) {
                const Vec weight = broadcast(w + o);
                sum[0][o] = fma(first, weight, sum[0][o]);
                sum[1][o] = fma(second, weight, sum[1][o]);
            }
        }
    }
#pragma GCC unroll 2
    for (int v = 0; v < 2; ++v) {
        for (int from = 0; from < channels; from += kLanes) {
            Vec rows[kLanes];
#pragma GCC unroll 16
            for (int o = 0; o < kLanes; ++o)
                rows[o] = from + o < channels ? sum[v][from + o] : zero();
            transpose(rows);
            for (ptrdiff_t p = r.written[v]; p < kLanes; ++p) {
                const ptrdiff_t at = (v * r.apart + p) * r.y_pixel + from;
                put(r.y + at, rows[p], r.residual ? r.residual + at : nullptr, channels - from,
                    r.limits);
            }
        }
    }
}

using Tile = void (*)(const Run&);
constexpr Tile kTiles[kChannels] = {tile<1>, tile<2>, tile<3>, tile<4>, tile<5>, tile<6>};

inline void run(const void* fields, const float* prepared, const float* x, const float* residual,
                float* y, float* workspace, ptrdiff_t begin, ptrdiff_t end) {
    const Conv& c = conv_of(fields);
    const dense::Plan p = dense::plan(c);
    const ptrdiff_t out = c.out_c;
    Run r;
    r.x_row = c.dilation_h * p.row, r.kernel_h = c.kernel_h, r.kernel_w = c.kernel_w;
    r.y_pixel = out, r.limits = limits_of(c);
    for (ptrdiff_t top = begin; top < end; top += p.strip) {
        const ptrdiff_t rows = min(p.strip, end - top);
        const float* from = dense::strip(c, p, x, top, rows, workspace);
        for (ptrdiff_t row = 0; row < rows; ++row) {
            for (ptrdiff_t done = 0; done < c.out_w; done += 2 * kLanes) {
                // The last vectors end where the row does, over pixels that are stored already.
                const ptrdiff_t first = min(done, c.out_w - kLanes);
                const ptrdiff_t second = max(first, min(done + kLanes, c.out_w - kLanes));
                r.apart = second - first, r.written[0] = done - first;
                r.written[1] = min(kLanes, done + kLanes - second);
                r.x = from + row * c.stride_h * p.row + first;
                r.w = prepared + out, r.bias = prepared;
                for (ptrdiff_t o = 0; o < out; o += kChannels, r.bias += kChannels) {
                    const ptrdiff_t channels = min(kChannels, out - o);
                    const ptrdiff_t at = ((top + row) * c.out_w + first) * out + o;
                    r.y = y + at, r.residual = residual ? residual + at : nullptr;
                    kTiles[channels - 1](r);
                    r.w += channels * taps(c);
                }
            }
        }
    }
}

constexpr ProgramAlgorithm kConv = {"columns",       "conv",  fits,
                                    prepared_floats, prepare, dense::workspace_floats,
                                    dense::parts,    nullptr, run};

}  // namespace columns
}  // namespace fast
