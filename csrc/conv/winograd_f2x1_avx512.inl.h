// conv 3x3, stride 1, padding 1 → ReLU → 2x2 max-pool for several, but few, input channels, by
// Winograd's F(2, 3) along y and directly along x (AVX-512).
//
// The lanes are [4 output channels][4 columns that are 4 apart]: a vector of the input is 16
// columns of a row with its padding, of which 14 have a convolution, 7 pool windows. Phase p holds
// the convolution's columns 4l + p, and needs the columns 4l + p + k of the input for the taps k =
// 0, 1, 2: six vectors of four floats serve all twelve products, each by a load that repeats it for
// every output channel. Columns 4 and 5 of the six are columns 0 and 1 a lane further on: what they
// read in the last lane, only the convolution's columns 14 and 15 would need, which are unused.
//
// A tile row's V is D[Cin][tile row][4][column % 4][column / 4], numbered in kOrder so that the
// sums of V2 and V3 start from M0 + M1 and M0 - M1. A few tile rows at a time keep D, the weights
// and the pixels in the first-level cache: with all rows of 16 channels they would not fit.

namespace winograd_f2x1 {

constexpr int kMostIn = 16;
constexpr int kMostOut = 64;
constexpr int kChannels = 4;  // output channels and
constexpr int kTiles = 7;     // pool windows of a vector
constexpr int kStack = 3;     // tile rows at a time: 24 sums
constexpr int kOrder[4] = {1, 2, 0, 3};
constexpr ptrdiff_t kRow = 4 * kLanes;  // floats of D of a channel's tile row
constexpr ptrdiff_t kChannel = kStack * kRow;

// Whether at least three lanes of four are needed.
inline bool fills(ptrdiff_t count, ptrdiff_t at_once) {
    return 4 * count >= 3 * round_up(count, at_once);
}

// Rows that do not fill their vectors are left to winograd_f2x2; an output size of 0 is not known
// yet.
inline bool fits(const ConvShape& s, Precision) {
    return is_block3x3(s) && s.channels_in > 1 && s.channels_in <= kMostIn &&
           s.channels_out <= kMostOut && fills(s.channels_out, kChannels) &&
           fills(s.output.w, kTiles);
}

// Of the weights of kChannels output channels: the bias, then U[half of V][Cin][2][tap], every one
// a vector.
inline ptrdiff_t group_floats(const ConvShape& s) { return kLanes * (1 + 12 * s.channels_in); }

inline size_t prepared_bytes(const ConvShape& s) {
    return sizeof(float) * group_floats(s) * (round_up(s.channels_out, kChannels) / kChannels);
}

inline size_t workspace_bytes(const ConvShape& s) {
    return sizeof(float) * s.channels_in * kChannel;
}

// The limits of winograd_f2x2, whose transform this is.
inline bool are_tame(const ConvShape& s, const float* weight, const float* bias) {
    bool tame = true;
    for (ptrdiff_t i = 0; i < s.channels_out * s.channels_in * 9; ++i)
        tame &= winograd_f2x2::is_below(weight[i], winograd_f2x2::kWeightLimit);
    for (ptrdiff_t o = 0; bias && o < s.channels_out; ++o)
        tame &= winograd_f2x2::is_below(bias[o], winograd_f2x2::kInputLimit);
    return tame;
}

inline bool prepare(const ConvShape& s, const float* weight, const float* bias, void* prepared) {
    float* group = static_cast<float*>(prepared);
    if (!are_tame(s, weight, bias)) return false;
    __builtin_memset(group, 0, prepared_bytes(s));
    for (ptrdiff_t o = 0; o < s.channels_out; ++o) {
        float* lanes = group + o / kChannels * group_floats(s) + o % kChannels * 4;
        const auto repeat = [&](ptrdiff_t at, float value) {
            for (int l = 0; l < 4; ++l) lanes[at * kLanes + l] = value;
        };
        if (bias) repeat(0, bias[o]);
        for (ptrdiff_t c = 0; c < s.channels_in; ++c, weight += 9)
            for (int k = 0; k < 3; ++k) {
                double u[4];
                winograd_f2x2::transform(weight[k], weight[3 + k], weight[6 + k], u);
                for (int j = 0; j < 4; ++j)
                    repeat(1 + (j / 2 * s.channels_in + c) * 6 + j % 2 * 3 + k,
                           static_cast<float>(u[kOrder[j]]));
            }
    }
    return true;
}

// Tile rows from top on of every channel, 16 columns from `left` on.
template <int rows>
inline Magnitude input(const ConvShape& s, const float* x, ptrdiff_t top, ptrdiff_t left, float* to,
                       Magnitude most) {
    constexpr int kColumns[kLanes] = {0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15};
    const Index columns = load_index(kColumns);
    const ptrdiff_t width = s.input.w, plane = s.input.h * width;
    const Mask inside = mask_lanes(-left, width - left);
    const bool first = top > 0, last = 2 * (top + rows) < s.input.h;
    const float* row = x + (2 * top - 1) * width + left;
    for (ptrdiff_t c = 0; c < s.channels_in; ++c, row += plane, to += kChannel) {
        Vec v[2 * rows + 2];
#pragma GCC unroll 8
        for (int i = 0; i < 2 * rows + 2; ++i) {
            v[i] = zero();
            if (i == 0 ? first : i <= 2 * rows || last) v[i] = load_mask(row + i * width, inside);
            most = magnitude(most, v[i]);
            v[i] = permute(v[i], columns, v[i]);
        }
#pragma GCC unroll 3
        for (int r = 0; r < rows; ++r) {
            const Vec* d = v + 2 * r;
            store(to + r * kRow, add(d[1], d[2]));
            store(to + r * kRow + kLanes, sub(d[2], d[1]));
            store(to + r * kRow + 2 * kLanes, sub(d[0], d[2]));
            store(to + r * kRow + 3 * kLanes, sub(d[3], d[1]));
        }
    }
    return most;
}

// Two of the four products of every tile row, [tile row][product][phase], added to the sums.
template <int rows>
inline __attribute__((always_inline)) void products(ptrdiff_t channels, const float* d,
                                                    const float* u, Vec (&sum)[rows][2][4]) {
#pragma GCC unroll 1
    for (ptrdiff_t c = 0; c < channels; ++c, d += kChannel, u += 6 * kLanes) {
#pragma GCC unroll 2
        for (int j = 0; j < 2; ++j) {
            Vec tap[3];
#pragma GCC unroll 3
            for (int k = 0; k < 3; ++k) tap[k] = load(u + (3 * j + k) * kLanes);
#pragma GCC unroll 3
            for (int r = 0; r < rows; ++r) {
#pragma GCC unroll 6
                for (int m = 0; m < 6; ++m) {
                    const Vec v = repeat4(d + r * kRow + j * kLanes + m % 4 * 4 + m / 4);
#pragma GCC unroll 3
                    for (int k = 0; k < 3; ++k)
                        if (0 <= m - k && m - k < 4)
                            sum[r][j][m - k] = fma(v, tap[k], sum[r][j][m - k]);
                }
            }
        }
    }
}

// Where results go; indices may be null.
struct Output {
    float* y;
    unsigned char* indices;
    ptrdiff_t channel;  // floats from channel to channel
    ptrdiff_t channels, tiles;
};

// ReLU and the largest of the four outputs of every window; y is [row][phase].
inline __attribute__((always_inline)) void finish(const Output& out, ptrdiff_t at,
                                                  const Vec (&y)[2][4]) {
    Vec most[2];
#pragma GCC unroll 2
    for (int odd = 0; odd < 2; ++odd)
        most[odd] =
            max(max(max(y[0][2 * odd], y[0][2 * odd + 1]), max(y[1][2 * odd], y[1][2 * odd + 1])),
                zero());
    const Vec low = _mm512_unpacklo_ps(most[0], most[1]);
    const Vec high = _mm512_unpackhi_ps(most[0], most[1]);
    const __mmask8 first = mask_lanes(0, min(out.tiles, 4)), last = mask_lanes(0, out.tiles - 4);
    const auto channel = [&](int o, __m128 a, __m128 b) {
        if (o >= out.channels) return;
        float* to = out.y + o * out.channel + at;
        _mm_mask_storeu_ps(to, first, a);
        _mm_mask_storeu_ps(to + 4, last, b);
    };
    channel(0, _mm512_castps512_ps128(low), _mm512_castps512_ps128(high));
    channel(1, _mm512_extractf32x4_ps(low, 1), _mm512_extractf32x4_ps(high, 1));
    channel(2, _mm512_extractf32x4_ps(low, 2), _mm512_extractf32x4_ps(high, 2));
    channel(3, _mm512_extractf32x4_ps(low, 3), _mm512_extractf32x4_ps(high, 3));
    if (!out.indices) return;
#pragma GCC unroll 2
    for (int odd = 0; odd < 2; ++odd) {
        float lanes[kLanes];
        winograd_f2x2::find_indices(
            {y[0][2 * odd], y[0][2 * odd + 1], y[1][2 * odd], y[1][2 * odd + 1]}, lanes);
        for (ptrdiff_t o = 0; o < out.channels; ++o)
            for (ptrdiff_t t = odd; t < out.tiles; t += 2)
                out.indices[o * out.channel + at + t] =
                    static_cast<unsigned char>(lanes[o * 4 + t / 2]);
    }
}

// Tile rows of one group of output channels, whose weights begin at u.
template <int rows>
__attribute__((noinline)) void block(const ConvShape& s, const float* d, const float* u,
                                     const Output& out) {
    Vec sum[rows][2][4];
#pragma GCC unroll 3
    for (int r = 0; r < rows; ++r)
#pragma GCC unroll 4
        for (int p = 0; p < 4; ++p) sum[r][0][p] = load(u), sum[r][1][p] = zero();
    u += kLanes;
    products<rows>(s.channels_in, d, u, sum);
#pragma GCC unroll 3
    for (int r = 0; r < rows; ++r)
#pragma GCC unroll 4
        for (int p = 0; p < 4; ++p) {
            const Vec m0 = sum[r][0][p], m1 = sum[r][1][p];
            sum[r][0][p] = add(m0, m1), sum[r][1][p] = sub(m0, m1);
        }
    products<rows>(s.channels_in, d + 2 * kLanes, u + s.channels_in * 6 * kLanes, sum);
#pragma GCC unroll 3
    for (int r = 0; r < rows; ++r) finish(out, r * s.output.w, sum[r]);
}

// Tile rows from top on of all output channels, kTiles windows from `tile` on.
template <int rows>
inline void stack(const ConvShape& s, const float* x, const float* prepared, float* y,
                  unsigned char* indices, ptrdiff_t top, ptrdiff_t tile, float* d,
                  Magnitude& most) {
    most = input<rows>(s, x, top, 2 * tile - 1, d, most);
    const ptrdiff_t plane = s.output.h * s.output.w;
    for (ptrdiff_t o = 0; o < s.channels_out; o += kChannels, prepared += group_floats(s)) {
        const ptrdiff_t at = o * plane + top * s.output.w + tile;
        block<rows>(s, d, prepared,
                    {y + at, indices ? indices + at : nullptr, plane,
                     min(kChannels, s.channels_out - o), min(kTiles, s.output.w - tile)});
    }
}

inline bool run(const ConvShape& s, const float* x, const void* prepared, float* y,
                unsigned char* indices, ptrdiff_t row0, ptrdiff_t row1, void* workspace,
                const float*) {
    float* d = static_cast<float*>(workspace);
    const float* u = static_cast<const float*>(prepared);
    Magnitude most = no_magnitude();
    for (ptrdiff_t tile = 0; tile < s.output.w; tile += kTiles) {
        for (ptrdiff_t top = row0; top < row1;) {
            const ptrdiff_t left = row1 - top, rows = left == 4 ? 2 : min(left, kStack);
            if (rows == 3) stack<3>(s, x, u, y, indices, top, tile, d, most);
            if (rows == 2) stack<2>(s, x, u, y, indices, top, tile, d, most);
            if (rows == 1) stack<1>(s, x, u, y, indices, top, tile, d, most);
            top += rows;
        }
        if (!below(most, winograd_f2x2::kInputLimit)) return false;
    }
    return true;
}

constexpr ConvKernel kConvKernel = {"winograd-2x1",  true, true, fits, prepared_bytes, prepare,
                                    workspace_bytes, run};

}  // namespace winograd_f2x1
