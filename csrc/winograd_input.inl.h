// Sizes, weights and input of winograd.inl.h, which says what they are for.

namespace winograd {

constexpr int kGroup = 3;                         // vectors of tiles in a group
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
    const long width = kGroup * kLanes;
    // One vector beyond a multiple of the page size keeps the planes out of each other's cache
    // sets.
    p.v_plane = cin * width + kLanes;
    p.v_group = round_up(kPlanes * p.v_plane, kLanes);
    // Weights that live in the second-level cache may be read once per group. Larger ones are
    // shared by groups.
    const bool small = cin * cout * kPlanes * 4 <= (1 << 20) * 3 / 4;
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
    return p.groups * (p.v_group + p.m_group) + p.block * kTile * kGroup * kLanes;
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
    Gather<kTile> g[kGroup];
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

}  // namespace winograd
