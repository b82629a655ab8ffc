// One channel by Winograd's F(2x2, 3x3): V of all tiles, and the sums of its products. After
// plan.inl.h.

namespace winograd_f2x2::single_channel {

// Vectors of tiles whose products are summed at once: with few registers two, which share the
// weights.
constexpr int kVectors = kRegisters >= 32 ? 1 : 2;
constexpr ptrdiff_t kGroup = 16 * kVectors * kLanes;  // floats of their V: [16][kVectors][kLanes]

inline ptrdiff_t tiles_of_v(const Plan& p) {
    return round_up(p.strip * p.tiles, kVectors * kLanes);
}

inline size_t workspace_bytes(const ConvShape& s) {
    return winograd_f2x2::workspace_bytes(s) + sizeof(float) * 16 * tiles_of_v(plan(s, s.output.h));
}

// The transform along y of `count` tiles.
inline void transform(const Plan& p, const float* planes, ptrdiff_t count, float* v) {
    for (ptrdiff_t t = 0; t < count; t += kLanes, planes += kLanes) {
        float* to = v + t / (kVectors * kLanes) * kGroup + t % (kVectors * kLanes);
#pragma GCC unroll 4
        for (int j = 0; j < 4; ++j, to += kGroup / 4) {
            const float *r0 = planes + j * p.plane, *r1 = r0 + 4 * p.plane;
            const Vec a = load(r0), b = load(r1), c = load(r0 + p.pitch), d = load(r1 + p.pitch);
            store(to, sub(a, c));
            store(to + kVectors * kLanes, add(b, c));
            store(to + 2 * kVectors * kLanes, sub(c, b));
            store(to + 3 * kVectors * kLanes, sub(d, b));
        }
    }
}

// The four outputs of a vector of tiles whose V is in registers; weight(k) is element k of U. Every
// addition that can be is part of a multiply-add.
template <typename Weight>
inline __attribute__((always_inline)) void outputs(const Vec (&v)[16], Weight weight, Vec bias,
                                                   Vec (&y)[4]) {
    // The products of weights k to k + 3 and the column of V at `at`, added to t0 and t1.
    const auto add_edges = [&](int k, int at, Vec& t0, Vec& t1) {
        const Vec u2 = weight(k + 1);
        t0 = fma(weight(k + 2), v[at], fma(u2, v[at + 2], t0));
        t1 = fma(weight(k + 3), v[at + 3], fnma(u2, v[at + 2], t1));
    };
    const auto add_column = [&](int k, int at, Vec& t0, Vec& t1) {
        const Vec u1 = weight(k);
        t0 = fma(u1, v[at + 1], t0), t1 = fma(u1, v[at + 1], t1);
        add_edges(k, at, t0, t1);
    };
    Vec a = fma(weight(0), v[5], bias), b = a, c = mul(weight(4), v[9]), d = c;
    add_edges(0, 4, a, b);
    add_edges(4, 8, c, d);
    y[0] = add(a, c), y[1] = sub(a, c), y[2] = add(b, d), y[3] = sub(b, d);
    add_column(8, 0, y[0], y[2]);
    add_column(12, 12, y[1], y[3]);
}

// The same of several vectors at once, V in memory: nothing of it is read twice, and additions
// stand alone, for which AVX2 has a port more.
template <int vectors, int width>
inline void outputs(const float* v, const float* u, Vec bias, Vec (&y)[vectors][4]) {
    const auto column = [&](int k, int at, Vec(&t0)[vectors], Vec(&t1)[vectors]) {
        const float* from = v + at * kVectors * kLanes;
        Vec product[vectors];
        const Vec u1 = broadcast(u + k * width), u2 = broadcast(u + (k + 1) * width);
#pragma GCC unroll 2
        for (int i = 0; i < vectors; ++i) {
            const Vec v1 = load(from + (kVectors + i) * kLanes);
            t0[i] = k == 0 ? fma(u1, v1, bias) : settled(mul(u1, v1));
            product[i] = settled(mul(u2, load(from + (2 * kVectors + i) * kLanes)));
        }
        const Vec u0 = broadcast(u + (k + 2) * width), u3 = broadcast(u + (k + 3) * width);
#pragma GCC unroll 2
        for (int i = 0; i < vectors; ++i) {
            t1[i] = fma(u3, load(from + (3 * kVectors + i) * kLanes), sub(t0[i], product[i]));
            t0[i] = fma(u0, load(from + i * kLanes), add(t0[i], product[i]));
        }
    };
    Vec a[vectors], b[vectors], c[vectors], d[vectors];
    column(0, 4, a, b);
    column(4, 8, c, d);
#pragma GCC unroll 2
    for (int i = 0; i < vectors; ++i) {
        y[i][0] = settled(add(a[i], c[i])), y[i][1] = settled(sub(a[i], c[i]));
        y[i][2] = settled(add(b[i], d[i])), y[i][3] = settled(sub(b[i], d[i]));
    }
    column(8, 0, a, b);
#pragma GCC unroll 2
    for (int i = 0; i < vectors; ++i)
        y[i][0] = settled(add(y[i][0], a[i])), y[i][2] = settled(add(y[i][2], b[i]));
    column(12, 12, a, b);
#pragma GCC unroll 2
    for (int i = 0; i < vectors; ++i) y[i][1] = add(y[i][1], a[i]), y[i][3] = add(y[i][3], b[i]);
}

// V of a vector of tiles, in registers.
struct InRegisters {
    static constexpr int kCount = 1;
    Vec v[16];

    explicit InRegisters(const float* from) {
#pragma GCC unroll 16
        for (int k = 0; k < 16; ++k) v[k] = load(from + k * kLanes);
    }
    template <int width>
    void outputs_of(const float* u, const float* bias, Vec (&y)[1][4]) const {
        outputs(v, [u](int k) { return set1(u[k * width]); }, set1(*bias), y[0]);
    }
};

// V of some vectors, in memory.
template <int vectors>
struct InMemory {
    static constexpr int kCount = vectors;
    const float* v;

    explicit InMemory(const float* from) : v(from) {}
    template <int width>
    void outputs_of(const float* u, const float* bias, Vec (&y)[vectors][4]) const {
        outputs<vectors, width>(v, u, broadcast(bias), y);
    }
};

}  // namespace winograd_f2x2::single_channel
