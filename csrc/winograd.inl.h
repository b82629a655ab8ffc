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

#include "winograd_input.inl.h"

namespace winograd {

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
    const long groups = (vectors + kGroup - 1) / kGroup;
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
