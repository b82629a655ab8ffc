// The published network's convolution gradients with AVX-512. Needs block1_avx512.inl.h,
// train_common.inl.h.

// ---- block 2
// ---------------------------------------------------------------------------------------

template <class Vector>
inline void transpose_lanes(const Vector in[4], Vector out[4]) {
    Vec a = (Vec)in[0], b = (Vec)in[1], c = (Vec)in[2], d = (Vec)in[3];
    Vec ab_even = _mm512_shuffle_f32x4(a, b, 0x88), ab_odd = _mm512_shuffle_f32x4(a, b, 0xdd);
    Vec cd_even = _mm512_shuffle_f32x4(c, d, 0x88), cd_odd = _mm512_shuffle_f32x4(c, d, 0xdd);
    out[0] = (Vector)_mm512_shuffle_f32x4(ab_even, cd_even, 0x88);
    out[1] = (Vector)_mm512_shuffle_f32x4(ab_odd, cd_odd, 0x88);
    out[2] = (Vector)_mm512_shuffle_f32x4(ab_even, cd_even, 0xdd);
    out[3] = (Vector)_mm512_shuffle_f32x4(ab_odd, cd_odd, 0xdd);
}

inline void find_active(const float* dfeatures, const int32_t* place, Active& active) {
    for (int o = 0; o < 4; ++o) active.count[o] = 0;
    for (int chunk = 0; chunk < kChunks; chunk += 4) {
        Vec g[4], by_channel[4];
        Index at[4], at_by_channel[4];
        for (int i = 0; i < 4; ++i) {
            bool inside = chunk + i < kChunks;
            g[i] = inside ? load_aligned(dfeatures + (chunk + i) * 16) : zero();
            at[i] = inside ? load_aligned(place + (chunk + i) * 16) : set1_index(0);
        }
        transpose_lanes(g, by_channel);
        transpose_lanes(at, at_by_channel);
        for (int o = 0; o < 4; ++o) {
            Mask some = _mm512_cmp_ps_mask(by_channel[o], zero(), _CMP_NEQ_UQ);
            int count = active.count[o];
            _mm512_storeu_ps(active.gradient[o] + count,
                             _mm512_maskz_compress_ps(some, by_channel[o]));
            store_index(active.place[o] + count,
                        _mm512_maskz_compress_epi32(some, at_by_channel[o]));
            active.count[o] = count + __builtin_popcount(some);
        }
    }
}

// Adds d(conv2) and d(bias2) to the gradient, and to dpooled1 what passes on.
inline void block2_gradient(State& s, const Active& active) {
    const char* input = reinterpret_cast<const char*>(s.activations.pooled1);
    char* dinput = reinterpret_cast<char*>(s.dpooled1);
    for (int o = 0; o < 4; ++o) {
        Vec w[9], sum[9], passed[9];
        for (int tap = 0; tap < 9; ++tap) w[tap] = load_aligned(s.parameters.conv2[o][tap]);
        for (int tap = 0; tap < 9; ++tap) sum[tap] = load_aligned(s.gradient.conv2[o][tap]);
        float bias = 0;
        for (int i = 0; i < active.count[o]; ++i) {
            const float* x = reinterpret_cast<const float*>(input + active.place[o][i]);
            float* dx = reinterpret_cast<float*>(dinput + active.place[o][i]);
            Vec g = set1(active.gradient[o][i]);
            bias += active.gradient[o][i];
            for (int tap = 0; tap < 9; ++tap)
                passed[tap] = fma(g, w[tap], load_aligned(dx + tap_offset(tap)));
            for (int tap = 0; tap < 9; ++tap)
                sum[tap] = fma(g, load_aligned(x + tap_offset(tap)), sum[tap]);
            for (int tap = 0; tap < 9; ++tap) store_aligned(dx + tap_offset(tap), passed[tap]);
        }
        for (int tap = 0; tap < 9; ++tap) store_aligned(s.gradient.conv2[o][tap], sum[tap]);
        s.gradient.bias2[o] += bias;
    }
}

// ---- block 1
// ---------------------------------------------------------------------------------------

// Adds to `sum` the transformed input times A dY A^T, for dY with one entry per window: the
// maximum's row of A times its column. Row i of A is (1, 0), (1, 1), (1, -1), (0, -1); the last
// one's sign is in the products.
inline void tile_gradient(Vec g, const float (*v)[16], Mask lower, Mask right, Vec sum[16]) {
    const Vec sign = set1(-0.0f);
    Vec at_lower = keep(lower, g);
    Vec rows[4] = {_mm512_xor_ps(g, at_lower), g, _mm512_mask_xor_ps(g, lower, g, sign), at_lower};
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) {
        Vec at_right = keep(right, rows[i]), at_left = _mm512_xor_ps(rows[i], at_right);
        Vec signed_row = _mm512_mask_xor_ps(rows[i], right, rows[i], sign);
        const float (*row)[16] = v + i * 4;
        Vec v0 = set1(row[0][0]), v1 = set1(row[1][0]), v2 = set1(row[2][0]), v3 = set1(row[3][0]);
        Vec* to = sum + i * 4;
        to[0] = i == 3 ? fnma(at_left, v0, to[0]) : fma(at_left, v0, to[0]);
        to[1] = i == 3 ? fnma(rows[i], v1, to[1]) : fma(rows[i], v1, to[1]);
        to[2] = i == 3 ? fnma(signed_row, v2, to[2]) : fma(signed_row, v2, to[2]);
        to[3] = i == 3 ? fma(at_right, v3, to[3]) : fnma(at_right, v3, to[3]);
    }
}

// Adds d(bias1), and to dtiles what d(conv1) is made of. Takes dpooled1 and leaves it zero.
inline void block1_gradient(State& s) {
    Activations& a = s.activations;
    Vec sum[16], bias[4];  // several sums, so that one addition need not wait for the one before
    for (int k = 0; k < 16; ++k) sum[k] = load_aligned(s.dtiles[k]);
    for (int i = 0; i < a.nonblank_count; ++i) {
        int tile = a.nonblank[i];
        int pixel = tile + kInside;
        Vec g = through_relu(pixel_at(a.pooled1, pixel), pixel_at(s.dpooled1, pixel));
        tile_gradient(g, tile_input(a, tile), s.indices.lower1[tile], s.indices.right1[tile], sum);
    }
    for (int k = 0; k < 16; ++k) store_aligned(s.dtiles[k], sum[k]);
    for (int i = 0; i < 4; ++i) bias[i] = zero();
    for (int pixel = 0; pixel < 16 * 16; pixel += 4)
        for (int i = 0; i < 4; ++i) {
            float* d = pixel_at(s.dpooled1, pixel + i);
            bias[i] = add(bias[i], through_relu(pixel_at(a.pooled1, pixel + i), d));
            store_aligned(d, zero());
        }
    Vec total = add(add(bias[0], bias[1]), add(bias[2], bias[3]));
    store_aligned(s.gradient.bias1, add(load_aligned(s.gradient.bias1), total));
}
