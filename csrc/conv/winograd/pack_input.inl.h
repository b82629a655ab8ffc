// The input of conv.inl.h: which pixels a vector of tiles reads, and their transform. After
// plan.inl.h.

namespace winograd {

// Where a vector of tiles finds its input. Side by side its tiles' own columns fill kTileW vectors
// ("raw"); one more holds the kMore columns that follow each run of tiles of one tile row, the last
// run's first. Each is put together from one source per run.
template <typename F>
struct Gather {
    struct Source {
        ptrdiff_t from;  // lane 0 of input row 0, as an offset into a channel
        Mask lanes;      // columns of this run that are inside the image
        unsigned rows;   // input rows inside the image, one bit each
    };
    Source sources[F::kTileW + 1][kLanes / 2 + 1];
    int count[F::kTileW + 1];
    bool inside;           // all rows are
    Index next[F::kMore];  // lane l: tile l's last columns, in the raw vector of the same column of
                           // all tiles and the last vector
};

// The most runs of tiles of one tile row in a vector, where every vector begins at a multiple of
// kLanes.
inline ptrdiff_t most_runs(ptrdiff_t tiles_w) {
    ptrdiff_t most = 0;
    for (ptrdiff_t i = 0; i < min(tiles_w, kLanes); ++i)
        most = max(most, (i * kLanes % tiles_w + kLanes + tiles_w - 1) / tiles_w);
    return most;
}

// Tiles first .. first + kLanes - 1 but none from `last` on, numbered from tile row `row0`.
template <typename F>
void gather(const Plan& p, ptrdiff_t row0, ptrdiff_t first, ptrdiff_t last, Gather<F>& g) {
    constexpr int kTileW = F::kTileW, kMore = F::kMore;
    const PlainShape& s = p.s;
    alignas(64) int next[kMore][kLanes];
    for (int q = 0; q <= kTileW; ++q) g.count[q] = 0;
    for (int e = 0; e < kMore; ++e)
        for (int lane = 0; lane < kLanes; ++lane) next[e][lane] = 0;
    g.inside = true;
    int ends = 0;
    for (ptrdiff_t lane = 0; lane < kLanes && first + lane < last;) {
        const ptrdiff_t tile = first + lane, column = tile % p.tiles_w;
        const ptrdiff_t run = min(min(p.tiles_w - column, last - tile), kLanes - lane);
        const ptrdiff_t top = (row0 + tile / p.tiles_w) * F::kTileH - s.padding.h,
                        left = column * kTileW - s.padding.w;
        unsigned rows = 0;
        for (int i = 0; i < F::kRows; ++i)
            rows |= (top + i >= 0 && top + i < s.input.h ? 1u : 0u) << i;
        g.inside &= rows == (1u << F::kRows) - 1;
        // Column c of the image is lane c + shift of all raw vectors together.
        const auto add_source = [&](int q, ptrdiff_t shift, ptrdiff_t lane0, ptrdiff_t lane1) {
            const Mask lanes = mask_lanes(max(lane0, shift), min(lane1, s.input.w + shift));
            g.sources[q][g.count[q]++] = {top * s.input.w - shift, lanes, rows};
        };
        for (int q = 0; q < kTileW; ++q) {
            const ptrdiff_t lane0 = max(0, lane * kTileW - q * kLanes),
                            lane1 = (lane + run) * kTileW - q * kLanes;
            if (lane0 < kLanes && lane1 > 0)
                add_source(q, lane * kTileW - q * kLanes - left, lane0, lane1);
        }
        const bool is_last = lane + run == kLanes || first + lane + run == last;
        const int end = is_last ? 0 : kMore * ++ends;
        add_source(kTileW, end - left - run * kTileW, end, end + kMore);
        for (ptrdiff_t l = 0; l < run; ++l)
            for (int e = 0; e < kMore; ++e) {
                const ptrdiff_t beyond = l + 1 + e / kTileW - run;  // tiles after the run's last
                next[e][lane + l] =
                    static_cast<int>(beyond < 0 ? lane + l + 1 + e / kTileW
                                                : kLanes + end + beyond * kTileW + e % kTileW);
            }
        lane += run;
    }
    for (int q = 0; q <= kTileW; ++q)
        if (g.count[q] == 0) g.sources[q][g.count[q]++] = {0, mask_lanes(0, 0), 0};
    for (int e = 0; e < kMore; ++e) g.next[e] = load_index(next[e]);
}

// Input rows of raw vector q, zero outside the image.
template <typename F, bool kInside>
inline void raw_rows(const float* x, const Plan& p, const Gather<F>& g, int q, Vec (&d)[F::kRows]) {
    const auto* s = g.sources[q];
#pragma GCC unroll 8
    for (int i = 0; i < F::kRows; ++i)
        d[i] = kInside || (s->rows >> i & 1) ? load_mask(x + s->from + i * p.s.input.w, s->lanes)
                                             : zero();
    for (int n = 1; n < g.count[q]; ++n) {
        ++s;
#pragma GCC unroll 8
        for (int i = 0; i < F::kRows; ++i)
            if (kInside || (s->rows >> i & 1))
                d[i] = load_merge(d[i], x + s->from + i * p.s.input.w, s->lanes);
    }
}

// Raw vectors -> for each tile its kTileW columns and those that follow.
template <typename F>
inline void split_columns(const Vec (&raw)[F::kTileW + 1], const Index (&next)[F::kMore],
                          Vec (&c)[F::kColumns]) {
    if constexpr (F::kTileW == 2) {
        deinterleave(raw[0], raw[1], c[0], c[1]);
    } else {
        Vec e0, o0, e1, o1;
        deinterleave(raw[0], raw[1], e0, o0);
        deinterleave(raw[2], raw[3], e1, o1);
        deinterleave(e0, e1, c[0], c[2]);
        deinterleave(o0, o1, c[1], c[3]);
    }
#pragma GCC unroll 8
    for (int e = 0; e < F::kMore; ++e)
        c[F::kTileW + e] = permute(c[e % F::kTileW], next[e], raw[F::kTileW]);
}

template <typename F, bool kInside>
inline Magnitude input_vector(const float* x, const Plan& p, const Gather<F>& g, float* v,
                              ptrdiff_t plane, Magnitude most) {
    constexpr int kRaw = F::kTileW + 1;
    Vec half[F::kRows][kRaw];
#pragma GCC unroll 8
    for (int q = 0; q < kRaw; ++q) {
        Vec d[F::kRows], t[F::kRows];
        raw_rows<F, kInside>(x, p, g, q, d);
#pragma GCC unroll 8
        for (int i = 0; i < F::kTileH; ++i) most = magnitude(most, d[i]);
        input_1d(d, t);
#pragma GCC unroll 8
        for (int i = 0; i < F::kRows; ++i) half[i][q] = t[i];
    }
#pragma GCC unroll 8
    for (int i = 0; i < F::kRows; ++i) {
        Vec c[F::kColumns], t[F::kColumns];
        split_columns<F>(half[i], g.next, c);
        input_1d(c, t);
#pragma GCC unroll 8
        for (int j = 0; j < F::kColumns; ++j) store(v + (i * F::kColumns + j) * plane, t[j]);
    }
    return most;
}

// One input channel of a vector of tiles to v[k * plane + lane].
template <typename F>
inline Magnitude input_vector(const float* x, const Plan& p, const Gather<F>& g, float* v,
                              ptrdiff_t plane, Magnitude most) {
    return g.inside ? input_vector<F, true>(x, p, g, v, plane, most)
                    : input_vector<F, false>(x, p, g, v, plane, most);
}

// The rows that only the tiles above row y read.
template <typename F>
Magnitude last_rows(const float* x, const Plan& p, ptrdiff_t y, Magnitude most) {
    const PlainShape& s = p.s;
    for (ptrdiff_t r = max(0, y); r < min(s.input.h, y + F::kTaps - 1); ++r)
        for (ptrdiff_t ci = 0; ci < s.channels_in; ++ci)
            for (ptrdiff_t c = 0; c < s.input.w; c += kLanes)
                most = magnitude(most, load_mask(x + (ci * s.input.h + r) * s.input.w + c,
                                                 mask_lanes(0, s.input.w - c)));
    return most;
}

}  // namespace winograd
