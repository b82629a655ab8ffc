// What Winograd's algorithm does to the values of a convolution's gradients: the adjoints of its
// transforms, in the points of conv/winograd/transforms.inl.h. The lanes are channels.

namespace training {
namespace adjoint {

using winograd::kA;
using winograd::kB;
constexpr int kTile = kWinogradTile, kSide = kTile + 2;

// The next of several arrays. Opaque, because GCC otherwise computes all their addresses before the
// loop, for which there are no registers.
template <typename Float>
inline Float* next(Float* p, ptrdiff_t step) {
    p += step;
    asm("" : "+r"(p));
    return p;
}

// Of output_1d.
inline void slopes_1d(const Vec (&y)[4], Vec (&t)[6]) {
    const Vec a = set1(kA), b = set1(kB), half = set1(0.5f), two = set1(2.0f);
    const Vec even_a = fma(two, y[0], y[2]), odd_a = fma(b, y[1], mul(a, y[3]));
    const Vec even_b = fma(half, y[0], y[2]), odd_b = fma(a, y[1], mul(b, y[3]));
    t[0] = y[0], t[5] = y[3];
    t[1] = add(even_a, odd_a), t[2] = sub(even_a, odd_a);
    t[3] = add(even_b, odd_b), t[4] = sub(even_b, odd_b);
}

// Of input_1d.
inline void input_1d(const Vec (&t)[6], Vec (&d)[6]) {
    const Vec a = set1(kA), b = set1(kB), half = set1(0.5f), two = set1(2.0f), both = set1(2.5f);
    const Vec even_a = add(t[1], t[2]), odd_a = mul(a, sub(t[1], t[2]));
    const Vec even_b = add(t[3], t[4]), odd_b = mul(b, sub(t[3], t[4]));
    d[0] = t[0], d[5] = t[5];
    d[1] = fnma(two, odd_a, fnma(half, odd_b, t[5]));
    d[2] = sub(zero(), fma(both, t[0], fma(two, even_a, mul(half, even_b))));
    d[3] = fnma(both, t[5], add(odd_a, odd_b));
    d[4] = add(t[0], add(even_a, even_b));
}

// Of weights_1d, which `weights_1d` here computes on vectors.
inline void kernel_1d(const Vec (&t)[6], Vec (&w)[3]) {
    const Vec third = set1(1.0f / 3), sixth = set1(1.0f / 6), a = set1(kA / 3), b = set1(kB / 3);
    const Vec even_a = add(t[1], t[2]), even_b = add(t[3], t[4]);
    w[0] = fma(third, sub(even_b, even_a), t[0]);
    w[1] = fma(b, sub(t[3], t[4]), mul(a, sub(t[2], t[1])));
    w[2] = fma(set1(2.0f / 3), even_b, fnma(sixth, even_a, t[5]));
}
inline void weights_1d(const Vec (&w)[3], Vec (&t)[6]) {
    const Vec third = set1(1.0f / 3), a = set1(kA), b = set1(kB);
    const Vec even_a = fma(set1(0.5f), w[2], w[0]), odd_a = mul(a, w[1]);
    const Vec even_b = fma(set1(2.0f), w[2], w[0]), odd_b = mul(b, w[1]);
    t[0] = w[0], t[5] = w[2];
    t[1] = sub(zero(), mul(third, add(even_a, odd_a)));
    t[2] = mul(third, sub(odd_a, even_a));
    t[3] = mul(third, add(even_b, odd_b)), t[4] = mul(third, sub(even_b, odd_b));
}

// Applies a transform of `from` to `to` values to columns, then to rows.
template <int from, int to, typename Transform>
inline void both_ways(const Vec (&d)[from][from], Vec (&t)[to][to], const Transform& transform) {
    Vec half[from][to];
#pragma GCC unroll 8
    for (int j = 0; j < from; ++j) {
        Vec column[from];
#pragma GCC unroll 8
        for (int i = 0; i < from; ++i) column[i] = d[i][j];
        transform(column, half[j]);
    }
#pragma GCC unroll 8
    for (int i = 0; i < to; ++i) {
        Vec row[from];
#pragma GCC unroll 8
        for (int j = 0; j < from; ++j) row[j] = half[j][i];
        transform(row, t[i]);
    }
}

inline void store_planes(float* to, ptrdiff_t plane, const Vec (&t)[kSide][kSide]) {
#pragma GCC unroll 8
    for (int i = 0; i < kSide; ++i) {
#pragma GCC unroll 8
        for (int j = 0; j < kSide; ++j, to = next(to, plane)) store(to, t[i][j]);
    }
}
inline void load_planes(const float* from, ptrdiff_t plane, Vec (&t)[kSide][kSide]) {
#pragma GCC unroll 8
    for (int i = 0; i < kSide; ++i) {
#pragma GCC unroll 8
        for (int j = 0; j < kSide; ++j, from = next(from, plane)) t[i][j] = load(from);
    }
}

inline void transform_input(const WinogradShape& s, const float* x, float* v, ptrdiff_t plane) {
    for (ptrdiff_t tile = 0; tile < s.tiles.h * s.tiles.w; ++tile, v += s.inputs) {
        const float* corner = x + tile / s.tiles.w * kTile * s.row;
        corner += tile % s.tiles.w * kTile * s.inputs;
        for (ptrdiff_t c = 0; c < s.inputs; c += kLanes) {
            Vec d[kSide][kSide], t[kSide][kSide];
            const float* row = corner + c;
#pragma GCC unroll 8
            for (int i = 0; i < kSide; ++i, row = next(row, s.row)) {
#pragma GCC unroll 8
                for (int j = 0; j < kSide; ++j) d[i][j] = load(row + j * s.inputs);
            }
            both_ways(d, t, [](const Vec(&from)[kSide], Vec(&to)[kSide]) {
                winograd::input_1d(from, to);
            });
            store_planes(v + c, plane, t);
        }
    }
}

inline void transform_slopes(const WinogradShape& s, const float* dy, float* to, ptrdiff_t plane,
                             float* totals) {
    for (ptrdiff_t c = 0; c < s.outputs; c += kLanes) {
        Vec total = load(totals + c);
        float* place = to + c;
        for (ptrdiff_t tile = 0; tile < s.tiles.h * s.tiles.w; ++tile, place += s.outputs) {
            Vec y[kTile][kTile], t[kSide][kSide];
#pragma GCC unroll 4
            for (int i = 0; i < kTile; ++i) {
                const ptrdiff_t h = tile / s.tiles.w * kTile + i;
#pragma GCC unroll 4
                for (int j = 0; j < kTile; ++j) {
                    const ptrdiff_t w = tile % s.tiles.w * kTile + j;
                    const bool inside = h < s.output.h && w < s.output.w;
                    y[i][j] = inside ? load(dy + (h * s.output.w + w) * s.outputs + c) : zero();
                    total = add(total, y[i][j]);
                }
            }
            both_ways(y, t, [](const Vec(&from)[kTile], Vec(&to)[kSide]) { slopes_1d(from, to); });
            store_planes(place, plane, t);
        }
        store(totals + c, total);
    }
}

// Adds what a tile passes to its inputs; tiles before it have written the rows or columns that they
// share with it.
template <bool above, bool left>
inline void add_tile(const WinogradShape& s, const float* from, ptrdiff_t plane, float* dx) {
    for (ptrdiff_t c = 0; c < s.inputs; c += kLanes) {
        Vec t[kSide][kSide], d[kSide][kSide];
        load_planes(from + c, plane, t);
        both_ways(t, d, [](const Vec(&in)[kSide], Vec(&out)[kSide]) { input_1d(in, out); });
        float* row = dx + c;
#pragma GCC unroll 8
        for (int i = 0; i < kSide; ++i, row = next(row, s.row)) {
#pragma GCC unroll 8
            for (int j = 0; j < kSide; ++j) {
                float* to = row + j * s.inputs;
                const bool before = (above && i < 2) || (left && j < 2);
                store(to, before ? add(load(to), d[i][j]) : d[i][j]);
            }
        }
    }
}

inline void transform_back(const WinogradShape& s, const float* from, ptrdiff_t plane, float* dx) {
    for (ptrdiff_t i = 0; i < s.tiles.h; ++i) {
        for (ptrdiff_t j = 0; j < s.tiles.w; ++j, from += s.inputs) {
            const auto add = i || s.goes_on ? (j ? add_tile<true, true> : add_tile<true, false>)
                                            : (j ? add_tile<false, true> : add_tile<false, false>);
            add(s, from, plane, dx + i * kTile * s.row + j * kTile * s.inputs);
        }
    }
}

// Of `count` weights, whole vectors, [tap][count] to planes and planes to [tap][count].
inline void transform_weights(const float* weight, ptrdiff_t count, float* to, ptrdiff_t plane) {
    for (ptrdiff_t at = 0; at < count; at += kLanes) {
        Vec w[3][3], t[kSide][kSide];
#pragma GCC unroll 9
        for (int k = 0; k < 9; ++k) w[k / 3][k % 3] = load(weight + k * count + at);
        both_ways(w, t, [](const Vec(&in)[3], Vec(&out)[kSide]) { weights_1d(in, out); });
        store_planes(to + at, plane, t);
    }
}
inline void transform_sums(const float* sums, ptrdiff_t plane, ptrdiff_t count, float* gradient) {
    for (ptrdiff_t at = 0; at < count; at += kLanes) {
        Vec t[kSide][kSide], w[3][3];
        load_planes(sums + at, plane, t);
        both_ways(t, w, [](const Vec(&in)[kSide], Vec(&out)[3]) { kernel_1d(in, out); });
#pragma GCC unroll 9
        for (int k = 0; k < 9; ++k) store(gradient + k * count + at, w[k / 3][k % 3]);
    }
}

}  // namespace adjoint
}  // namespace training
