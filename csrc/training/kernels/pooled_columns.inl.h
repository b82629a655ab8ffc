// First layers, 3x3 with stride 1 and a max-pool of 2x2, by Winograd's algorithm along the columns
// alone: F(4x1, 3x3), of 12 products 6. The lanes are output channels; a tile of four rows and some
// columns goes from its products to its maxima in registers.
//   V[plane][column, C_in]   the transformed rows of a tile
//   U[vector of C_out][plane][kernel's column, C_in]   the transformed weights

namespace training {
namespace columns {

constexpr int kRows = 4, kPlanes = 6;
constexpr int kColumns = kRegisters >= 32 ? 4 : 2;  // whose products stay in registers

inline void transform_weights(const PooledColumns& s, const float* weight, float* to) {
    const ptrdiff_t reach = 3 * s.inputs;
    for (ptrdiff_t o = 0; o < s.channels; o += kLanes, to += kPlanes * reach * kLanes) {
        const float* block = weight + o / s.weight_tap * s.weight_block + o % s.weight_tap;
        for (ptrdiff_t i = 0; i < reach; ++i) {
            Vec taps[3], planes[kPlanes];
            for (int k = 0; k < 3; ++k) taps[k] = load(block + (k * reach + i) * s.weight_tap);
            adjoint::weights_1d(taps, planes);
            for (int p = 0; p < kPlanes; ++p) store(to + (p * reach + i) * kLanes, planes[p]);
        }
    }
}

// Pooled pixels of two rows, some of which lie in the output.
struct Place {
    float* y;
    unsigned char* indices;
    ptrdiff_t rows, columns, row, channels;  // floats from one row to the next
};

template <int inputs>
inline void tile(const PooledColumns& s, const float* v, ptrdiff_t plane, const float* u, Vec bias,
                 const Place& to) {
    Vec sum[kPlanes][kColumns];
#pragma GCC unroll 6
    for (int p = 0; p < kPlanes; ++p) {
#pragma GCC unroll 4
        for (int j = 0; j < kColumns; ++j) sum[p][j] = zero();
        for (int i = 0; i < 3 * inputs; ++i) {
            const Vec w = load(u + (p * 3 * inputs + i) * kLanes);
#pragma GCC unroll 4
            for (int j = 0; j < kColumns; ++j)
                sum[p][j] = fma_broadcast(v + p * plane + j * inputs + i, w, sum[p][j]);
        }
    }
    Vec y[kColumns][kRows];
#pragma GCC unroll 4
    for (int j = 0; j < kColumns; ++j) {
        Vec planes[kPlanes];
#pragma GCC unroll 6
        for (int p = 0; p < kPlanes; ++p) planes[p] = sum[p][j];
        winograd::output_1d(planes, y[j]);
    }
#pragma GCC unroll 2
    for (int i = 0; i < 2; ++i) {
#pragma GCC unroll 2
        for (int j = 0; j < kColumns / 2; ++j) {
            if (i >= to.rows || j >= to.columns) continue;
            Vec best = add(y[2 * j][2 * i], bias), index = zero();
#pragma GCC unroll 3
            for (int k = 1; k < 4; ++k) {
                const Vec value = add(y[2 * j + k % 2][2 * i + k / 2], bias);
                index = select_greater(value, best, set1(static_cast<float>(k)), index);
                best = max_nan(value, best);
            }
            const ptrdiff_t at = i * to.row + j * s.channels;
            store_largest(best, index, s.relu, to.channels, to.y + at, to.indices + at);
        }
    }
}

template <int inputs>
inline void run(const PooledColumns& s, const float* x, const float* u, const float* bias,
                float* memory, float* y, unsigned char* indices) {
    const ptrdiff_t plane = s.plane, row = s.output.w * s.channels;
    const ptrdiff_t block = kPlanes * 3 * inputs * kLanes;
    for (ptrdiff_t top = 0; top < s.output.h; top += 2, x += kRows * s.row) {
        for (ptrdiff_t at = 0; at < s.row; at += kLanes) {
            Vec d[kPlanes], t[kPlanes];
            const Mask inside = mask_lanes(0, s.row - at);
#pragma GCC unroll 6
            for (int i = 0; i < kPlanes; ++i) d[i] = load_mask(x + i * s.row + at, inside);
            winograd::input_1d(d, t);
#pragma GCC unroll 6
            for (int i = 0; i < kPlanes; ++i) store(memory + i * plane + at, t[i]);
        }
        for (ptrdiff_t o = 0; o < s.channels; o += kLanes) {
            const Vec start = load(bias + o);
            for (ptrdiff_t left = 0; left < s.output.w; left += kColumns / 2) {
                const ptrdiff_t at = top * row + left * s.channels + o;
                tile<inputs>(s, memory + 2 * left * inputs, plane, u + o / kLanes * block, start,
                             {y + at, indices + at, s.output.h - top, s.output.w - left, row,
                              min(kLanes, s.channels - o)});
            }
        }
    }
}

inline void pooled(const PooledColumns& s, const float* x, const float* u, const float* bias,
                   float* memory, float* y, unsigned char* indices) {
    (s.inputs == 1 ? run<1> : run<3>)(s, x, u, bias, memory, y, indices);
}

}  // namespace columns
}  // namespace training
