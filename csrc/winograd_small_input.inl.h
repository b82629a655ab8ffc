// Sizes, weights, input and output of winograd_small.inl.h, which says what they are for.

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

}  // namespace winograd_small
