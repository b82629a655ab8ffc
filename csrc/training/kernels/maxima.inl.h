// The gradients of convolution → max-pool. Only the maximum of a window has one: its gradient times
// what the kernel sees there goes to the weights, and times the weights to what the kernel sees.
// Kernel rows lie as runs of floats, (column, input channel) after (column, input channel).

namespace training {

constexpr int kMostSums = kRegisters >= 32 ? 24 : 12;  // vectors of a tile, which stay in registers
constexpr ptrdiff_t kTogether = 16;                    // output channels whose sums stay near

// Vectors of some kernel rows that are worked on together.
struct Part {
    ptrdiff_t row, rows, first, vecs;
};

// Some of a channel's maxima.
struct Listed {
    const float* values;
    const int* places;
    ptrdiff_t count;
};

// The next kernel row. Opaque, because GCC otherwise keeps the addresses of all vectors of all
// rows, for which there are no registers.
template <typename Float>
inline Float* next_row(Float* from, ptrdiff_t row) {
    from += row;
    asm("" : "+r"(from));
    return from;
}

// Sums of one output channel over its maxima.
template <int rows, int vecs>
inline void add_weights(const MaximaShape& s, const Part& part, const Listed& list, const float* x,
                        float* sums) {
    // Additions that need not wait for each other.
    constexpr int kSums = rows * vecs, kCopies = kSums * 4 <= kMostSums   ? 4
                                                 : kSums * 2 <= kMostSums ? 2
                                                                          : 1;
    Vec sum[kCopies][rows][vecs];
#pragma GCC unroll 24
    for (int k = 0; k < kCopies * kSums; ++k) sum[k / kSums][k / vecs % rows][k % vecs] = zero();
    const ptrdiff_t row_floats = s.row;
    x += part.row * row_floats + part.first * kLanes;
    ptrdiff_t n = 0;
    for (; n + kCopies <= list.count; n += kCopies) {
#pragma GCC unroll 4
        for (int copy = 0; copy < kCopies; ++copy) {
            const Vec g = broadcast(list.values + n + copy);
            const float* at = x + list.places[n + copy];
#pragma GCC unroll 24
            for (int i = 0; i < rows; ++i, at = next_row(at, row_floats)) {
#pragma GCC unroll 24
                for (int v = 0; v < vecs; ++v)
                    sum[copy][i][v] = fma(g, load(at + v * kLanes), sum[copy][i][v]);
            }
        }
    }
    for (; kCopies > 1 && n < list.count; ++n) {
        const Vec g = broadcast(list.values + n);
        const float* at = x + list.places[n];
#pragma GCC unroll 24
        for (int i = 0; i < rows; ++i, at = next_row(at, row_floats)) {
#pragma GCC unroll 24
            for (int v = 0; v < vecs; ++v)
                sum[0][i][v] = fma(g, load(at + v * kLanes), sum[0][i][v]);
        }
    }
#pragma GCC unroll 24
    for (int i = 0; i < rows; ++i) {
#pragma GCC unroll 24
        for (int v = 0; v < vecs; ++v) {
            float* to = sums + (part.row + i) * s.filled + (part.first + v) * kLanes;
            Vec all = sum[0][i][v];
#pragma GCC unroll 4
            for (int copy = 1; copy < kCopies; ++copy) all = add(all, sum[copy][i][v]);
            store(to, add(load(to), all));
        }
    }
}

template <int rows, int vecs>
constexpr decltype(&add_weights<1, 1>) weights_part() {
    if constexpr (rows * vecs <= kMostSums) return add_weights<rows, vecs>;
    return nullptr;
}
#define CNNKIT_PARTS_OF_ROWS(part, rows)                                   \
    {part<rows, 1>(), part<rows, 2>(),  part<rows, 3>(),  part<rows, 4>(), \
     part<rows, 5>(), part<rows, 6>(),  part<rows, 7>(),  part<rows, 8>(), \
     part<rows, 9>(), part<rows, 10>(), part<rows, 11>(), part<rows, 12>()}
#define CNNKIT_PARTS(part)                                                                        \
    {CNNKIT_PARTS_OF_ROWS(part, 1), CNNKIT_PARTS_OF_ROWS(part, 2), CNNKIT_PARTS_OF_ROWS(part, 3), \
     CNNKIT_PARTS_OF_ROWS(part, 4), CNNKIT_PARTS_OF_ROWS(part, 5)}
constexpr int kMostPartRows = 5, kMostPartVecs = 12;
constexpr decltype(&add_weights<1, 1>) kWeightsParts[kMostPartRows][kMostPartVecs] =
    CNNKIT_PARTS(weights_part);

// Calls run(part) for parts that cover a kernel, of at most `most` vectors.
template <typename Run>
inline void for_parts(const MaximaShape& s, ptrdiff_t most, const Run& run) {
    const ptrdiff_t all = s.filled / kLanes, pieces = (all + kMostPartVecs - 1) / kMostPartVecs;
    for (ptrdiff_t piece = 0; piece < pieces; ++piece) {
        const ptrdiff_t first = piece * all / pieces, vecs = (piece + 1) * all / pieces - first;
        const ptrdiff_t together = min(kMostPartRows, max(1, most / vecs));
        const ptrdiff_t bands = (s.kernel_rows + together - 1) / together;
        for (ptrdiff_t band = 0; band < bands; ++band) {
            const ptrdiff_t row = band * s.kernel_rows / bands;
            const ptrdiff_t rows = (band + 1) * s.kernel_rows / bands - row;
            run(Part{row, rows, first, vecs});
        }
    }
}

inline void list_maxima(const MaximaShape& s, const float* dy, const unsigned char* indices,
                        float* memory, float* totals) {
    const Places p = places_of(s);
    const Maxima m(s, memory);
    const ptrdiff_t columns = s.pool.output.w;
    for (ptrdiff_t w = 0; w < m.windows; ++w)
        m.starts[w] = static_cast<int>(w / columns * p.row + w % columns * p.column);
    const int* before = nullptr;
    for (ptrdiff_t b = 0; b < m.bands; ++b) {
        int* ends = m.ends + b * s.pool.channels;
        for (ptrdiff_t o = 0; o < s.pool.channels; ++o) ends[o] = before ? before[o] : 0;
        list_windows(s, m, p, dy, indices, b * m.band, min(m.windows, (b + 1) * m.band), ends,
                     totals);
        before = ends;
    }
}

// Calls run(channel, its maxima in a band) for the output channels first <= o < end.
template <typename Run>
inline void for_channels(const MaximaShape& s, const Maxima& m, ptrdiff_t band, ptrdiff_t first,
                         ptrdiff_t end, const Run& run) {
    const int* ends = m.ends + band * s.pool.channels;
    for (ptrdiff_t o = first; o < end; ++o) {
        const ptrdiff_t from = band ? ends[o - s.pool.channels] : 0, at = o * m.room + from;
        run(o, Listed{m.values + at, m.places + at, ends[o] - from});
    }
}

// The sums of some output channels and the rows that they are taken from stay near meanwhile.
inline void maxima_weights(const MaximaShape& s, const float* x, float* memory, float* sums) {
    const Maxima m(s, memory);
    const ptrdiff_t kernel = s.kernel_rows * s.filled, channels = s.pool.channels;
    for (ptrdiff_t o = 0; o < channels; o += kTogether) {
        for (ptrdiff_t band = 0; band < m.bands; ++band) {
            for_parts(s, kMostSums, [&](const Part& part) {
                const auto add = kWeightsParts[part.rows - 1][part.vecs - 1];
                for_channels(s, m, band, o, min(o + kTogether, channels),
                             [&](ptrdiff_t k, const Listed& list) {
                                 add(s, part, list, x, sums + k * kernel);
                             });
            });
        }
    }
}

}  // namespace training
