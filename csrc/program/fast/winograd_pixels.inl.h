// As winograd_1d.inl.h, for one input channel and few outputs: the lanes are neighbouring pixels of
// a row, as in columns.inl.h, and channels are put side by side when they are stored.

namespace fast {
namespace by_winograd_pixels {

using by_winograd_1d::has_half;
using by_winograd_1d::kHalf;
using by_winograd_1d::kHalfPlanes;
using by_winograd_1d::kPlanes;
using by_winograd_1d::kTile;
using by_winograd_1d::planes;
using winograd::Doubles;

constexpr int kChannels = columns::kChannels;
constexpr int kFewLanes = kLanes > 8 ? 8 : kLanes;  // that store_few() stores

struct Plan {
    ptrdiff_t row, pitch;  // floats of an input row with its padding, and in whole vectors
    ptrdiff_t group;       // tiles whose rows are transformed together
};
inline Plan plan(const Conv& c) {
    Plan p;
    p.row = c.out_w + c.kernel_w - ptrdiff_t{1}, p.pitch = round_up(p.row, kLanes);
    p.group = max(1, by_winograd_1d::kBudget / (kPlanes * p.pitch));
    p.group = min(p.group, by_winograd_1d::parts(&c));
    return p;
}

inline bool fits(const void* fields) {
    const Conv& c = conv_of(fields);
    return columns::fits(fields) && by_winograd_1d::is_plain(c) && c.stride_h == 1;
}

inline ptrdiff_t prepared_floats(const void* fields) {
    const Conv& c = conv_of(fields);
    return (planes(c) * c.kernel_w + 1) * c.out_c;
}

// The weights of each tap of a row for some channels, in each plane.
template <int count>
float* prepare_planes(const Conv& c, const float* weight, float* to) {
    for (ptrdiff_t first = 0; first < c.out_c; first += kChannels) {
        const ptrdiff_t channels = min(kChannels, c.out_c - first);
        for (ptrdiff_t l = 0; l < c.kernel_w; ++l) {
            for (ptrdiff_t o = 0; o < channels; ++o) {
                Doubles taps[by_winograd_1d::kTaps] = {}, all[count];
                for (ptrdiff_t k = 0; k < by_winograd_1d::kTaps; ++k)
                    taps[k][0] = packed(c, weight, 1, k * c.kernel_w + l, 0, first + o);
                winograd::weights_1d(taps, all);
                for (ptrdiff_t p = 0; p < count; ++p)
                    to[(p * c.kernel_w + l) * channels + o] = static_cast<float>(all[p][0]);
            }
        }
        to += count * c.kernel_w * channels;
    }
    return to;
}

// The bias, then those of tiles of four rows, and of two.
inline bool prepare(const void* fields, const float* weight, const float* bias, float* to) {
    const Conv& c = conv_of(fields);
    for (ptrdiff_t o = 0; o < c.out_c; ++o) *to++ = bias[o];
    for (ptrdiff_t tap = 0; tap < columns::taps(c); ++tap) {
        for (ptrdiff_t o = 0; o < c.out_c; ++o)
            if (!(__builtin_fabsf(packed(c, weight, 1, tap, 0, o)) < by_winograd::kLimit))
                return false;
    }
    to = prepare_planes<kPlanes>(c, weight, to);
    if (has_half(c)) prepare_planes<kHalfPlanes>(c, weight, to);
    return true;
}

inline ptrdiff_t v_floats(const Plan& p) { return p.group * kPlanes * p.pitch; }
constexpr ptrdiff_t kSums = kPlanes * 2 * kChannels * kLanes;

inline ptrdiff_t workspace_floats(const void* fields) {
    const Plan p = plan(conv_of(fields));
    return v_floats(p) + kSums;
}

// Two vectors of pixels of some channels, as columns::Run; `x` is in the first plane.
struct Run {
    const float *x, *w, *bias, *residual;
    float* y;
    ptrdiff_t pitch, kernel_w, rows, y_row, y_pixel;
    ptrdiff_t apart, written[2];
    bool overlap;  // whether a pixel may be stored over the next one's place as well
    Limits limits;
};

// The products of a plane, two vectors for each channel.
template <int channels>
inline void products(const float* x, ptrdiff_t apart, const float* w, ptrdiff_t kernel_w,
                     float* m) {
    Vec sum[channels][2];
#pragma GCC unroll 6
    for (int o = 0; o < channels; ++o) sum[o][0] = sum[o][1] = zero();
    for (ptrdiff_t l = 0; l < kernel_w; ++l, ++x, w += channels) {
        const Vec first = load(x), second = load(x + apart);
#pragma GCC unroll 6
        for (int o = 0; o < channels; ++o) {
            const Vec weight = broadcast(w + o);
            sum[o][0] = fma(first, weight, sum[o][0]);
            sum[o][1] = fma(second, weight, sum[o][1]);
        }
    }
#pragma GCC unroll 6
    for (int o = 0; o < channels; ++o) {
        store(m + 2 * o * kLanes, sum[o][0]);
        store(m + (2 * o + 1) * kLanes, sum[o][1]);
    }
}

// Where the lanes of a vector go: those from `split` on are `apart` pixels further than the others
// would lead to. Of both parts, the first pixels may be stored already.
struct Lanes {
    int split;
    ptrdiff_t apart, written[2];
};

// Stores vectors of channels as pixels of a row.
template <int channels>
inline void put_lanes(const Run& r, const Vec (&sums)[channels], float* y, const float* residual,
                      const Lanes& to) {
    for (int from = 0; from < channels; from += kLanes) {
        Vec lanes[kLanes];
#pragma GCC unroll 16
        for (int o = 0; o < kLanes; ++o)
            lanes[o] = from + o >= channels ? zero()
                       : residual           ? sums[from + o]
                                            : limited(sums[from + o], r.limits);
        transpose(lanes);
#pragma GCC unroll 16
        for (int p = 0; p < kLanes; ++p) {
            const bool second = p >= to.split;
            const ptrdiff_t at = (p + (second ? to.apart : 0)) * r.y_pixel + from;
            if (r.overlap && p + 1 != to.split && p + 1 < kLanes) {
                store_few(y + at, lanes[p]);  // over the next pixel, which is stored after it
            } else if (!residual) {
                store_first(y + at, lanes[p], channels - from);
            } else if (p - (second ? to.split : 0) >= to.written[second]) {
                put(y + at, lanes[p], residual + at, channels - from, r.limits);
            }
        }
    }
}

template <int channels, int count, int tile, bool pooled>
void run_tile(const Run& r, float* m) {
    constexpr int kPlane = 2 * channels * kLanes, kRows = pooled ? tile / 2 : tile;
    for (int p = 0; p < count; ++p)
        products<channels>(r.x + p * r.pitch, r.apart, r.w + p * r.kernel_w * channels, r.kernel_w,
                           m + p * kPlane);
    Vec first[kRows][channels], second[kRows][channels];
#pragma GCC unroll 6
    for (int o = 0; o < channels; ++o) {
        Vec left[tile], right[tile];
        by_winograd_1d::sums<count>(m + 2 * o * kLanes, kPlane, left);
        by_winograd_1d::sums<count>(m + (2 * o + 1) * kLanes, kPlane, right);
        const Vec bias = set1(r.bias[o]);
#pragma GCC unroll 4
        for (int i = 0; i < kRows; ++i) {
            if constexpr (pooled) {
                Vec even, odd;
                deinterleave(max(left[2 * i], left[2 * i + 1]), max(right[2 * i], right[2 * i + 1]),
                             even, odd);
                first[i][o] = add(max(even, odd), bias);
            } else {
                first[i][o] = add(left[i], bias), second[i][o] = add(right[i], bias);
            }
        }
    }
#pragma GCC unroll 4
    for (int i = 0; i < kRows; ++i) {
        if (i >= r.rows) break;
        float* y = r.y + i * r.y_row;
        const float* residual = r.residual ? r.residual + i * r.y_row : nullptr;
        if constexpr (pooled) {
            put_lanes(r, first[i], y, residual, {kLanes / 2, r.apart / 2 - kLanes / 2, {}});
        } else {
            put_lanes(r, first[i], y, residual, {kLanes, 0, {r.written[0], 0}});
            y += r.apart * r.y_pixel, residual += residual ? r.apart * r.y_pixel : 0;
            put_lanes(r, second[i], y, residual, {kLanes, 0, {r.written[1], 0}});
        }
    }
}

using Tile = void (*)(const Run&, float*);
template <int count, int tile, bool pooled>
constexpr Tile kTiles[kChannels] = {
    run_tile<1, count, tile, pooled>, run_tile<2, count, tile, pooled>,
    run_tile<3, count, tile, pooled>, run_tile<4, count, tile, pooled>,
    run_tile<5, count, tile, pooled>, run_tile<6, count, tile, pooled>};

// A row of tiles, whose weights are r.w and whose transformed rows begin at x.
template <int count, int tile, bool pooled>
void convolve_tile(const Conv& c, Run r, const float* x, float* m) {
    constexpr ptrdiff_t kShrunk = pooled ? 2 : 1;
    const Run given = r;
    const ptrdiff_t width = c.out_w / kShrunk * kShrunk;
    for (ptrdiff_t done = 0; done < width; done += 2 * kLanes) {
        // The last vectors end where the row does, over pixels that are stored already.
        const ptrdiff_t first = min(done, width - kLanes);
        const ptrdiff_t second = max(first, min(done + kLanes, width - kLanes));
        r.apart = second - first, r.written[0] = done - first;
        r.written[1] = min(kLanes, done + kLanes - second);
        r.x = x + first, r.w = given.w;
        for (ptrdiff_t o = 0; o < c.out_c; o += kChannels) {
            const ptrdiff_t channels = min(kChannels, c.out_c - o);
            const ptrdiff_t at = first / kShrunk * r.y_pixel + o;
            r.bias = given.bias + o, r.y = given.y + at;
            r.residual = given.residual ? given.residual + at : nullptr;
            kTiles<count, tile, pooled>[channels - 1](r, m);
            r.w += count * c.kernel_w * channels;
        }
    }
}

template <bool pooled>
void convolve(const void* fields, const float* prepared, const float* x, const float* residual,
              float* y, float* workspace, ptrdiff_t begin, ptrdiff_t end) {
    constexpr ptrdiff_t kShrunk = pooled ? 2 : 1;
    const Conv& c = conv_of(fields);
    const Plan p = plan(c);
    const float *u = prepared + c.out_c, *u_half = u + kPlanes * c.kernel_w * c.out_c;
    float *v = workspace, *m = v + v_floats(p);
    Run r;
    r.pitch = p.pitch, r.kernel_w = c.kernel_w, r.y_pixel = c.out_c, r.bias = prepared;
    r.y_row = c.out_w / kShrunk * r.y_pixel, r.limits = limits_of(c);
    r.overlap = !residual && c.out_c <= min(kFewLanes, kChannels) && kFewLanes <= 2 * c.out_c;
    for (ptrdiff_t from = begin; from < end; from += p.group) {
        const ptrdiff_t tiles = min(p.group, end - from);
        for (ptrdiff_t t = 0; t < tiles; ++t) {
            const ptrdiff_t top = (from + t) * kTile - c.pad_h;
            float* to = v + t * kPlanes * p.pitch;
            if (c.out_h - (from + t) * kTile <= kHalf) {
                by_winograd_1d::transform_rows<kHalfPlanes>(c, x, top, -c.pad_w, p.row, to,
                                                            p.pitch);
            } else {
                by_winograd_1d::transform_rows<kPlanes>(c, x, top, -c.pad_w, p.row, to, p.pitch);
            }
        }
        for (ptrdiff_t t = 0; t < tiles; ++t) {
            const ptrdiff_t top = (from + t) * kTile, left_over = c.out_h - top;
            const float* transformed = v + t * kPlanes * p.pitch;
            const ptrdiff_t at = top / kShrunk * r.y_row;
            r.y = y + at, r.residual = residual ? residual + at : nullptr;
            r.rows = left_over / kShrunk;
            if (left_over <= kHalf) {
                r.w = u_half;
                convolve_tile<kHalfPlanes, kHalf, pooled>(c, r, transformed, m);
            } else {
                r.w = u;
                convolve_tile<kPlanes, kTile, pooled>(c, r, transformed, m);
            }
        }
    }
}

inline void run(const void* fields, const float* prepared, const float* x, const float* residual,
                float* y, float* workspace, ptrdiff_t first, ptrdiff_t end) {
    convolve<false>(fields, prepared, x, residual, y, workspace, first, end);
}
inline void run_pooled(const void* fields, const float* prepared, const float* x, float* y,
                       float* workspace, ptrdiff_t first, ptrdiff_t end) {
    convolve<true>(fields, prepared, x, nullptr, y, workspace, first, end);
}

constexpr ProgramAlgorithm kConv = {"winograd-4x1-pixels",
                                    "conv",
                                    fits,
                                    prepared_floats,
                                    prepare,
                                    workspace_floats,
                                    by_winograd_1d::parts,
                                    by_winograd_1d::accepts,
                                    run,
                                    nullptr,
                                    nullptr,
                                    run_pooled};

}  // namespace by_winograd_pixels
}  // namespace fast
