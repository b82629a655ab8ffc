// Register tiles: a few pixels of a row by a block of output channels, whose sums stay in
// registers. Dense convolutions and Winograd's products are made of them.

namespace fast {

constexpr ptrdiff_t kVecs = kLanes >= 8 ? 2 : 4, kBlock = kVecs * kLanes;
constexpr int kMostPixels = 12;
constexpr int most_pixels(int vecs) {
    return (kRegisters - 1 - vecs) / vecs < kMostPixels ? (kRegisters - 1 - vecs) / vecs
                                                        : kMostPixels;
}

// Weights of the next block that are asked for meanwhile, a line for each input float, so that the
// second cache has them in time: `step` floats from one to the next, 0 where it has them anyway.
constexpr bool kAsksAhead = kLanes == 16;
struct Ahead {
    const float* from;
    ptrdiff_t step;
};
constexpr ptrdiff_t kManyPasses = 32, kNearWeights = ptrdiff_t{1} << 16;  // floats
// `passes` over a block of `width` floats for each input float; `next` is the one after it.
inline Ahead ahead_of(const float* next, ptrdiff_t width, ptrdiff_t passes, bool far) {
    return {next, far && passes <= kManyPasses ? (width + passes - 1) / passes : 0};
}

// Neighbouring pixels of a row by a block of output channels. A pixel reads rows x taps runs of
// `span` floats; the weights lie in that order, [rows][taps][span][vectors of the block].
struct Run {
    const float *x, *w, *bias, *residual;  // of the first pixel; residual may be null
    float* y;
    ptrdiff_t rows, taps, span;
    ptrdiff_t x_row, x_tap, x_pixel, y_pixel;  // floats from one to the next
    ptrdiff_t channels;                        // of the block
    Limits limits;
    Ahead ahead;
};

// Stores sums of whole vectors that are at least `low`.
template <int pixels, int vecs>
inline void finish_whole(float* y, ptrdiff_t y_pixel, Vec low, const Vec (&sum)[pixels][vecs]) {
#pragma GCC unroll 16
    for (int p = 0; p < pixels; ++p, y += y_pixel) {
#pragma GCC unroll 16
        for (int v = 0; v < vecs; ++v) store(y + v * kLanes, max(low, sum[p][v]));
    }
}

// Residual and activation. The most frequent case has no branches: every store would have some.
template <int pixels, int vecs>
inline void finish(const Run& r, float* y, const float* residual, const Vec (&sum)[pixels][vecs]) {
    const Limits limits = r.limits;
    const ptrdiff_t channels = r.channels, y_pixel = r.y_pixel;
    if (limits.kind == 1 && !residual && channels == vecs * kLanes)
        return finish_whole(y, y_pixel, limits.low, sum);
#pragma GCC unroll 16
    for (int p = 0; p < pixels; ++p) {
#pragma GCC unroll 16
        for (int v = 0; v < vecs; ++v) {
            const ptrdiff_t at = p * y_pixel + v * kLanes;
            put(y + at, sum[p][v], residual ? residual + at : nullptr,
                v + 1 < vecs ? kLanes : channels - v * kLanes, limits);
        }
    }
}

template <typename V>
inline V load_as(const float* from) {
    if constexpr (sizeof(V) == sizeof(Vec)) {
        return load(from);
    } else {  // of half a vector
        V v;
        __builtin_memcpy(&v, from, sizeof v);
        return v;
    }
}

// Adds to the sums what a run of `span` floats of each pixel gives; returns the weights after it.
// Four pixels have one address, which is opaque in each turn: GCC otherwise adds up all of them one
// after the other, or keeps them in memory.
template <int pixels, int vecs, typename V>
inline const float* add_run(const float* x, ptrdiff_t x_pixel, const float* w, ptrdiff_t span,
                            V (&sum)[pixels][vecs], Ahead& ahead) {
    constexpr int kBases = (pixels + 3) / 4;
    constexpr ptrdiff_t kWidth = sizeof(V) / sizeof(float);
    const float* base[kBases];
#pragma GCC unroll 4
    for (int b = 0; b < kBases; ++b) base[b] = x + 4 * b * x_pixel;
    const ptrdiff_t third = 3 * x_pixel;
    for (ptrdiff_t i = 0; i < span; ++i, w += vecs * kWidth) {
        V weight[vecs];
#pragma GCC unroll 16
        for (int v = 0; v < vecs; ++v) weight[v] = load_as<V>(w + v * kWidth);
        if (kAsksAhead && vecs == kVecs) prefetch_far(ahead.from), ahead.from += ahead.step;
#pragma GCC unroll 16
        for (int p = 0; p < pixels; ++p) {
            const float* at = base[p / 4] + (p % 4 == 3 ? third : p % 4 * x_pixel);
            if constexpr (vecs == 1) {
                sum[p][0] = fma_broadcast(at, weight[0], sum[p][0]);
            } else {
                const Vec pixel = broadcast(at);
#pragma GCC unroll 16
                for (int v = 0; v < vecs; ++v) sum[p][v] = fma(pixel, weight[v], sum[p][v]);
            }
        }
#pragma GCC unroll 4
        for (int b = 0; b < kBases; ++b) {
            ++base[b];
            asm("" : "+r"(base[b]));
        }
    }
    return w;
}

// Reads what finish() needs after the products, not before: they need all registers.
inline void products_are_made() { asm("" ::: "memory"); }

template <int pixels, int vecs>
inline void tiles(const Run& r, ptrdiff_t count) {
    const float *from = r.x, *residual = r.residual;
    float* y = r.y;
    Ahead ahead = r.ahead;
    for (; count > 0; --count) {
        Vec sum[pixels][vecs];
#pragma GCC unroll 16
        for (int v = 0; v < vecs; ++v) {
            const Vec bias = load(r.bias + v * kLanes);
#pragma GCC unroll 16
            for (int p = 0; p < pixels; ++p) sum[p][v] = bias;
        }
        const float* w = r.w;
        for (ptrdiff_t row = 0; row < r.rows; ++row) {
            const float* x = from + row * r.x_row;
            for (ptrdiff_t tap = 0; tap < r.taps; ++tap, x += r.x_tap)
                w = add_run(x, r.x_pixel, w, r.span, sum, ahead);
        }
        products_are_made();
        finish(r, y, residual, sum);
        from += pixels * r.x_pixel, y += pixels * r.y_pixel;
        if (residual) residual += pixels * r.y_pixel;
    }
}

// As `tiles`, of whole vectors, without anything before or after the products.
template <int pixels, int vecs>
inline void products(const float* x, ptrdiff_t x_pixel, const float* w, ptrdiff_t span, float* y,
                     ptrdiff_t y_pixel, ptrdiff_t count, Ahead ahead) {
    for (; count > 0; --count) {
        Vec sum[pixels][vecs];
#pragma GCC unroll 16
        for (int p = 0; p < pixels; ++p) {
#pragma GCC unroll 16
            for (int v = 0; v < vecs; ++v) sum[p][v] = zero();
        }
        add_run(x, x_pixel, w, span, sum, ahead);
#pragma GCC unroll 16
        for (int p = 0; p < pixels; ++p) {
#pragma GCC unroll 16
            for (int v = 0; v < vecs; ++v) store(y + p * y_pixel + v * kLanes, sum[p][v]);
        }
        x += pixels * x_pixel, y += pixels * y_pixel;
    }
}

constexpr ptrdiff_t kAtOnce = 128;  // floats of a single pixel whose products are added up at once

// What `count` floats of a pixel give, at most kAtOnce: every fourth goes to the same sums, to keep
// the adders busy.
template <int vecs>
inline void add_part(const float* x, const float* w, ptrdiff_t count, Vec (&total)[vecs]) {
    constexpr ptrdiff_t kWidth = vecs * kLanes;
    Vec sum[4][vecs];
#pragma GCC unroll 4
    for (int k = 0; k < 4; ++k) {
#pragma GCC unroll 16
        for (int v = 0; v < vecs; ++v) sum[k][v] = zero();
    }
    ptrdiff_t i = 0;
    for (; i + 4 <= count; i += 4) {
#pragma GCC unroll 4
        for (int k = 0; k < 4; ++k, w += kWidth) {
            const Vec pixel = broadcast(x + i + k);
#pragma GCC unroll 16
            for (int v = 0; v < vecs; ++v) sum[k][v] = fma(pixel, load(w + v * kLanes), sum[k][v]);
        }
    }
    for (; i < count; ++i, w += kWidth) {
        const Vec pixel = broadcast(x + i);
#pragma GCC unroll 16
        for (int v = 0; v < vecs; ++v) sum[0][v] = fma(pixel, load(w + v * kLanes), sum[0][v]);
    }
#pragma GCC unroll 16
    for (int v = 0; v < vecs; ++v) {
        const Vec all = add(add(sum[0][v], sum[1][v]), add(sum[2][v], sum[3][v]));
        total[v] = add(total[v], all);
    }
}

// A single pixel: long runs are added up in parts, because each sum of many numbers loses digits.
template <int vecs>
inline void single(const Run& r) {
    Vec total[1][vecs];
#pragma GCC unroll 16
    for (int v = 0; v < vecs; ++v) total[0][v] = load(r.bias + v * kLanes);
    const float* w = r.w;
    for (ptrdiff_t row = 0; row < r.rows; ++row) {
        for (ptrdiff_t tap = 0; tap < r.taps; ++tap) {
            const float* x = r.x + row * r.x_row + tap * r.x_tap;
            for (ptrdiff_t i = 0; i < r.span; i += kAtOnce) {
                const ptrdiff_t count = min(kAtOnce, r.span - i);
                add_part(x + i, w, count, total[0]);
                w += count * vecs * kLanes;
            }
        }
    }
    finish(r, r.y, r.residual, total);
}

constexpr ptrdiff_t kTogether = 16;  // images whose sums are kept while their weights go by

// Single pixels of several images, x_pixel and y_pixel apart, each as `single` computes it: a part
// of the weights is read for all of them while it is near.
template <int vecs>
inline void singles(Run r, ptrdiff_t images) {
    for (; images > 0; images -= kTogether) {
        const ptrdiff_t count = min(images, kTogether);
        Vec total[kTogether][1][vecs];
        for (ptrdiff_t p = 0; p < count; ++p)
            for (int v = 0; v < vecs; ++v) total[p][0][v] = load(r.bias + v * kLanes);
        const float* w = r.w;
        for (ptrdiff_t i = 0; i < r.span; i += kAtOnce) {
            const ptrdiff_t floats = min(kAtOnce, r.span - i);
            for (ptrdiff_t p = 0; p < count; ++p)
                add_part(r.x + p * r.x_pixel + i, w, floats, total[p][0]);
            w += floats * vecs * kLanes;
        }
        for (ptrdiff_t p = 0; p < count; ++p, r.x += r.x_pixel, r.y += r.y_pixel)
            finish(r, r.y, r.residual, total[p]);
    }
}

// Both for a number of pixels and of vectors, from 1 up.
struct TileKernels {
    decltype(&tiles<1, 1>) tiles;
    decltype(&products<1, 1>) products;
};
template <int pixels, int vecs>
constexpr TileKernels tile_kernels() {
    if constexpr (vecs <= kVecs && pixels <= most_pixels(vecs))
        return {tiles<pixels, vecs>, products<pixels, vecs>};
    return {};
}
#define CNNKIT_TILES(vecs)                                                        \
    {tile_kernels<1, vecs>(),  tile_kernels<2, vecs>(),  tile_kernels<3, vecs>(), \
     tile_kernels<4, vecs>(),  tile_kernels<5, vecs>(),  tile_kernels<6, vecs>(), \
     tile_kernels<7, vecs>(),  tile_kernels<8, vecs>(),  tile_kernels<9, vecs>(), \
     tile_kernels<10, vecs>(), tile_kernels<11, vecs>(), tile_kernels<12, vecs>()}
constexpr TileKernels kTiles[4][kMostPixels] = {CNNKIT_TILES(1), CNNKIT_TILES(2), CNNKIT_TILES(3),
                                                CNNKIT_TILES(4)};
#undef CNNKIT_TILES

// Pixels in tiles of nearly the same size: `larger` of size + 1, then `count` of size.
struct Shares {
    ptrdiff_t size, larger, count;
};
inline Shares share(ptrdiff_t pixels, int vecs) {
    const ptrdiff_t most = most_pixels(vecs), count = (pixels + most - 1) / most;
    return {pixels / count, pixels % count, count - pixels % count};
}

inline ptrdiff_t passes(ptrdiff_t pixels, int vecs) {
    return (pixels + most_pixels(vecs) - 1) / most_pixels(vecs);
}

// `pixels` of a row by a block of r.channels, in tiles of nearly the same size; `alone` where the
// whole row is one pixel, whose sums have another order.
inline void run_pixels(Run r, ptrdiff_t pixels, bool alone) {
    const int vecs = static_cast<int>((r.channels + kLanes - 1) / kLanes);
    if (alone) {
        if (vecs == 1) return single<1>(r);
        if (vecs == 2) return single<2>(r);
    }
    const Shares shares = share(pixels, vecs);
    if (shares.larger) {
        kTiles[vecs - 1][shares.size].tiles(r, shares.larger);
        const ptrdiff_t done = shares.larger * (shares.size + 1);
        r.x += done * r.x_pixel, r.y += done * r.y_pixel;
        if (r.residual) r.residual += done * r.y_pixel;
        r.ahead.from += shares.larger * r.rows * r.taps * r.span * r.ahead.step;
    }
    kTiles[vecs - 1][shares.size - 1].tiles(r, shares.count);
}

// The floats of a block of output channels that begins at `out`, for each input.
inline ptrdiff_t block_width(ptrdiff_t channels, ptrdiff_t out) {
    return min(kBlock, round_up(channels - out, kLanes));
}

}  // namespace fast
