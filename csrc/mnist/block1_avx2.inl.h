// The published network's first block with AVX2. Needs simd_avx2.inl.h and common.inl.h.
//
// The same algorithm as in block1_avx512.inl.h with half the lanes and half the registers: a tile's
// 16 output channels are taken in two halves.

constexpr int kWindows = 2;  // of block 2 at once: 8 sums leave half of the registers for pixels

// Which pixel of its 2x2 window each maximum is: forward for training leaves it to backward.
struct alignas(64) MaxIndices {
    int32_t place2[kFeatures];     // offset of the maximum's 3x3 input from pooled1, in bytes
    int32_t corner1[14 * 16][16];  // [non-blank tile][channel]: bit 31, it is in the second row;
                                   // bit 30, second column
};

constexpr int kPadded = 48;  // floats per padded row: a zero, 28 pixels, zeros

inline void read_row(const uint8_t* row, float* out) {
    for (int x = 0; x < 24; x += 8) {
        Index pixels =
            _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(row + x)));
        store(out + x, mul(_mm256_cvtepi32_ps(pixels), set1(kPixelScale)));
    }
    int32_t last;
    __builtin_memcpy(&last, row + 24, 4);
    __m128 pixels = _mm_cvtepi32_ps(_mm_cvtepu8_epi32(_mm_cvtsi32_si128(last)));
    _mm_storeu_ps(out + 24, _mm_mul_ps(pixels, _mm_set1_ps(kPixelScale)));
}

inline void read_row(const float* row, float* out) {
    for (int x = 0; x < 24; x += 8) store(out + x, load(row + x));
    _mm_storeu_ps(out + 24, _mm_loadu_ps(row + 24));
}

// One row of pixels for eight tiles.
struct TileRow {
    Vec d[4];  // B^T along x, from pixels 2j - 1 to 2j + 2 for tile j
    Vec any;   // bits set where one of the four has some
};

// Elements 0, 2, 4, ... (or, from p + 1, 1, 3, 5, ...) of 16 floats.
inline Vec evens(Vec a, Vec b) {
    return (Vec)_mm256_permute4x64_epi64((Index)_mm256_shuffle_ps(a, b, 0x88), 0xd8);
}
inline Vec odds(Vec a, Vec b) {
    return (Vec)_mm256_permute4x64_epi64((Index)_mm256_shuffle_ps(a, b, 0xdd), 0xd8);
}

inline TileRow transform_row(const float* p) {
    Vec a = load(p), b = load(p + 8), c = load(p + 2), d = load(p + 10);
    Vec d0 = evens(a, b), d1 = odds(a, b), d2 = evens(c, d), d3 = odds(c, d);
    Vec any = _mm256_or_ps(_mm256_or_ps(d0, d1), _mm256_or_ps(d2, d3));
    return {{sub(d0, d2), add(d1, d2), sub(d2, d1), sub(d1, d3)}, any};
}

// B^T along y: four rows of the above to one tile row. Returns which tiles are not blank.
inline unsigned transform_tiles(const TileRow& a, const TileRow& b, const TileRow& c,
                                const TileRow& d, float (*tiles)[16], int at) {
    for (int j = 0; j < 4; ++j) {
        store_aligned(tiles[j] + at, sub(a.d[j], c.d[j]));
        store_aligned(tiles[4 + j] + at, add(b.d[j], c.d[j]));
        store_aligned(tiles[8 + j] + at, sub(c.d[j], b.d[j]));
        store_aligned(tiles[12 + j] + at, sub(b.d[j], d.d[j]));
    }
    Index any = (Index)_mm256_or_ps(_mm256_or_ps(a.any, b.any), _mm256_or_ps(c.any, d.any));
    return ~_mm256_movemask_ps((Vec)_mm256_cmpeq_epi32(any, set1_index(0))) & 0xffu;
}

