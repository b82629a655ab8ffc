// Register tiles of sums of products: a few pixels by a block of output channels. What is
// multiplied at once (four bytes, or two words) lies in 4 bytes of each pixel.

namespace fast {

constexpr ptrdiff_t kBlock = kVecs * kSums;
constexpr int kMostPixels = kRegisters == 32 ? 16 : 8;
// Beside the sums, there are registers for a block's weights and for what a pixel reads.
constexpr int most_pixels(int vecs) {
    const int fit = (kRegisters - 1 - vecs) / vecs;
    return fit < kMostPixels ? fit : kMostPixels;
}

// Neighbouring pixels of a row by a block of output channels. A pixel reads `runs` of `span` times
// four bytes; the weights lie in that order, [runs][span][vectors of the block].
struct Run {
    const uint8_t *x, *w;
    const int32_t* bias;       // of the block's lanes
    const float* factor;       // likewise
    const ptrdiff_t* offsets;  // of each run, from a pixel's x
    ptrdiff_t runs, span, x_pixel;
    uint8_t* y;
    float* scores;  // instead of y, if it is not null
    ptrdiff_t y_pixel, channels;
    int zero_y;
};

// Few sums would wait for one another: those of several quads are added up at the end.
template <typename Dot, int pixels, int vecs>
inline const uint8_t* add_chains(const uint8_t* x, ptrdiff_t x_pixel, const uint8_t* w,
                                 ptrdiff_t count, Sums (&sum)[pixels][vecs]) {
    Sums part[kChains][pixels][vecs];
#pragma GCC unroll 4
    for (int c = 0; c < kChains; ++c) {
#pragma GCC unroll 4
        for (int p = 0; p < pixels; ++p)
#pragma GCC unroll 4
            for (int v = 0; v < vecs; ++v) part[c][p][v] = c ? zero() : sum[p][v];
    }
    for (; count > 0; --count) {
#pragma GCC unroll 4
        for (int c = 0; c < kChains; ++c, x += 4, w += vecs * kSums * 4) {
#pragma GCC unroll 4
            for (int p = 0; p < pixels; ++p) {
                const Bytes pixel = four(x + p * x_pixel);
#pragma GCC unroll 4
                for (int v = 0; v < vecs; ++v)
                    part[c][p][v] = Dot::dot(part[c][p][v], pixel, load(w + v * kSums * 4));
            }
        }
    }
#pragma GCC unroll 4
    for (int p = 0; p < pixels; ++p)
#pragma GCC unroll 4
        for (int v = 0; v < vecs; ++v)
            sum[p][v] = add(add(part[0][p][v], part[1][p][v]), add(part[2][p][v], part[3][p][v]));
    return w;
}

template <typename Dot, int pixels, int vecs>
inline const uint8_t* add_run(const uint8_t* x, ptrdiff_t x_pixel, const uint8_t* w, ptrdiff_t span,
                              Sums (&sum)[pixels][vecs]) {
    if constexpr (kChains == 4 && pixels * vecs <= 4) {
        const ptrdiff_t count = span >= 16 ? span / 4 : 0;
        if (count) w = add_chains<Dot>(x, x_pixel, w, count, sum);
        x += 16 * count, span -= 4 * count;
    }
    constexpr int apart = pixels > 8 ? 4 : 8;  // offsets of as many pixels have registers
    const uint8_t* from[(pixels + apart - 1) / apart];
    from[0] = x;
#pragma GCC unroll 4
    for (int p = apart; p < pixels; p += apart)
        from[p / apart] = next(from[p / apart - 1], apart * x_pixel);
    for (ptrdiff_t i = 0; i < span; ++i, w += vecs * kSums * 4) {
        Bytes weight[vecs];
#pragma GCC unroll 4
        for (int v = 0; v < vecs; ++v) weight[v] = load(w + v * kSums * 4);
#pragma GCC unroll 16
        for (int p = 0; p < pixels; ++p) {
            const Bytes pixel = four(from[p / apart] + p % apart * x_pixel);
            if ((p + 1) % apart == 0 || p + 1 == pixels) from[p / apart] += 4;
#pragma GCC unroll 4
            for (int v = 0; v < vecs; ++v) sum[p][v] = Dot::dot(sum[p][v], pixel, weight[v]);
        }
    }
    return w;
}

template <int vecs>
void store_scores(float* to, const Sums (&sum)[vecs], const float* factor, ptrdiff_t count) {
    float all[vecs * kSums];
    for (int v = 0; v < vecs; ++v) store_scaled(all + v * kSums, sum[v], factor + v * kSums);
    for (int v = 0; v < vecs; ++v) {
        for (int lane = 0; lane < kSums; ++lane) {
            const ptrdiff_t channel = channel_of(vecs, v, lane);
            if (channel < count) to[channel] = all[v * kSums + lane];
        }
    }
}

template <typename Dot, int pixels, int vecs>
void tiles(Run r, ptrdiff_t count) {
    for (; count > 0; --count, r.x += pixels * r.x_pixel, r.y += pixels * r.y_pixel) {
        Sums sum[pixels][vecs];
#pragma GCC unroll 4
        for (int v = 0; v < vecs; ++v) {
            const Sums bias = load_sums(r.bias + v * kSums);
#pragma GCC unroll 16
            for (int p = 0; p < pixels; ++p) sum[p][v] = bias;
        }
        const uint8_t* w = r.w;
        for (ptrdiff_t run = 0; run < r.runs; ++run)
            w = add_run<Dot>(r.x + r.offsets[run], r.x_pixel, w, r.span, sum);
        if (r.scores) {
            store_scores(r.scores, sum[0], r.factor, r.channels);
            continue;
        }
        store_pixels(r.y, r.y_pixel, sum, r.factor, r.zero_y, r.channels);
    }
}

using Tiles = decltype(&tiles<Quads, 1, 1>);
template <typename Dot, int pixels, int vecs>
constexpr Tiles tiles_of() {
    if constexpr (vecs <= kVecs && pixels <= most_pixels(vecs)) return tiles<Dot, pixels, vecs>;
    return nullptr;
}
#define CNNKIT_FOUR(from, vecs)                                                                    \
    tiles_of<Dot, from, vecs>(), tiles_of<Dot, from + 1, vecs>(), tiles_of<Dot, from + 2, vecs>(), \
        tiles_of<Dot, from + 3, vecs>()
#define CNNKIT_ROW(vecs) \
    {CNNKIT_FOUR(1, vecs), CNNKIT_FOUR(5, vecs), CNNKIT_FOUR(9, vecs), CNNKIT_FOUR(13, vecs)}
template <typename Dot>
constexpr Tiles kTiles[4][16] = {CNNKIT_ROW(1), CNNKIT_ROW(2), CNNKIT_ROW(3), CNNKIT_ROW(4)};
#undef CNNKIT_FOUR
#undef CNNKIT_ROW

// Pixels in tiles of nearly the same size: `larger` of size + 1, then `count` of size.
struct Shares {
    ptrdiff_t size, larger, count;
};
inline Shares share(ptrdiff_t pixels, int vecs) {
    const ptrdiff_t most = most_pixels(vecs), count = (pixels + most - 1) / most;
    return {pixels / count, pixels % count, count - pixels % count};
}

inline int vecs_of(ptrdiff_t channels) {
    const ptrdiff_t vecs = (channels + kSums - 1) / kSums;
    return static_cast<int>(vecs < kVecs ? vecs : kVecs);
}

template <typename Dot>
void run_pixels(Run r, const Shares& shares) {
    const int vecs = vecs_of(r.channels);
    if (shares.larger) {
        kTiles<Dot>[vecs - 1][shares.size](r, shares.larger);
        const ptrdiff_t done = shares.larger * (shares.size + 1);
        r.x += done * r.x_pixel, r.y += done * r.y_pixel;
    }
    kTiles<Dot>[vecs - 1][shares.size - 1](r, shares.count);
}

}  // namespace fast
