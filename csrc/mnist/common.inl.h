// What the vector kernels of the forward pass share. Needs mnist.h, layout.inl.h and a SIMD file.

constexpr int kColumn = 16;         // floats per pixel between the blocks: its 16 channels
constexpr int kRow = 16 * kColumn;  // 16 columns: 14 pixels and a zero border
constexpr float kPixelScale = 1.0f / 255.0f;

constexpr int kPadding2 = 9;  // after as many kinds of windows: 3 of rows times 3 of columns

// What forward needs of the parameters.
struct alignas(64) Weights {
    float conv1[16][16];  // [i * 4 + j of G g G^T][output channel]
    float bias1[16];
    float conv2[4][9][16];            // [quarter of the input channels][tap][lane of block 2]
    float bias2[16];                  // in the first of each output channel's lanes, else zero
    float blank2[kPadding2 + 1][16];  // block 2's windows over blank tiles, then the padding's
    float linear[kChunks][kMnistClasses][16];
    float bias3[16];
};

// One image on its way through the network; small enough for the first-level cache.
struct alignas(64) Activations {
    float tiles[14][16][16];    // block 1's transformed input [tile row][i * 4 + j][tile]
    float pooled1[16][16][16];  // [row][column][channel] with a zero border
    float pooled2[kFeatures];
    int32_t nonblank[14 * 14 + 12];  // tiles with a pixel that is not zero: row * 16 + column
    int nonblank_count;
    unsigned nonblank_rows[16];  // the same as bits: bit x of [row + 1]; none in the border's rows
};

// A pixel of pooled1, or of its gradient, by row * 16 + column with the border counted.
inline float* pixel_at(float (*map)[16][16], int index) {
    return reinterpret_cast<float*>(map) + index * kColumn;
}
inline const float* pixel_at(const float (*map)[16][16], int index) {
    return reinterpret_cast<const float*>(map) + index * kColumn;
}

constexpr int kInside = 17;  // index of the first pixel inside the border

// G x for three rows of anything.
inline void filter_transform(Vec x0, Vec x1, Vec x2, Vec out[4]) {
    Vec half = set1(0.5f), sum = add(x0, x2);
    out[0] = x0;
    out[1] = mul(half, add(sum, x1));
    out[2] = mul(half, sub(sum, x1));
    out[3] = x2;
}

// All but blank2.
inline void arrange_weights(const Parameters& p, Weights& w) {
    for (int at = 0; at < 16; at += kLanes) {
        Vec rows[3][4], g[4];
        for (int x = 0; x < 3; ++x)
            filter_transform(load_aligned(p.conv1[x] + at), load_aligned(p.conv1[3 + x] + at),
                             load_aligned(p.conv1[6 + x] + at), rows[x]);
        for (int i = 0; i < 4; ++i) {
            filter_transform(rows[0][i], rows[1][i], rows[2][i], g);
            for (int j = 0; j < 4; ++j) store_aligned(w.conv1[i * 4 + j] + at, g[j]);
        }
    }
    __builtin_memset(w.bias2, 0, sizeof w.bias2);
    for (int o = 0; o < 4; ++o) {
        w.bias2[o * 4] = p.bias2[o];
        for (int tap = 0; tap < 9; ++tap)
            for (int quarter = 0; quarter < 4; ++quarter)
                __builtin_memcpy(w.conv2[quarter][tap] + o * 4, p.conv2[o][tap] + quarter * 4, 16);
    }
    __builtin_memcpy(w.bias1, p.bias1, sizeof w.bias1);
    __builtin_memcpy(w.bias3, p.bias3, sizeof w.bias3);
    __builtin_memcpy(w.linear, p.linear, sizeof w.linear);
}

// ---- pooling
// -----------------------------------------------------------------------------------------

// The four conv outputs under pooling windows.
struct Window {
    Vec y00, y01, y10, y11;
};

// ReLU of the maximum; with `lower` and `right` also its row and column, the first of equals.
inline Vec pool(const Window& w) { return max(zero(), max(max(w.y00, w.y01), max(w.y10, w.y11))); }

inline Vec pool(const Window& w, Mask* lower, Mask* right) {
    Vec above = max(w.y00, w.y01), below = max(w.y10, w.y11);
    *lower = greater(below, above);
    *right = choose(*lower, greater(w.y11, w.y10), greater(w.y01, w.y00));
    return max(zero(), max(above, below));
}

// ---- sums
// --------------------------------------------------------------------------------------------

// In every 128-bit lane: the sums of a, b, c and d over the lane's four elements.
inline Vec sum_in_lanes(Vec a, Vec b, Vec c, Vec d) {
    Vec ab = add(unpack_low(a, b), unpack_high(a, b)),
        cd = add(unpack_low(c, d), unpack_high(c, d));
    return add(pairs_low(ab, cd), pairs_high(ab, cd));
}

// Four windows [channel][output] to their four outputs [channel][window].
inline Window transpose_windows(Vec a, Vec b, Vec c, Vec d) {
    Vec ab_low = unpack_low(a, b), ab_high = unpack_high(a, b);
    Vec cd_low = unpack_low(c, d), cd_high = unpack_high(c, d);
    return {pairs_low(ab_low, cd_low), pairs_high(ab_low, cd_low), pairs_low(ab_high, cd_high),
            pairs_high(ab_high, cd_high)};
}

