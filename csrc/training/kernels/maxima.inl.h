// The gradients of convolution → max-pool. Only the maximum of a window has one: its gradient times
// what the kernel sees there goes to the weights, and times the weights to what the kernel sees.
// Kernel rows lie as runs of floats, (column, input channel) after (column, input channel).

namespace training {

constexpr int kMostSums = kRegisters >= 32 ? 16 : 12;  // vectors of a tile, which stay in registers

// Vectors of some kernel rows that are worked on together.
struct Part {
    long row, rows, first, vecs;
};

// Where the kernel finds the pixel of each tap, of a pool window and from one window to the next.
struct Places {
    int tap[256];
    long row, column;  // floats between windows
};
inline Places places(const MaximaShape& s) {
    Places p;
    const PoolShape& pool = s.pool;
    for (int k = 0; k < 256; ++k) p.tap[k] = 0;
    for (long k = 0; k < pool.kernel.h * pool.kernel.w; ++k) {
        const long i = k / pool.kernel.w - pool.padding.h, j = k % pool.kernel.w - pool.padding.w;
        p.tap[k] = static_cast<int>(i * s.stride.h * s.row + j * s.stride.w * s.pixel);
    }
    p.row = pool.stride.h * s.stride.h * s.row;
    p.column = pool.stride.w * s.stride.w * s.pixel;
    return p;
}

// Sums of one output channel over an image. Where a window has no maximum its gradient is zero, and
// its place that of the window's first pixel inside the image.
template <int rows, int vecs>
inline void add_weights(const MaximaShape& s, const Places& p, const Part& part, const float* x,
                        const float* dy, const unsigned char* indices, float* sums) {
    constexpr int kCopies = rows * vecs * 2 <= kMostSums ? 2 : 1;  // additions that need not wait
    Vec sum[kCopies][rows][vecs];
#pragma GCC unroll 16
    for (int k = 0; k < kCopies * rows * vecs; ++k)
        sum[k / (rows * vecs)][k / vecs % rows][k % vecs] = zero();
    const long channels = s.pool.channels;
    const float* origin = x + part.row * s.row + part.first * kLanes;
    for (long row = 0; row < s.pool.output.h; ++row) {
        const float* from = origin + row * p.row;
        long left = s.pool.output.w;
        for (; left >= kCopies; left -= kCopies) {
#pragma GCC unroll 2
            for (int copy = 0; copy < kCopies; ++copy) {
                const Vec g = broadcast(dy);
                const float* at = *indices == kNoIndex ? x : from + p.tap[*indices];
#pragma GCC unroll 16
                for (int i = 0; i < rows; ++i) {
#pragma GCC unroll 16
                    for (int v = 0; v < vecs; ++v)
                        sum[copy][i][v] =
                            fma(g, load(at + i * s.row + v * kLanes), sum[copy][i][v]);
                }
                dy += channels, indices += channels, from += p.column;
            }
        }
        if (kCopies == 2 && left) {
            const Vec g = broadcast(dy);
            const float* at = *indices == kNoIndex ? x : from + p.tap[*indices];
#pragma GCC unroll 16
            for (int i = 0; i < rows; ++i) {
#pragma GCC unroll 16
                for (int v = 0; v < vecs; ++v)
                    sum[0][i][v] = fma(g, load(at + i * s.row + v * kLanes), sum[0][i][v]);
            }
            dy += channels, indices += channels;
        }
    }
#pragma GCC unroll 16
    for (int i = 0; i < rows; ++i) {
#pragma GCC unroll 16
        for (int v = 0; v < vecs; ++v) {
            float* to = sums + (part.row + i) * s.filled + (part.first + v) * kLanes;
            Vec all = sum[0][i][v];
            if (kCopies == 2) all = add(all, sum[kCopies - 1][i][v]);
            store(to, add(load(to), all));
        }
    }
}

// What `count` output channels whose maximum is the same pixel pass to what the kernel sees there.
template <int rows, int vecs>
inline void add_input(const MaximaShape& s, const Part& part, const float* weight, const float* dy,
                      const int* channel, long count, float* dx) {
    Vec sum[rows][vecs];
    float* to = dx + part.row * s.row + part.first * kLanes;
#pragma GCC unroll 16
    for (int k = 0; k < rows * vecs; ++k)
        sum[k / vecs][k % vecs] = load(to + k / vecs * s.row + k % vecs * kLanes);
    weight += part.row * s.filled + part.first * kLanes;
    const long kernel = s.kernel_rows * s.filled;
    for (long n = 0; n < count; ++n) {
        const Vec g = broadcast(dy + channel[n]);
        const float* from = weight + channel[n] * kernel;
#pragma GCC unroll 16
        for (int i = 0; i < rows; ++i) {
#pragma GCC unroll 16
            for (int v = 0; v < vecs; ++v)
                sum[i][v] = fma(g, load(from + i * s.filled + v * kLanes), sum[i][v]);
        }
    }
#pragma GCC unroll 16
    for (int k = 0; k < rows * vecs; ++k)
        store(to + k / vecs * s.row + k % vecs * kLanes, sum[k / vecs][k % vecs]);
}

struct PartKernels {
    decltype(&add_weights<1, 1>) weights;
    decltype(&add_input<1, 1>) input;
};
template <int rows, int vecs>
constexpr PartKernels part_kernels() {
    if constexpr (rows * vecs <= kMostSums)
        return {add_weights<rows, vecs>, add_input<rows, vecs>};
    else
        return {};
}
#define CNNKIT_PARTS(rows)                                                        \
    {part_kernels<rows, 1>(),  part_kernels<rows, 2>(),  part_kernels<rows, 3>(), \
     part_kernels<rows, 4>(),  part_kernels<rows, 5>(),  part_kernels<rows, 6>(), \
     part_kernels<rows, 7>(),  part_kernels<rows, 8>(),  part_kernels<rows, 9>(), \
     part_kernels<rows, 10>(), part_kernels<rows, 11>(), part_kernels<rows, 12>()}
constexpr int kMostPartRows = 5, kMostPartVecs = 12;
constexpr PartKernels kParts[kMostPartRows][kMostPartVecs] = {
    CNNKIT_PARTS(1), CNNKIT_PARTS(2), CNNKIT_PARTS(3), CNNKIT_PARTS(4), CNNKIT_PARTS(5)};
#undef CNNKIT_PARTS

// Calls run(part, its kernels) for parts that cover a kernel, each as large as registers allow.
template <typename Run>
inline void for_parts(const MaximaShape& s, const Run& run) {
    const long all = s.filled / kLanes, pieces = (all + kMostPartVecs - 1) / kMostPartVecs;
    for (long piece = 0; piece < pieces; ++piece) {
        const long first = piece * all / pieces, vecs = (piece + 1) * all / pieces - first;
        const long most = min(kMostPartRows, max(1, kMostSums / vecs));
        const long bands = (s.kernel_rows + most - 1) / most;
        for (long band = 0; band < bands; ++band) {
            const long row = band * s.kernel_rows / bands;
            const long rows = (band + 1) * s.kernel_rows / bands - row;
            run(Part{row, rows, first, vecs}, kParts[rows - 1][vecs - 1]);
        }
    }
}

inline void maxima_weights(const MaximaShape& s, const float* x, const float* dy,
                           const unsigned char* indices, float* sums) {
    const Places p = places(s);
    for (long o = 0; o < s.pool.channels; ++o) {
        float* to = sums + o * s.kernel_rows * s.filled;
        for_parts(s, [&](const Part& part, const PartKernels& kernels) {
            kernels.weights(s, p, part, x, dy + o, indices + o, to);
        });
    }
}

// The channels of a window, tap by tap.
inline void maxima_input(const MaximaShape& s, const float* weight, const float* dy,
                         const unsigned char* indices, float* dx, int* memory) {
    const Places p = places(s);
    const long taps = s.pool.kernel.h * s.pool.kernel.w, channels = s.pool.channels;
    int count[256];
    for (long row = 0; row < s.pool.output.h; ++row) {
        float* window = dx + row * p.row;
        for (long column = 0; column < s.pool.output.w; ++column, window += p.column) {
            for (long k = 0; k < taps; ++k) count[k] = 0;
            for (long o = 0; o < channels; ++o) {
                const int tap = indices[o];
                if (tap != kNoIndex) memory[tap * channels + count[tap]++] = static_cast<int>(o);
            }
            for (long k = 0; k < taps; ++k) {
                if (!count[k]) continue;
                for_parts(s, [&](const Part& part, const PartKernels& kernels) {
                    kernels.input(s, part, weight, dy, memory + k * channels, count[k],
                                  window + p.tap[k]);
                });
            }
            dy += channels, indices += channels;
        }
    }
}

}  // namespace training
