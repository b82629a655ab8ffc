// Few channels by Winograd's F(2x2, 3x3): the product of several input channels. The sums are
// kChannels output channels x kVectors vectors of tiles x kRows rows of V. After
// output.inl.h.

namespace winograd_f2x2 {

// How many floats beyond the vector of tiles at t the tiles below them stand.
inline ptrdiff_t next_row(const Plan& p, ptrdiff_t t) {
    if (!p.fold) return p.pitch;
    return t + kLanes < p.fold * kLanes ? kLanes : kLanes / 2 - t;
}

// Adds kRows rows of V, the first of which is kOrder[first], of one column to the sums; v at the
// column's first plane, u at these rows. A vector's next tile row stands next[i] floats further on.
template <int channels, int vectors, int first>
inline __attribute__((always_inline)) void accumulate(const ConvShape& s, const Plan& p,
                                                      const float* v, const float* u,
                                                      const ptrdiff_t (&next)[vectors],
                                                      Vec (&sum)[kRows][channels][vectors]) {
    const float* odd = v + 4 * p.plane;
    for (ptrdiff_t c = 0; c < s.channels_in; ++c) {
        Vec d[kRows][vectors];
#pragma GCC unroll 4
        for (int i = 0; i < vectors; ++i) {
            const float *r0 = v + i * kLanes, *r1 = odd + i * kLanes;
#pragma GCC unroll 2
            for (int row = 0; row < kRows; ++row) {
                switch (kOrder[first + row]) {
                    case 0:
                        d[row][i] = sub(load(r0), load(r0 + next[i]));
                        break;
                    case 1:
                        d[row][i] = add(load(r1), load(r0 + next[i]));
                        break;
                    case 2:
                        d[row][i] = sub(load(r0 + next[i]), load(r1));
                        break;
                    default:
                        d[row][i] = sub(load(r1 + next[i]), load(r1));
                }
            }
        }
#pragma GCC unroll 4
        for (int o = 0; o < channels; ++o) {
#pragma GCC unroll 2
            for (int row = 0; row < kRows; ++row) {
                const Vec w = broadcast(u + row * channels + o);
#pragma GCC unroll 4
                for (int i = 0; i < vectors; ++i)
                    sum[row][o][i] = fma(w, d[row][i], sum[row][o][i]);
            }
        }
        v += 8 * p.plane, odd += 8 * p.plane, u += kRows * channels;
    }
}

// Sums that wait for the columns to come: of the left two outputs of a tile, the right two, and
// what one column needs between its rows.
template <int channels, int vectors>
struct Waiting {
    float left[2][channels][vectors][kLanes], right[2][channels][vectors][kLanes];
    float row[channels][vectors][kLanes];
};

// Calls f(o, i) for every channel and vector, unrolled.
template <int channels, int vectors, typename F>
inline __attribute__((always_inline)) void each(F f) {
#pragma GCC unroll 4
    for (int o = 0; o < channels; ++o)
#pragma GCC unroll 4
        for (int i = 0; i < vectors; ++i) f(o, i);
}

// One column's t0 and t1, which start from start(row, o, i), to finish(o, i, t0, t1).
template <int channels, int vectors, typename Start, typename Finish>
inline __attribute__((always_inline)) void column(const ConvShape& s, const Plan& p, const float* v,
                                                  const float* u, const ptrdiff_t (&next)[vectors],
                                                  Waiting<channels, vectors>& wait, Start start,
                                                  Finish finish) {
    const ptrdiff_t pass = s.channels_in * kRows * channels;
    Vec sum[kRows][channels][vectors];
    each<channels, vectors>([&](int o, int i) {
        for (int row = 0; row < kRows; ++row) sum[row][o][i] = zero();
    });
    accumulate<channels, vectors, 0>(s, p, v, u, next, sum);
    if constexpr (kRows == 2) {
        each<channels, vectors>([&](int o, int i) {
            const Vec m1 = sum[0][o][i], m2 = sum[1][o][i];
            sum[0][o][i] = add(start(0, o, i), add(m1, m2));
            sum[1][o][i] = add(start(1, o, i), sub(m1, m2));
        });
        accumulate<channels, vectors, 2>(s, p, v, u + pass, next, sum);
        each<channels, vectors>([&](int o, int i) { finish(o, i, sum[0][o][i], sum[1][o][i]); });
    } else {
        each<channels, vectors>([&](int o, int i) {
            store(wait.row[o][i], sum[0][o][i]);
            sum[0][o][i] = zero();
        });
        accumulate<channels, vectors, 1>(s, p, v, u + pass, next, sum);
        each<channels, vectors>([&](int o, int i) {
            const Vec m1 = load(wait.row[o][i]), m2 = sum[0][o][i];
            store(wait.row[o][i], add(start(1, o, i), sub(m1, m2)));
            sum[0][o][i] = add(start(0, o, i), add(m1, m2));
        });
        accumulate<channels, vectors, 2>(s, p, v, u + 2 * pass, next, sum);
        each<channels, vectors>([&](int o, int i) {
            const Vec t0 = sum[0][o][i];
            sum[0][o][i] = load(wait.row[o][i]);
            store(wait.row[o][i], t0);
        });
        accumulate<channels, vectors, 3>(s, p, v, u + 3 * pass, next, sum);
        each<channels, vectors>(
            [&](int o, int i) { finish(o, i, load(wait.row[o][i]), sum[0][o][i]); });
    }
}

// Vectors of tiles from t on, of output channels o and following; u at those channels.
template <int channels, int vectors>
__attribute__((noinline)) void block(const ConvShape& s, const Plan& p, const float* planes,
                                     const float* u, const float* biases, const Output& out,
                                     ptrdiff_t o, ptrdiff_t t) {
    alignas(64) Waiting<channels, vectors> wait;
    const float* v = planes + t;
    ptrdiff_t next[vectors];
    for (int i = 0; i < vectors; ++i) next[i] = next_row(p, t + i * kLanes);
    const ptrdiff_t step = s.channels_in * 4 * channels;
    column<channels, vectors>(
        s, p, v + p.plane, u, next, wait, [&](int, int c, int) { return broadcast(biases + c); },
        [&](int c, int i, Vec t0, Vec t1) {
            store(wait.left[0][c][i], t0);
            store(wait.left[1][c][i], t1);
        });
    column<channels, vectors>(
        s, p, v + 2 * p.plane, u + step, next, wait, [](int, int, int) { return zero(); },
        [&](int c, int i, Vec t0, Vec t1) {
            const Vec a = load(wait.left[0][c][i]), b = load(wait.left[1][c][i]);
            store(wait.left[0][c][i], add(a, t0));
            store(wait.left[1][c][i], add(b, t1));
            store(wait.right[0][c][i], sub(a, t0));
            store(wait.right[1][c][i], sub(b, t1));
        });
    column<channels, vectors>(
        s, p, v, u + 2 * step, next, wait,
        [&](int row, int c, int i) { return load(wait.left[row][c][i]); },
        [&](int c, int i, Vec t0, Vec t1) {
            store(wait.left[0][c][i], t0);
            store(wait.left[1][c][i], t1);
        });
    Segment to[vectors];
    for (int i = 0; i < vectors; ++i) to[i] = segment(p, out, t + i * kLanes);
    column<channels, vectors>(
        s, p, v + 3 * p.plane, u + 3 * step, next, wait,
        [&](int row, int c, int i) { return load(wait.right[row][c][i]); },
        [&](int c, int i, Vec t0, Vec t1) {
            finish(p, out, to[i], o + c,
                   {load(wait.left[0][c][i]), t0, load(wait.left[1][c][i]), t1});
        });
}

template <int channels>
inline void all_tiles(const ConvShape& s, const Plan& p, const float* planes, const float* u,
                      const float* biases, const Output& out, ptrdiff_t o) {
    const ptrdiff_t vectors = p.fold ? p.fold : round_up(out.rows * p.pitch, kLanes) / kLanes;
    for (ptrdiff_t t = 0; t < vectors;) {
        const ptrdiff_t left = vectors - t;
        if (left >= kVectors && left != kVectors + 1) {
            block<channels, kVectors>(s, p, planes, u, biases, out, o, t * kLanes);
            t += kVectors;
        } else if (left >= 2) {
            block<channels, 2>(s, p, planes, u, biases, out, o, t * kLanes);
            t += 2;
        } else {
            block<channels, 1>(s, p, planes, u, biases, out, o, t * kLanes);
            t += 1;
        }
    }
}

inline void many_channels(const ConvShape& s, const Plan& p, const float* planes,
                          const float* biases, const Output& out) {
    for (ptrdiff_t o = 0; o < s.channels_out; o += kChannels) {
        const Place at = place(s, o);
        const float* u = biases + s.channels_out + at.group;
        switch (at.width) {
            case 1:
                all_tiles<1>(s, p, planes, u, biases + o, out, o);
                break;
            case 2:
                all_tiles<2>(s, p, planes, u, biases + o, out, o);
                break;
            case 3:
                all_tiles<3>(s, p, planes, u, biases + o, out, o);
                break;
            default:
                all_tiles<4>(s, p, planes, u, biases + o, out, o);
        }
    }
}

}  // namespace winograd_f2x2
