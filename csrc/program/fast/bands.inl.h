// Depthwise 3x3: two rows of the output at once, whose inputs are loaded once for both, with the
// weights in registers.

namespace fast {
namespace bands {

using depthwise::overhang;

constexpr int kAtOnce = 4;          // pixels of a row
constexpr ptrdiff_t kSequel = 256;  // floats of a row for which the weights stay in registers

// Rows that one row of the output reads, or two of them.
constexpr int inputs(int outs, int stride) { return (outs - 1) * stride + 3; }

struct Band {
    const float* rows[inputs(2, 2)];  // of the first pixel's first column, which may lie outside
    const float *w, *residual;
    float* y;
    ptrdiff_t channels, y_row, steps;
    ptrdiff_t column;  // floats from one input column to the next
    Limits limits;
};

// What a vector holds: whole vectors of channels, or some, or two neighbouring pixels
// (depthwise.inl.h says when), which take the part of one: its columns are two apart, and where one
// of them lies outside, the other one's lanes are loaded alone.
enum class Kind { kWhole, kSome, kPairs };
constexpr int across(Kind kind, int stride) { return kind == Kind::kPairs ? 2 : stride; }

template <Kind kind>
inline Vec get(const float* from, Mask lanes) {
    return kind != Kind::kSome ? load_once(from) : load_some(from, lanes);
}
template <Kind kind>
inline void set(float* to, Mask lanes, Vec v) {
    if (kind != Kind::kSome) {
        store(to, v);
    } else {
        store_some(to, lanes, v);
    }
}

template <Kind kind, int outs, int pixels>
inline void finish(const Band& r, ptrdiff_t at, Mask lanes, Vec (&sum)[outs][pixels]) {
#pragma GCC unroll 2
    for (int o = 0; o < outs; ++o) {
#pragma GCC unroll 4
        for (int p = 0; p < pixels; ++p) {
            const ptrdiff_t place = at + o * r.y_row + p * r.channels;
            if (r.residual) sum[o][p] = add(sum[o][p], get<kind>(r.residual + place, lanes));
        }
    }
    if (r.limits.kind > 0) {
#pragma GCC unroll 2
        for (int o = 0; o < outs; ++o) {
#pragma GCC unroll 4
            for (int p = 0; p < pixels; ++p) sum[o][p] = max(r.limits.low, sum[o][p]);
        }
    }
    if (r.limits.kind > 1) {
#pragma GCC unroll 2
        for (int o = 0; o < outs; ++o) {
#pragma GCC unroll 4
            for (int p = 0; p < pixels; ++p) sum[o][p] = min(r.limits.high, sum[o][p]);
        }
    }
#pragma GCC unroll 2
    for (int o = 0; o < outs; ++o) {
#pragma GCC unroll 4
        for (int p = 0; p < pixels; ++p)
            set<kind>(r.y + at + o * r.y_row + p * r.channels, lanes, sum[o][p]);
    }
}

// A vector of channels of some pixels. `left` columns of the first pixel lie outside the image,
// `right` of the last one. No sum waits for the one before it: all pixels get a tap, then the next.
template <Kind kind, int stride, int outs, int pixels, int left, int right>
inline void step(const Band& r, ptrdiff_t x_at, ptrdiff_t y_at, Mask lanes, const Vec (&weight)[9],
                 Vec bias) {
    constexpr int kStep = across(kind, stride);
    constexpr int kRows = inputs(outs, stride), kColumns = inputs(pixels, kStep);
    const Mask one = mask_lanes(0, kLanes / 2), other = mask_lanes(kLanes / 2, kLanes);
    Vec sum[outs][pixels];
#pragma GCC unroll 2
    for (int o = 0; o < outs; ++o) {
#pragma GCC unroll 4
        for (int p = 0; p < pixels; ++p) sum[o][p] = bias;
    }
#pragma GCC unroll 5
    for (int in = 0; in < kRows; ++in) {
        const float* x = r.rows[in] + x_at;
        Vec value[kColumns];
#pragma GCC unroll 9
        for (int column = 0; column < kColumns; ++column) {
            const bool outside = column < left || column >= kColumns - right;
            const float* from = x + column * r.column;
            if (!outside) value[column] = get<kind>(from, lanes);
            if (outside && kind == Kind::kPairs)
                value[column] = load_mask(from, column < left ? other : one);
        }
#pragma GCC unroll 3
        for (int tap = 0; tap < 3; ++tap) {
#pragma GCC unroll 2
            for (int o = 0; o < outs; ++o) {
                const int row = in - o * stride;
                if (row < 0 || row > 2) continue;
#pragma GCC unroll 4
                for (int p = 0; p < pixels; ++p) {
                    const int column = p * kStep + tap;
                    const bool outside = column < left || column >= kColumns - right;
                    if (!outside || kind == Kind::kPairs)
                        sum[o][p] = fma(value[column], weight[row * 3 + tap], sum[o][p]);
                }
            }
        }
    }
    finish<kind>(r, y_at, lanes, sum);
}

template <Kind kind, int stride, int outs, int pixels, int left, int right>
void tile(const Band& r) {
    const float* w = r.w;
    for (ptrdiff_t at = 0; at < r.channels; at += kLanes, w += 10 * kLanes) {
        const Mask lanes = mask_lanes(0, r.channels - at);
        Vec weight[9];
        const Vec bias = load(w);
#pragma GCC unroll 9
        for (int tap = 0; tap < 9; ++tap) weight[tap] = load(w + (tap + 1) * kLanes);
        ptrdiff_t x = at, y = at;
        for (ptrdiff_t n = r.steps; n > 0; --n) {
            step<kind, stride, outs, pixels, left, right>(r, x, y, lanes, weight, bias);
            x += pixels * across(kind, stride) * r.column, y += pixels * r.channels;
        }
    }
}

using Tile = void (*)(const Band&);
template <Kind kind, int stride, int outs, int left, int right>
Tile tile_of(ptrdiff_t pixels) {
    constexpr Tile kTiles[kAtOnce] = {
        tile<kind, stride, outs, 1, left, right>, tile<kind, stride, outs, 2, left, right>,
        tile<kind, stride, outs, 3, left, right>, tile<kind, stride, outs, 4, left, right>};
    return kTiles[pixels - 1];
}
template <Kind kind, int stride, int outs>
Tile tile_of(ptrdiff_t pixels, bool left, bool right) {
    if (left && right) return tile_of<kind, stride, outs, 1, 1>(pixels);
    if (left) return tile_of<kind, stride, outs, 1, 0>(pixels);
    if (right) return tile_of<kind, stride, outs, 0, 1>(pixels);
    return tile_of<kind, stride, outs, 0, 0>(pixels);
}
template <int stride, int outs>
Tile tile_of(Kind kind, ptrdiff_t pixels, bool left, bool right) {
    if constexpr (kMasks) {
        if (kind == Kind::kSome) return tile_of<Kind::kSome, stride, outs>(pixels, left, right);
        if constexpr (stride == 1) {
            if (kind == Kind::kPairs)
                return tile_of<Kind::kPairs, stride, outs>(pixels, left, right);
        }
    }
    return tile_of<Kind::kWhole, stride, outs>(pixels, left, right);
}

// One row of the output, or two, in tiles of nearly the same size.
template <int stride, int outs>
inline void band(const Conv& c, Kind kind, Band r) {
    const ptrdiff_t width = kind == Kind::kPairs ? c.out_w / 2 : c.out_w;
    const ptrdiff_t count = (width + kAtOnce - 1) / kAtOnce;
    const ptrdiff_t size = width / count, larger = width % count;
    const ptrdiff_t most = max(1, kSequel / (r.channels * kAtOnce));
    for (ptrdiff_t t = 0; t < count; t += r.steps) {
        const ptrdiff_t pixels = size + (t < larger);
        const bool left = t == 0 && c.pad_w, right = t + 1 == count && overhang(c);
        const ptrdiff_t alike = (t < larger ? larger : count - (overhang(c) > 0)) - t;
        r.steps = left || right ? 1 : max(1, min(most, alike));
        tile_of<stride, outs>(kind, pixels, left, right)(r);
        const ptrdiff_t done = r.steps * pixels;
        for (const float*& row : r.rows) row += done * across(kind, stride) * r.column;
        r.y += done * r.channels;
        if (r.residual) r.residual += done * r.channels;
    }
}

template <int stride>
void run(const void* fields, const float* prepared, const float* x, const float* residual, float* y,
         float* workspace, ptrdiff_t first, ptrdiff_t end) {
    const Conv& c = conv_of(fields);
    const ptrdiff_t channels = c.out_c, row = static_cast<ptrdiff_t>(c.in_w) * channels;
    for (ptrdiff_t i = 0; i < row; ++i) workspace[i] = 0.0f;
    const Kind kind = depthwise::paired(c)               ? Kind::kPairs
                      : kMasks && channels % kLanes != 0 ? Kind::kSome
                                                         : Kind::kWhole;
    const bool two = c.stride_h == stride && c.dilation_h == 1;
    Band r;
    r.w = prepared, r.channels = kind == Kind::kPairs ? kLanes : channels, r.column = channels;
    r.limits = limits_of(c), r.y_row = c.out_w * channels;
    for (ptrdiff_t oy = first, outs; oy < end; oy += outs) {
        outs = two && end - oy > 1 ? 2 : 1;
        for (ptrdiff_t k = 0; k < inputs(2, 2); ++k) {
            const ptrdiff_t in = oy * c.stride_h - c.pad_h + k * c.dilation_h;
            const bool outside = in < 0 || in >= c.in_h;
            r.rows[k] = (outside ? workspace : x + in * row) - c.pad_w * channels;
        }
        r.y = y + oy * r.y_row, r.residual = residual ? residual + oy * r.y_row : nullptr;
        if (outs == 2) {
            band<stride, 2>(c, kind, r);
        } else {
            band<stride, 1>(c, kind, r);
        }
    }
}

template <int stride>
constexpr ProgramAlgorithm algorithm(const char* name) {
    return {name,
            "depthwise",
            depthwise::fits<3, stride>,
            depthwise::prepared_floats,
            depthwise::prepare,
            depthwise::workspace_floats,
            depthwise::parts,
            nullptr,
            run<stride>};
}
constexpr ProgramAlgorithm k3x3 = algorithm<1>("depthwise-3x3");
constexpr ProgramAlgorithm k3x3Stride2 = algorithm<2>("depthwise-3x3/2");

}  // namespace bands
}  // namespace fast