// Byte offsets of the input windows of four places, lanes = [channel][place].
struct Places {
    alignas(64) int32_t offset[kChunks][16];
    constexpr Places() : offset() {
        for (int y = 0; y < 7; ++y)
            for (int x = 0; x < 7; ++x)
                for (int o = 0; o < 4; ++o)
                    offset[place_of(y, x) / 4][o * 4 + place_of(y, x) % 4] =
                        (y * 2 * kRow + x * 2 * kColumn) * 4;
    }
};
constexpr Places kPlaces;

// Pools block 2's windows [place][channel][output]; `place2` (null: not wanted) gets the byte
// offset of each maximum's 3x3 input from pooled1.
inline void pool_windows(const float (*windows)[16], float* pooled, int32_t* place2) {
    for (int chunk = 0; chunk < kChunks; ++chunk)
        for (int at = 0; at < 16; at += kLanes) {
            const float (*four)[16] = windows + chunk * 4;
            Window window =
                transpose_windows(load_aligned(four[0] + at), load_aligned(four[1] + at),
                                  load_aligned(four[2] + at), load_aligned(four[3] + at));
            if (place2) {
                Mask lower, right;
                store_aligned(pooled + chunk * 16 + at, pool(window, &lower, &right));
                Index place = add(load_aligned(kPlaces.offset[chunk] + at),
                                  keep(lower, set1_index(kRow * 4)));
                store_aligned(place2 + chunk * 16 + at,
                              add(place, keep(right, set1_index(kColumn * 4))));
            } else {
                store_aligned(pooled + chunk * 16 + at, pool(window));
            }
        }
}

// ---- linear and log-softmax
// --------------------------------------------------------------------------

// Logits; the lanes beyond the last class are -infinity.
inline Wide linear(const Weights& w, const float* features) {
    Vec sum[12];
    for (int k = 0; k < 12; ++k) sum[k] = zero();
    for (int chunk = 0; chunk < kChunks; ++chunk)
        for (int at = 0; at < 16; at += kLanes) {
            Vec f = load_aligned(features + chunk * 16 + at);
#pragma GCC unroll 10
            for (int k = 0; k < kMnistClasses; ++k)
                sum[k] = fma(f, load_aligned(w.linear[chunk][k] + at), sum[k]);
        }
    Wide logits = sum_of_lanes(sum_in_lanes(sum[0], sum[1], sum[2], sum[3]),
                               sum_in_lanes(sum[4], sum[5], sum[6], sum[7]),
                               sum_in_lanes(sum[8], sum[9], sum[10], sum[11]), zero());
    return in_classes(add(logits, load_wide(w.bias3)), -__builtin_inff());
}

// e^x for x <= 0 within 1 ulp or so: 2^n times a Taylor polynomial on |r| <= ln(2) / 2.
inline Wide exponential(Wide x) {
    x = max(wide(-103.0f), x);
    Wide n = round_even(mul(x, wide(1.44269504f)));
    Wide r = fnma(n, wide(-1.90465421e-9f), fnma(n, wide(0.693147182f), x));
    Wide y = wide(1.0f / 5040);
    y = fma(y, r, wide(1.0f / 720));
    y = fma(y, r, wide(1.0f / 120));
    y = fma(y, r, wide(1.0f / 24));
    y = fma(y, r, wide(1.0f / 6));
    y = fma(y, r, wide(0.5f));
    y = fma(fma(y, r, wide(1.0f)), r, wide(1.0f));
    return times_power_of_two(y, n);
}

// log x for normal x > 0: exponent * ln 2 + 2 atanh(s), s = (m - 1) / (m + 1).
inline Wide logarithm(Wide x) {
    Wide m, e;
    split(x, &m, &e);
    Wide s = div(sub(m, wide(1.0f)), add(m, wide(1.0f))), z = mul(s, s);
    Wide y = wide(2.0f / 9);
    y = fma(y, z, wide(2.0f / 7));
    y = fma(y, z, wide(2.0f / 5));
    y = fma(y, z, wide(2.0f / 3));
    y = fma(mul(y, z), s, mul(wide(2.0f), s));
    return fma(e, wide(0.693147182f), fma(e, wide(-1.90465421e-9f), y));
}

struct Prediction {
    Wide logits, probabilities, log_probabilities;
    int label;
};

inline Prediction softmax(Wide logits) {
    Wide top = broadcast_max(logits), shifted = sub(logits, top);
    Wide powers = in_classes(exponential(shifted), 0.0f), total = broadcast_sum(powers);
    unsigned best = equal_bits(logits, top) |
                    1u << kMnistClasses;  // the extra bit: logits that are not numbers
    return {logits, div(powers, total), sub(shifted, logarithm(total)),
            __builtin_ctz(best) % kMnistClasses};
}

// Zeroes what the kernels never write.
inline void clear_border(Activations& a) {
    __builtin_memset(a.pooled1[0], 0, sizeof a.pooled1[0]);
    for (int y = 1; y < 15; ++y) {
        __builtin_memset(a.pooled1[y][0], 0, sizeof a.pooled1[y][0]);
        __builtin_memset(a.pooled1[y][15], 0, sizeof a.pooled1[y][15]);
    }
    __builtin_memset(a.pooled1[15], 0, sizeof a.pooled1[15]);
    a.nonblank_rows[0] = a.nonblank_rows[15] = 0;
}
