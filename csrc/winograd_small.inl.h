// conv 3x3, stride 1, padding 1 → ReLU → 2x2 max-pool for few input channels, by Winograd's
// F(2x2, 3x3) (Lavin and Gray, arXiv:1509.09308): the four outputs of a tile are exactly one pool
// window.
//
// The lanes are tiles, so that no channel count is rounded up and a vector of results is stored as
// it is. Every input row is split into even and odd columns and transformed along x once, into
// planes[Cin][row parity][column of V][tile row][pitch]. A tile's four rows are then two planes
// here and two a pitch further on; their transform along y stays in registers.
//
// Along y and along x alike, V is numbered so that the output transform is only additions,
//     t0 = (M1 + M2) + M0,    t1 = (M1 - M2) + M3,    M3 = w3 (b - d) with its sign turned,
// and sums over the input channels that come last may start from what came first.

#include "winograd_small_input.inl.h"

namespace winograd_small {

// ---- product of several input channels

// Adds kRows rows of V, the first of which is kOrder[first], of one column to the sums; v at the
// column's first plane, u at these rows.
template <int channels, int vectors, int first>
inline __attribute__((always_inline)) void accumulate(const Shape& s, const Plan& p, const float* v,
                                                      const float* u,
                                                      Vec (&sum)[kRows][channels][vectors]) {
    const float* odd = v + 4 * p.plane;
    for (long c = 0; c < s.channels_in; ++c) {
        Vec d[kRows][vectors];
#pragma GCC unroll 4
        for (int i = 0; i < vectors; ++i) {
            const float *r0 = v + i * kLanes, *r1 = odd + i * kLanes;
            const float *r2 = r0 + p.pitch, *r3 = r1 + p.pitch;
#pragma GCC unroll 2
            for (int row = 0; row < kRows; ++row) {
                switch (kOrder[first + row]) {
                    case 0:
                        d[row][i] = sub(load(r0), load(r2));
                        break;
                    case 1:
                        d[row][i] = add(load(r1), load(r2));
                        break;
                    case 2:
                        d[row][i] = sub(load(r2), load(r1));
                        break;
                    default:
                        d[row][i] = sub(load(r3), load(r1));
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
inline __attribute__((always_inline)) void column(const Shape& s, const Plan& p, const float* v,
                                                  const float* u, Waiting<channels, vectors>& wait,
                                                  Start start, Finish finish) {
    const long pass = s.channels_in * kRows * channels;
    Vec sum[kRows][channels][vectors];
    each<channels, vectors>([&](int o, int i) {
        for (int row = 0; row < kRows; ++row) sum[row][o][i] = zero();
    });
    accumulate<channels, vectors, 0>(s, p, v, u, sum);
    if constexpr (kRows == 2) {
        each<channels, vectors>([&](int o, int i) {
            const Vec m1 = sum[0][o][i], m2 = sum[1][o][i];
            sum[0][o][i] = add(start(0, o, i), add(m1, m2));
            sum[1][o][i] = add(start(1, o, i), sub(m1, m2));
        });
        accumulate<channels, vectors, 2>(s, p, v, u + pass, sum);
        each<channels, vectors>([&](int o, int i) { finish(o, i, sum[0][o][i], sum[1][o][i]); });
    } else {
        each<channels, vectors>([&](int o, int i) {
            store(wait.row[o][i], sum[0][o][i]);
            sum[0][o][i] = zero();
        });
        accumulate<channels, vectors, 1>(s, p, v, u + pass, sum);
        each<channels, vectors>([&](int o, int i) {
            const Vec m1 = load(wait.row[o][i]), m2 = sum[0][o][i];
            store(wait.row[o][i], add(start(1, o, i), sub(m1, m2)));
            sum[0][o][i] = add(start(0, o, i), add(m1, m2));
        });
        accumulate<channels, vectors, 2>(s, p, v, u + 2 * pass, sum);
        each<channels, vectors>([&](int o, int i) {
            const Vec t0 = sum[0][o][i];
            sum[0][o][i] = load(wait.row[o][i]);
            store(wait.row[o][i], t0);
        });
        accumulate<channels, vectors, 3>(s, p, v, u + 3 * pass, sum);
        each<channels, vectors>(
            [&](int o, int i) { finish(o, i, load(wait.row[o][i]), sum[0][o][i]); });
    }
}

// Vectors of tiles from t on, of output channels o and following; u at those channels.
template <int channels, int vectors>
__attribute__((noinline)) void block(const Shape& s, const Plan& p, const float* planes,
                                     const float* u, const float* biases, const Output& out, long o,
                                     long t) {
    alignas(64) Waiting<channels, vectors> wait;
    const float* v = planes + t;
    const long step = s.channels_in * 4 * channels;
    column<channels, vectors>(
        s, p, v + p.plane, u, wait, [&](int, int c, int) { return broadcast(biases + c); },
        [&](int c, int i, Vec t0, Vec t1) {
            store(wait.left[0][c][i], t0);
            store(wait.left[1][c][i], t1);
        });
    column<channels, vectors>(
        s, p, v + 2 * p.plane, u + step, wait, [](int, int, int) { return zero(); },
        [&](int c, int i, Vec t0, Vec t1) {
            const Vec a = load(wait.left[0][c][i]), b = load(wait.left[1][c][i]);
            store(wait.left[0][c][i], add(a, t0));
            store(wait.left[1][c][i], add(b, t1));
            store(wait.right[0][c][i], sub(a, t0));
            store(wait.right[1][c][i], sub(b, t1));
        });
    column<channels, vectors>(
        s, p, v, u + 2 * step, wait,
        [&](int row, int c, int i) { return load(wait.left[row][c][i]); },
        [&](int c, int i, Vec t0, Vec t1) {
            store(wait.left[0][c][i], t0);
            store(wait.left[1][c][i], t1);
        });
    Segment to[vectors];
    for (int i = 0; i < vectors; ++i) to[i] = segment(p, out, t + i * kLanes);
    column<channels, vectors>(
        s, p, v + 3 * p.plane, u + 3 * step, wait,
        [&](int row, int c, int i) { return load(wait.right[row][c][i]); },
        [&](int c, int i, Vec t0, Vec t1) {
            finish<false>(p, out, to[i], o + c,
                          {load(wait.left[0][c][i]), t0, load(wait.left[1][c][i]), t1});
        });
}

template <int channels>
inline void all_tiles(const Shape& s, const Plan& p, const float* planes, const float* u,
                      const float* biases, const Output& out, long o) {
    const long vectors = round_up(out.rows * p.pitch, kLanes) / kLanes;
    for (long t = 0; t < vectors;) {
        const long left = vectors - t;
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

inline void many_channels(const Shape& s, const Plan& p, const float* planes, const float* biases,
                          const Output& out) {
    for (long o = 0; o < s.channels_out; o += kChannels) {
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

// ---- product of one input channel

// One column's t0 and t1 of one vector of tiles, of its weights w and M1.
inline void column(const float* w, const Vec (&v)[4], Vec m1, Vec& t0, Vec& t1) {
    const Vec u2 = set1(w[1]);
    t0 = fma(set1(w[2]), v[0], fma(u2, v[2], m1));
    t1 = fma(set1(w[3]), v[3], fnma(u2, v[2], m1));
}

// The transform along y of the tiles at the column's first plane.
inline void rows(const Plan& p, const float* r0, Vec (&v)[4]) {
    const float* r1 = r0 + 4 * p.plane;
    const Vec a = load(r0), b = load(r1), c = load(r0 + p.pitch), d = load(r1 + p.pitch);
    v[0] = sub(a, c), v[1] = add(b, c), v[2] = sub(c, b), v[3] = sub(d, b);
}

// A vector of tiles of `channels` output channels, whose weights begin at u; V in registers.
template <int channels>
inline void outputs(const Vec (&v)[4][4], const float* u, const float* biases,
                    Vec (&y)[channels][4]) {
#pragma GCC unroll 2
    for (int o = 0; o < channels; ++o, u += 16) {
        Vec a, b, c, d;
        column(u, v[1], fma(set1(*(u)), v[1][1], set1(biases[o])), a, b);
        column(u + 4, v[2], mul(set1(*(u + 4)), v[2][1]), c, d);
        const Vec right0 = sub(a, c), right1 = sub(b, d);
        const Vec left0 = add(a, c), left1 = add(b, d);
        column(u + 8, v[0], mul(set1(*(u + 8)), v[0][1]), a, b);
        column(u + 12, v[3], mul(set1(*(u + 12)), v[3][1]), c, d);
        y[o][0] = add(left0, a), y[o][1] = add(right0, c);
        y[o][2] = add(left1, b), y[o][3] = add(right1, d);
    }
}

// V's 16 vectors stay in registers.
template <bool plain>
inline void one_channel_at_once(const Shape& s, const Plan& p, const float* planes,
                                const float* biases, const Output& out, const Segment& to) {
    Vec v[4][4];
#pragma GCC unroll 4
    for (int j = 0; j < 4; ++j) rows(p, planes + j * p.plane, v[j]);
    const long channels = s.channels_out;  // not read again after every store
    const float* u = biases + channels;
    long o = 0;
    for (; o + 2 <= channels; o += 2) {
        Vec y[2][4];
        outputs<2>(v, u + o * 16, biases + o, y);
        finish<plain>(p, out, to, o, y[0]);
        finish<plain>(p, out, to, o + 1, y[1]);
    }
    for (; o < channels; ++o) {
        Vec y[1][4];
        outputs<1>(v, u + o * 16, biases + o, y);
        finish<plain>(p, out, to, o, y[0]);
    }
}

// 8 vectors of V at a time stay in registers.
template <bool plain>
inline void one_channel_in_two(const Shape& s, const Plan& p, const float* planes,
                               const float* biases, const Output& out, const Segment& to,
                               float* waiting) {
    const long channels = s.channels_out;
    const float* u = biases + channels;
    Vec v[4], z[4];
    rows(p, planes + p.plane, v);
    rows(p, planes + 2 * p.plane, z);
    for (long o = 0; o < channels; ++o) {
        Vec a, b, c, d;
        column(u + o * 16, v, fma(set1(*(u + o * 16)), v[1], set1(biases[o])), a, b);
        column(u + o * 16 + 4, z, mul(set1(*(u + o * 16 + 4)), z[1]), c, d);
        float* w = waiting + o * 4 * kLanes;
        store(w, add(a, c));
        store(w + kLanes, sub(a, c));
        store(w + 2 * kLanes, add(b, d));
        store(w + 3 * kLanes, sub(b, d));
    }
    rows(p, planes, v);
    rows(p, planes + 3 * p.plane, z);
    for (long o = 0; o < channels; ++o) {
        Vec a, b, c, d;
        column(u + o * 16 + 8, v, mul(set1(*(u + o * 16 + 8)), v[1]), a, b);
        column(u + o * 16 + 12, z, mul(set1(*(u + o * 16 + 12)), z[1]), c, d);
        const float* w = waiting + o * 4 * kLanes;
        finish<plain>(p, out, to, o,
                      {add(load(w), a), add(load(w + kLanes), c), add(load(w + 2 * kLanes), b),
                       add(load(w + 3 * kLanes), d)});
    }
}

template <bool plain>
inline void one_channel(const Shape& s, const Plan& p, const float* planes, const float* biases,
                        const Output& out, const Segment& to, float* waiting) {
    if constexpr (kRegisters >= 32) {
        one_channel_at_once<plain>(s, p, planes, biases, out, to);
    } else {
        one_channel_in_two<plain>(s, p, planes, biases, out, to, waiting);
    }
}

inline void one_channel(const Shape& s, const Plan& p, const float* planes, const float* biases,
                        const Output& out, float* waiting) {
    for (long t = 0; t < out.rows * p.pitch; t += kLanes) {
        const Segment to = segment(p, out, t);
        if (is_plain(out, to)) {
            one_channel<true>(s, p, planes + t, biases, out, to, waiting);
        } else {
            one_channel<false>(s, p, planes + t, biases, out, to, waiting);
        }
    }
}

inline bool run(const Shape& s, const float* x, const void* prepared, float* y,
                unsigned char* winners, long row0, long row1, void* workspace) {
    const Plan p = plan(s);
    float* planes = static_cast<float*>(workspace);
    float* waiting = planes + s.channels_in * 8 * p.plane + p.pitch + kLanes;
    const float* biases = static_cast<const float*>(prepared);
    for (long top = row0; top < row1; top += p.strip) {
        const long bottom = min(row1, top + p.strip);
        if (!below(input(s, p, x, top, bottom, planes), kInputLimit)) return false;
        const Output out = {y + top * p.tiles, winners ? winners + top * p.tiles : nullptr,
                            s.output.h * s.output.w, bottom - top};
        if (s.channels_in == 1) {
            one_channel(s, p, planes, biases, out, waiting);
        } else {
            many_channels(s, p, planes, biases, out);
        }
    }
    return true;
}

constexpr Algorithm kAlgorithm = {"winograd-small", fits, prepared_bytes, prepare,
                                  workspace_bytes,  run};

}  // namespace winograd_small
