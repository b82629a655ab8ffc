// Dense convolutions of five rows by Winograd's algorithm along the columns of the image alone:
// F(4x1, 5x5), of 20 products 8. Rows are transformed as they lie in memory, [W][C], so that
// neither the number of channels nor the width of the kernel matters:
//   V[plane][pixels of a row, C_in]   the transformed rows of a tile of four output rows
//   U[block of C_out][plane][kernel_w, C_in][C_out of the block]  the transformed weights
//   M[plane][pixels][C_out of the block] = V[plane] U[plane], as a convolution of one row
// One or two rows that are left over are a tile of two. A max-pool of 2x2 is taken with them.

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

// Stride and dilation of rows, and of what the products take.
inline bool is_plain(const Conv& c) {
    return c.groups == 1 && c.kernel_h == kTaps && c.stride_h == 1 && c.dilation_h == 1 &&
           c.dilation_w == 1 && c.out_h > 1 && c.out_w > 1;
}

struct Plan {
    ptrdiff_t columns;  // output pixels of a row that are computed together: an even number
    ptrdiff_t pitch;    // floats from one of V's planes to the next
};
inline Plan plan(const Conv& c) {
    const ptrdiff_t in = c.in_c, pixel = c.stride_w * in, more = (c.kernel_w - c.stride_w) * in;
    const ptrdiff_t most = most_pixels(kVecs);
    Plan p;
    p.columns = max(most, (kBudget / kPlanes - more) / pixel / most * most);
    const ptrdiff_t count = (c.out_w + p.columns - 1) / p.columns;
    p.columns = ((c.out_w + count - 1) / count + 1) / 2 * 2;
    p.pitch = round_up(p.columns * pixel + max(0, more), kLanes);
    return p;
}

inline bool fits(const void* fields) {
    const Conv& c = conv_of(fields);
    return is_plain(c) && dense::span_of(c) >= kShortest && dense::fits(fields) &&
           planes(c) * dense::span_of(c) * round_up(c.out_c, kLanes) <= kNear;
}

inline ptrdiff_t prepared_floats(const void* fields) {
    const Conv& c = conv_of(fields);
    return (planes(c) * dense::span_of(c) + 1) * round_up(c.out_c, kLanes);
}

