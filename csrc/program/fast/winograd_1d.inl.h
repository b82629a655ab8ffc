// Dense convolutions of five rows by Winograd's algorithm along the columns of the image alone:
// F(4x1, 5x5), of 20 products 8. Rows are transformed as they lie in memory, [W][C], so that
// neither the number of channels nor the width of the kernel matters:
//   V[plane][pixels of a row, C_in]   the transformed rows of a tile of four output rows
//   U[block of C_out][plane][kernel_w, C_in][C_out of the block]  the transformed weights
//   M[plane][pixels][C_out of the block] = V[plane] U[plane], as a convolution of one row
// One or two rows that are left over are a tile of two. A max-pool of 2x2 is taken with them.
//
// Ten rows with stride 2 are five rows of two channels with stride 1: the even rows of the image
// and the odd ones, side by side. So it is for one channel, whose rows interleave() lays that way.

namespace fast {
namespace by_winograd_1d {

using by_winograd::kLimit;
using winograd::Doubles;
using winograd::Floats;
using winograd::kPanel;

constexpr int kTaps = 5, kTile = 4, kHalf = 2;  // rows of the kernel and of tiles
constexpr int kPlanes = kTile + kTaps - 1, kHalfPlanes = kHalf + kTaps - 1;
constexpr ptrdiff_t kShortest = 8;   // floats of a kernel's row: with fewer, transforms take longer
constexpr ptrdiff_t kBudget = 6144;  // floats of V that the nearest cache keeps
constexpr ptrdiff_t kNear = ptrdiff_t{1} << 18;  // floats of U that the second cache keeps

// Whether one or two rows are left over.
inline bool has_half(const Conv& c) { return (c.out_h + 1) % kTile >= 2; }
inline ptrdiff_t planes(const Conv& c) { return kPlanes + (has_half(c) ? kHalfPlanes : 0); }

// Rows of the kernel, stride and dilation, and what the products take.
inline bool is_plain(const Conv& c) {
    const bool five = c.kernel_h == kTaps && c.stride_h == 1;
    const bool ten = c.kernel_h == 2 * kTaps && c.stride_h == 2 && c.in_c == 1;
    return c.groups == 1 && (five || ten) && c.dilation_h == 1 && c.dilation_w == 1 &&
           c.out_h > 1 && c.out_w > 1;
}

// Channels that the rows of a stride make, and the floats of a row of the kernel with these.
inline ptrdiff_t inputs(const Conv& c) { return static_cast<ptrdiff_t>(c.in_c) * c.stride_h; }
inline ptrdiff_t span_of(const Conv& c) { return c.kernel_w * inputs(c); }

struct Plan {
    ptrdiff_t columns;  // output pixels of a row that are computed together: an even number
    ptrdiff_t pitch;    // floats from one of V's planes to the next
    ptrdiff_t group;    // tiles whose rows are transformed together: they read U block by block
};
inline Plan plan(const Conv& c) {
    const ptrdiff_t in = inputs(c), pixel = c.stride_w * in, more = (c.kernel_w - c.stride_w) * in;
    const ptrdiff_t most = most_pixels(kVecs);
    Plan p;
    p.columns = max(most, (kBudget / kPlanes - more) / pixel / most * most);
    const ptrdiff_t count = (c.out_w + p.columns - 1) / p.columns;
    p.columns = ((c.out_w + count - 1) / count + 1) / 2 * 2;
    p.pitch = round_up(p.columns * pixel + max(0, more), c.stride_h * kLanes);
    p.group = min((c.out_h + kTile - 1) / kTile, max(1, kBudget / (kPlanes * p.pitch)));
    return p;
}

inline bool fits(const void* fields) {
    const Conv& c = conv_of(fields);
    return is_plain(c) && span_of(c) >= kShortest && dense::fits(fields) &&
           planes(c) * span_of(c) * round_up(c.out_c, kLanes) <= kNear;
}

inline ptrdiff_t prepared_floats(const void* fields) {
    const Conv& c = conv_of(fields);
    return (planes(c) * span_of(c) + 1) * round_up(c.out_c, kLanes);
}

// One input float of some output channels: its taps, from the top down, in all planes of U, which
// lie `plane` floats apart. False: they are too large.
template <int count>
bool transform_weights(const Conv& c, const float* weight, ptrdiff_t i, ptrdiff_t o,
                       ptrdiff_t inside, float* to, ptrdiff_t plane) {
    Doubles taps[kTaps] = {}, planes[count];
    auto in_range = Floats{} == Floats{};
    const ptrdiff_t column = i / inputs(c), row = i % inputs(c) / c.in_c;
    for (ptrdiff_t k = 0; k < kTaps && o < round_up(c.out_c, 8); ++k) {
        Floats values;
        const ptrdiff_t tap = (k * c.stride_h + row) * c.kernel_w + column;
        const float* from = packed_at(c, weight, c.in_c, tap, i % c.in_c, o);
        __builtin_memcpy(&values, from, sizeof values);
        in_range &= (values < kLimit) & (values > -kLimit);
        taps[k] = __builtin_convertvector(values, Doubles);
    }
    winograd::weights_1d(taps, planes);
    for (int p = 0; p < count; ++p) {
        const Floats values = __builtin_convertvector(planes[p], Floats);
        for (ptrdiff_t k = 0; k < inside; ++k) to[p * plane + k] = values[k];
    }
    for (int k = 0; k < kPanel; ++k)
        if (!in_range[k]) return false;
    return true;
}

// The bias, then U of tiles of four rows, and of two.
inline bool prepare(const void* fields, const float* weight, const float* bias, float* to) {
    const Conv& c = conv_of(fields);
    const ptrdiff_t all = round_up(c.out_c, kLanes), span = span_of(c);
    for (ptrdiff_t o = 0; o < all; ++o) *to++ = o < c.out_c ? bias[o] : 0.0f;
    bool in_range = true;
    for (int tiles = 0; tiles < (has_half(c) ? 2 : 1); ++tiles) {
        const bool half = tiles == 1;
        const ptrdiff_t count = half ? kHalfPlanes : kPlanes;
        for (ptrdiff_t first = 0; first < c.out_c; first += kBlock) {
            const ptrdiff_t width = block_width(c.out_c, first), plane = span * width;
            for (ptrdiff_t i = 0; i < span; ++i) {
                for (ptrdiff_t o = first; o < first + width; o += kPanel) {
                    const ptrdiff_t inside = min(kPanel, first + width - o);
                    float* place = to + i * width + o - first;
                    in_range &=
                        half ? transform_weights<kHalfPlanes>(c, weight, i, o, inside, place, plane)
                             : transform_weights<kPlanes>(c, weight, i, o, inside, place, plane);
                }
            }
            to += count * plane;
        }
    }
    return in_range;
}

inline ptrdiff_t workspace_floats(const void* fields) {
    const Conv& c = conv_of(fields);
    const Plan p = plan(c);
    return kPlanes * (p.group * p.pitch + p.columns * kBlock);
}

// Tiles.
inline ptrdiff_t parts(const void* fields) { return (conv_of(fields).out_h + kTile - 1) / kTile; }

inline bool accepts(const void* fields, const float* x, ptrdiff_t first, ptrdiff_t end) {
    const Conv& c = conv_of(fields);
    return by_winograd::rows_in_range(c, x, kTile * c.stride_h, first, end, parts(fields));
}

// A vector of each of `count` rows from `top` on, c.stride_h apart, at float `from` of the image's
// rows, transformed; `floats` are left, and zeros are outside of these and of the image.
template <int count>
inline void transform(const Conv& c, const float* x, ptrdiff_t top, ptrdiff_t from,
                      ptrdiff_t floats, Vec (&t)[count]) {
    const ptrdiff_t row = static_cast<ptrdiff_t>(c.in_w) * c.in_c, step = c.stride_h;
    const ptrdiff_t end = min(row - from, floats);
    Vec d[count];
    if (top >= 0 && top + (count - 1) * step < c.in_h && from >= 0 && end >= kLanes) {
#pragma GCC unroll 8
        for (int i = 0; i < count; ++i) d[i] = load(x + (top + i * step) * row + from);
    } else {
        const Mask lanes = mask_lanes(-from, end);
#pragma GCC unroll 8
        for (int i = 0; i < count; ++i) {
            const ptrdiff_t in = top + i * step;
            d[i] = in >= 0 && in < c.in_h ? load_mask(x + in * row + from, lanes) : zero();
        }
    }
    winograd::input_1d(d, t);
}

// `floats` of rows from `top` on, from float `left` of the image's rows on, transformed into planes
// that lie `pitch` apart, with zeros up to a whole vector.
template <int count>
void transform_rows(const Conv& c, const float* x, ptrdiff_t top, ptrdiff_t left, ptrdiff_t floats,
                    float* v, ptrdiff_t pitch) {
    for (ptrdiff_t at = 0; at < floats; at += kLanes) {
        Vec t[count];
        transform(c, x, top, left + at, floats - at, t);
        if (c.stride_h == 1) {
#pragma GCC unroll 8
            for (int i = 0; i < count; ++i) store(v + i * pitch + at, t[i]);
            continue;
        }
        Vec next[count];
        transform(c, x, top + 1, left + at, floats - at, next);
#pragma GCC unroll 8
        for (int i = 0; i < count; ++i) {
            Vec low, high;
            interleave(t[i], next[i], low, high);
            store(v + i * pitch + 2 * at, low);
            store(v + i * pitch + 2 * at + kLanes, high);
        }
    }
}

// Where the pixels of a tile go: of `rows` rows that lie y_row apart; the residual may be null.
struct Outputs {
    const float *bias, *residual;
    float* y;
    ptrdiff_t rows, y_row, y_pixel, channels;
    Limits limits;
};

// The sums of a pixel of all rows of a tile, without bias.
template <int count, int tile>
inline void sums(const float* m, ptrdiff_t plane, Vec (&y)[tile]) {
    Vec planes[count];
#pragma GCC unroll 8
    for (int p = 0; p < count; ++p) planes[p] = load(m + p * plane);
    winograd::output_1d(planes, y);
}

template <int count, int tile>
void put_pixels(const float* m, ptrdiff_t plane, ptrdiff_t width, ptrdiff_t pixels,
                const Outputs& to) {
    for (ptrdiff_t p = 0; p < pixels; ++p) {
        for (ptrdiff_t at = 0; at < to.channels; at += kLanes) {
            Vec y[tile];
            sums<count>(m + p * width + at, plane, y);
            const Vec bias = load(to.bias + at);
#pragma GCC unroll 4
            for (int i = 0; i < tile; ++i) {
                if (i >= to.rows) break;
                const ptrdiff_t place = i * to.y_row + p * to.y_pixel + at;
                put(to.y + place, add(y[i], bias), to.residual ? to.residual + place : nullptr,
                    to.channels - at, to.limits);
            }
        }
    }
}

// The largest of two pixels of two rows: bias and activation, which keep the order, come after it.
template <int count, int tile>
void put_pooled(const float* m, ptrdiff_t plane, ptrdiff_t width, ptrdiff_t pixels,
                const Outputs& to) {
    for (ptrdiff_t p = 0; p < pixels / 2; ++p) {
        for (ptrdiff_t at = 0; at < to.channels; at += kLanes) {
            Vec left[tile], right[tile];
            sums<count>(m + 2 * p * width + at, plane, left);
            sums<count>(m + (2 * p + 1) * width + at, plane, right);
            const Vec bias = load(to.bias + at);
#pragma GCC unroll 2
            for (int i = 0; i < tile / 2; ++i) {
                if (i >= to.rows) break;
                const Vec most =
                    max(max(left[2 * i], right[2 * i]), max(left[2 * i + 1], right[2 * i + 1]));
                put(to.y + i * to.y_row + p * to.y_pixel + at, add(most, bias), nullptr,
                    to.channels - at, to.limits);
            }
        }
    }
}

// A block of output channels of a tile, whose weights are u, for `pixels` pixels of each row.
template <int count, int tile, bool pooled>
void multiply(const Conv& c, const Plan& p, const float* u, const float* v, ptrdiff_t pixels,
              const Outputs& to, float* m) {
    const ptrdiff_t span = span_of(c), pixel = c.stride_w * inputs(c);
    const ptrdiff_t width = round_up(to.channels, kLanes), plane = pixels * width;
    const Shares shares = share(pixels, static_cast<int>(width / kLanes));
    const TileKernels* larger = &kTiles[width / kLanes - 1][shares.size];
    const TileKernels* kernels = larger - 1;
    const ptrdiff_t done = shares.larger * (shares.size + 1);
    for (ptrdiff_t k = 0; k < count; ++k, u += span * width, v += p.pitch) {
        float* sum = m + k * plane;
        const Ahead none = {u, 0};
        if (done) larger->products(v, pixel, u, span, sum, width, shares.larger, none);
        kernels->products(v + done * pixel, pixel, u, span, sum + done * width, width, shares.count,
                          none);
    }
    if (pooled) {
        put_pooled<count, tile>(m, plane, width, pixels, to);
    } else {
        put_pixels<count, tile>(m, plane, width, pixels, to);
    }
}

// Tiles from `begin` to `end`. Pixels of y and of the residual lie y_pixel floats apart.
template <bool pooled>
void convolve(const void* fields, const float* prepared, const float* x, const float* residual,
              float* y, ptrdiff_t y_pixel, float* workspace, ptrdiff_t begin, ptrdiff_t end) {
    const Conv& c = conv_of(fields);
    const Plan p = plan(c);
    const ptrdiff_t out = c.out_c, span = span_of(c), shrunk = pooled ? 2 : 1;
    const float* u = prepared + round_up(out, kLanes);
    const float* u_half = u + kPlanes * span * round_up(out, kLanes);
    float* m = workspace + p.group * kPlanes * p.pitch;
    const ptrdiff_t y_row = c.out_w / shrunk * y_pixel;
    const auto is_half = [&](ptrdiff_t t) { return c.out_h - t * kTile <= kHalf; };
    const auto v_of = [&](ptrdiff_t t) {
        return workspace + (t - begin) % p.group * kPlanes * p.pitch;
    };
    for (ptrdiff_t first = begin; first < end; first += p.group) {
        const ptrdiff_t last = min(end, first + p.group);
        for (ptrdiff_t left = 0; left < c.out_w; left += p.columns) {
            const ptrdiff_t pixels = min(p.columns, c.out_w - left);
            const ptrdiff_t from = (left * c.stride_w - c.pad_w) * c.in_c;
            const ptrdiff_t floats = ((pixels - 1) * c.stride_w + c.kernel_w) * c.in_c;
            for (ptrdiff_t t = first; t < last; ++t) {
                const ptrdiff_t top = t * kTile * c.stride_h - c.pad_h;
                if (is_half(t)) {
                    transform_rows<kHalfPlanes>(c, x, top, from, floats, v_of(t), p.pitch);
                } else {
                    transform_rows<kPlanes>(c, x, top, from, floats, v_of(t), p.pitch);
                }
            }
            for (ptrdiff_t o = 0; o < out; o += kBlock) {
                for (ptrdiff_t t = first; t < last; ++t) {
                    const ptrdiff_t top = t * kTile / shrunk;
                    const ptrdiff_t at = top * y_row + left / shrunk * y_pixel + o;
                    const Outputs to = {prepared + o,
                                        residual ? residual + at : nullptr,
                                        y + at,
                                        c.out_h / shrunk - top,
                                        y_row,
                                        y_pixel,
                                        min(kBlock, out - o),
                                        limits_of(c)};
                    if (is_half(t)) {
                        multiply<kHalfPlanes, kHalf, pooled>(c, p, u_half + kHalfPlanes * span * o,
                                                             v_of(t), pixels, to, m);
                    } else {
                        multiply<kPlanes, kTile, pooled>(c, p, u + kPlanes * span * o, v_of(t),
                                                         pixels, to, m);
                    }
                }
            }
        }
    }
}

inline void run(const void* fields, const float* prepared, const float* x, const float* residual,
                float* y, float* workspace, ptrdiff_t first, ptrdiff_t end) {
    const ptrdiff_t out = conv_of(fields).out_c;
    convolve<false>(fields, prepared, x, residual, y, out, workspace, first, end);
}
inline void run_apart(const void* fields, const float* prepared, const float* x, float* y,
                      ptrdiff_t y_pixel, float* workspace, ptrdiff_t first, ptrdiff_t end) {
    convolve<false>(fields, prepared, x, nullptr, y, y_pixel, workspace, first, end);
}
inline void run_pooled(const void* fields, const float* prepared, const float* x, float* y,
                       float* workspace, ptrdiff_t first, ptrdiff_t end) {
    const ptrdiff_t out = conv_of(fields).out_c;
    convolve<true>(fields, prepared, x, nullptr, y, out, workspace, first, end);
}

constexpr ProgramAlgorithm kConv = {
    "winograd-4x1", "conv",  fits, prepared_floats, prepare,   workspace_floats,
    parts,          accepts, run,  nullptr,         run_apart, run_pooled};

}  // namespace by_winograd_1d
}  // namespace fast
