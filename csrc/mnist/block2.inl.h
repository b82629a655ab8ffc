// The published network's second block, for every vector instruction set. Needs a SIMD file,
// common.inl.h and kWindows: how many windows the registers hold at once.
//
// A direct convolution with lanes = [output channel][input channel % 4]: a pixel's channels reach
// all output channels by a broadcast, which costs no more than a load, and in the end only four
// lanes have to be summed. Winograd would save a third of the products, and lose more than that to
// its additions, its sums over sixteen lanes and the transformed rows that it has to store.
//
// The output of a window over blank tiles only depends on the weights alone and is computed once,
// with them: a quarter of MNIST's windows.

// The four conv outputs under each of `count` windows, [channel][output], from 4x4 inputs.
template <int count>
inline void block2_windows(const Weights& w, const float* const* input, float* const* out) {
    for (int at = 0; at < 16; at += kLanes) {
        Vec sum[count][2][2], bias = load_aligned(w.bias2 + at);
#pragma GCC unroll 4
        for (int k = 0; k < count; ++k)
            sum[k][0][0] = sum[k][0][1] = sum[k][1][0] = sum[k][1][1] = bias;
#pragma GCC unroll 1
        for (int quarter = 0; quarter < 4; ++quarter) {
            Vec tap[3][3];
#pragma GCC unroll 9
            for (int t = 0; t < 9; ++t) tap[t / 3][t % 3] = load_aligned(w.conv2[quarter][t] + at);
#pragma GCC unroll 16
            for (int pixel = 0; pixel < 16; ++pixel)
#pragma GCC unroll 4
                for (int k = 0; k < count; ++k) {
                    const int row = pixel / 4, column = pixel % 4;
                    Vec x = set4(input[k] + row * kRow + column * kColumn + quarter * 4);
#pragma GCC unroll 4
                    for (int o = 0; o < 4; ++o) {
                        const int y = o / 2, x0 = o % 2, dy = row - y, dx = column - x0;
                        if (0 <= dy && dy < 3 && 0 <= dx && dx < 3)
                            sum[k][y][x0] = fma(x, tap[dy][dx], sum[k][y][x0]);
                    }
                }
        }
#pragma GCC unroll 4
        for (int k = 0; k < count; ++k)
            store_aligned(out[k] + at,
                          sum_in_lanes(sum[k][0][0], sum[k][0][1], sum[k][1][0], sum[k][1][1]));
    }
}

// 0: a window of the map's first row or column of windows, 1: of one inside, 2: of the last.
constexpr int side_of(int window) { return window == 0 ? 0 : window == 6 ? 2 : 1; }

// Which of Weights::blank2 a place takes where all its tiles are blank.
struct Kinds {
    int of[kChunks * 4];
    constexpr Kinds() : of() {
        for (int place = 49; place < kChunks * 4; ++place) of[place] = kPadding2;
        for (int y = 0; y < 7; ++y)
            for (int x = 0; x < 7; ++x) of[place_of(y, x)] = side_of(y) * 3 + side_of(x);
    }
};
constexpr Kinds kKinds;

inline void block2(const Weights& w, Activations& a, int32_t* place2) {
    alignas(64) float windows[kChunks * 4][16];
    const float* input[49 + kWindows];
    float* out[49 + kWindows];
    for (int place = 0; place < kChunks * 4; ++place)
        for (int at = 0; at < 16; at += kLanes)
            store_aligned(windows[place] + at, load_aligned(w.blank2[kKinds.of[place]] + at));
    int count = 0;
    for (int y = 0; y < 7; ++y) {
        const unsigned* rows = a.nonblank_rows + 2 * y;
        unsigned nonblank = (rows[0] | rows[1] | rows[2] | rows[3]) << 1;
        nonblank |= nonblank >> 1 | nonblank >> 2 |
                    nonblank >> 3;  // bit 2x: any of the columns 2x to 2x + 3
        for (int x = 0; x < 7; ++x) {
            input[count] = pixel_at(a.pooled1, 2 * y * 16 + 2 * x);
            out[count] = windows[place_of(y, x)];
            count += nonblank >> 2 * x & 1;
        }
    }
    for (int k = 0; k < kWindows - 1; ++k) {  // what fills the last group is computed twice
        input[count + k] = input[0];
        out[count + k] = out[0];
    }
    for (int i = 0; i < count; i += kWindows) block2_windows<kWindows>(w, input + i, out + i);
    pool_windows(windows, a.pooled2, place2);
}

// What forward needs of the parameters.
inline void make_weights(const Parameters& p, Weights& w) {
    arrange_weights(p, w);
    alignas(64) float map[6][16][16];  // what block 1 makes of 4x4 blank tiles, with a border
    __builtin_memset(map, 0, sizeof map);
    for (int pixel = 0; pixel < 16; ++pixel)
        for (int at = 0; at < 16; at += kLanes)
            store_aligned(map[1 + pixel / 4][1 + pixel % 4] + at,
                          max(zero(), load_aligned(w.bias1 + at)));
    for (int kind = 0; kind < 9; ++kind) {
        const float* input = map[kind / 3][kind % 3];
        float* out = w.blank2[kind];
        block2_windows<1>(w, &input, &out);
    }
    __builtin_memset(w.blank2[kPadding2], 0, sizeof w.blank2[kPadding2]);
}
