// The gradients of a 3x3 block (is_block3x3) of several input channels. The lanes are input
// channels, a vector of them at a time: x[row][column][kLanes], padded with zeros.
//
// dw: a winner's nine pixels, times its gradient, to nine sums in registers. dx: a window of 4x4
// pixels slides along the tiles of a row in registers; the kernel has a ring of zeros, so that
// where the winner stands in the window is only another place in the kernel to begin to read at.

namespace gradient_block {

constexpr int kRing = 5;                         // the ringed kernel's side
constexpr long kMostWeights = 128 * 128;         // of input times output channels: see weight_bytes
constexpr long kCache = 24 * 1024;               // bytes of pixels that leave room in a cache
constexpr long kRings = 16;                      // ringed kernels that stay in a cache
constexpr int kRows = kRegisters >= 32 ? 4 : 2;  // of the window at once

struct Plan {
    long blocks;         // vectors of input channels
    long rows, columns;  // of the padded input
    long strip;          // rows of tiles that are worked on at once
    long plane;  // floats of the padded input, of one vector of channels, and a square beyond
};

inline Plan plan(const Shape& s) {
    Plan p;
    p.blocks = (s.channels_in + kLanes - 1) / kLanes;
    p.rows = s.input.h + 2, p.columns = s.input.w + 2;
    const long row = p.columns * kLanes * static_cast<long>(sizeof(float));
    p.strip = min(s.output.h, max(1, (kCache / row - 2) / 2));
    p.plane = (p.rows * p.columns + kLanes) * kLanes;
    return p;
}

// Lanes half empty are still worth it. The ringed weights take almost three times their room.
inline bool fits(const Shape& s) {
    return is_block3x3(s) && 2 * s.channels_in >= kLanes &&
           s.channels_in * s.channels_out <= kMostWeights;
}

// Ringed kernels [block][Cout][5][5][kLanes].
inline size_t weight_bytes(const Shape& s) {
    return sizeof(float) * plan(s).blocks * s.channels_out * kRing * kRing * kLanes;
}

// [block][Cout][3][3][kLanes], then the bias's [Cout][kLanes].
inline size_t sum_bytes(const Shape& s) {
    return sizeof(float) * (plan(s).blocks * 9 + 1) * s.channels_out * kLanes;
}

// x, dx, and the gradients of a strip [Cout][strip][columns], with a vector beyond.
inline size_t workspace_bytes(const Shape& s) {
    const Plan p = plan(s);
    return sizeof(float) * (2 * p.plane + s.channels_out * p.strip * s.output.w + kLanes);
}

inline void pack_weights(const Shape& s, const float* weight, float* packed) {
    const long count = static_cast<long>(weight_bytes(s) / sizeof(float));
    for (long i = 0; i < count; ++i) packed[i] = 0.0f;
    for (long o = 0; o < s.channels_out; ++o) {
        for (long c = 0; c < s.channels_in; ++c) {
            float* ring = packed + (c / kLanes * s.channels_out + o) * kRing * kRing * kLanes;
            for (int i = 1; i < 4; ++i)
                for (int j = 1; j < 4; ++j) ring[(i * kRing + j) * kLanes + c % kLanes] = *weight++;
        }
    }
}

inline void add_sums(const Shape& s, const float* sums, float* dw, float* db) {
    for (long o = 0; o < s.channels_out; ++o) {
        for (long c = 0; c < s.channels_in; ++c) {
            const float* from = sums + (c / kLanes * s.channels_out + o) * 9 * kLanes + c % kLanes;
            for (int k = 0; k < 9; ++k) *dw++ += from[k * kLanes];
        }
    }
    sums += plan(s).blocks * s.channels_out * 9 * kLanes;
    for (long o = 0; o < s.channels_out; ++o) db[o] += lane_sum(sums + o * kLanes);
}

inline void zero_border(const Plan& p, float* padded) {
    const long row = p.columns * kLanes;
    float* last = padded + (p.rows - 1) * row;
    for (long i = 0; i < row; i += kLanes) store(padded + i, zero()), store(last + i, zero());
    for (float* at = padded; at < last; at += row)
        store(at, zero()), store(at + row - kLanes, zero());
}

// A square of pixels and channels at a time. `count` channels; the others become zero. So do pixels
// beyond a row's end, which are border, or overwritten by the next row.
template <bool whole>
inline void pad(const Shape& s, const Plan& p, const float* x, long count, float* padded) {
    const long plane = s.input.h * s.input.w;
    for (long r = 0; r < s.input.h; ++r, x += s.input.w) {
        float* row = padded + ((r + 1) * p.columns + 1) * kLanes;
        for (long j = 0; j < s.input.w; j += kLanes) {
            const Mask inside = mask_lanes(0, s.input.w - j);
            Vec square[kLanes];
#pragma GCC unroll 16
            for (int k = 0; k < kLanes; ++k)
                square[k] = whole || k < count ? load_mask(x + k * plane + j, inside) : zero();
            transpose(square);
#pragma GCC unroll 16
            for (int k = 0; k < kLanes; ++k) store(row + (j + k) * kLanes, square[k]);
        }
    }
}

template <bool whole>
inline void unpad(const Shape& s, const Plan& p, const float* padded, long count, float* x) {
    const long plane = s.input.h * s.input.w;
    for (long r = 0; r < s.input.h; ++r, x += s.input.w) {
        const float* row = padded + ((r + 1) * p.columns + 1) * kLanes;
        for (long j = 0; j < s.input.w; j += kLanes) {
            const Mask inside = mask_lanes(0, s.input.w - j);
            Vec square[kLanes];
#pragma GCC unroll 16
            for (int k = 0; k < kLanes; ++k) square[k] = load(row + (j + k) * kLanes);
            transpose(square);
#pragma GCC unroll 16
            for (int k = 0; k < kLanes; ++k) {
                if (whole || k < count) store_mask(x + k * plane + j, inside, square[k]);
            }
        }
    }
}

// Tile rows first <= r < first + rows: the gradients, zero where nobody won, and the winners.
struct Strip {
    long first, rows, tiles;  // tiles: of one output channel
    float* value;             // [Cout][tiles]
    const unsigned char* winner;
    long plane;  // winners of one output channel
};

inline void gather(const Shape& s, const float* grad, const Strip& strip) {
    for (long o = 0; o < s.channels_out; ++o, grad += strip.plane) {
        float* value = strip.value + o * strip.tiles;
        for (long i = 0; i < strip.tiles; i += kLanes) {
            const long count = strip.tiles - i;
            const Vec g = load_mask(grad + i, mask_lanes(0, count));
            const Winners won = load_winners(strip.winner + o * strip.plane + i, count);
            store(value + i, add(add(where(won, 0, g), where(won, 1, g)),
                                 add(where(won, 2, g), where(won, 3, g))));
        }
    }
}

inline void add_biases(const Shape& s, const Strip& strip, float* sums) {
    for (long o = 0; o < s.channels_out; ++o, sums += kLanes) {
        const float* value = strip.value + o * strip.tiles;
        Vec sum = load(sums);
        for (long i = 0; i < strip.tiles; i += kLanes)
            sum = add(sum, load_mask(value + i, mask_lanes(0, strip.tiles - i)));
        store(sums, sum);
    }
}

// x at the strip's first row.
inline void add_weights(const Shape& s, const Plan& p, const float* x, const Strip& strip,
                        float* sums) {
    const long row = p.columns * kLanes;
    const long at[4] = {0, kLanes, row, row + kLanes};
    for (long o = 0; o < s.channels_out; ++o, sums += 9 * kLanes) {
        const float* value = strip.value + o * strip.tiles;
        const unsigned char* winner = strip.winner + o * strip.plane;
        Vec sum[9];
#pragma GCC unroll 9
        for (int k = 0; k < 9; ++k) sum[k] = load(sums + k * kLanes);
        for (long r = 0; r < strip.rows; ++r) {
            const float* tile = x + 2 * r * row;
            for (long c = 0; c < s.output.w; ++c, tile += 2 * kLanes) {
                const Vec g = set1(*value++);
                const float* from = tile + at[*winner++ % 4];  // nobody's gradient is zero
#pragma GCC unroll 9
                for (int k = 0; k < 9; ++k)
                    sum[k] = fma(g, load(from + k / 3 * row + k % 3 * kLanes), sum[k]);
            }
        }
#pragma GCC unroll 9
        for (int k = 0; k < 9; ++k) store(sums + k * kLanes, sum[k]);
    }
}

// Puts the window's first two columns to dx, which holds something unless it is fresh, and moves
// on.
template <bool fresh>
inline void advance(Vec (&window)[kRows][4], int i, float* dx) {
#pragma GCC unroll 2
    for (int j = 0; j < 2; ++j) {
        float* to = dx + j * kLanes;
        store(to, fresh ? window[i][j] : add(load(to), window[i][j]));
        window[i][j] = window[i][j + 2], window[i][j + 2] = zero();
    }
}

// Adds one tile row of output channels first <= o < last to dx, from the window's row `upper` on;
// dx at the tile row's first row. What comes first finds nothing in the rows that it is first in.
template <int upper, bool fresh_above, bool fresh_below>
inline void slide(const Shape& s, const Plan& p, const float* rings, const Strip& strip, long r,
                  long first, long last, float* dx) {
    constexpr long kRow = kRing * kLanes;
    constexpr long at[4] = {kRow + kLanes, kRow, kLanes, 0};
    const long row = p.columns * kLanes;
    const float* value = strip.value + r * s.output.w;
    const unsigned char* winner = strip.winner + r * s.output.w;
    const auto move_on = [&](Vec(&window)[kRows][4], long c) {
#pragma GCC unroll 4
        for (int i = 0; i < kRows; ++i) {
            float* to = dx + (upper + i) * row + 2 * c * kLanes;
            if (upper + i < 2) {
                advance<fresh_above>(window, i, to);
            } else {
                advance<fresh_below>(window, i, to);
            }
        }
    };
    Vec window[kRows][4];
#pragma GCC unroll 4
    for (int i = 0; i < kRows; ++i)
#pragma GCC unroll 4
        for (int j = 0; j < 4; ++j) window[i][j] = zero();
    for (long c = 0; c < s.output.w; ++c) {
        for (long o = first; o < last; ++o) {
            const Vec g = set1(value[o * strip.tiles + c]);
            const float* from =
                rings + o * kRing * kRow + upper * kRow + at[winner[o * strip.plane + c] % 4];
#pragma GCC unroll 4
            for (int i = 0; i < kRows; ++i)
#pragma GCC unroll 4
                for (int j = 0; j < 4; ++j)
                    window[i][j] = fma(g, load(from + i * kRow + j * kLanes), window[i][j]);
        }
        move_on(window, c);
    }
    move_on(window, s.output.w);
}

template <bool fresh_above, bool fresh_below>
inline void slide(const Shape& s, const Plan& p, const float* rings, const Strip& strip, long r,
                  long first, long last, float* dx) {
    slide<0, fresh_above, fresh_below>(s, p, rings, strip, r, first, last, dx);
    if constexpr (kRows == 2) {
        slide<2, fresh_above, fresh_below>(s, p, rings, strip, r, first, last, dx);
    }
}

// dx at the strip's first row.
inline void add_input(const Shape& s, const Plan& p, const float* rings, const Strip& strip,
                      float* dx) {
    for (long first = 0; first < s.channels_out; first += kRings) {
        const long last = min(first + kRings, s.channels_out);
        for (long r = 0; r < strip.rows; ++r) {
            float* to = dx + 2 * r * p.columns * kLanes;
            if (first > 0) {
                slide<false, false>(s, p, rings, strip, r, first, last, to);
            } else if (strip.first + r > 0) {
                slide<false, true>(s, p, rings, strip, r, first, last, to);
            } else {
                slide<true, true>(s, p, rings, strip, r, first, last, to);
            }
        }
    }
}

inline void run(const Shape& s, const float* x, const float* rings, const float* grad,
                const unsigned char* winners, float* sums, float* dx, void* workspace) {
    const Plan p = plan(s);
    float* padded = static_cast<float*>(workspace);
    float* dpadded = padded + p.plane;
    Strip strip = {0, 0, 0, dpadded + p.plane, nullptr, s.output.h * s.output.w};
    const long image_plane = s.input.h * s.input.w;
    float* bias_sums = sums + p.blocks * s.channels_out * 9 * kLanes;
    zero_border(p, padded);
    for (long b = 0; b < p.blocks; ++b) {
        const long count = min(kLanes, s.channels_in - b * kLanes);
        const float* from = x + b * kLanes * image_plane;
        count == kLanes ? pad<true>(s, p, from, count, padded)
                        : pad<false>(s, p, from, count, padded);
        for (long first = 0; first < s.output.h; first += p.strip) {
            strip.first = first, strip.rows = min(p.strip, s.output.h - first);
            strip.tiles = strip.rows * s.output.w;
            strip.winner = winners + first * s.output.w;
            gather(s, grad + first * s.output.w, strip);
            if (dx) {  // it will be written to when all strips are done, and may be far away
                const long share = count * image_plane / s.output.h;
                float* to = dx + b * kLanes * image_plane + first * share;
                for (long i = 0; i < strip.rows * share; i += 16) __builtin_prefetch(to + i, 1, 2);
            }
            if (b == 0) add_biases(s, strip, bias_sums);
            const long at = 2 * first * p.columns * kLanes;
            add_weights(s, p, padded + at, strip, sums + b * s.channels_out * 9 * kLanes);
            if (dx) {
                const float* block = rings + b * s.channels_out * kRing * kRing * kLanes;
                add_input(s, p, block, strip, dpadded + at);
            }
        }
        if (dx) {
            float* to = dx + b * kLanes * image_plane;
            count == kLanes ? unpad<true>(s, p, dpadded, count, to)
                            : unpad<false>(s, p, dpadded, count, to);
        }
    }
}

constexpr Gradient kGradient = {fits,         weight_bytes, sum_bytes, workspace_bytes,
                                pack_weights, add_sums,     run};

}  // namespace gradient_block