template <class Pixel>
inline void transform_image(const Pixel* image, Activations& a) {
    alignas(64) float padded[30][kPadded];
    for (int i = 0; i < kPadded; ++i) padded[0][i] = padded[29][i] = 0;
    for (int y = 0; y < 28; ++y) {
        padded[y + 1][0] = 0;
        read_row(image + y * 28, padded[y + 1] + 1);
        for (int x = 29; x < kPadded; ++x) padded[y + 1][x] = 0;
    }
    unsigned nonblank[14] = {};
    for (int at = 0; at < 16; at += 8) {
        TileRow upper = transform_row(padded[0] + 2 * at),
                lower = transform_row(padded[1] + 2 * at);
        for (int y = 0; y < 14; ++y) {
            TileRow next = transform_row(padded[2 * y + 2] + 2 * at),
                    last = transform_row(padded[2 * y + 3] + 2 * at);
            nonblank[y] |= transform_tiles(upper, lower, next, last, a.tiles[y], at) << at;
            upper = next;
            lower = last;
        }
    }
    int count = 0;
    for (int y = 0; y < 14; ++y) {
        a.nonblank_rows[y + 1] = nonblank[y] & 0x3fff;
        for (unsigned left = a.nonblank_rows[y + 1]; left; left &= left - 1)
            a.nonblank[count++] = y * 16 + __builtin_ctz(left);
    }
    a.nonblank_count = count;
}

// A non-blank tile's transformed input: element 0 of each of the 16 rows.
inline const float (*tile_input(const Activations& a, int tile))[16] {
    return reinterpret_cast<const float (*)[16]>(&a.tiles[tile >> 4][0][tile & 15]);
}

// One tile's A^T (u * v) A plus the bias, lanes = half of the output channels.
inline Window block1_window(const float (*u)[16], const float* bias, const float (*v)[16]) {
    Vec upper[4], lower[4];
#pragma GCC unroll 4
    for (int j = 0; j < 4; ++j) {
        Vec v0 = set1(v[j][0]), v1 = set1(v[4 + j][0]), v2 = set1(v[8 + j][0]),
            v3 = set1(v[12 + j][0]);
        Vec u2 = load_aligned(u[8 + j]);
        // The bias enters at (1, 1), which every output takes with weight one.
        Vec m = j == 1 ? fma(load_aligned(u[5]), v1, load_aligned(bias))
                       : mul(load_aligned(u[4 + j]), v1);
        upper[j] = fma(load_aligned(u[j]), v0, fma(u2, v2, m));
        lower[j] = fnma(load_aligned(u[12 + j]), v3, fnma(u2, v2, m));
    }
    return {add(add(upper[0], upper[1]), upper[2]), sub(sub(upper[1], upper[2]), upper[3]),
            add(add(lower[0], lower[1]), lower[2]), sub(sub(lower[1], lower[2]), lower[3])};
}

inline void store_corner(Mask lower, Mask right, int32_t* out) {
    Vec row = keep(lower, set1(-0.0f));
    Index column = keep(right, set1_index(0x40000000));
    store_aligned(out, _mm256_or_si256((Index)row, column));
}

template <bool training, class Pixel>
inline void block1(const Weights& w, const Pixel* image, Activations& a, MaxIndices* indices) {
    transform_image(image, a);
    for (int at = 0; at < 16; at += 8) {
        Vec blank = max(zero(), load_aligned(w.bias1 + at));
        for (int y = 0; y < 14; ++y)
            for (int x = 0; x < 14; ++x) store_aligned(a.pooled1[y + 1][x + 1] + at, blank);
    }
    for (int i = 0; i < a.nonblank_count; ++i) {
        int tile = a.nonblank[i];
        for (int at = 0; at < 16; at += 8) {
            const float (*u)[16] = reinterpret_cast<const float (*)[16]>(w.conv1[0] + at);
            Window window = block1_window(u, w.bias1 + at, tile_input(a, tile));
            Mask lower, right;
            Vec pooled = training ? pool(window, &lower, &right) : pool(window);
            if (training) store_corner(lower, right, indices->corner1[tile] + at);
            store_aligned(pixel_at(a.pooled1, tile + kInside) + at, pooled);
        }
    }
}