// One input float of some output channels: its taps, from the top down, in all planes of U, which
// lie `plane` floats apart. False: they are too large.
template <int count>
bool transform_weights(const Conv& c, const float* weight, ptrdiff_t i, ptrdiff_t o,
                       ptrdiff_t inside, float* to, ptrdiff_t plane) {
    Doubles taps[kTaps] = {}, planes[count];
    auto in_range = Floats{} == Floats{};
    for (ptrdiff_t k = 0; k < kTaps && o < round_up(c.out_c, 8); ++k) {
        Floats values;
        const float* from =
            packed_at(c, weight, c.in_c, k * c.kernel_w + i / c.in_c, i % c.in_c, o);
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
    const ptrdiff_t all = round_up(c.out_c, kLanes), span = dense::span_of(c);
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
    return kPlanes * (p.pitch + p.columns * kBlock);
}

// Tiles.
inline ptrdiff_t parts(const void* fields) { return (conv_of(fields).out_h + kTile - 1) / kTile; }

inline bool accepts(const void* fields, const float* x, ptrdiff_t first, ptrdiff_t end) {
    return by_winograd::rows_in_range(conv_of(fields), x, kTile, first, end, parts(fields));
}

// `floats` of rows from `top` on, from float `left` of the image's rows on, with zeros outside the
// image, transformed into planes that lie `pitch` apart, with zeros up to a whole vector.
template <int count>
void transform_rows(const Conv& c, const float* x, ptrdiff_t top, ptrdiff_t left, ptrdiff_t floats,
                    float* v, ptrdiff_t pitch) {
    const ptrdiff_t row = static_cast<ptrdiff_t>(c.in_w) * c.in_c;
    const bool all = top >= 0 && top + count <= c.in_h;
    for (ptrdiff_t at = 0; at < floats; at += kLanes) {
        const ptrdiff_t from = left + at, end = min(row - from, floats - at);
        Vec d[count], t[count];
        if (all && from >= 0 && end >= kLanes) {
#pragma GCC unroll 8
            for (int i = 0; i < count; ++i) d[i] = load(x + (top + i) * row + from);
        } else {
            const Mask lanes = mask_lanes(-from, end);
#pragma GCC unroll 8
            for (int i = 0; i < count; ++i) {
                const bool inside = top + i >= 0 && top + i < c.in_h;
                d[i] = inside ? load_mask(x + (top + i) * row + from, lanes) : zero();
            }
        }
        winograd::input_1d(d, t);
#pragma GCC unroll 8
        for (int i = 0; i < count; ++i) store(v + i * pitch + at, t[i]);
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

// A tile that reads rows from `top` on, whose weights are u.
template <int count, int tile, bool pooled>
void convolve_tile(const Conv& c, const Plan& p, const float* u, const float* x, ptrdiff_t top,
                   Outputs to, float* workspace) {
    const ptrdiff_t in = c.in_c, out = c.out_c, span = dense::span_of(c), pixel = c.stride_w * in;
    float *v = workspace, *m = v + kPlanes * p.pitch;
    const Outputs first = to;
    for (ptrdiff_t left = 0; left < c.out_w; left += p.columns) {
        const ptrdiff_t pixels = min(p.columns, c.out_w - left);
        transform_rows<count>(c, x, top, left * pixel - c.pad_w * in, (pixels - 1) * pixel + span,
                              v, p.pitch);
        const float* w = u;
        for (ptrdiff_t o = 0; o < out; o += kBlock) {
            const ptrdiff_t width = block_width(out, o), plane = pixels * width;
            const Shares shares = share(pixels, static_cast<int>(width / kLanes));
            const TileKernels* larger = &kTiles[width / kLanes - 1][shares.size];
            const TileKernels* kernels = larger - 1;
            const ptrdiff_t done = shares.larger * (shares.size + 1);
            for (ptrdiff_t k = 0; k < count; ++k, w += span * width) {
                const float* from = v + k * p.pitch;
                float* sum = m + k * plane;
                const Ahead none = {w, 0};
                if (done) larger->products(from, pixel, w, span, sum, width, shares.larger, none);
                kernels->products(from + done * pixel, pixel, w, span, sum + done * width, width,
                                  shares.count, none);
            }
            const ptrdiff_t at = (pooled ? left / 2 : left) * to.y_pixel + o;
            to.bias = first.bias + o, to.y = first.y + at, to.channels = min(kBlock, out - o);
            to.residual = first.residual ? first.residual + at : nullptr;
            if (pooled) {
                put_pooled<count, tile>(m, plane, width, pixels, to);
            } else {
                put_pixels<count, tile>(m, plane, width, pixels, to);
            }
        }
    }
}

// Tiles from `begin` to `end`. Pixels of y and of the residual lie y_pixel floats apart.
template <bool pooled>
void convolve(const void* fields, const float* prepared, const float* x, const float* residual,
              float* y, ptrdiff_t y_pixel, float* workspace, ptrdiff_t begin, ptrdiff_t end) {
    const Conv& c = conv_of(fields);
    const Plan p = plan(c);
    const ptrdiff_t out = round_up(c.out_c, kLanes), shrunk = pooled ? 2 : 1;
    const float *u = prepared + out, *u_half = u + kPlanes * dense::span_of(c) * out;
    Outputs to = {prepared, nullptr, nullptr,     0, c.out_w / shrunk * y_pixel,
                  y_pixel,  0,       limits_of(c)};
    for (ptrdiff_t t = begin; t < end; ++t) {
        const ptrdiff_t top = t * kTile, left_over = c.out_h - top;
        const ptrdiff_t at = top / shrunk * to.y_row;
        to.y = y + at, to.residual = residual ? residual + at : nullptr;
        to.rows = left_over / shrunk;
        if (left_over <= kHalf) {
            convolve_tile<kHalfPlanes, kHalf, pooled>(c, p, u_half, x, top - c.pad_h, to,
                                                      workspace);
        } else {
            convolve_tile<kPlanes, kTile, pooled>(c, p, u, x, top - c.pad_h, to, workspace);
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
