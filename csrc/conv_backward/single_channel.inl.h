// The gradients of a 3x3 block (is_block3x3) of one input channel. The lanes are tiles, that is
// pooled pixels of a row.
//
// dw: of the tile's window of 4x4 pixels each lane takes the 3x3 that its maximum saw, to nine sums
// in registers. dx: the four positions of the pool window and the nine taps meet in that window, 36
// times; it stays in registers for all output channels.

namespace backward_single_channel {

constexpr int kSums = 10;  // vectors of one output channel's sums: nine taps and the bias

struct Plan {
    ptrdiff_t pitch;  // floats of the four columns of the tiles' windows, in one row
    ptrdiff_t parts;  // of one of the four of dx, with a vector to spare at each end
    ptrdiff_t rows;   // of the tiles' windows
};

inline Plan plan(const ConvShape& s) {
    const ptrdiff_t width = round_up(s.output.w, kLanes);
    return {4 * width, width + 2 * kLanes, 2 * s.output.h + 2};
}

inline bool fits(const ConvShape& s) { return is_block3x3(s) && s.channels_in == 1; }

inline size_t weight_bytes(const ConvShape& s) { return sizeof(float) * s.channels_out * 9; }

inline size_t sum_bytes(const ConvShape& s) {
    return sizeof(float) * s.channels_out * kSums * kLanes;
}

// By column of the window, pixels [row][vectors of tiles][4][kLanes], then dx [row][4][parts].
inline size_t workspace_bytes(const ConvShape& s) {
    const Plan p = plan(s);
    return sizeof(float) * p.rows * (p.pitch + 4 * p.parts);
}

inline void pack_weights(const ConvShape& s, const float* weight, float* packed) {
    for (ptrdiff_t i = 0; i < s.channels_out * 9; ++i) packed[i] = weight[i];
}

inline void add_sums(const ConvShape& s, const float* sums, float* dw, float* db) {
    for (ptrdiff_t o = 0; o < s.channels_out; ++o, sums += kSums * kLanes) {
        for (int k = 0; k < 9; ++k) *dw++ += lane_sum(sums + k * kLanes);
        db[o] += lane_sum(sums + 9 * kLanes);
    }
}

// Lanes take every second padded pixel from `column` on, an even and an odd column at once. An
// image row's first pixel is the padded row's second.
inline void split_columns(const ConvShape& s, const float* row, ptrdiff_t column, Vec& even,
                          Vec& odd) {
    const float* from = row + column - 1;
    const ptrdiff_t left = s.input.w + 1 - column;
    deinterleave(load_mask(from, mask_lanes(1 - column, left)),
                 load_mask(from + kLanes, mask_lanes(0, left - kLanes)), even, odd);
}

inline void split(const ConvShape& s, const Plan& p, const float* x, float* pixels) {
    for (ptrdiff_t r = 0; r < p.rows; ++r) {
        const bool border = r == 0 || r > s.input.h;
        const float* row = x + (r - 1) * s.input.w;
        for (ptrdiff_t c = 0; c < s.output.w; c += kLanes) {
            Vec column[4] = {zero(), zero(), zero(), zero()};
            if (!border) {
                split_columns(s, row, 2 * c, column[0], column[1]);
                split_columns(s, row, 2 * c + 2, column[2], column[3]);
            }
#pragma GCC unroll 4
            for (int j = 0; j < 4; ++j, pixels += kLanes) store(pixels, column[j]);
        }
    }
}

// Adds one column of vectors of tiles to the sums of one output channel. With many registers the
// lower half of a window stays there to be the next one's upper half.
inline void add_weights(const ConvShape& s, const Plan& p, const float* pixels, const float* grad,
                        const unsigned char* indices, ptrdiff_t count, float* sums) {
    const Mask inside = mask_lanes(0, count);
    Vec sum[kSums];
#pragma GCC unroll 10
    for (int k = 0; k < kSums; ++k) sum[k] = load(sums + k * kLanes);
    const auto pixel_at = [&](int i, int j) { return load(pixels + i * p.pitch + j * kLanes); };
    Vec kept[2][4];
#pragma GCC unroll 8
    for (int k = 0; k < 8; ++k) kept[k / 4][k % 4] = pixel_at(k / 4, k % 4);
    for (ptrdiff_t r = 0; r < s.output.h; ++r) {
        const PoolIndices index = load_indices(indices, count);
        const Vec g = where_active(index, load_mask(grad, inside));
        Vec above[3];
#pragma GCC unroll 4
        for (int i = 0; i < 4; ++i) {
            Vec pixel[4], row[3];
#pragma GCC unroll 4
            for (int j = 0; j < 4; ++j) {
                pixel[j] = kRegisters >= 32 && i < 2 ? kept[i][j] : pixel_at(i, j);
                if (i >= 2) kept[i - 2][j] = pixel[j];
            }
#pragma GCC unroll 3
            for (int j = 0; j < 3; ++j) {
                row[j] = select_bit(index, 1, pixel[j + 1], pixel[j]);
                if (i > 0) {
                    Vec& total = sum[3 * (i - 1) + j];
                    total = fma(g, select_bit(index, 2, row[j], above[j]), total);
                }
                above[j] = row[j];
            }
        }
        sum[9] = add(sum[9], g);
        pixels += 2 * p.pitch, grad += s.output.w, indices += s.output.w;
    }
#pragma GCC unroll 10
    for (int k = 0; k < kSums; ++k) store(sums + k * kLanes, sum[k]);
}

// Adds what all output channels give to one vector of windows to dx, by position in the window.
// With few registers the window's upper and lower half come one after the other.
template <int first, int last>
inline void add_input(const ConvShape& s, const Plan& p, const float* weight, const float* grad,
                      const unsigned char* indices, ptrdiff_t count, float* dx) {
    const ptrdiff_t plane = s.output.h * s.output.w;
    const Mask inside = mask_lanes(0, count);
    Vec window[last - first][4];
#pragma GCC unroll 4
    for (int i = 0; i < last - first; ++i)
#pragma GCC unroll 4
        for (int j = 0; j < 4; ++j) window[i][j] = zero();
    for (ptrdiff_t o = 0; o < s.channels_out; ++o, weight += 9) {
        const Vec g = load_mask(grad + o * plane, inside);
        const PoolIndices index = load_indices(indices + o * plane, count);
        const Vec of[4] = {where_index(index, 0, g), where_index(index, 1, g),
                           where_index(index, 2, g), where_index(index, 3, g)};
#pragma GCC unroll 9
        for (int tap = 0; tap < 9; ++tap) {
            const Vec w = set1(weight[tap]);
#pragma GCC unroll 4
            for (int k = 0; k < 4; ++k) {
                const int i = tap / 3 + k / 2, j = tap % 3 + k % 2;
                if (i >= first && i < last)
                    window[i - first][j] = fma(of[k], w, window[i - first][j]);
            }
        }
    }
#pragma GCC unroll 4
    for (int i = first; i < last; ++i) {
#pragma GCC unroll 4
        for (int j = 0; j < 4; ++j) {
            float* to = dx + (i * 4 + j) * p.parts;
            store(to, add(load(to), window[i - first][j]));
        }
    }
}

// Puts the positions together: window column j of tile t is padded column 2t + j.
inline void join(const ConvShape& s, const Plan& p, const float* parts, float* dx) {
    for (ptrdiff_t y = 0; y < s.input.h; ++y) {
        const float* part = parts + (y + 1) * 4 * p.parts + kLanes;
        for (ptrdiff_t c = 0; 2 * c < s.input.w; c += kLanes) {
            float pair[2][kLanes];
            store(pair[0], add(load(part + p.parts + c), load(part + 3 * p.parts + c - 1)));
            store(pair[1], add(load(part + c + 1), load(part + 2 * p.parts + c)));
            const ptrdiff_t count = min(2 * kLanes, s.input.w - 2 * c);
            for (ptrdiff_t i = 0; i < count; ++i) *dx++ = pair[i % 2][i / 2];
        }
    }
}

inline void run(const ConvShape& s, const float* x, const float* weight, const float* grad,
                const unsigned char* indices, float* sums, float* dx, void* workspace) {
    const Plan p = plan(s);
    float* pixels = static_cast<float*>(workspace);
    float* parts = pixels + p.rows * p.pitch;
    split(s, p, x, pixels);
    for (ptrdiff_t o = 0; o < s.channels_out; ++o) {
        for (ptrdiff_t c = 0; c < s.output.w; c += kLanes) {
            const ptrdiff_t at = o * s.output.h * s.output.w + c;
            add_weights(s, p, pixels + 4 * c, grad + at, indices + at, s.output.w - c,
                        sums + o * kSums * kLanes);
        }
    }
    if (!dx) return;
    for (ptrdiff_t i = 0; i < p.rows * 4 * p.parts; ++i) parts[i] = 0.0f;
    for (ptrdiff_t r = 0; r < s.output.h; ++r) {
        for (ptrdiff_t c = 0; c < s.output.w; c += kLanes) {
            const ptrdiff_t at = r * s.output.w + c, count = min(kLanes, s.output.w - c);
            float* to = parts + r * 8 * p.parts + kLanes + c;
            if (kRegisters >= 32) {
                add_input<0, 4>(s, p, weight, grad + at, indices + at, count, to);
            } else {
                add_input<0, 2>(s, p, weight, grad + at, indices + at, count, to);
                add_input<2, 4>(s, p, weight, grad + at, indices + at, count, to);
            }
        }
    }
    join(s, p, parts, dx);
}

constexpr ConvBackwardKernel kConvBackwardKernel = {
    fits, weight_bytes, sum_bytes, workspace_bytes, pack_weights, add_sums, run};

}  // namespace backward_single_channel
