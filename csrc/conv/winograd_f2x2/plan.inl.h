// Few channels by Winograd's F(2x2, 3x3): sizes, and the transformed weights.

namespace winograd_f2x2 {

constexpr int kMostIn = 16;
constexpr int kMostOut = 64;
constexpr float kInputLimit = 0x1p20f;  // as those of conv/winograd
constexpr float kWeightLimit = 0x1p40f;
constexpr ptrdiff_t kCache = 44 * 1024;  // bytes of planes that leave room in a first-level cache

constexpr int kChannels = 4;  // output channels that are summed at once,
constexpr int kVectors = 3;   // vectors of tiles, and
constexpr int kRows =
    kRegisters >= 32 && kLanes > 4 ? 2 : 1;  // rows of V: together the accumulators
constexpr int kOrder[4] = {1, 2, 0, 3};      // in which rows and columns of V are summed

struct Plan {
    ptrdiff_t tiles;    // in a row
    ptrdiff_t pitch;    // floats from tile row to tile row
    ptrdiff_t strip;    // tile rows that are worked on at once
    ptrdiff_t fold;     // vectors of a plane whose halves are tile rows v and v + fold, else 0
    ptrdiff_t written;  // floats that the input transform writes into a plane
    ptrdiff_t plane;    // floats of a plane
};

// The pitch that keeps vectors aligned, unless that costs more than a twentieth of the work.
inline ptrdiff_t aligned_pitch(ptrdiff_t tiles, ptrdiff_t rows) {
    const ptrdiff_t half = kLanes >= 16 ? kLanes / 2 : kLanes;
    const ptrdiff_t pitch = round_up(tiles, tiles < half ? half : kLanes);
    const ptrdiff_t vectors = round_up(rows * pitch, kLanes),
                    dense = round_up(rows * tiles, kLanes);
    return vectors * 20 <= dense * 21 ? pitch : tiles;
}

// Whether a vector of the input transform is two tile rows.
inline bool pairs(ptrdiff_t tiles) { return kLanes >= 16 && 2 * tiles + 2 <= kLanes; }

// For `rows` tile rows of the output.
inline Plan plan(const ConvShape& s, ptrdiff_t rows) {
    Plan p;
    p.tiles = s.output.w;
    // One channel's results follow each other without a gap; its V, twice the planes, stands beside
    // them.
    const bool one = s.channels_in == 1;
    p.pitch = one ? p.tiles : aligned_pitch(p.tiles, s.output.h);
    const ptrdiff_t row = (one ? 24 : s.channels_in * 8) * p.pitch * 4;
    p.strip = s.output.h;
    if ((p.strip + 1) * row > kCache) {
        const ptrdiff_t most = max(kCache / row - 1, 2), strips = (s.output.h + most - 1) / most;
        p.strip = (s.output.h + strips - 1) / strips;
    }
    p.strip = min(p.strip, rows);
    p.written = pairs(p.tiles) ? p.strip / 2 * 2 * p.pitch + kLanes
                               : p.strip * p.pitch + round_up(p.tiles, kLanes);
    p.plane = round_up(p.written, 16);
    // What stands a tile row further on is then the next vector. The last one's is half of the
    // first, and half of nothing that is needed where the rows are odd in number.
    const bool folds = pairs(p.tiles) && 2 * p.pitch == kLanes && s.channels_in > 1;
    p.fold = folds && p.strip == rows && rows % 2 ? (rows + 1) / 2 : 0;
    return p;
}

inline bool fits(const ConvShape& s, Precision) {
    return is_block3x3(s) && s.channels_in <= kMostIn && s.channels_out <= kMostOut;
}

inline size_t prepared_bytes(const ConvShape& s) {
    return sizeof(float) * s.channels_out * (16 * s.channels_in + 1);
}

// What the last vectors read beyond the last plane, in whole cache lines. No result needs it.
inline ptrdiff_t slack(const Plan& p) { return round_up(p.pitch + kLanes, 16); }

inline size_t workspace_bytes(const ConvShape& s) {
    const Plan p = plan(s, s.output.h);
    return sizeof(float) * (s.channels_in * 8 * p.plane + slack(p));
}

// One direction of the weights' transform of a b d.
inline void transform(double a, double b, double d, double (&t)[4]) {
    t[0] = a, t[1] = (a + b + d) / 2, t[2] = (a - b + d) / 2, t[3] = d;
}

// Where the transformed weights of an output channel stand in U: [group of kChannels][column][kRows
// rows][Cin][row][channel of the group], columns and rows in kOrder.
struct Place {
    ptrdiff_t group, width, channel;  // first float and channels of the group, number in it
};

inline Place place(const ConvShape& s, ptrdiff_t o) {
    const ptrdiff_t first = o / kChannels * kChannels;
    return {first * 16 * s.channels_in, min(kChannels, s.channels_out - first), o - first};
}

inline bool is_below(float value, float limit) { return value < limit && value > -limit; }

// The biases, then U = G w G'.
inline bool prepare(const ConvShape& s, const float* weight, const float* bias, void* prepared) {
    float* biases = static_cast<float*>(prepared);
    bool tame = true;
    for (ptrdiff_t o = 0; o < s.channels_out; ++o) {
        biases[o] = bias ? bias[o] : 0.0f;
        tame &= is_below(biases[o], kInputLimit);
        const Place at = place(s, o);
        float* u = biases + s.channels_out + at.group + at.channel;
        for (ptrdiff_t c = 0; c < s.channels_in; ++c, weight += 9) {
            for (int i = 0; i < 9; ++i) tame &= is_below(weight[i], kWeightLimit);
            double rows[3][4];  // [column of w][row of U]
            for (int x = 0; x < 3; ++x) transform(weight[x], weight[3 + x], weight[6 + x], rows[x]);
            for (int i = 0; i < 4; ++i) {
                double columns[4];
                const int row = kOrder[i];
                transform(rows[0][row], rows[1][row], rows[2][row], columns);
                for (int j = 0; j < 4; ++j) {
                    const ptrdiff_t pass = j * 4 + i / kRows * kRows;
                    u[(pass * s.channels_in + c * kRows + i % kRows) * at.width] =
                        static_cast<float>(columns[kOrder[j]]);
                }
            }
        }
    }
    return tame;
}

}  // namespace winograd_f2x2
