// The gradients of convolution → max-pool. Only the maximum of a window has one: its gradient times
// what the kernel sees there goes to the weights, and times the weights to what the kernel sees.
// Kernel rows lie as runs of floats, (column, input channel) after (column, input channel).

namespace training {

constexpr int kMostSums = kRegisters >= 32 ? 24 : 12;  // vectors of a tile, which stay in registers
constexpr long kNear = 6144;                           // floats that stay in the nearest cache
constexpr long kTogether = 16;                         // output channels whose sums do

// Vectors of some kernel rows that are worked on together.
struct Part {
    long row, rows, first, vecs;
};

// Where the kernel finds the pixel of each tap, of a pool window and from one window to the next.
struct Places {
    long tap[256], inside[256];  // no bits where there is no maximum, all bits elsewhere
    long row, column;            // floats between windows
};
inline Places places(const MaximaShape& s) {
    Places p;
    const PoolShape& pool = s.pool;
    for (int k = 0; k < 256; ++k) p.tap[k] = 0, p.inside[k] = k == kNoIndex ? 0 : -1;
    for (long k = 0; k < pool.kernel.h * pool.kernel.w; ++k) {
        const long i = k / pool.kernel.w - pool.padding.h, j = k % pool.kernel.w - pool.padding.w;
        p.tap[k] = i * s.stride.h * s.row + j * s.stride.w * s.pixel;
    }
    p.row = pool.stride.h * s.stride.h * s.row;
    p.column = pool.stride.w * s.stride.w * s.pixel;
    return p;
}

// Pooled rows of an image.
struct Rows {
    long first, end;
};

// The next kernel row. Opaque, because GCC otherwise keeps the addresses of all vectors of all
// rows, for which there are no registers.
inline const float* next_row(const float* from, long row) {
    from += row;
    asm("" : "+r"(from));
    return from;
}

// Sums of one output channel over some rows. Where a window has no maximum its gradient is
// zero, and its place that of the image's first pixel.
template <int rows, int vecs>
inline void add_weights(const MaximaShape& s, const Places& p, const Part& part, const Rows& band,
                        const float* x, const float* dy, const unsigned char* indices,
                        float* sums) {
    constexpr int kCopies = rows * vecs * 2 <= kMostSums ? 2 : 1;  // additions that need not wait
    Vec sum[kCopies][rows][vecs];
#pragma GCC unroll 24
    for (int k = 0; k < kCopies * rows * vecs; ++k)
        sum[k / (rows * vecs)][k / vecs % rows][k % vecs] = zero();
    const long channels = s.pool.channels, row_floats = s.row;
    x += part.row * s.row + part.first * kLanes;
    dy += band.first * s.pool.output.w * channels,
        indices += band.first * s.pool.output.w * channels;
    for (long row = band.first; row < band.end; ++row) {
        long from = row * p.row;
        long left = s.pool.output.w;
        for (; left >= kCopies; left -= kCopies) {
#pragma GCC unroll 2
            for (int copy = 0; copy < kCopies; ++copy) {
                const Vec g = broadcast(dy);
                const float* at = x + ((from + p.tap[*indices]) & p.inside[*indices]);
#pragma GCC unroll 24
                for (int i = 0; i < rows; ++i, at = next_row(at, row_floats)) {
#pragma GCC unroll 24
                    for (int v = 0; v < vecs; ++v)
                        sum[copy][i][v] = fma(g, load(at + v * kLanes), sum[copy][i][v]);
                }
                dy += channels, indices += channels, from += p.column;
            }
        }
        if (kCopies == 2 && left) {
            const Vec g = broadcast(dy);
            const float* at = x + ((from + p.tap[*indices]) & p.inside[*indices]);
#pragma GCC unroll 24
            for (int i = 0; i < rows; ++i, at = next_row(at, row_floats)) {
#pragma GCC unroll 24
                for (int v = 0; v < vecs; ++v)
                    sum[0][i][v] = fma(g, load(at + v * kLanes), sum[0][i][v]);
            }
            dy += channels, indices += channels;
        }
    }
#pragma GCC unroll 24
    for (int i = 0; i < rows; ++i) {
#pragma GCC unroll 24
        for (int v = 0; v < vecs; ++v) {
            float* to = sums + (part.row + i) * s.filled + (part.first + v) * kLanes;
            Vec all = sum[0][i][v];
            if (kCopies == 2) all = add(all, sum[kCopies - 1][i][v]);
            store(to, add(load(to), all));
        }
    }
}

// What `count` output channels whose maximum is the same pixel pass to what the kernel sees there:
// their gradients, and where their weights begin.
template <int rows, int vecs>
inline void add_input(const MaximaShape& s, const Part& part, const float* weight,
                      const float* value, const int* kernel, long count, float* dx) {
    Vec sum[rows][vecs];
    float* to = dx + part.row * s.row + part.first * kLanes;
#pragma GCC unroll 24
    for (int k = 0; k < rows * vecs; ++k)
        sum[k / vecs][k % vecs] = load(to + k / vecs * s.row + k % vecs * kLanes);
    const long filled = s.filled;
    weight += part.row * filled + part.first * kLanes;
    for (long n = 0; n < count; ++n) {
        const Vec g = broadcast(value + n);
        const float* from = weight + kernel[n];
#pragma GCC unroll 24
        for (int i = 0; i < rows; ++i, from = next_row(from, filled)) {
#pragma GCC unroll 24
            for (int v = 0; v < vecs; ++v) sum[i][v] = fma(g, load(from + v * kLanes), sum[i][v]);
        }
    }
#pragma GCC unroll 24
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

// Calls run(part, its kernels) for parts that cover a kernel, of at most `most` vectors.
template <typename Run>
inline void for_parts(const MaximaShape& s, long most, const Run& run) {
    const long all = s.filled / kLanes, pieces = (all + kMostPartVecs - 1) / kMostPartVecs;
    for (long piece = 0; piece < pieces; ++piece) {
        const long first = piece * all / pieces, vecs = (piece + 1) * all / pieces - first;
        const long together = min(kMostPartRows, max(1, most / vecs));
        const long bands = (s.kernel_rows + together - 1) / together;
        for (long band = 0; band < bands; ++band) {
            const long row = band * s.kernel_rows / bands;
            const long rows = (band + 1) * s.kernel_rows / bands - row;
            run(Part{row, rows, first, vecs}, kParts[rows - 1][vecs - 1]);
        }
    }
}

// The sums of some output channels and the rows that they are taken from stay near meanwhile.
inline void maxima_weights(const MaximaShape& s, const float* x, const float* dy,
                           const unsigned char* indices, float* sums) {
    const Places p = places(s);
    const long kernel = s.kernel_rows * s.filled, height = s.pool.output.h;
    const long band = max(1, (kNear - s.kernel_rows * s.row) / max(1, p.row));
    for (long o = 0; o < s.pool.channels; o += kTogether) {
        const long end = min(o + kTogether, s.pool.channels);
        for (long row = 0; row < height; row += band) {
            const Rows rows = {row, min(row + band, height)};
            for_parts(s, kMostSums, [&](const Part& part, const PartKernels& kernels) {
                for (long k = o; k < end; ++k)
                    kernels.weights(s, p, part, rows, x, dy + k, indices + k, sums + k * kernel);
            });
        }
    }
}

// Lists the maxima of all windows, tap by tap; the weights of as many vectors of each kernel as
// stay near are then added up over the image.
inline void maxima_input(const MaximaShape& s, const float* weight, const float* dy,
                         const unsigned char* indices, float* dx, float* memory) {
    const Places p = places(s);
    const PoolShape& pool = s.pool;
    const long taps = pool.kernel.h * pool.kernel.w, channels = pool.channels;
    const long windows = pool.output.h * pool.output.w;
    float* values = memory;
    int* kernels_at = reinterpret_cast<int*>(values + windows * channels + kLanes);
    int* counts = kernels_at + windows * channels + kLanes;
    const int step = static_cast<int>(s.kernel_rows * s.filled);
    long listed = 0;
    for (long w = 0; w < windows; ++w) {
        for (long k = 0; k < taps; ++k) {
            const int count =
                list_maxima(dy + w * channels, indices + w * channels, channels,
                            static_cast<int>(k), step, values + listed, kernels_at + listed);
            counts[w * taps + k] = count, listed += count;
        }
    }
    const long near = max(1, kNear / (channels * kLanes));
    for_parts(s, min(kMostSums, near), [&](const Part& part, const PartKernels& kernels) {
        const float* value = values;
        const int *kernel = kernels_at, *count = counts;
        for (long row = 0; row < pool.output.h; ++row) {
            float* window = dx + row * p.row;
            for (long column = 0; column < pool.output.w; ++column, window += p.column) {
                for (long k = 0; k < taps; ++k, ++count) {
                    if (!*count) continue;
                    kernels.input(s, part, weight, value, kernel, *count, window + p.tap[k]);
                    value += *count, kernel += *count;
                }
            }
        }
    });
}

}  // namespace training
