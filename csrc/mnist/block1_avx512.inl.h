// The published network's first block with AVX-512. Needs simd_avx512.inl.h and common.inl.h.
//
// Winograd F(2x2, 3x3): a pooling window is one output tile. Rows are transformed with lanes =
// tiles, products taken with lanes = output channels. A blank tile, all of whose
// pixels are zero, gives ReLU(bias) whatever the weights, so only the others are computed (38 % of
// MNIST's). Winograd: Lavin and Gray 2016, https://arxiv.org/abs/1509.09308, whose names (B, G, A)
// are used below.

constexpr int kWindows = 3;  // of block 2 at once: 12 sums, 9 taps and a few pixels

// Which pixel of its 2x2 window each maximum is: forward for training leaves it to backward.
struct alignas(64) MaxIndices {
    int32_t place2[kFeatures];  // offset of the maximum's 3x3 input from pooled1, in bytes
    Mask lower1[14 * 16];  // [non-blank tile], lanes = channels: the maximum is in the window's
                           // second row
    Mask right1[14 * 16];  // the maximum is in its second column
};

// 28 pixels as floats in [0, 1]; lanes 12 to 15 of `right` are zero.
struct Pixels {
    Vec left, right;
};

inline Pixels load_row(const uint8_t* row) {
    Index left = _mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(row)));
    Index right = _mm512_cvtepu8_epi32(_mm_maskz_loadu_epi8(0x0fff, row + 16));
    return {mul(_mm512_cvtepi32_ps(left), set1(kPixelScale)),
            mul(_mm512_cvtepi32_ps(right), set1(kPixelScale))};
}

inline Pixels load_row(const float* row) {
    return {load(row), _mm512_maskz_loadu_ps(0x0fff, row + 16)};
}

// One row of pixels for the tiles in its lanes.
struct TileRow {
    Vec d[4];   // B^T along x, from pixels 2j - 1 to 2j + 2 for tile j
    Index any;  // not zero where one of the four is not
};

inline Index either(Index a, Index b, Index c) { return _mm512_ternarylogic_epi32(a, b, c, 0xfe); }

inline TileRow transform_row(Pixels p) {
    const Index first =
        _mm512_setr_epi32(28, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 28, 28);
    const Index second =
        _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 28);
    const Index third =
        _mm512_setr_epi32(1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 28, 28);
    const Index fourth =
        _mm512_setr_epi32(2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 28, 28);
    Vec d0 = _mm512_permutex2var_ps(p.left, first, p.right),
        d1 = _mm512_permutex2var_ps(p.left, second, p.right);
    Vec d2 = _mm512_permutex2var_ps(p.left, third, p.right),
        d3 = _mm512_permutex2var_ps(p.left, fourth, p.right);
    Index any = either((Index)d0, (Index)d1, either((Index)d2, (Index)d3, (Index)d3));
    return {{sub(d0, d2), add(d1, d2), sub(d2, d1), sub(d1, d3)}, any};
}

// B^T along y: four rows of the above to one tile row. Returns which tiles are not blank.
inline Mask transform_tiles(const TileRow& a, const TileRow& b, const TileRow& c, const TileRow& d,
                            float (*tiles)[16]) {
    for (int j = 0; j < 4; ++j) {
        store_aligned(tiles[j], sub(a.d[j], c.d[j]));
        store_aligned(tiles[4 + j], add(b.d[j], c.d[j]));
        store_aligned(tiles[8 + j], sub(c.d[j], b.d[j]));
        store_aligned(tiles[12 + j], sub(b.d[j], d.d[j]));
    }
    Index any = either(a.any, b.any, either(c.any, d.any, d.any));
    return _mm512_test_epi32_mask(any, any);
}

template <class Pixel>
inline TileRow row_at(const Pixel* image, int y) {
    if (y < 0 || y >= 28) return {{zero(), zero(), zero(), zero()}, set1_index(0)};
    return transform_row(load_row(image + y * 28));
}

// Rows `first` to `end` of tiles: fills a.tiles from its start, the lists of non-blank
// tiles, and a.pooled1 as if all were blank.
template <class Pixel>
inline void transform_rows(const Pixel* image, int first, int end, Vec blank, Activations& a) {
    const Index columns = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    TileRow upper = row_at(image, 2 * first - 1), lower = row_at(image, 2 * first);
    int count = 0;
    for (int y = first; y < end; ++y) {
        TileRow next = row_at(image, 2 * y + 1), last = row_at(image, 2 * y + 2);
        Mask nonblank = transform_tiles(upper, lower, next, last, a.tiles[y - first]);
        Index tile = add(columns, set1_index((y - first) * 16));
        store_index(a.nonblank + count, _mm512_maskz_compress_epi32(nonblank, tile));
        count += __builtin_popcount(nonblank);
        a.nonblank_rows[y + 1] = nonblank;
        for (int x = 1; x < 15; ++x) store_aligned(a.pooled1[y + 1][x], blank);
        upper = next;
        lower = last;
    }
    a.nonblank_count = count;
}

// A non-blank tile's transformed input: element 0 of each of the 16 rows.
inline const float (*tile_input(const Activations& a, int tile))[16] {
    return reinterpret_cast<const float (*)[16]>(&a.tiles[tile >> 4][0][tile & 15]);
}

// One tile's A^T (u * v) A plus the bias, lanes = output channels.
inline Window block1_window(const Vec u[16], Vec bias, const float (*v)[16]) {
    Vec upper[4], lower[4];
#pragma GCC unroll 4
    for (int j = 0; j < 4; ++j) {
        Vec v0 = set1(v[j][0]), v1 = set1(v[4 + j][0]), v2 = set1(v[8 + j][0]),
            v3 = set1(v[12 + j][0]);
        // The bias enters at (1, 1), which every output takes with weight one.
        Vec m = j == 1 ? fma(u[5], v1, bias) : mul(u[4 + j], v1);
        upper[j] = fma(u[j], v0, fma(u[8 + j], v2, m));
        lower[j] = fnma(u[12 + j], v3, fnma(u[8 + j], v2, m));
    }
    return {add(add(upper[0], upper[1]), upper[2]), sub(sub(upper[1], upper[2]), upper[3]),
            add(add(lower[0], lower[1]), lower[2]), sub(sub(lower[1], lower[2]), lower[3])};
}

// Training needs all transformed tiles again; inference takes half of the image at a time, so that
// they stay in the first-level cache.
template <bool training, class Pixel>
inline void block1(const Weights& w, const Pixel* image, Activations& a, MaxIndices* indices) {
    constexpr int rows = training ? 14 : 7;
    Vec u[16], bias = load_aligned(w.bias1);
    for (int first = 0; first < 14; first += rows) {
        transform_rows(image, first, first + rows, max(zero(), bias), a);
        float* pooled = pixel_at(a.pooled1, first * 16 + kInside);
        for (int k = 0; k < 16; ++k) u[k] = load_aligned(w.conv1[k]);
        for (int i = 0; i < a.nonblank_count; ++i) {
            int tile = a.nonblank[i];
            Window window = block1_window(u, bias, tile_input(a, tile));
            store_aligned(pooled + tile * kColumn,
                          training ? pool(window, &indices->lower1[tile], &indices->right1[tile])
                                   : pool(window));
        }
    }
}
