// Few channels by Winograd's F(2x2, 3x3): pool, ReLU and where results go. After
// plan.inl.h.

namespace winograd_f2x2 {

// Where the results of one strip go; indices may be null.
struct Output {
    float* y;
    unsigned char* indices;
    ptrdiff_t channel;  // floats from channel to channel
    ptrdiff_t rows;     // tile rows
};

// Where a vector of tiles goes: its first `count` lanes to `at`, and where it is two rows, the
// lanes of `second` to where lane 0 would be at `beside`.
struct Segment {
    ptrdiff_t at, count, beside;
    Mask lanes, second;
    bool two;
};

inline Segment segment(const Plan& p, const Output& out, ptrdiff_t t) {
    Segment to;
    to.two = false;
    if (p.pitch == p.tiles) {
        to.at = t, to.count = min(out.rows * p.tiles - t, kLanes);
    } else if (p.pitch < kLanes) {  // two rows
        const ptrdiff_t row = p.fold ? t / kLanes : t / p.pitch,
                        other = row + (p.fold ? p.fold : 1);
        to.at = row * p.tiles, to.count = p.tiles, to.beside = other * p.tiles - p.pitch;
        to.two = other < out.rows, to.second = mask_lanes(p.pitch, p.pitch + p.tiles);
    } else {
        const ptrdiff_t row = t / p.pitch, column = t - row * p.pitch;
        to.at = row * p.tiles + column, to.count = min(p.tiles - column, kLanes);
    }
    to.lanes = mask_lanes(0, to.count);
    return to;
}

// Which of a tile's four outputs is the largest: the first one where several are equal.
inline void find_indices(const Vec (&y)[4], float (&lanes)[kLanes]) {
    Vec index = zero(), most = y[0];
    for (int k = 1; k < 4; ++k) {
        index = select_greater(y[k], most, set1(static_cast<float>(k)), index);
        most = max(y[k], most);
    }
    store(lanes, select_greater(most, zero(), index, set1(kNoIndex)));
}

// ReLU and the largest of a tile's four outputs (row by row), to output channel o.
inline void finish(const Plan& p, const Output& out, const Segment& to, ptrdiff_t o,
                   const Vec (&y)[4]) {
    const ptrdiff_t at = o * out.channel + to.at;
    const Vec most = max(max(max(y[0], y[1]), max(y[2], y[3])), zero());
    const ptrdiff_t beside = o * out.channel + to.beside;
    if (to.count == kLanes) {
        store(out.y + at, most);
    } else {
        store_mask(out.y + at, to.lanes, most);
        if (to.two) store_mask(out.y + beside, to.second, most);
    }
    if (!out.indices) return;
    float lanes[kLanes];
    find_indices(y, lanes);
    for (ptrdiff_t i = 0; i < to.count; ++i)
        out.indices[at + i] = static_cast<unsigned char>(lanes[i]);
    for (ptrdiff_t i = p.pitch; to.two && i < p.pitch + p.tiles; ++i)
        out.indices[beside + i] = static_cast<unsigned char>(lanes[i]);
}

}  // namespace winograd_f2x2
