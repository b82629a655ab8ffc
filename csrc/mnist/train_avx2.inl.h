// The published network's convolution gradients with AVX2. Needs block1_avx2.inl.h,
// train_common.inl.h.

// ---- block 2
// ---------------------------------------------------------------------------------------

inline void find_active(const float* dfeatures, const int32_t* place, Active& active) {
    for (int o = 0; o < 4; ++o) {
        int count = 0;
        for (int chunk = 0; chunk < kChunks; ++chunk)
            for (int i = chunk * 16 + o * 4; i < chunk * 16 + o * 4 + 4; ++i) {
                active.gradient[o][count] = dfeatures[i];
                active.place[o][count] = place[i];
                count += dfeatures[i] != 0.0f;
            }
        active.count[o] = count;
    }
}

// Adds d(conv2) and d(bias2) to the gradient, and to dpooled1 what passes on. Two loops, because
// nine sums and nine weights do not fit the registers together.
inline void block2_gradient(State& s, const Active& active) {
    const char* input = reinterpret_cast<const char*>(s.activations.pooled1);
    char* dinput = reinterpret_cast<char*>(s.dpooled1);
    for (int o = 0; o < 4; ++o) {
        for (int at = 0; at < 16; at += 8) {
            Vec sum[9], w[9];
            for (int tap = 0; tap < 9; ++tap)
                sum[tap] = load_aligned(s.gradient.conv2[o][tap] + at);
            for (int i = 0; i < active.count[o]; ++i) {
                const float* x = reinterpret_cast<const float*>(input + active.place[o][i]) + at;
                Vec g = set1(active.gradient[o][i]);
                for (int tap = 0; tap < 9; ++tap)
                    sum[tap] = fma(g, load_aligned(x + tap_offset(tap)), sum[tap]);
            }
            for (int tap = 0; tap < 9; ++tap)
                store_aligned(s.gradient.conv2[o][tap] + at, sum[tap]);
            for (int tap = 0; tap < 9; ++tap)
                w[tap] = load_aligned(s.parameters.conv2[o][tap] + at);
            for (int i = 0; i < active.count[o]; ++i) {
                float* dx = reinterpret_cast<float*>(dinput + active.place[o][i]) + at;
                Vec g = set1(active.gradient[o][i]);
                for (int tap = 0; tap < 9; ++tap)
                    store_aligned(dx + tap_offset(tap),
                                  fma(g, w[tap], load_aligned(dx + tap_offset(tap))));
            }
        }
        float bias = 0;
        for (int i = 0; i < active.count[o]; ++i) bias += active.gradient[o][i];
        s.gradient.bias2[o] += bias;
    }
}

// ---- block 1
// ---------------------------------------------------------------------------------------

// Row `row` of A dY A^T for dY with one entry per window: the maximum's row of A times its column,
// where row i of A is (1, 0), (1, 1), (1, -1), (0, -1). The signs of row 3 and of column 3 are left
// out.
template <int row>
inline void tile_gradient(Vec g, Index corner, const float (*v)[16], Vec sum[4]) {
    const Vec sign = set1(-0.0f);
    Vec lower = (Vec)_mm256_srai_epi32(corner, 31);
    Index right = _mm256_slli_epi32(corner, 1);
    if (row == 0) g = _mm256_andnot_ps(lower, g);
    if (row == 2) g = _mm256_xor_ps(g, _mm256_and_ps((Vec)corner, sign));
    if (row == 3) g = _mm256_and_ps(g, lower);
    Vec at_right = _mm256_and_ps(g, (Vec)_mm256_srai_epi32(right, 31)),
        at_left = _mm256_xor_ps(g, at_right);
    sum[0] = fma(at_left, set1(v[row * 4][0]), sum[0]);
    sum[1] = fma(g, set1(v[row * 4 + 1][0]), sum[1]);
    sum[2] =
        fma(_mm256_xor_ps(g, _mm256_and_ps((Vec)right, sign)), set1(v[row * 4 + 2][0]), sum[2]);
    sum[3] = fma(at_right, set1(v[row * 4 + 3][0]), sum[3]);
}

template <int row>
inline void row_gradient(State& s) {
    const Activations& a = s.activations;
    Vec low[4] = {zero(), zero(), zero(), zero()}, high[4] = {zero(), zero(), zero(), zero()};
    for (int i = 0; i < a.nonblank_count; ++i) {
        int tile = a.nonblank[i];
        const float* g = pixel_at(s.dpooled1, tile + kInside);
        tile_gradient<row>(load_aligned(g), load_aligned(s.indices.corner1[tile]),
                           tile_input(a, tile), low);
        tile_gradient<row>(load_aligned(g + 8), load_aligned(s.indices.corner1[tile] + 8),
                           tile_input(a, tile), high);
    }
    for (int j = 0; j < 4; ++j) {
        float* out = s.dtiles[row * 4 + j];
        bool negative = (row == 3) != (j == 3);
        store_aligned(out,
                      negative ? sub(load_aligned(out), low[j]) : add(load_aligned(out), low[j]));
        store_aligned(out + 8, negative ? sub(load_aligned(out + 8), high[j])
                                        : add(load_aligned(out + 8), high[j]));
    }
}

// Adds d(bias1), and to dtiles what d(conv1) is made of. Takes dpooled1 and leaves it zero.
inline void block1_gradient(State& s) {
    const Activations& a = s.activations;
    for (int at = 0; at < 16; at += 8) {
        Vec bias[4] = {zero(), zero(), zero(),
                       zero()};  // so that no addition need wait for the one before
        for (int pixel = 0; pixel < 16 * 16; pixel += 4)
            for (int i = 0; i < 4; ++i) {
                float* d = pixel_at(s.dpooled1, pixel + i) + at;
                Vec g = through_relu(pixel_at(a.pooled1, pixel + i) + at, d);
                bias[i] = add(bias[i], g);
                store_aligned(d, g);
            }
        Vec total = add(add(bias[0], bias[1]), add(bias[2], bias[3]));
        store_aligned(s.gradient.bias1 + at, add(load_aligned(s.gradient.bias1 + at), total));
    }
    row_gradient<0>(s);
    row_gradient<1>(s);
    row_gradient<2>(s);
    row_gradient<3>(s);
    __builtin_memset(s.dpooled1, 0, sizeof s.dpooled1);
}
