// Few channels by Winograd's F(2x2, 3x3): pool, ReLU and where results go. After
// winograd_small_plan.

namespace winograd_small {

// Where the results of one strip go; winners may be null.
struct Output {
    float* y;
    unsigned char* winners;
    long channel;  // floats from channel to channel
    long image;    // floats from image to image: the next one's place is fetched ahead
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
        return compress(static_cast<Mask>(row | row << p.pitch), v);
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
        prefetch(out.y + at + out.image);
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
