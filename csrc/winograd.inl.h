// relu(conv3x3 stride 1 padding 1 + bias), then 2x2 max-pool, NCHW in and out, by Winograd's F(2x2,
// 3x3) or F(4x4, 3x3) (Lavin and Gray, arXiv:1509.09308). Any Cin, Cout and sizes that fits()
// takes; floor at odd sizes.
//
// The tiles of the image (one per pooled pixel for F(2x2), one per 2x2 of them for F(4x4)) are
// numbered row by row and the vector lanes are tiles. So neither side needs a transpose, no channel
// count is rounded up, and only the last vector of an image may be partly empty. A group is up to
// kGroup vectors of tiles:
//   V[k][Cin][tiles]   the transformed input, k = 0 .. (t+2)^2 - 1
//   U[k][Cin][Cout]    the transformed weights, in panels of kPanel output channels, made once
//   M[k] = U[k]' V[k]  a matrix product: kPanel x kGroup accumulators, U as broadcast, V as vectors
// and the output transform, pool, bias and ReLU follow in registers.

namespace winograd {

constexpr int kGroup = 3;                         // vectors of tiles in a group ...
constexpr int kFew = 4;                           // ... but with so few input channels,
constexpr int kFewGroup = 8;                      // this many
constexpr int kPanel = kRegisters >= 32 ? 8 : 4;  // output channels of a register block
constexpr long kAheadLeast = 384;                 // floats of weights between prefetch and use
constexpr float kInputLimit =
    1152921504606846976.0f;                       // 2^60: beyond it the transforms could overflow
constexpr double kWeightLimit = 1099511627776.0;  // 2^40

// Sizes of one call. kTile is 2 or 4.
struct Plan {
    long cin, cout, h, w;
    long pooled_h, pooled_w;  // H / 2, W / 2
    long tiles_w;             // tiles in a row
    long group;               // vectors of tiles in a group, at most
    long groups;              // groups of tiles that share one pass over the weights
    long block;               // output channels whose products are held at once
    long v_plane, m_plane;    // floats from one k to the next, in one group
    long v_group, m_group;    // floats from one group to the next
};

template <int kTile>
Plan plan(long cin, long cout, long h, long w) {
    constexpr long kPlanes = (kTile + 2) * (kTile + 2);
    Plan p;
    p.cin = cin, p.cout = cout, p.h = h, p.w = w;
    p.pooled_h = h / 2, p.pooled_w = w / 2;
    p.tiles_w = (p.pooled_w + kTile / 2 - 1) / (kTile / 2);
    const long tiles_h = (p.pooled_h + kTile / 2 - 1) / (kTile / 2);
    p.group = kTile == 2 && cin <= kFew ? kFewGroup : kGroup;
    const long width = p.group * kLanes;
    // One vector beyond a multiple of the page size keeps the planes out of each other's cache
    // sets.
    p.v_plane = cin * width + kLanes;
    p.v_group = round_up(kPlanes * p.v_plane, kLanes);
    // Weights that live in the second-level cache may be read once per group. Larger ones are
    // shared by groups.
    const bool small = p.group == kFewGroup || cin * cout * kPlanes * 4 <= (1 << 20) * 3 / 4;
    p.groups = small ? 1 : min((tiles_h * p.tiles_w + width - 1) / width, 6);
    p.block = min(cout, 64);
    p.m_plane = p.block * width + kLanes;
    p.m_group = round_up(kPlanes * p.m_plane, kLanes);
    return p;
}

// Whether F(kTile x kTile) takes such images: a row must have two tiles, W >= 4 for F(2x2) and W >=
// 6 for F(4x4).
template <int kTile>
constexpr bool fits(long h, long w) {
    return h >= 2 && w >= kTile + 2;
}

template <int kTile>
long workspace_floats(const Plan& p) {
    return p.groups * (p.v_group + p.m_group) + p.block * kTile * p.group * kLanes;
}

// ---- weights ----

template <int kTile>
struct Points;
template <>
struct Points<2> {
    static constexpr double g[4][3] = {{1, 0, 0}, {.5, .5, .5}, {.5, -.5, .5}, {0, 0, 1}};
};
template <>
struct Points<4> {
    static constexpr double g[6][3] = {{1. / 4, 0, 0},
                                       {-1. / 6, -1. / 6, -1. / 6},
                                       {-1. / 6, 1. / 6, -1. / 6},
                                       {1. / 24, 1. / 12, 1. / 6},
                                       {1. / 24, -1. / 12, 1. / 6},
                                       {0, 0, 1}};
};

// Where output channel co of input channel ci of plane k stands.
inline long weight_index(long k, long ci, long co, long cin, long cout) {
    const long panel = co / kPanel * kPanel;
    const long width = min(kPanel, cout - panel);
    return k * cin * cout + panel * cin + ci * width + (co - panel);
}

// weight [Cout][Cin][3][3], bias [Cout] or null -> prepared; false where a weight is too large or
// not finite.
template <int kTile>
bool prepare(const float* weight, const float* bias, long cin, long cout, float* prepared) {
    constexpr int kSize = kTile + 2;
    const auto& g = Points<kTile>::g;
    bool tame = true;
    for (long co = 0; co < cout; ++co) {
        for (long ci = 0; ci < cin; ++ci) {
            const float* w = weight + (co * cin + ci) * 9;
            double rows[kSize][3];
            for (int i = 0; i < 9; ++i) tame &= w[i] < kWeightLimit && w[i] > -kWeightLimit;
            for (int i = 0; i < kSize; ++i)
                for (int x = 0; x < 3; ++x)
                    rows[i][x] = g[i][0] * w[x] + g[i][1] * w[3 + x] + g[i][2] * w[6 + x];
            for (int i = 0; i < kSize; ++i)
                for (int j = 0; j < kSize; ++j)
                    prepared[weight_index(i * kSize + j, ci, co, cin, cout)] = static_cast<float>(
                        rows[i][0] * g[j][0] + rows[i][1] * g[j][1] + rows[i][2] * g[j][2]);
        }
        const float b = bias ? bias[co] : 0.0f;
        tame &= b < kInputLimit && b > -kInputLimit;
        prepared[kSize * kSize * cin * cout + co] = b;
    }
    return tame;
}

// ---- input ----

// One direction of the input transform, B' d.
inline void input_1d(const Vec (&d)[4], Vec (&t)[4]) {
    t[0] = sub(d[0], d[2]);
    t[1] = add(d[1], d[2]);
    t[2] = sub(d[2], d[1]);
    t[3] = sub(d[1], d[3]);
}
inline void input_1d(const Vec (&d)[6], Vec (&t)[6]) {
    const Vec two = set1(2.0f), four = set1(4.0f);
    const Vec a = fnma(four, d[2], d[4]), b = fnma(four, d[1], d[3]);
    const Vec c = sub(d[4], d[2]), e = sub(d[3], d[1]);
    t[0] = fma(four, sub(d[0], d[2]), c);
    t[1] = add(a, b);
    t[2] = sub(a, b);
    t[3] = fma(two, e, c);
    t[4] = fnma(two, e, c);
    t[5] = fnma(four, e, sub(d[5], d[3]));
}

// Where a vector of tiles finds its input. Side by side its tiles' first kTile columns fill kTile
// vectors ("raw"); one more holds the two columns that follow each run of tiles of one tile row,
// the last run's first. Each is put together from one source per run.
template <int kTile>
struct Gather {
    struct Source {
        long from;      // lane 0 of input row 0, as an offset into a channel
        Mask lanes;     // columns of this run that are inside the image
        unsigned rows;  // input rows inside the image, one bit each
    };
    Source sources[kTile + 1][kLanes / 2 + 1];
    int count[kTile + 1];
    bool inside;    // all rows are
    Index next[2];  // lane l: tile l's last two columns, in the first two columns of all tiles and
                    // the last vector
};

// Tiles first .. first + kLanes - 1 but none from `last` on, numbered from tile row `row0`. Rows
// have two tiles or more.
template <int kTile>
void gather(const Plan& p, long row0, long first, long last, Gather<kTile>& g) {
    alignas(64) int next[2][kLanes];
    for (int q = 0; q <= kTile; ++q) g.count[q] = 0;
    for (int lane = 0; lane < kLanes; ++lane)
        next[0][lane] = next[1][lane] = min(lane + 1, kLanes - 1);
    g.inside = true;
    int ends = 0;
    for (long lane = 0; lane < kLanes && first + lane < last;) {
        const long tile = first + lane, column = tile % p.tiles_w;
        const long run = min(min(p.tiles_w - column, last - tile), kLanes - lane);
        const long top = (row0 + tile / p.tiles_w) * kTile - 1, left = column * kTile - 1;
        unsigned rows = 0;
        for (int i = 0; i < kTile + 2; ++i) rows |= (top + i >= 0 && top + i < p.h ? 1u : 0u) << i;
        g.inside &= rows == (1u << (kTile + 2)) - 1;
        // Column c of the image is lane c + shift of all raw vectors together.
        const auto add_source = [&](int q, long shift, long lane0, long lane1) {
            const Mask lanes = mask_lanes(max(lane0, shift), min(lane1, p.w + shift));
            g.sources[q][g.count[q]++] = {top * p.w - shift, lanes, rows};
        };
        for (int q = 0; q < kTile; ++q) {
            const long lane0 = max(0, lane * kTile - q * kLanes),
                       lane1 = (lane + run) * kTile - q * kLanes;
            if (lane0 < kLanes && lane1 > 0)
                add_source(q, lane * kTile - q * kLanes - left, lane0, lane1);
        }
        lane += run;
        const int end = lane == kLanes || first + lane == last ? 0 : 2 * ++ends;
        add_source(kTile, end - left - run * kTile, end, end + 2);
        for (int i = 0; i < 2; ++i) next[i][lane - 1] = kLanes + end + i;
    }
    for (int q = 0; q <= kTile; ++q)
        if (g.count[q] == 0) g.sources[q][g.count[q]++] = {0, mask_lanes(0, 0), 0};
    for (int i = 0; i < 2; ++i) g.next[i] = load_index(next[i]);
}

// Input rows of raw vector q, zero outside the image.
template <int kTile, bool kInside>
inline void raw_rows(const float* x, const Plan& p, const Gather<kTile>& g, int q,
                     Vec (&d)[kTile + 2]) {
    const auto* s = g.sources[q];
#pragma GCC unroll 8
    for (int i = 0; i < kTile + 2; ++i)
        d[i] = kInside || (s->rows >> i & 1) ? load_mask(x + s->from + i * p.w, s->lanes) : zero();
    for (int n = 1; n < g.count[q]; ++n) {
        ++s;
#pragma GCC unroll 8
        for (int i = 0; i < kTile + 2; ++i)
            if (kInside || (s->rows >> i & 1))
                d[i] = load_merge(d[i], x + s->from + i * p.w, s->lanes);
    }
}

// Raw vectors -> for each tile its kTile + 2 columns.
inline void split_columns(const Vec (&raw)[3], const Index (&next)[2], Vec (&c)[4]) {
    deinterleave(raw[0], raw[1], c[0], c[1]);
    c[2] = permute(c[0], next[0], raw[2]);
    c[3] = permute(c[1], next[1], raw[2]);
}
inline void split_columns(const Vec (&raw)[5], const Index (&next)[2], Vec (&c)[6]) {
    Vec e0, o0, e1, o1;
    deinterleave(raw[0], raw[1], e0, o0);
    deinterleave(raw[2], raw[3], e1, o1);
    deinterleave(e0, e1, c[0], c[2]);
    deinterleave(o0, o1, c[1], c[3]);
    c[4] = permute(c[0], next[0], raw[4]);
    c[5] = permute(c[1], next[1], raw[4]);
}

// One input channel of a vector of tiles to v[k][lanes].
template <int kTile, bool kInside>
inline Magnitude input_vector(const float* x, const Plan& p, const Gather<kTile>& g, float* v,
                              Magnitude most) {
    constexpr int kSize = kTile + 2, kRaw = kTile + 1;
    const long plane = p.v_plane;
    Vec half[kSize][kRaw];
#pragma GCC unroll 8
    for (int q = 0; q < kRaw; ++q) {
        Vec d[kSize], t[kSize];
        raw_rows<kTile, kInside>(x, p, g, q, d);
#pragma GCC unroll 8
        for (int i = 1; i <= kTile; ++i) most = magnitude(most, d[i]);
        input_1d(d, t);
#pragma GCC unroll 8
        for (int i = 0; i < kSize; ++i) half[i][q] = t[i];
    }
#pragma GCC unroll 8
    for (int i = 0; i < kSize; ++i) {
        Vec c[kSize], t[kSize];
        split_columns(half[i], g.next, c);
        input_1d(c, t);
#pragma GCC unroll 8
        for (int j = 0; j < kSize; ++j) store(v + (i * kSize + j) * plane, t[j]);
    }
    return most;
}

// Tiles first .. last - 1 (numbered from tile row `row0`) into one group of `width` lanes; lanes
// beyond are zero.
template <int kTile>
Magnitude input_group(const float* x, const Plan& p, long row0, long first, long last, float* v,
                      long width, Magnitude most) {
    Gather<kTile> g[kTile == 2 ? kFewGroup : kGroup];
    for (long i = 0; i * kLanes < width; ++i)
        gather<kTile>(p, row0, first + i * kLanes, last, g[i]);
    for (long ci = 0; ci < p.cin; ++ci, x += p.h * p.w, v += width)
        for (long i = 0; i * kLanes < width; ++i)
            most = g[i].inside ? input_vector<kTile, true>(x, p, g[i], v + i * kLanes, most)
                               : input_vector<kTile, false>(x, p, g[i], v + i * kLanes, most);
    return most;
}

inline Magnitude row_magnitude(const float* x, const Plan& p, long y, Magnitude most) {
    if (y < 0 || y >= p.h) return most;
    for (long ci = 0; ci < p.cin; ++ci)
        for (long c = 0; c < p.w; c += kLanes)
            most = magnitude(most, load_mask(x + (ci * p.h + y) * p.w + c, mask_lanes(0, p.w - c)));
    return most;
}

// ---- product ----

// m[a][lanes] = sum over ci of u[ci][a] v[ci][lanes], kRows output channels, kVectors vectors of
// tiles.
template <int kRows, int kVectors>
void product(const float* u, const float* v, long cin, float* m) {
    const long ahead =
        max(kAheadLeast, cin * kRows);  // the next panel: large weights come from far
    Vec sum[kRows][kVectors];
#pragma GCC unroll 16
    for (int a = 0; a < kRows; ++a)
#pragma GCC unroll 4
        for (int b = 0; b < kVectors; ++b) sum[a][b] = zero();
    for (long ci = 0; ci < cin; ++ci) {
        prefetch(u + ahead);
        Vec tiles[kVectors];
#pragma GCC unroll 4
        for (int b = 0; b < kVectors; ++b) tiles[b] = load(v + b * kLanes);
#pragma GCC unroll 16
        for (int a = 0; a < kRows; ++a) {
            const Vec weight = set1(u[a]);
#pragma GCC unroll 4
            for (int b = 0; b < kVectors; ++b) sum[a][b] = fma(weight, tiles[b], sum[a][b]);
        }
        u += kRows;
        v += kVectors * kLanes;
    }
#pragma GCC unroll 16
    for (int a = 0; a < kRows; ++a)
#pragma GCC unroll 4
        for (int b = 0; b < kVectors; ++b) store(m + (a * kVectors + b) * kLanes, sum[a][b]);
}

template <int kRows>
void product_rows(long vectors, const float* u, const float* v, long cin, float* m) {
    if (vectors == 3) return product<kRows, 3>(u, v, cin, m);
    if (vectors == 2) return product<kRows, 2>(u, v, cin, m);
    return product<kRows, 1>(u, v, cin, m);
}

template <int kRows>
void product_panel(long rows, long vectors, const float* u, const float* v, long cin, float* m) {
    if (rows == kRows) return product_rows<kRows>(vectors, u, v, cin, m);
    if constexpr (kRows > 1) product_panel<kRows - 1>(rows, vectors, u, v, cin, m);
}

// ---- output ----

// One direction of the output transform, A' m.
inline void output_1d(const Vec (&m)[4], Vec (&y)[2]) {
    y[0] = add(add(m[0], m[1]), m[2]);
    y[1] = sub(sub(m[1], m[2]), m[3]);
}
inline void output_1d(const Vec (&m)[6], Vec (&y)[4]) {
    const Vec s = add(m[1], m[2]), d = sub(m[1], m[2]);
    const Vec s2 = add(m[3], m[4]), d2 = sub(m[3], m[4]);
    y[0] = add(add(m[0], s), s2);
    y[1] = fma(set1(2.0f), d2, d);
    y[2] = fma(set1(4.0f), s2, s);
    y[3] = add(fma(set1(8.0f), d2, d), m[5]);
}

// M of a vector of tiles -> kTile x kTile outputs, their 2x2 maxima, bias, ReLU.
template <int kTile>
inline void output_tile(const float* m, long plane, Vec bias, Vec (&pooled)[kTile / 2][kTile / 2]) {
    constexpr int kSize = kTile + 2;
    Vec half[kTile][kSize];
#pragma GCC unroll 8
    for (int j = 0; j < kSize; ++j) {
        Vec c[kSize], y[kTile];
#pragma GCC unroll 8
        for (int i = 0; i < kSize; ++i) c[i] = load(m + (i * kSize + j) * plane);
        output_1d(c, y);
#pragma GCC unroll 8
        for (int i = 0; i < kTile; ++i) half[i][j] = y[i];
    }
#pragma GCC unroll 8
    for (int i = 0; i < kTile; i += 2) {
        Vec upper[kTile], lower[kTile];
        output_1d(half[i], upper);
        output_1d(half[i + 1], lower);
#pragma GCC unroll 8
        for (int j = 0; j < kTile; j += 2) {
            const Vec most = max(max(upper[j], upper[j + 1]), max(lower[j], lower[j + 1]));
            pooled[i / 2][j / 2] = max(add(most, bias), zero());
        }
    }
}

// `channels` output channels of one group to y (at the first of those channels), pooled rows row0
// .. row1 - 1. Tiles are numbered from tile row `tile_row0`.
inline void output_group(const float* m, const Plan& p, const float* bias, long channels,
                         long width, long first, long last, long tile_row0, float* y, float*, long,
                         long, Points<2>) {
    for (long co = 0; co < channels; ++co) {
        const Vec b = set1(bias[co]);
        float* to = y + co * p.pooled_h * p.pooled_w + tile_row0 * p.pooled_w + first;
        for (long t = 0; t < last - first; t += kLanes) {
            Vec pooled[1][1];
            output_tile<2>(m + co * width + t, p.m_plane, b, pooled);
            if (last - first - t >= kLanes)
                store(to + t, pooled[0][0]);
            else
                store_mask(to + t, mask_lanes(0, last - first - t), pooled[0][0]);
        }
    }
}
inline void output_group(const float* m, const Plan& p, const float* bias, long channels,
                         long width, long first, long last, long tile_row0, float* y, float* lines,
                         long row0, long row1, Points<4>) {
    // Each tile gives two pixels in each of two pooled rows: first side by side into lines[co][2][2
    // width] ...
    for (long co = 0; co < channels; ++co) {
        const Vec b = set1(bias[co]);
        for (long t = 0; t < width; t += kLanes) {
            Vec pooled[2][2], low, high;
            output_tile<4>(m + co * width + t, p.m_plane, b, pooled);
#pragma GCC unroll 2
            for (int i = 0; i < 2; ++i) {
                float* to = lines + (co * 2 + i) * 2 * width + 2 * t;
                interleave(pooled[i][0], pooled[i][1], low, high);
                store(to, low);
                store(to + kLanes, high);
            }
        }
    }
    // ... then tile row by tile row to where they belong.
    for (long tile = first; tile < last;) {
        const long row = tile / p.tiles_w, column = tile % p.tiles_w;
        const long count = min(p.tiles_w - column, last - tile);
        const long pixels = min(2 * count, p.pooled_w - 2 * column);
        for (int i = 0; i < 2; ++i) {
            const long r = 2 * (tile_row0 + row) + i;
            if (r < row0 || r >= row1) continue;
            for (long co = 0; co < channels; ++co) {
                const float* from = lines + (co * 2 + i) * 2 * width + 2 * (tile - first);
                float* to = y + (co * p.pooled_h + r) * p.pooled_w + 2 * column;
                long c = 0;
                for (; c + kLanes <= pixels; c += kLanes) store(to + c, load(from + c));
                if (c < pixels) {
                    const Mask rest = mask_lanes(0, pixels - c);
                    store_mask(to + c, rest, load_mask(from + c, rest));
                }
            }
        }
        tile += count;
    }
}

// ---- few input channels
// ---------------------------------------------------------------------------------- With up to
// kFew input channels the products of a tile are so short that they stay in registers: product and
// output transform are one.

constexpr int kFewVectors = kRegisters >= 32 ? 2 : 1;

// kChannels output channels (neighbours in U) of kVectors vectors of tiles, F(2x2) only; `lanes` of
// the last are stored.
template <int kCin, int kChannels, int kVectors>
void few_tiles(const float* u, long u_plane, long u_step, const float* v, long v_plane, long v_step,
               const float* bias, float* y, long channel, long lanes) {
    Vec out[2][2][kChannels][kVectors];
#pragma GCC unroll 4
    for (int j = 0; j < 4; ++j) {
        Vec sum[4][kChannels][kVectors];
        // M of row i of column j, added to or taken from what `sum` holds.
        const auto products = [&](int i, bool negative, Vec(&s)[kChannels][kVectors]) {
#pragma GCC unroll 4
            for (int ci = 0; ci < kCin; ++ci)
#pragma GCC unroll 4
                for (int a = 0; a < kChannels; ++a) {
                    const Vec weight = broadcast(u + (i * 4 + j) * u_plane + ci * u_step + a);
#pragma GCC unroll 4
                    for (int b = 0; b < kVectors; ++b) {
                        const Vec tiles =
                            load(v + (i * 4 + j) * v_plane + ci * v_step + b * kLanes);
                        s[a][b] =
                            negative ? fnma(weight, tiles, s[a][b]) : fma(weight, tiles, s[a][b]);
                    }
                }
        };
#pragma GCC unroll 4
        for (int a = 0; a < kChannels; ++a)
#pragma GCC unroll 4
            for (int b = 0; b < kVectors; ++b) sum[1][a][b] = sum[2][a][b] = zero();
        products(1, false, sum[1]);
        products(2, false, sum[2]);
#pragma GCC unroll 4
        for (int a = 0; a < kChannels; ++a)
#pragma GCC unroll 4
            for (int b = 0; b < kVectors; ++b) {
                sum[0][a][b] = add(sum[1][a][b], sum[2][a][b]);
                sum[3][a][b] = sub(sum[1][a][b], sum[2][a][b]);
            }
        products(0, false, sum[0]);
        products(3, true, sum[3]);
#pragma GCC unroll 4
        for (int a = 0; a < kChannels; ++a)
#pragma GCC unroll 4
            for (int b = 0; b < kVectors; ++b)
#pragma GCC unroll 2
                for (int i = 0; i < 2; ++i) {
                    const Vec t = sum[i * 3][a][b];
                    Vec& left = out[i][0][a][b];
                    Vec& right = out[i][1][a][b];
                    if (j == 0) left = t;
                    if (j == 1) left = add(left, t), right = t;
                    if (j == 2) left = add(left, t), right = sub(right, t);
                    if (j == 3) right = sub(right, t);
                }
    }
#pragma GCC unroll 4
    for (int a = 0; a < kChannels; ++a)
#pragma GCC unroll 4
        for (int b = 0; b < kVectors; ++b) {
            const Vec most =
                max(max(out[0][0][a][b], out[0][1][a][b]), max(out[1][0][a][b], out[1][1][a][b]));
            const Vec pooled = max(add(most, set1(bias[a])), zero());
            float* to = y + a * channel + b * kLanes;
            if (b + 1 < kVectors || lanes == kLanes)
                store(to, pooled);
            else
                store_mask(to, mask_lanes(0, lanes), pooled);
        }
}

// One group, all output channels: y is where the group's first tile goes in the first channel.
template <int kCin>
void few_group(const Plan& p, const float* u, const float* bias, const float* v, long width,
               long tiles, float* y) {
    const long channel = p.pooled_h * p.pooled_w;
    for (long panel = 0; panel < p.cout; panel += kPanel) {
        const long rows = min(kPanel, p.cout - panel), plane = p.cin * p.cout;
        for (long a = 0; a < rows; a += 2) {
            const float* from = u + panel * p.cin + a;
            const float* b = bias + panel + a;
            // Along the channel's pixels in the inner loop: its lines of y are then written one
            // after another.
            for (long t = 0; t < tiles;) {
                const bool wide = tiles - t > (kFewVectors - 1) * kLanes;
                const long lanes = min(kLanes, tiles - t - (wide ? kFewVectors - 1 : 0) * kLanes);
                float* to = y + (panel + a) * channel + t;
                if (a + 2 <= rows && wide)
                    few_tiles<kCin, 2, kFewVectors>(from, plane, rows, v + t, p.v_plane, width, b,
                                                    to, channel, lanes);
                else if (a + 2 <= rows)
                    few_tiles<kCin, 2, 1>(from, plane, rows, v + t, p.v_plane, width, b, to,
                                          channel, lanes);
                else if (wide)
                    few_tiles<kCin, 1, kFewVectors>(from, plane, rows, v + t, p.v_plane, width, b,
                                                    to, channel, lanes);
                else
                    few_tiles<kCin, 1, 1>(from, plane, rows, v + t, p.v_plane, width, b, to,
                                          channel, lanes);
                t += (wide ? kFewVectors : 1) * kLanes;
            }
        }
    }
}

inline bool few(const Plan& p, const float* u, const float* bias, const float* v, long width,
                long tiles, float* y) {
    if (p.cin == 1) few_group<1>(p, u, bias, v, width, tiles, y);
    if (p.cin == 2) few_group<2>(p, u, bias, v, width, tiles, y);
    if (p.cin == 3) few_group<3>(p, u, bias, v, width, tiles, y);
    if (p.cin == 4) few_group<4>(p, u, bias, v, width, tiles, y);
    return p.cin <= kFew;
}

// Pooled rows row0 .. row1 - 1 of one image, x [Cin][H][W] -> y [Cout][H/2][W/2]. False where the
// input holds NaN, Inf or anything from 2^60 up: y is then undefined. F(4x4) costs nothing extra
// where row0 is even.
template <int kTile>
bool run(const float* x, const float* prepared, const Plan& p, long row0, long row1, float* y,
         float* workspace) {
    constexpr int kPlanes = (kTile + 2) * (kTile + 2), kPooled = kTile / 2;
    const long tile_row0 = row0 / kPooled, tile_row1 = (row1 + kPooled - 1) / kPooled;
    const long tiles = (tile_row1 - tile_row0) * p.tiles_w;
    const long vectors = (tiles + kLanes - 1) / kLanes;
    const long groups = (vectors + p.group - 1) / p.group;
    const float* bias = prepared + kPlanes * p.cin * p.cout;
    float* v = workspace;
    float* m = v + p.groups * p.v_group;
    float* lines = m + p.groups * p.m_group;
    Magnitude most = no_magnitude();
    most = row_magnitude(x, p, tile_row0 * kTile - 1, most);
    most = row_magnitude(x, p, tile_row1 * kTile, most);

    // Vectors are dealt out evenly: group g holds vectors g * vectors / groups and following.
    const auto start = [=](long g) { return g * vectors / groups; };
    for (long g0 = 0; g0 < groups; g0 += p.groups) {
        const long g1 = min(groups, g0 + p.groups);
        for (long g = g0; g < g1; ++g)
            most = input_group<kTile>(x, p, tile_row0, start(g) * kLanes,
                                      min(tiles, start(g + 1) * kLanes), v + (g - g0) * p.v_group,
                                      (start(g + 1) - start(g)) * kLanes, most);
        if (!below(most, kInputLimit)) return false;
        if (kTile == 2 && few(p, prepared, bias, v, (start(g0 + 1) - start(g0)) * kLanes,
                              min(tiles, start(g0 + 1) * kLanes) - start(g0) * kLanes,
                              y + tile_row0 * p.pooled_w + start(g0) * kLanes))
            continue;
        for (long co0 = 0; co0 < p.cout; co0 += p.block) {
            const long co1 = min(p.cout, co0 + p.block);
            for (int k = 0; k < kPlanes; ++k)
                for (long co = co0; co < co1; co += kPanel)
                    for (long g = g0; g < g1; ++g) {
                        const long n = start(g + 1) - start(g);
                        product_panel<kPanel>(
                            min(kPanel, co1 - co), n, prepared + (k * p.cout + co) * p.cin,
                            v + (g - g0) * p.v_group + k * p.v_plane, p.cin,
                            m + (g - g0) * p.m_group + k * p.m_plane + (co - co0) * n * kLanes);
                    }
            for (long g = g0; g < g1; ++g)
                output_group(m + (g - g0) * p.m_group, p, bias + co0, co1 - co0,
                             (start(g + 1) - start(g)) * kLanes, start(g) * kLanes,
                             min(tiles, start(g + 1) * kLanes), tile_row0,
                             y + co0 * p.pooled_h * p.pooled_w, lines, row0, row1, Points<kTile>{});
        }
    }
    return true;
}

// ---- as an algorithm ----

template <int kTile>
size_t prepared_bytes(const Shape& s) {
    return sizeof(float) *
           ((kTile + 2) * (kTile + 2) * s.channels_in * s.channels_out + s.channels_out);
}

template <int kTile>
Plan plan(const Shape& s) {
    return plan<kTile>(s.channels_in, s.channels_out, s.input.h, s.input.w);
}

template <int kTile>
bool prepare(const Shape& s, const float* weight, const float* bias, void* prepared) {
    return prepare<kTile>(weight, bias, s.channels_in, s.channels_out,
                          static_cast<float*>(prepared));
}

template <int kTile>
size_t workspace_bytes(const Shape& s) {
    return sizeof(float) * workspace_floats<kTile>(plan<kTile>(s));
}

template <int kTile>
bool run(const Shape& s, const float* x, const void* prepared, float* y, unsigned char* winners,
         long row0, long row1, void* workspace) {
    if (winners || !fits<kTile>(s.input.h, s.input.w)) return false;
    return run<kTile>(x, static_cast<const float*>(prepared), plan<kTile>(s), row0, row1, y,
                      static_cast<float*>(workspace));
}

inline bool fits_default(const Shape& s, Precision) { return is_block3x3(s); }
inline bool fits_fast(const Shape& s, Precision precision) {
    return is_block3x3(s) && precision == Precision::kFast &&
           min(s.channels_in, s.channels_out) >= 16;
}

constexpr Algorithm kDefault = {"winograd-2x2", fits_default,       prepared_bytes<2>,
                                prepare<2>,     workspace_bytes<2>, run<2>};
constexpr Algorithm kFast = {"winograd-4x4", fits_fast,          prepared_bytes<4>,
                             prepare<4>,     workspace_bytes<4>, run<4>};

}  // namespace winograd
