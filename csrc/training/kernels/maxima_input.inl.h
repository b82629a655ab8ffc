// The gradient of the input of convolution → max-pool, pixel by pixel: the kernel's weights of all
// channels that have their maximum there are added up in registers, for some of the kernel's rows.

namespace training {

constexpr ptrdiff_t kNearWeights = 6144;  // floats of all channels that stay in the nearest cache

template <int rows, int vecs>
inline void add_input(const MaximaShape& s, const Part& part, const Places& p, const Pixels& list,
                      const float* weight, float* dx) {
    const ptrdiff_t row_floats = s.row, filled = s.filled, columns = s.pool.output.w;
    const ptrdiff_t taps = s.pool.kernel.h * s.pool.kernel.w;
    weight += part.row * filled + part.first * kLanes;
    dx += part.row * row_floats + part.first * kLanes;
    const int* end = list.ends;
    for (ptrdiff_t w = 0, n = 0; w < s.pool.output.h * columns; ++w) {
        float* window = dx + w / columns * p.row + w % columns * p.column;
        for (ptrdiff_t k = 0; k < taps; ++k, ++end) {
            if (n == *end) continue;
            Vec sum[rows][vecs];
#pragma GCC unroll 24
            for (int i = 0; i < rows * vecs; ++i) sum[i / vecs][i % vecs] = zero();
            for (; n < *end; ++n) {
                const Vec g = broadcast(list.values + n);
                const float* from = weight + list.places[n];
#pragma GCC unroll 24
                for (int i = 0; i < rows; ++i, from = next_row(from, filled)) {
#pragma GCC unroll 24
                    for (int v = 0; v < vecs; ++v)
                        sum[i][v] = fma(g, load(from + v * kLanes), sum[i][v]);
                }
            }
            float* to = window + p.tap[k];
#pragma GCC unroll 24
            for (int i = 0; i < rows; ++i, to = next_row(to, row_floats)) {
#pragma GCC unroll 24
                for (int v = 0; v < vecs; ++v)
                    store(to + v * kLanes, add(load(to + v * kLanes), sum[i][v]));
            }
        }
    }
}

template <int rows, int vecs>
constexpr decltype(&add_input<1, 1>) input_part() {
    if constexpr (rows * vecs <= kMostSums) return add_input<rows, vecs>;
    return nullptr;
}
constexpr decltype(&add_input<1, 1>) kInputParts[kMostPartRows][kMostPartVecs] =
    CNNKIT_PARTS(input_part);

inline void maxima_input(const MaximaShape& s, const float* dy, const unsigned char* indices,
                         const float* weight, float* memory, float* dx) {
    const PoolShape& pool = s.pool;
    const ptrdiff_t kernel = s.kernel_rows * s.filled, taps = pool.kernel.h * pool.kernel.w;
    const Places p = places_of(s);
    const Pixels list(s, memory);
    int n = 0;
    for (ptrdiff_t w = 0; w < pool.output.h * pool.output.w; ++w) {
        n = list_pixel(dy + w * pool.channels, indices + w * pool.channels, pool.channels, taps,
                       static_cast<int>(kernel), list, n, list.ends + w * taps);
    }
    const ptrdiff_t near = max(4, kNearWeights / (pool.channels * kLanes));
    for_parts(s, min(kMostSums, near), [&](const Part& part) {
        kInputParts[part.rows - 1][part.vecs - 1](s, part, p, list, weight, dx);
    });
}

}  // namespace training
