// conv 3x3, stride 1, padding 1 → ReLU → 2x2 max-pool for few channels, by Winograd's F(2x2, 3x3)
// (Lavin and Gray, arXiv:1509.09308): the four outputs of a tile are exactly one pool window.
//
// The lanes are tiles, numbered row by row, so that a vector runs on over the ends of short rows,
// no channel count is rounded up, and a vector of results is stored as it is. Every input row is
// split into even and odd columns and transformed along x once: planes[Cin][row parity][4][tile]. A
// tile's four rows are then two planes here and two a tile row further on; their transform along y
// stays in registers, as do the sums over the input channels.

namespace winograd_small {

constexpr int kMost = 16;                            // channels on either side
constexpr int kChannels = kRegisters >= 32 ? 4 : 2;  // output channels whose sums are held at once
constexpr float kInputLimit =
    1152921504606846976.0f;                       // 2^60: beyond it the transforms could overflow
constexpr float kWeightLimit = 1099511627776.0f;  // 2^40
constexpr long kCache = 40 * 1024;  // bytes of planes that leave room in a first-level cache

struct Plan {
    long tiles_w;  // tiles in a row
    long strip;    // tile rows that are worked on at once
    long plane;    // floats of a plane
};

inline Plan plan(const Shape& s) {
    Plan p;
    p.tiles_w = s.output.w;
    const long row = s.channels_in * 8 * p.tiles_w * 4;
    p.strip = min(max(kCache / row - 1, 2), s.output.h);
    p.plane = round_up(round_up(p.strip * p.tiles_w, kLanes) + p.tiles_w + kLanes, kLanes);
    return p;
}

inline bool fits(const Shape& s, Precision) {
    return is_block3x3(s) && s.channels_in <= kMost && s.channels_out <= kMost;
}

inline size_t prepared_bytes(const Shape& s) {
    return sizeof(float) * s.channels_out * (16 * s.channels_in + 1);
}

inline size_t workspace_bytes(const Shape& s) {
    return sizeof(float) * s.channels_in * 8 * plan(s).plane;
}

// The biases, then U = G w G' as [block of kChannels][column j][Cin][row i][channel of the block].
inline bool prepare(const Shape& s, const float* weight, const float* bias, void* prepared) {
    float* biases = static_cast<float*>(prepared);
    bool tame = true;
    for (long o = 0; o < s.channels_out; ++o) {
        biases[o] = bias ? bias[o] : 0.0f;
        tame &= biases[o] < kInputLimit && biases[o] > -kInputLimit;
    }
    float* u = biases + s.channels_out;
    for (long o = 0; o < s.channels_out; ++o) {
        const long block = o / kChannels * kChannels,
                   width = min(kChannels, s.channels_out - block);
        for (long c = 0; c < s.channels_in; ++c) {
            const float* w = weight + (o * s.channels_in + c) * 9;
            for (int i = 0; i < 9; ++i) tame &= w[i] < kWeightLimit && w[i] > -kWeightLimit;
            double rows[4][3];
            for (int x = 0; x < 3; ++x) {
                const double a = w[x], b = w[3 + x], d = w[6 + x];
                rows[0][x] = a, rows[1][x] = (a + b + d) / 2, rows[2][x] = (a - b + d) / 2,
                rows[3][x] = d;
            }
            for (int i = 0; i < 4; ++i) {
                const double a = rows[i][0], b = rows[i][1], d = rows[i][2];
                const double columns[4] = {a, (a + b + d) / 2, (a - b + d) / 2, d};
                for (int j = 0; j < 4; ++j) {
                    u[block * 16 * s.channels_in + ((j * s.channels_in + c) * 4 + i) * width + o -
                      block] = static_cast<float>(columns[j]);
                }
            }
        }
    }
    return tame;
}

// ---- input
// ---------------------------------------------------------------------------------------------------

// One direction of the input transform of columns (or rows) a b c d.
inline void transform(Vec a, Vec b, Vec c, Vec d, Vec (&t)[4]) {
    t[0] = sub(a, c);
    t[1] = add(b, c);
    t[2] = sub(c, b);
    t[3] = sub(b, d);
}

// Transforms tile rows top <= r <= bottom of one parity of one channel, x at its first pixel, to
// the four planes at `to`. Vectors begin at tile t of each row. What they write beyond a row's end
// is the next row's place, which is filled later; where a row has several vectors, the last is
// stored by mask.
inline Magnitude rows_of_tiles(const Shape& s, const Plan& p, const float* x, long parity, long top,
                               long bottom, long t, float* to, Magnitude most) {
    const long left = 2 * t - 1, width = s.input.w;
    const Mask r0 = mask_lanes(-left, width - left),
               r1 = mask_lanes(-left - kLanes, width - left - kLanes);
    const Mask s0 = mask_lanes(-left - 2, width - left - 2);
    const Mask s1 = mask_lanes(-left - 2 - kLanes, width - left - 2 - kLanes);
    const Mask inside = mask_lanes(0, p.tiles_w - t);
    const bool whole = p.tiles_w <= kLanes || p.tiles_w - t >= kLanes;
    for (long r = top; r <= bottom; ++r, to += p.tiles_w) {
        const long y = 2 * r - 1 + parity;
        Vec v[4] = {zero(), zero(), zero(), zero()};
        if (y >= 0 && y < s.input.h) {
            const float* row = x + y * width + left;
            const Vec p0 = load_mask(row, r0), p1 = load_mask(row + kLanes, r1);
            const Vec q0 = load_mask(row + 2, s0), q1 = load_mask(row + 2 + kLanes, s1);
            most = magnitude(magnitude(most, p0), p1);
            most = magnitude(magnitude(most, q0), q1);
            Vec a, b, c, d;
            deinterleave(p0, p1, a, b);
            deinterleave(q0, q1, c, d);
            transform(a, b, c, d, v);
        }
        for (int j = 0; j < 4; ++j) {
            if (whole) {
                store(to + j * p.plane + t, v[j]);
            } else {
                store_mask(to + j * p.plane + t, inside, v[j]);
            }
        }
    }
    return most;
}

#if defined(__AVX512F__)
// The same for rows of up to 7 tiles, two rows to a vector, of every channel: it is the
// permutations that are made once.
inline Magnitude pairs_of_rows(const Shape& s, const Plan& p, const float* x, long top, long bottom,
                               float* planes) {
    alignas(64) int places[4][kLanes] = {};
    for (long l = 0; l < 2 * p.tiles_w; ++l) {
        const long first = l < p.tiles_w ? 2 * l : kLanes + 2 * (l - p.tiles_w);
        for (int j = 0; j < 4; ++j) places[j][l] = static_cast<int>(first) + j;
    }
    const Index index[4] = {load_index(places[0]), load_index(places[1]), load_index(places[2]),
                            load_index(places[3])};
    const Mask lanes = mask_lanes(1, s.input.w + 1);
    Magnitude most = no_magnitude();
    for (long c = 0; c < s.channels_in; ++c, x += s.input.h * s.input.w) {
        for (long parity = 0; parity < 2; ++parity, planes += 4 * p.plane) {
            float* to = planes;
            for (long r = top; r <= bottom; r += 2, to += 2 * p.tiles_w) {
                const long y = 2 * r - 1 + parity;
                const float* row = x + y * s.input.w - 1;
                const Vec a = y >= 0 && y < s.input.h ? load_mask(row, lanes) : zero();
                const Vec b = y + 2 < s.input.h ? load_mask(row + 2 * s.input.w, lanes) : zero();
                most = magnitude(magnitude(most, a), b);
                Vec v[4];
                transform(permute(a, index[0], b), permute(a, index[1], b), permute(a, index[2], b),
                          permute(a, index[3], b), v);
                for (int j = 0; j < 4; ++j) store(to + j * p.plane, v[j]);
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
    if (2 * p.tiles_w + 2 <= kLanes) return pairs_of_rows(s, p, x, top, bottom, planes);
#endif
    Magnitude most = no_magnitude();
    for (long c = 0; c < s.channels_in; ++c, x += s.input.h * s.input.w) {
        for (int parity = 0; parity < 2; ++parity, planes += 4 * p.plane) {
            for (long t = 0; t < p.tiles_w; t += kLanes) {
                most = rows_of_tiles(s, p, x, parity, top, bottom, t, planes, most);
            }
        }
    }
    return most;
}

// ---- product and output
// --------------------------------------------------------------------------------------

// One direction of the output transform of M's four rows.
inline void output(const Vec (&m)[4], Vec (&y)[2]) {
    y[0] = add(add(m[0], m[1]), m[2]);
    y[1] = sub(sub(m[1], m[2]), m[3]);
}

inline Vec pooled(const Vec (&upper)[4], const Vec (&lower)[4], Vec bias) {
    Vec y[2], z[2];
    output(upper, y);
    output(lower, z);
    return max(add(max(max(y[0], y[1]), max(z[0], z[1])), bias), zero());
}

// The same with each tile's winner, as a float. The bias comes first: rounding may make values
// equal.
inline Vec pooled(const Vec (&upper)[4], const Vec (&lower)[4], Vec bias, Vec& winner) {
    Vec y[2], z[2];
    output(upper, y);
    output(lower, z);
    Vec most = add(y[0], bias);
    winner = zero();
    const Vec others[3] = {add(y[1], bias), add(z[0], bias), add(z[1], bias)};
    for (int k = 0; k < 3; ++k) {
        winner = select_greater(others[k], most, set1(static_cast<float>(k + 1)), winner);
        most = max(others[k], most);
    }
    winner = select_greater(most, zero(), winner, set1(kNoWinner));
    return max(most, zero());
}

// Where the results of a vector of tiles go: the first `count` lanes, at the same place in y and,
// unless null, winners.
struct Output {
    float* y;
    unsigned char* winners;
    const float* bias;
};

inline void finish(const Vec (&upper)[4], const Vec (&lower)[4], const Output& out, long channel,
                   long at, long count) {
    const Vec bias = set1(out.bias[channel]);
    Vec winner = zero();
    const Vec y = out.winners ? pooled(upper, lower, bias, winner) : pooled(upper, lower, bias);
    if (count >= kLanes) {
        store(out.y + at, y);
    } else {
        store_mask(out.y + at, mask_lanes(0, count), y);
    }
    if (out.winners) {
        float lanes[kLanes];
        store(lanes, winner);
        for (long i = 0; i < min(count, kLanes); ++i)
            out.winners[at + i] = static_cast<unsigned char>(lanes[i]);
    }
}

// `channels` output channels from `first` on, of the tiles before `count`; u at those channels.
template <int channels>
inline void block(const Shape& s, const Plan& p, const float* planes, const float* u,
                  const Output& out, long first, long count) {
    for (long t = 0; t < count; t += kLanes) {
        Vec upper[channels][4], lower[channels][4];
#pragma GCC unroll 4
        for (int j = 0; j < 4; ++j) {
            Vec m[channels][4];
#pragma GCC unroll 4
            for (int o = 0; o < channels; ++o)
#pragma GCC unroll 4
                for (int i = 0; i < 4; ++i) m[o][i] = zero();
            const float* even = planes + t + j * p.plane;
            const float* weight = u + j * s.channels_in * 4 * channels;
            for (long c = 0; c < s.channels_in; ++c) {
                Vec d[4];
                const float* odd = even + 4 * p.plane;
                transform(load(even), load(odd), load(even + p.tiles_w), load(odd + p.tiles_w), d);
#pragma GCC unroll 4
                for (int i = 0; i < 4; ++i)
#pragma GCC unroll 4
                    for (int o = 0; o < channels; ++o)
                        m[o][i] = fma(set1(weight[i * channels + o]), d[i], m[o][i]);
                even += 8 * p.plane;
                weight += 4 * channels;
            }
#pragma GCC unroll 4
            for (int o = 0; o < channels; ++o) {
                Vec y[2];
                output(m[o], y);
                upper[o][j] = y[0], lower[o][j] = y[1];
            }
        }
#pragma GCC unroll 4
        for (int o = 0; o < channels; ++o) {
            finish(upper[o], lower[o], out, first + o, (first + o) * s.output.h * s.output.w + t,
                   count - t);
        }
    }
}

// One input channel: a tile's 16 transformed values stay in registers for all output channels.
inline void one_channel(const Shape& s, const Plan& p, const float* planes, const float* u,
                        const Output& out, long count) {
    for (long t = 0; t < count; t += kLanes) {
        Vec v[4][4];  // [column][row]
#pragma GCC unroll 4
        for (int j = 0; j < 4; ++j) {
            const float *even = planes + j * p.plane + t, *odd = even + 4 * p.plane;
            transform(load(even), load(odd), load(even + p.tiles_w), load(odd + p.tiles_w), v[j]);
        }
        for (long o = 0; o < s.channels_out; ++o) {
            const long width = min(kChannels, s.channels_out - o / kChannels * kChannels);
            const float* w = u + (o / kChannels * kChannels) * 16 + o % kChannels;
            Vec upper[4], lower[4];
#pragma GCC unroll 4
            for (int j = 0; j < 4; ++j) {
                const Vec m = mul(set1(w[(j * 4 + 1) * width]), v[j][1]);
                const Vec second = set1(w[(j * 4 + 2) * width]);
                upper[j] = fma(set1(w[j * 4 * width]), v[j][0], fma(second, v[j][2], m));
                lower[j] = fnma(set1(w[(j * 4 + 3) * width]), v[j][3], fnma(second, v[j][2], m));
            }
            finish(upper, lower, out, o, o * s.output.h * s.output.w + t, count - t);
        }
    }
}

inline bool run(const Shape& s, const float* x, const void* prepared, float* y,
                unsigned char* winners, long row0, long row1, void* workspace) {
    const Plan p = plan(s);
    float* planes = static_cast<float*>(workspace);
    const float* biases = static_cast<const float*>(prepared);
    const float* u = biases + s.channels_out;
    for (long top = row0; top < row1; top += p.strip) {
        const long bottom = min(row1, top + p.strip), count = (bottom - top) * p.tiles_w;
        if (!below(input(s, p, x, top, bottom, planes), kInputLimit)) return false;
        const Output out = {y + top * p.tiles_w, winners ? winners + top * p.tiles_w : nullptr,
                            biases};
        if (kRegisters >= 32 && s.channels_in == 1) {
            one_channel(s, p, planes, u, out, count);
            continue;
        }
        for (long o = 0; o < s.channels_out; o += kChannels) {
            const float* weight = u + o * 16 * s.channels_in;
            switch (min(kChannels, s.channels_out - o)) {
                case 1:
                    block<1>(s, p, planes, weight, out, o, count);
                    break;
                case 2:
                    block<2>(s, p, planes, weight, out, o, count);
                    break;
                case 3:
                    block<3>(s, p, planes, weight, out, o, count);
                    break;
                default:
                    block<4>(s, p, planes, weight, out, o, count);
            }
        }
    }
    return true;
}

constexpr Algorithm kAlgorithm = {"winograd-small", fits, prepared_bytes, prepare,
                                  workspace_bytes,  run};

}  // namespace winograd_small
