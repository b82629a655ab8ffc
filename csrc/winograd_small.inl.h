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

namespace winograd_small {

constexpr int kMostIn = 16;
constexpr int kMostOut = 64;
constexpr float kInputLimit = 1152921504606846976.0f;  // 2^60: the transforms cannot overflow
constexpr float kWeightLimit = 1099511627776.0f;       // 2^40
constexpr long kCache = 44 * 1024;  // bytes of planes that leave room in a first-level cache

constexpr int kChannels = 4;  // output channels that are summed at once,
constexpr int kVectors = 3;   // vectors of tiles, and
constexpr int kRows =
    kRegisters >= 32 && kLanes > 4 ? 2 : 1;  // rows of V: together the accumulators
constexpr int kOrder[4] = {1, 2, 0, 3};      // in which rows and columns of V are summed

struct Plan {
    long tiles;  // in a row
    long pitch;  // floats from tile row to tile row
    long strip;  // tile rows that are worked on at once
    long plane;  // floats of a plane
};

// The pitch that keeps vectors aligned, unless that costs more than a twentieth of the work.
inline long aligned_pitch(long tiles, long rows) {
    const long half = kLanes >= 16 ? kLanes / 2 : kLanes;
    const long pitch = round_up(tiles, tiles < half ? half : kLanes);
    const long vectors = round_up(rows * pitch, kLanes), dense = round_up(rows * tiles, kLanes);
    return vectors * 20 <= dense * 21 ? pitch : tiles;
}

inline Plan plan(const Shape& s) {
    Plan p;
    p.tiles = s.output.w;
    p.pitch = aligned_pitch(p.tiles, s.output.h);
    const long row = s.channels_in * 8 * p.pitch * 4;
    p.strip = s.output.h;
    if ((p.strip + 1) * row > kCache) {
        const long most = max(kCache / row - 1, 2), strips = (s.output.h + most - 1) / most;
        p.strip = (s.output.h + strips - 1) / strips;
    }
    // A plane ends where its last store does. What is read beyond it reaches no result.
    p.plane = round_up(p.strip * p.pitch + round_up(p.pitch, kLanes), kLanes);
    return p;
}

inline bool fits(const Shape& s, Precision) {
    return is_block3x3(s) && s.channels_in <= kMostIn && s.channels_out <= kMostOut;
}

inline size_t prepared_bytes(const Shape& s) {
    return sizeof(float) * s.channels_out * (16 * s.channels_in + 1);
}

// Planes, and where one channel's sums wait for the next columns.
inline size_t workspace_bytes(const Shape& s) {
    const long waiting = s.channels_in == 1 ? s.channels_out * 4 * kLanes : 0;
    return sizeof(float) * (s.channels_in * 8 * plan(s).plane + plan(s).pitch + kLanes + waiting);
}

// ---- weights

// One direction of the weights' transform of a b d.
inline void transform(double a, double b, double d, double (&t)[4]) {
    t[0] = a, t[1] = (a + b + d) / 2, t[2] = (a - b + d) / 2, t[3] = d;
}

// Where the transformed weights of an output channel stand in U: [group of kChannels][column][kRows
// rows][Cin][row][channel of the group], columns and rows in kOrder.
struct Place {
    long group, width, channel;  // first float and channels of the group, number in it
};

inline Place place(const Shape& s, long o) {
    if (s.channels_in == 1) return {o * 16, 1, 0};
    const long first = o / kChannels * kChannels;
    return {first * 16 * s.channels_in, min(kChannels, s.channels_out - first), o - first};
}

// The biases, then U = G w G'.
inline bool prepare(const Shape& s, const float* weight, const float* bias, void* prepared) {
    float* biases = static_cast<float*>(prepared);
    bool tame = true;
    for (long o = 0; o < s.channels_out; ++o) {
        biases[o] = bias ? bias[o] : 0.0f;
        tame &= biases[o] < kInputLimit && biases[o] > -kInputLimit;
        const Place at = place(s, o);
        float* u = biases + s.channels_out + at.group + at.channel;
        for (long c = 0; c < s.channels_in; ++c, weight += 9) {
            for (int i = 0; i < 9; ++i)
                tame &= weight[i] < kWeightLimit && weight[i] > -kWeightLimit;
            double rows[3][4];  // [column of w][row of U]
            for (int x = 0; x < 3; ++x) transform(weight[x], weight[3 + x], weight[6 + x], rows[x]);
            for (int i = 0; i < 4; ++i) {
                double columns[4];
                const int row = kOrder[i];
                transform(rows[0][row], rows[1][row], rows[2][row], columns);
                for (int j = 0; j < 4; ++j) {
                    const long pass = j * 4 + i / kRows * kRows;
                    u[(pass * s.channels_in + c * kRows + i % kRows) * at.width] =
                        static_cast<float>(columns[kOrder[j]]);
                }
            }
        }
    }
    return tame;
}

// ---- input

// The input transform along x of columns a b c d, the last one with its sign turned, to the four
// planes at `to`.
inline void put(const Plan& p, Vec a, Vec b, Vec c, Vec d, float* to) {
    store(to, sub(a, c));
    store(to + p.plane, add(b, c));
    store(to + 2 * p.plane, sub(c, b));
    store(to + 3 * p.plane, sub(d, b));
}

// The vectors of tiles from t on of every row of every channel. What is stored beyond a row's end
// belongs to the next row, so the vectors at the rows' ends come first. `inner` vectors need no
// masks.
template <bool inner>
inline Magnitude vectors_of_rows(const Shape& s, const Plan& p, const float* x, long top,
                                 long bottom, long t, float* planes, Magnitude most) {
    const long left = 2 * t - 1, width = s.input.w;
    const Mask l0 = mask_lanes(-left, width - left), l1 = mask_lanes(0, width - left - kLanes),
               r0 = mask_lanes(0, width - left - 2), r1 = mask_lanes(0, width - left - 2 - kLanes);
    for (long c = 0; c < s.channels_in; ++c, x += s.input.h * width) {
        for (long parity = 0; parity < 2; ++parity, planes += 4 * p.plane) {
            float* to = planes + t;
            for (long r = top; r <= bottom; ++r, to += p.pitch) {
                const long y = 2 * r - 1 + parity;
                if (y < 0 || y >= s.input.h) {
                    put(p, zero(), zero(), zero(), zero(), to);
                    continue;
                }
                const float *from = x + y * width + left, *next = from + 2;
                const Vec p0 = inner ? load(from) : load_mask(from, l0);
                const Vec p1 = inner ? load(from + kLanes) : load_mask(from + kLanes, l1);
                const Vec q0 = inner ? load(next) : load_mask(next, r0);
                const Vec q1 = inner ? load(next + kLanes) : load_mask(next + kLanes, r1);
                most = magnitude(magnitude(magnitude(magnitude(most, p0), p1), q0), q1);
                Vec a, b, c, d;
                deinterleave(p0, p1, a, b);
                deinterleave(q0, q1, c, d);
                put(p, a, b, c, d, to);
            }
        }
    }
    return most;
}

inline Magnitude wide_rows(const Shape& s, const Plan& p, const float* x, long top, long bottom,
                           float* planes) {
    Magnitude most = no_magnitude();
    for (long t = round_up(p.tiles, kLanes) - kLanes; t >= 0; t -= kLanes) {
        if (t > 0 && 2 * (t + kLanes) < s.input.w) {
            most = vectors_of_rows<true>(s, p, x, top, bottom, t, planes, most);
        } else {
            most = vectors_of_rows<false>(s, p, x, top, bottom, t, planes, most);
        }
    }
    return most;
}

#if defined(__AVX512F__)
// Up to kLanes + 14 pixels and the padding left of them fit two vectors, from which any pixels can
// be permuted together: two rows of up to 7 tiles, or one of up to 15.
inline Magnitude narrow_rows(const Shape& s, const Plan& p, const float* x, long top, long bottom,
                             float* planes) {
    const bool pairs = 2 * p.tiles + 2 <= kLanes;
    const long step = pairs ? 2 : 1, width = s.input.w;
    // Lane l is pixel 2l + j of the first row, or from lane `pitch` on 2(l - pitch) + j of the
    // second.
    const __m512i lane = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    const Mask second = pairs ? mask_lanes(p.pitch, kLanes) : Mask(0);
    __m512i index[4];
    index[0] =
        _mm512_mask_add_epi32(_mm512_add_epi32(lane, lane), second, _mm512_add_epi32(lane, lane),
                              _mm512_set1_epi32(static_cast<int>(kLanes - 2 * p.pitch)));
    for (int j = 1; j < 4; ++j) index[j] = _mm512_add_epi32(index[j - 1], _mm512_set1_epi32(1));
    const Mask inside = mask_lanes(1, width + 1);
    const Mask beside = pairs ? inside : mask_lanes(0, width + 1 - kLanes);
    const long next = pairs ? 2 * width : kLanes;
    Magnitude most = no_magnitude();
    for (long c = 0; c < s.channels_in; ++c, x += s.input.h * width) {
        for (long parity = 0; parity < 2; ++parity, planes += 4 * p.plane) {
            float* to = planes;
            for (long r = top; r <= bottom; r += step, to += step * p.pitch) {
                const long y = 2 * r - 1 + parity;
                const bool first_in = y >= 0 && y < s.input.h;
                const bool second_in = pairs ? y + 2 < s.input.h : first_in;
                const float* row = x + y * width - 1;
                const Vec a = load_mask(row, first_in ? inside : Mask(0));
                const Vec b = load_mask(row + next, second_in ? beside : Mask(0));
                most = magnitude(magnitude(most, a), b);
                put(p, permute(a, index[0], b), permute(a, index[1], b), permute(a, index[2], b),
                    permute(a, index[3], b), to);
            }
        }
    }
    return most;
}
#endif

// Tile rows top <= r <= bottom of every channel; the last one for its first two rows, which the one
// above it shares.
inline Magnitude input(const Shape& s, const Plan& p, const float* x, long top, long bottom,
                       float* planes) {
#if defined(__AVX512F__)
    if (p.tiles < kLanes) return narrow_rows(s, p, x, top, bottom, planes);
#endif
    return wide_rows(s, p, x, top, bottom, planes);
}

// ---- output

// Where the results of one strip go; winners may be null.
struct Output {
    float* y;
    unsigned char* winners;
    long channel;  // floats from channel to channel
    long rows;     // tile rows
};

// Where a vector of tiles goes.
struct Segment {
    long at, count;
    Mask lanes;  // the first `count` ones
};

inline Segment segment(const Plan& p, const Output& out, long t) {
    Segment to;
    if (p.pitch == p.tiles) {
        to.at = t, to.count = min(out.rows * p.tiles - t, kLanes);
    } else if (p.pitch < kLanes) {  // two rows
        const long row = t / p.pitch;
        to.at = row * p.tiles, to.count = min(out.rows - row, 2) * p.tiles;
    } else {
        const long row = t / p.pitch, column = t - row * p.pitch;
        to.at = row * p.tiles + column, to.count = min(p.tiles - column, kLanes);
    }
    to.lanes = mask_lanes(0, to.count);
    return to;
}

// The tiles of two rows without what stands between them.
inline Vec packed(const Plan& p, Vec v) {
#if defined(__AVX512F__)
    if (p.pitch < kLanes && p.pitch != p.tiles) {
        const unsigned row = (1u << p.tiles) - 1;
        return _mm512_maskz_compress_ps(static_cast<Mask>(row | row << p.pitch), v);
    }
#endif
    (void)p;
    return v;
}

// Which of a tile's four outputs won, as bytes. The first one does where several are equal.
inline void name_winners(const Plan& p, const Segment& to, const Vec (&y)[4],
                         unsigned char* winners) {
    Vec winner = zero(), most = y[0];
    for (int k = 1; k < 4; ++k) {
        winner = select_greater(y[k], most, set1(static_cast<float>(k)), winner);
        most = max(y[k], most);
    }
    winner = packed(p, select_greater(most, zero(), winner, set1(kNoWinner)));
    float lanes[kLanes];
    store(lanes, winner);
    for (long i = 0; i < to.count; ++i) winners[i] = static_cast<unsigned char>(lanes[i]);
}

// ReLU and the largest of a tile's four outputs (row by row), to output channel o. `plain` is known
// to be a full vector without winners.
template <bool plain>
inline void finish(const Plan& p, const Output& out, const Segment& to, long o, const Vec (&y)[4]) {
    const long at = o * out.channel + to.at;
    const Vec most = max(max(max(y[0], y[1]), max(y[2], y[3])), zero());
    if (plain) {
        store(out.y + at, most);
        return;
    }
    if (to.count == kLanes) {
        store(out.y + at, most);
    } else {
        store_mask(out.y + at, to.lanes, packed(p, most));
    }
    if (out.winners) name_winners(p, to, y, out.winners + at);
}

inline bool is_plain(const Output& out, const Segment& to) {
    return to.count == kLanes && !out.winners;
}

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
