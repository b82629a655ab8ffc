// The output of conv.inl.h: transform, bias, and where results go. After plan.inl.h.

namespace winograd {

// Rows of results: row r of channel co begins at to + co * channel + r * row.
struct Sink {
    float* to;
    ptrdiff_t channel, row;
    ptrdiff_t first, last;  // the rows that are wanted
    ptrdiff_t columns;
};

// M of a vector of tiles -> kTileH x kTileW convolution values, or the maxima of 2x2 of them and
// zero.
template <typename F, int kH, int kW>
inline void output_tile(const float* m, ptrdiff_t plane, Vec bias, Vec (&y)[kH][kW]) {
    constexpr bool pooled = kH < F::kTileH;
    Vec half[F::kTileH][F::kColumns];
#pragma GCC unroll 8
    for (int j = 0; j < F::kColumns; ++j) {
        Vec c[F::kRows], t[F::kTileH];
#pragma GCC unroll 8
        for (int i = 0; i < F::kRows; ++i) c[i] = load(m + (i * F::kColumns + j) * plane);
        output_1d(c, t);
#pragma GCC unroll 8
        for (int i = 0; i < F::kTileH; ++i) half[i][j] = t[i];
    }
    if constexpr (pooled) {
#pragma GCC unroll 8
        for (int i = 0; i < F::kTileH; i += 2) {
            Vec upper[F::kTileW], lower[F::kTileW];
            output_1d(half[i], upper);
            output_1d(half[i + 1], lower);
#pragma GCC unroll 8
            for (int j = 0; j < F::kTileW; j += 2) {
                const Vec most = max(max(upper[j], upper[j + 1]), max(lower[j], lower[j + 1]));
                y[i / 2][j / 2] = max(add(most, bias), zero());
            }
        }
    } else {
#pragma GCC unroll 8
        for (int i = 0; i < F::kTileH; ++i) {
            Vec row[F::kTileW];
            output_1d(half[i], row);
#pragma GCC unroll 8
            for (int j = 0; j < F::kTileW; ++j) y[i][j] = add(row[j], bias);
        }
    }
}

// Values of neighbouring tiles -> neighbouring values of a row.
inline void store_side_by_side(const Vec (&v)[1], float* to) { store(to, v[0]); }
inline void store_side_by_side(const Vec (&v)[2], float* to) {
    Vec low, high;
    interleave(v[0], v[1], low, high);
    store(to, low);
    store(to + kLanes, high);
}
inline void store_side_by_side(const Vec (&v)[4], float* to) {
    Vec even[2], odd[2], out[4];
    interleave(v[0], v[2], even[0], even[1]);
    interleave(v[1], v[3], odd[0], odd[1]);
    interleave(even[0], odd[0], out[0], out[1]);
    interleave(even[1], odd[1], out[2], out[3]);
    for (int i = 0; i < 4; ++i) store(to + i * kLanes, out[i]);
}

inline void copy_row(const float* from, ptrdiff_t count, float* to) {
    ptrdiff_t c = 0;
    for (; c + kLanes <= count; c += kLanes) store(to + c, load(from + c));
    if (c < count) {
        const Mask rest = mask_lanes(0, count - c);
        store_mask(to + c, rest, load_mask(from + c, rest));
    }
}

// `channels` output channels of one group of tiles first <= tile < last, numbered from tile row
// `tile_row0`, to the sink's rows, kH x kW values of a tile.
template <typename F, int kH, int kW>
void output_group(const float* m, const Plan& p, const float* bias, ptrdiff_t channels,
                  ptrdiff_t width, ptrdiff_t first, ptrdiff_t last, ptrdiff_t tile_row0,
                  const Sink& sink, float* lines) {
    if (kH == 1 && kW == 1 && sink.columns == p.tiles_w) {
        // A tile's only value stands where its number says.
        for (ptrdiff_t co = 0; co < channels; ++co) {
            const Vec b = set1(bias[co]);
            float* to = sink.to + co * sink.channel + tile_row0 * sink.row + first;
            for (ptrdiff_t t = 0; t < last - first; t += kLanes) {
                Vec y[kH][kW];
                output_tile<F>(m + co * width + t, p.m_plane, b, y);
                if (last - first - t >= kLanes)
                    store(to + t, y[0][0]);
                else
                    store_mask(to + t, mask_lanes(0, last - first - t), y[0][0]);
            }
        }
        return;
    }
    // First side by side into lines[co][kH][kW width] ...
    for (ptrdiff_t co = 0; co < channels; ++co) {
        const Vec b = set1(bias[co]);
        for (ptrdiff_t t = 0; t < width; t += kLanes) {
            Vec y[kH][kW];
            output_tile<F>(m + co * width + t, p.m_plane, b, y);
#pragma GCC unroll 8
            for (int i = 0; i < kH; ++i)
                store_side_by_side(y[i], lines + ((co * kH + i) * width + t) * kW);
        }
    }
    // ... then tile row by tile row to where they belong.
    for (ptrdiff_t tile = first; tile < last;) {
        const ptrdiff_t row = tile / p.tiles_w, column = tile % p.tiles_w;
        const ptrdiff_t tiles = min(p.tiles_w - column, last - tile);
        const ptrdiff_t count = min(kW * tiles, sink.columns - kW * column);
        for (int i = 0; i < kH; ++i) {
            const ptrdiff_t r = kH * (tile_row0 + row) + i;
            if (r < sink.first || r >= sink.last) continue;
            const float* from = lines + (i * width + tile - first) * kW;
            float* to = sink.to + r * sink.row + kW * column;
            for (ptrdiff_t co = 0; co < channels; ++co, from += kH * kW * width, to += sink.channel)
                copy_row(from, count, to);
        }
        tile += tiles;
    }
}

}  // namespace winograd
