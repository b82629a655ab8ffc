// One channel by Winograd's F(2x2, 3x3): all of V, then its products. The rows of tiles follow each
// other without a gap, so that results do as well. After winograd_small_output.

namespace winograd_small::one {

// Vectors of tiles whose products are summed at once: with few registers two, which share the
// weights.
constexpr int kVectors = kRegisters >= 32 ? 1 : 2;
constexpr long kGroup = 16 * kVectors * kLanes;  // floats of their V: [16][kVectors][kLanes]

inline long tiles_of_v(const Plan& p) { return round_up(p.strip * p.tiles, kVectors * kLanes); }

inline size_t workspace_bytes(const Shape& s) {
    return winograd_small::workspace_bytes(s) +
           sizeof(float) * 16 * tiles_of_v(plan(s, s.output.h));
}

// The transform along y of `count` tiles.
inline void transform(const Plan& p, const float* planes, long count, float* v) {
    for (long t = 0; t < count; t += kLanes, planes += kLanes) {
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

// Where the results of one strip go; winners may be null.
struct Target {
    float* y;
    unsigned char* winners;
    long channel;  // floats from channel to channel
};

// ReLU and the largest of the four outputs (row by row) of `count` tiles. `plain` is known to be a
// full vector without winners.
template <bool plain>
inline void finish(const Target& to, long at, long count, const Vec (&y)[4]) {
    // The right column is the last to be ready.
    const Vec most = max(max(y[1], y[3]), max(max(y[0], y[2]), zero()));
    if (plain || count == kLanes) {
        store(to.y + at, most);
    } else {
        store_mask(to.y + at, mask_lanes(0, count), most);
    }
    if (plain || !to.winners) return;
    float lanes[kLanes];
    name_winners(y, lanes);
    store_bytes(to.winners + at, load(lanes), count);
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

// The same of several vectors at once, V in memory. No value of V is read twice, and
// additions stand alone: processors with few registers have a port more for them.
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
    static constexpr int kVectors = 1;
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
    static constexpr int kVectors = vectors;
    const float* v;

    explicit InMemory(const float* from) : v(from) {}
    template <int width>
    void outputs_of(const float* u, const float* bias, Vec (&y)[vectors][4]) const {
        outputs<vectors, width>(v, u, broadcast(bias), y);
    }
};

// `width` output channels; the last vector has `count` tiles.
template <bool plain, int width, typename Tiles>
inline __attribute__((always_inline)) void channels(const Tiles& tiles, const float* u,
                                                    const float* biases, const Target& to, long at,
                                                    long count) {
#pragma GCC unroll 1
    for (int o = 0; o < width; ++o, at += to.channel) {
        Vec y[Tiles::kVectors][4];
        tiles.template outputs_of<width>(u + o, biases + o, y);
#pragma GCC unroll 2
        for (int i = 0; i < Tiles::kVectors; ++i)
            finish<plain>(to, at + i * kLanes, i + 1 < Tiles::kVectors ? kLanes : count, y[i]);
    }
}

// All output channels.
template <bool plain, typename Tiles>
inline __attribute__((always_inline)) void products(const Shape& s, const float* v,
                                                    const float* biases, const Target target,
                                                    long at, long count) {
    const Tiles tiles(v);
    const long outputs = s.channels_out;  // not read again after every store
    const float* u = biases + outputs;
    long o = 0;
    for (; o + kChannels <= outputs; o += kChannels, at += kChannels * target.channel)
        channels<plain, kChannels>(tiles, u + o * 16, biases + o, target, at, count);
    switch (outputs - o) {
        case 1:
            channels<plain, 1>(tiles, u + o * 16, biases + o, target, at, count);
            break;
        case 2:
            channels<plain, 2>(tiles, u + o * 16, biases + o, target, at, count);
            break;
        case 3:
            channels<plain, 3>(tiles, u + o * 16, biases + o, target, at, count);
    }
}

template <typename Tiles>
inline void tiles(const Shape& s, const float* v, const float* biases, const Target& target,
                  long at, long count) {
    if (count == kLanes && !target.winners) {
        products<true, Tiles>(s, v, biases, target, at, count);
    } else {
        products<false, Tiles>(s, v, biases, target, at, count);
    }
}

#if defined(__AVX512F__)
// Four tiles of four output channels at a time: lane 4 i + o is tile i of channel o.
inline void last_tiles(const Shape& s, const float* v, const float* biases, const Target target,
                       long at) {
    const __m512i spread = _mm512_setr_epi32(0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3);
    const __m512i gather = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    Vec tiles[16];
#pragma GCC unroll 16
    for (int k = 0; k < 16; ++k)
        tiles[k] =
            _mm512_permutexvar_ps(spread, _mm512_castps128_ps512(_mm_loadu_ps(v + k * kLanes)));
    const auto four = [](const float* from) { return _mm512_broadcast_f32x4(_mm_loadu_ps(from)); };
    const long channels = s.channels_out;
    const float* u = biases + channels;
    for (long o = 0; o < channels; o += 4, u += 64) {
        Vec y[4];
        outputs(tiles, [&](int k) { return four(u + 4 * k); }, four(biases + o), y);
        const Vec most = max(max(y[1], y[3]), max(max(y[0], y[2]), zero()));
        const Vec sorted = _mm512_permutexvar_ps(gather, most);
        float* to = target.y + at + o * target.channel;
        _mm_storeu_ps(to, _mm512_extractf32x4_ps(sorted, 0));
        _mm_storeu_ps(to + target.channel, _mm512_extractf32x4_ps(sorted, 1));
        _mm_storeu_ps(to + 2 * target.channel, _mm512_extractf32x4_ps(sorted, 2));
        _mm_storeu_ps(to + 3 * target.channel, _mm512_extractf32x4_ps(sorted, 3));
    }
}
#endif

inline void all_tiles(const Shape& s, const float* v, const float* biases, const Target& target,
                      long count) {
    for (long at = 0; at < count; v += kGroup) {
        if constexpr (kVectors == 2) {
            if (at + 2 * kLanes <= count && !target.winners) {
                tiles<InMemory<2>>(s, v, biases, target, at, kLanes);
                at += 2 * kLanes;
            } else {
                for (int i = 0; i < 2 && at < count; ++i, at += kLanes)
                    tiles<InMemory<1>>(s, v + i * kLanes, biases, target, at,
                                       min(count - at, kLanes));
            }
        } else {
#if defined(__AVX512F__)
            if (count - at == 4 && s.channels_out % 4 == 0 && !target.winners) {
                last_tiles(s, v, biases, target, at);
                return;
            }
#endif
            tiles<InRegisters>(s, v, biases, target, at, min(count - at, kLanes));
            at += kLanes;
        }
    }
}

inline bool run(const Shape& s, const float* x, const void* prepared, float* y,
                unsigned char* winners, long row0, long row1, void* workspace) {
    const Plan p = plan(s, row1 - row0);
    float* v = static_cast<float*>(workspace);  // [16 tiles_of_v]
    float* planes = v + 16 * tiles_of_v(p);
    clear_ends(s, p, planes);
    for (long top = row0; top < row1; top += p.strip) {
        const long bottom = min(row1, top + p.strip), at = top * p.tiles;
        const long count = (bottom - top) * p.tiles;
        if (!below(input(s, p, x, top, bottom, planes), kInputLimit)) return false;
        transform(p, planes, count, v);
        all_tiles(s, v, static_cast<const float*>(prepared),
                  {y + at, winners ? winners + at : nullptr, s.output.h * s.output.w}, count);
    }
    return true;
}

}  // namespace winograd_small::one
