// The product of conv.inl.h with vectors of floats: kPanel x kGroup accumulators, U as
// broadcast, V as vectors. After pack_input.inl.h and pack_weights.inl.h.

namespace winograd {

constexpr ptrdiff_t kAheadLeast = 384;  // floats of weights between prefetch and use

// m[a][lanes] = sum over ci of u[ci][a] v[ci][lanes], kRows output channels, kVectors vectors of
// tiles.
template <int kRows, int kVectors>
void product(const float* u, const float* v, ptrdiff_t cin, float* m) {
    const ptrdiff_t ahead =
        max(kAheadLeast, cin * kRows);  // the next panel: large weights come from far
    Vec sum[kRows][kVectors];
#pragma GCC unroll 16
    for (int a = 0; a < kRows; ++a)
#pragma GCC unroll 4
        for (int b = 0; b < kVectors; ++b) sum[a][b] = zero();
    for (ptrdiff_t ci = 0; ci < cin; ++ci) {
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
void product_rows(ptrdiff_t vectors, const float* u, const float* v, ptrdiff_t cin, float* m) {
    if (vectors == 3) return product<kRows, 3>(u, v, cin, m);
    if (vectors == 2) return product<kRows, 2>(u, v, cin, m);
    return product<kRows, 1>(u, v, cin, m);
}

template <int kRows>
void product_panel(ptrdiff_t rows, ptrdiff_t vectors, const float* u, const float* v, ptrdiff_t cin,
                   float* m) {
    if (rows == kRows) return product_rows<kRows>(vectors, u, v, cin, m);
    if constexpr (kRows > 1) product_panel<kRows - 1>(rows, vectors, u, v, cin, m);
}

// V is [k][Cin][tiles of the group], U is [k][panel][Cin][channels of the panel].
struct VectorProduct {
    static constexpr int kGroup = 3;              // vectors of tiles in a group
    static constexpr ptrdiff_t kRows = kPanel;    // output channels that `multiply` takes at most
    static constexpr ptrdiff_t kRowsAtLeast = 1;  // and writes as a multiple of
    static constexpr float kLeast = 0.0f;         // every magnitude will do
    // Of one plane k.
    static ptrdiff_t input_floats(const PlainShape& s) { return s.channels_in * kGroup * kLanes; }
    static ptrdiff_t weight_floats(const PlainShape& s) { return s.channels_in * s.channels_out; }

    // Before and after the products of a run.
    static void begin() {}
    static void end() {}

    template <typename F>
    static void put_weights(const PlainShape& s, const float* weight, float* u) {
        constexpr ptrdiff_t kCount = F::kTaps * F::kTaps;
        const ptrdiff_t cin = s.channels_in, cout = s.channels_out;
        for (ptrdiff_t co = 0; co < cout; co += kPanel) {
            const ptrdiff_t width = min(kPanel, cout - co);
            for (ptrdiff_t ci = 0; ci < cin; ci += 2) {  // a panel of each
                Doubles w[2][F::kTaps][F::kTaps];
                const auto at = [&](ptrdiff_t lane) {
                    const ptrdiff_t o = lane % kPanel, i = ci + lane / kPanel;
                    return o < width && i < cin ? weight + ((co + o) * cin + i) * kCount : nullptr;
                };
                gather_taps<F>(at, w);
                for (ptrdiff_t c = 0; c < min(2, cin - ci); ++c)
                    transform<F>(w[c], width, u + co * cin + (ci + c) * width, cin * cout);
            }
        }
    }

    // A group of `vectors` vectors of tiles, gathered by g, to V.
    template <typename F>
    static Magnitude put_input(const float* x, const Plan& p, const Gather<F>* g, ptrdiff_t vectors,
                               float* v, Magnitude most) {
        for (ptrdiff_t ci = 0; ci < p.s.channels_in; ++ci) {
            for (ptrdiff_t i = 0; i < vectors; ++i, v += kLanes)
                most = input_vector<F>(x, p, g[i], v, p.v_plane, most);
            x += p.s.input.h * p.s.input.w;
        }
        return most;
    }

    // M of `rows` output channels from co on, [channel][tiles of the group], of plane k.
    static void multiply(const PlainShape& s, const float* u, int k, ptrdiff_t co, ptrdiff_t rows,
                         ptrdiff_t vectors, const float* v, float* m) {
        product_panel<kPanel>(rows, vectors, u + (k * s.channels_out + co) * s.channels_in, v,
                              s.channels_in, m);
    }
};

}  // namespace winograd
