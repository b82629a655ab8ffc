// The gradients of a 3x3 block (is_block3x3) of several input channels. The lanes are input
// channels, a vector of them at a time: x[row][column][kLanes], padded with zeros.
//
// Winner by winner: its nine pixels, times its gradient, go to nine sums in registers (dw); nine
// weights, times its gradient, go to the nine pixels of dx.

namespace gradient_block {

#ifndef KC
#define KC 10
#endif
constexpr long kCache = KC * 1024;  // bytes of padded pixels that leave room in a cache

struct Plan {
    long blocks;   // vectors of input channels
    long columns;  // of the padded input
    long strip;    // rows of tiles that are worked on at once
    long floats;   // of a strip's padded input, and a square beyond
};

inline Plan plan(const Shape& s) {
    Plan p;
    p.blocks = (s.channels_in + kLanes - 1) / kLanes;
    p.columns = s.input.w + 2;
    const long row = p.columns * kLanes * static_cast<long>(sizeof(float));
    p.strip = min(s.output.h, max(1, (kCache / row - 2) / 2));
    p.floats = ((2 * p.strip + 2) * p.columns + kLanes) * kLanes;
    return p;
}

// Lanes half empty are still worth it.
inline bool fits(const Shape& s) { return is_block3x3(s) && 2 * s.channels_in >= kLanes; }

// [block][Cout][3][3][kLanes]
inline long weights(const Shape& s) { return plan(s).blocks * s.channels_out * 9 * kLanes; }

inline size_t weight_bytes(const Shape& s) { return sizeof(float) * weights(s); }

// dw in our order, then db.
inline size_t sum_bytes(const Shape& s) { return sizeof(float) * (weights(s) + s.channels_out); }

// x, dx, and a list of a strip's active pixels.
inline size_t workspace_bytes(const Shape& s) {
    const Plan p = plan(s);
    return sizeof(float) * 2 * p.floats + list_bytes(p.strip * s.output.w);
}

inline void pack_weights(const Shape& s, const float* weight, float* packed) {
    for (long i = 0; i < weights(s); ++i) packed[i] = 0.0f;
    for (long o = 0; o < s.channels_out; ++o) {
        for (long c = 0; c < s.channels_in; ++c) {
            float* to = packed + (c / kLanes * s.channels_out + o) * 9 * kLanes + c % kLanes;
            for (int k = 0; k < 9; ++k) to[k * kLanes] = *weight++;
        }
    }
}

inline void add_sums(const Shape& s, const float* sums, float* dw, float* db) {
    for (long o = 0; o < s.channels_out; ++o) {
        for (long c = 0; c < s.channels_in; ++c) {
            const float* from = sums + (c / kLanes * s.channels_out + o) * 9 * kLanes + c % kLanes;
            for (int k = 0; k < 9; ++k) *dw++ += from[k * kLanes];
        }
        db[o] += sums[weights(s) + o];
    }
}

inline void zero_rows(const Plan& p, float* padded, long rows) {
    for (long i = 0; i < rows * p.columns; ++i) store(padded + i * kLanes, zero());
}

// The last two of a strip's rows are the next one's first.
inline void carry(const Plan& p, float* padded) {
    const float* last = padded + 2 * p.strip * p.columns * kLanes;
    for (long i = 0; i < 2 * p.columns; ++i) store(padded + i * kLanes, load(last + i * kLanes));
}

// A square of pixels and channels at a time. `count` channels; the others become zero. So do pixels
// beyond a row's end, which are border, or overwritten by the next row.
template <bool whole>
inline void pad(const Shape& s, const float* x, long rows, long count, float* padded) {
    const long plane = s.input.h * s.input.w;
    for (long r = 0; r < rows; ++r, x += s.input.w, padded += (s.input.w + 2) * kLanes) {
        store(padded, zero());
        for (long j = 0; j < s.input.w; j += kLanes) {
            const Mask inside = mask_lanes(0, s.input.w - j);
            Vec square[kLanes];
#pragma GCC unroll 16
            for (int k = 0; k < kLanes; ++k)
                square[k] = whole || k < count ? load_mask(x + k * plane + j, inside) : zero();
            transpose(square);
#pragma GCC unroll 16
            for (int k = 0; k < kLanes; ++k) store(padded + (1 + j + k) * kLanes, square[k]);
        }
        store(padded + (1 + s.input.w) * kLanes, zero());
    }
}

template <bool whole>
inline void unpad(const Shape& s, const float* padded, long rows, long count, float* x) {
    const long plane = s.input.h * s.input.w;
    for (long r = 0; r < rows; ++r, x += s.input.w, padded += (s.input.w + 2) * kLanes) {
        for (long j = 0; j < s.input.w; j += kLanes) {
            const Mask inside = mask_lanes(0, s.input.w - j);
            Vec square[kLanes];
#pragma GCC unroll 16
            for (int k = 0; k < kLanes; ++k) square[k] = load(padded + (1 + j + k) * kLanes);
            transpose(square);
#pragma GCC unroll 16
            for (int k = 0; k < kLanes; ++k) {
                if (whole || k < count) store_mask(x + k * plane + j, inside, square[k]);
            }
        }
    }
}

// Adds one output channel's winners to its sums and, where it is wanted, to dx.
template <bool want_dx>
inline void add_winners(const Plan& p, const Active& a, const float* x, const float* weight,
                        float* sums, float* dx) {
    const long row = p.columns * kLanes;
    Vec w[9], sum[9];
#pragma GCC unroll 9
    for (int k = 0; k < 9; ++k) {
        w[k] = want_dx ? load(weight + k * kLanes) : zero();
        sum[k] = zero();
    }
    for (long n = 0; n < a.count; ++n) {
        const Vec g = broadcast(a.value + n);
        const float* from = x + a.at[n];
        if (want_dx) {
            float* to = dx + a.at[n];
            Vec passed[9];
#pragma GCC unroll 9
            for (int k = 0; k < 9; ++k)
                passed[k] = fma(g, w[k], load(to + k / 3 * row + k % 3 * kLanes));
#pragma GCC unroll 9
            for (int k = 0; k < 9; ++k)
                sum[k] = fma(g, load(from + k / 3 * row + k % 3 * kLanes), sum[k]);
#pragma GCC unroll 9
            for (int k = 0; k < 9; ++k) store(to + k / 3 * row + k % 3 * kLanes, passed[k]);
        } else {
#pragma GCC unroll 9
            for (int k = 0; k < 9; ++k)
                sum[k] = fma(g, load(from + k / 3 * row + k % 3 * kLanes), sum[k]);
        }
    }
#pragma GCC unroll 9
    for (int k = 0; k < 9; ++k)
        store(sums + k * kLanes, add(load(sums + k * kLanes), sum[k]));
}

// The gradient reaches rows of dx one after another: a strip's last two wait for the next strip.
inline void run(const Shape& s, const float* x, const float* weight, const float* grad,
                const unsigned char* winners, float* sums, float* dx, void* workspace) {
    const Plan p = plan(s);
    const Steps step = {p.columns * kLanes, kLanes};
    const long plane = s.output.h * s.output.w, image_plane = s.input.h * s.input.w;
    float* padded = static_cast<float*>(workspace);
    float* dpadded = padded + p.floats;
    Active active = list_in(dpadded + p.floats, p.strip * s.output.w);
    find_windows(s, step, p.strip, active);
    for (long b = 0; b < p.blocks; ++b) {
        const long count = min(kLanes, s.channels_in - b * kLanes);
        const bool whole = count == kLanes;
        for (long first = 0; first < s.output.h; first += p.strip) {
            const long rows = min(p.strip, s.output.h - first), at = first * s.output.w;
            const bool last = first + rows == s.output.h;
            // The strip's padded rows begin one above the pixels'.
            const long top = 2 * first - 1, bottom = min(top + 2 * rows + 2, s.input.h);
            if (first == 0) {
                zero_rows(p, padded, 1);
            } else {
                carry(p, padded);
            }
            const long known = first == 0 ? 1 : 2;  // rows
            const float* from = x + b * kLanes * image_plane + (top + known) * s.input.w;
            const long more = bottom - top - known;
            whole ? pad<true>(s, from, more, count, padded + known * step.row)
                  : pad<false>(s, from, more, count, padded + known * step.row);
            if (last) zero_rows(p, padded + (known + more) * step.row, 2 * rows + 2 - known - more);
            if (dx) {
                if (first > 0) carry(p, dpadded);
                const long kept = first == 0 ? 0 : 2;
                zero_rows(p, dpadded + kept * step.row, 2 * rows + 2 - kept);
            }
            for (long o = 0; o < s.channels_out; ++o) {
                const long of = (b * s.channels_out + o) * 9 * kLanes;
                gather(s, step, grad + o * plane + at, winners + o * plane + at,
                       rows * s.output.w, active);
                if (b == 0) sums[weights(s) + o] += sum(active);
                if (dx) {
                    add_winners<true>(p, active, padded, weight + of, sums + of, dpadded);
                } else {
                    add_winners<false>(p, active, padded, nullptr, sums + of, nullptr);
                }
            }
            if (dx) {
                const long begin = max(top, 0), end = last ? bottom : top + 2 * rows;
                const float* done = dpadded + (begin - top) * step.row;
                float* to = dx + b * kLanes * image_plane + begin * s.input.w;
                whole ? unpad<true>(s, done, end - begin, count, to)
                      : unpad<false>(s, done, end - begin, count, to);
            }
        }
    }
}

constexpr Gradient kGradient = {fits,         weight_bytes, sum_bytes, workspace_bytes,
                                pack_weights, add_sums,     run};

}  // namespace gradient_block
