// The gradients of a 3x3 block (is_block3x3) of one input channel. The lanes are tiles, that is
// pooled pixels of a row. The four positions of a tile's pool window and the nine taps meet in a
// window of 4x4 pixels, 36 times: its vectors stay in registers for all output channels.

namespace gradient_one {

constexpr int kSums = 10;  // vectors of one output channel's sums: nine taps and the bias

struct Plan {
    long
        pitch;  // floats of one column parity (or position) of a row: a vector to spare at each end
    long rows;  // of the tiles' windows
};

inline Plan plan(const Shape& s) {
    return {round_up(s.output.w, kLanes) + 2 * kLanes, 2 * s.output.h + 2};
}

inline bool fits(const Shape& s) { return is_block3x3(s) && s.channels_in == 1; }

inline size_t weight_bytes(const Shape& s) { return sizeof(float) * s.channels_out * 9; }

inline size_t sum_bytes(const Shape& s) { return sizeof(float) * s.channels_out * kSums * kLanes; }

// Pixels by column parity [row][2][pitch], then dx by position in the window [row][4][pitch].
inline size_t workspace_bytes(const Shape& s) {
    const Plan p = plan(s);
    return sizeof(float) * p.rows * 6 * p.pitch;
}

inline void pack_weights(const Shape& s, const float* weight, float* packed) {
    for (long i = 0; i < s.channels_out * 9; ++i) packed[i] = weight[i];
}

inline void add_sums(const Shape& s, const float* sums, float* dw, float* db) {
    for (long o = 0; o < s.channels_out; ++o, sums += kSums * kLanes) {
        for (int k = 0; k < 9; ++k) *dw++ += lane_sum(sums + k * kLanes);
        db[o] += lane_sum(sums + 9 * kLanes);
    }
}

// The padded rows, even and odd columns apart: tile t's window begins at even[t].
inline void split(const Shape& s, const Plan& p, const float* x, float* pixels) {
    for (long r = 0; r < p.rows; ++r, pixels += 2 * p.pitch) {
        float *even = pixels, *odd = pixels + p.pitch;
        for (long i = 0; i < 2 * p.pitch; ++i) pixels[i] = 0.0f;
        if (r == 0 || r > s.input.h) continue;
        const float* row = x + (r - 1) * s.input.w;  // its first pixel is the padded row's second
        for (long c = 0; 2 * c < s.input.w; c += kLanes) {
            const long left = s.input.w - 2 * c;
            const Vec a = load_mask(row + 2 * c, mask_lanes(0, left));
            Vec b = zero(), first, second;
            if (left > kLanes) b = load_mask(row + 2 * c + kLanes, mask_lanes(0, left - kLanes));
            deinterleave(a, b, first, second);
            store(odd + c, first);
            store(even + c + 1, second);
        }
    }
}

// Adds one vector of tiles to the sums of every output channel.
inline void add_weights(const Shape& s, const Plan& p, const float* pixels, const float* grad,
                        const unsigned char* winners, long count, float* sums) {
    const long plane = s.output.h * s.output.w;
    const Mask inside = mask_lanes(0, count);
    Vec window[4][4];
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) {
#pragma GCC unroll 4
        for (int j = 0; j < 4; ++j) window[i][j] = load(pixels + (2 * i + j % 2) * p.pitch + j / 2);
    }
    for (long o = 0; o < s.channels_out; ++o, sums += kSums * kLanes) {
        const Vec g = load_mask(grad + o * plane, inside);
        const Winners won = load_winners(winners + o * plane, count);
        const Vec of[4] = {where(won, 0, g), where(won, 1, g), where(won, 2, g), where(won, 3, g)};
#pragma GCC unroll 3
        for (int i = 0; i < 3; ++i) {
#pragma GCC unroll 3
            for (int j = 0; j < 3; ++j) {
                Vec sum = load(sums + (i * 3 + j) * kLanes);
#pragma GCC unroll 4
                for (int k = 0; k < 4; ++k) sum = fma(of[k], window[i + k / 2][j + k % 2], sum);
                store(sums + (i * 3 + j) * kLanes, sum);
            }
        }
        const Vec all = add(add(of[0], of[1]), add(of[2], of[3]));
        store(sums + 9 * kLanes, add(load(sums + 9 * kLanes), all));
    }
}

// Adds what all output channels give to one vector of windows to dx, by position in the window.
// With few registers the window's upper and lower half come one after the other.
template <int first, int last>
inline void add_input(const Shape& s, const Plan& p, const float* weight, const float* grad,
                      const unsigned char* winners, long count, float* dx) {
    const long plane = s.output.h * s.output.w;
    const Mask inside = mask_lanes(0, count);
    Vec window[last - first][4];
#pragma GCC unroll 4
    for (int i = 0; i < last - first; ++i)
#pragma GCC unroll 4
        for (int j = 0; j < 4; ++j) window[i][j] = zero();
    for (long o = 0; o < s.channels_out; ++o, weight += 9) {
        const Vec g = load_mask(grad + o * plane, inside);
        const Winners won = load_winners(winners + o * plane, count);
        const Vec of[4] = {where(won, 0, g), where(won, 1, g), where(won, 2, g), where(won, 3, g)};
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
            float* to = dx + (i * 4 + j) * p.pitch;
            store(to, add(load(to), window[i - first][j]));
        }
    }
}

// Puts the positions together: window column j of tile t is padded column 2t + j.
inline void join(const Shape& s, const Plan& p, const float* parts, float* dx) {
    for (long y = 0; y < s.input.h; ++y) {
        const float* part = parts + (y + 1) * 4 * p.pitch + kLanes;
        for (long c = 0; 2 * c < s.input.w; c += kLanes) {
            float pair[2][kLanes];
            store(pair[0], add(load(part + p.pitch + c), load(part + 3 * p.pitch + c - 1)));
            store(pair[1], add(load(part + c + 1), load(part + 2 * p.pitch + c)));
            const long count = min(2 * kLanes, s.input.w - 2 * c);
            for (long i = 0; i < count; ++i) *dx++ = pair[i % 2][i / 2];
        }
    }
}

inline void run(const Shape& s, const float* x, const float* weight, const float* grad,
                const unsigned char* winners, float* sums, float* dx, void* workspace) {
    const Plan p = plan(s);
    float* pixels = static_cast<float*>(workspace);
    float* parts = pixels + p.rows * 2 * p.pitch;
    split(s, p, x, pixels);
    if (dx) {
        for (long i = 0; i < p.rows * 4 * p.pitch; ++i) parts[i] = 0.0f;
    }
    for (long r = 0; r < s.output.h; ++r) {
        for (long c = 0; c < s.output.w; c += kLanes) {
            const long at = r * s.output.w + c, count = min(kLanes, s.output.w - c);
            add_weights(s, p, pixels + r * 4 * p.pitch + c, grad + at, winners + at, count, sums);
            if (!dx) continue;
            float* to = parts + r * 8 * p.pitch + kLanes + c;
            if (kRegisters >= 32) {
                add_input<0, 4>(s, p, weight, grad + at, winners + at, count, to);
            } else {
                add_input<0, 2>(s, p, weight, grad + at, winners + at, count, to);
                add_input<2, 4>(s, p, weight, grad + at, winners + at, count, to);
            }
        }
    }
    if (dx) join(s, p, parts, dx);
}

constexpr Gradient kGradient = {fits,         weight_bytes, sum_bytes, workspace_bytes,
                                pack_weights, add_sums,     run};

}  // namespace gradient_one
