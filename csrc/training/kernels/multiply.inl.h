// Matrix products of any strides, in register tiles: some rows by a block of columns.

namespace training {

constexpr int kVecs = kLanes >= 8 ? 2 : 4;
constexpr int kMostRows = 12;
constexpr int most_rows(int vecs) {
    return (kRegisters - 1 - vecs) / vecs < kMostRows ? (kRegisters - 1 - vecs) / vecs : kMostRows;
}

// `joined`: the rows of a are neighbouring floats.
template <int rows, int vecs, bool joined>
inline void tile(const MatrixProduct& m, const float* a, const float* b, float* c) {
    Vec sum[rows][vecs];
#pragma GCC unroll 16
    for (int r = 0; r < rows; ++r) {
#pragma GCC unroll 16
        for (int v = 0; v < vecs; ++v)
            sum[r][v] = m.add ? load(c + r * m.c_row + v * m.c_vector) : zero();
    }
    const ptrdiff_t a_row = joined ? 1 : m.a_row;
    for (ptrdiff_t run = 0; run < m.runs; ++run) {
        const float *from = a + run * m.a_run, *weight = b + run * m.b_run;
        if (m.soon[0]) {
            const ptrdiff_t at = from - m.a;
#pragma GCC unroll 16
            for (int r = 0; r < rows; ++r) {
                prefetch_far(m.soon[0] + at + r * a_row);
                prefetch_far(m.soon[1] + at + r * a_row);
            }
        }
        for (ptrdiff_t i = 0; i < m.span; ++i, from += m.a_step, weight += m.b_step) {
            Vec w[vecs];
#pragma GCC unroll 16
            for (int v = 0; v < vecs; ++v) w[v] = load(weight + v * m.b_vector);
#pragma GCC unroll 16
            for (int r = 0; r < rows; ++r) {
                const float* at = from + r * a_row;
                if constexpr (vecs == 1) {
                    sum[r][0] = fma_broadcast(at, w[0], sum[r][0]);
                } else {
                    const Vec x = broadcast(at);
#pragma GCC unroll 16
                    for (int v = 0; v < vecs; ++v) sum[r][v] = fma(x, w[v], sum[r][v]);
                }
            }
        }
    }
#pragma GCC unroll 16
    for (int r = 0; r < rows; ++r) {
#pragma GCC unroll 16
        for (int v = 0; v < vecs; ++v) store(c + r * m.c_row + v * m.c_vector, sum[r][v]);
    }
}

using Tile = decltype(&tile<1, 1, true>);
template <int rows, int vecs, bool joined>
constexpr Tile tile_of() {
    if constexpr (vecs <= kVecs && rows <= most_rows(vecs)) return tile<rows, vecs, joined>;
    return nullptr;
}
#define CNNKIT_ROWS(vecs, joined)                                                          \
    {tile_of<1, vecs, joined>(),  tile_of<2, vecs, joined>(),  tile_of<3, vecs, joined>(), \
     tile_of<4, vecs, joined>(),  tile_of<5, vecs, joined>(),  tile_of<6, vecs, joined>(), \
     tile_of<7, vecs, joined>(),  tile_of<8, vecs, joined>(),  tile_of<9, vecs, joined>(), \
     tile_of<10, vecs, joined>(), tile_of<11, vecs, joined>(), tile_of<12, vecs, joined>()}
#define CNNKIT_VECS(joined) \
    {CNNKIT_ROWS(1, joined), CNNKIT_ROWS(2, joined), CNNKIT_ROWS(3, joined), CNNKIT_ROWS(4, joined)}
constexpr Tile kTiles[2][4][kMostRows] = {CNNKIT_VECS(false), CNNKIT_VECS(true)};
#undef CNNKIT_VECS
#undef CNNKIT_ROWS

// Rows in tiles of nearly the same size.
inline void multiply(const MatrixProduct& m) {
    const ptrdiff_t all = (m.columns + kLanes - 1) / kLanes;
    for (ptrdiff_t first = 0; first < all; first += kVecs) {
        const ptrdiff_t vecs = min(kVecs, all - first), most = most_rows(static_cast<int>(vecs));
        const ptrdiff_t count = (m.rows + most - 1) / most;
        const float *a = m.a, *b = m.b + first * m.b_vector;
        float* c = m.c + first * m.c_vector;
        for (ptrdiff_t i = 0, row = 0; i < count; ++i) {
            const ptrdiff_t rows = (m.rows - row + count - i - 1) / (count - i);
            kTiles[m.a_row == 1][vecs - 1][rows - 1](m, a, b, c);
            row += rows, a += rows * m.a_row, c += rows * m.c_row;
        }
    }
}

inline void transpose_all(const float* from, ptrdiff_t from_row, ptrdiff_t rows, ptrdiff_t columns,
                          float* to, ptrdiff_t to_row) {
    ptrdiff_t r = 0;
    for (; r + kLanes <= rows; r += kLanes) {
        ptrdiff_t c = 0;
        for (; c + kLanes <= columns; c += kLanes) {
            Vec square[kLanes];
            for (int k = 0; k < kLanes; ++k) square[k] = load(from + (r + k) * from_row + c);
            transpose(square);
            for (int k = 0; k < kLanes; ++k) store(to + (c + k) * to_row + r, square[k]);
        }
        for (; c < columns; ++c) {
            for (int k = 0; k < kLanes; ++k) to[c * to_row + r + k] = from[(r + k) * from_row + c];
        }
    }
    for (; r < rows; ++r) {
        for (ptrdiff_t c = 0; c < columns; ++c) to[c * to_row + r] = from[r * from_row + c];
    }
}

}  // namespace training
