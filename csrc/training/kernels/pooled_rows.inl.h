// Convolution of one input channel → max-pool of 2x2, of few output channels: the lanes are
// neighbouring pixels of a pooled row. Its four sums need each tap at columns 2 apart, so rows of
// the input are split first: even columns, then odd ones.

namespace training {

constexpr int kPooledChannels = kRegisters >= 32 ? 6 : 2;  // that are computed together

inline void split_rows(const float* x, ptrdiff_t rows, ptrdiff_t row, ptrdiff_t half, float* to) {
    for (ptrdiff_t r = 0; r < rows; ++r, x += row) {
        float *even = to + 2 * r * half, *odd = even + half;
        ptrdiff_t i = 0;
        for (; 2 * (i + kLanes) <= row; i += kLanes) {
            Vec a, b;
            deinterleave(load(x + 2 * i), load(x + 2 * i + kLanes), a, b);
            store(even + i, a), store(odd + i, b);
        }
        for (; i < half; ++i) {
            even[i] = 2 * i < row ? x[2 * i] : 0.0f;
            odd[i] = 2 * i + 1 < row ? x[2 * i + 1] : 0.0f;
        }
    }
}

// Channel after channel of pixels, from one vector for each channel.
template <int channels, typename Store>
inline void store_pixels(const Vec (&planes)[channels], ptrdiff_t pixels, const Store& store) {
    for (int from = 0; from < channels; from += kLanes) {
        Vec rows[kLanes];
#pragma GCC unroll 16
        for (int o = 0; o < kLanes; ++o) rows[o] = from + o < channels ? planes[from + o] : zero();
        transpose(rows);
        for (ptrdiff_t p = 0; p < pixels; ++p)
            store(p, from, rows[p], min(kLanes, channels - from));
    }
}

template <int channels>
inline void pooled_tile(const PooledRows& s, const float* x, const float* weight, const float* bias,
                        ptrdiff_t pixels, float* y, unsigned char* indices) {
    Vec sum[4][channels];
#pragma GCC unroll 6
    for (int o = 0; o < channels; ++o)
        sum[0][o] = sum[1][o] = sum[2][o] = sum[3][o] = set1(bias[o]);
    const float* w = weight;
    for (ptrdiff_t i = 0; i < s.kernel.h; ++i, x += 2 * s.half) {
        for (ptrdiff_t j = 0; j < s.kernel.w; ++j, w += s.weight_tap) {
            const float* at = x + (j & 1) * s.half + j / 2;
            const float* after = x + (~j & 1) * s.half + (j + 1) / 2;
            const Vec a = load(at), b = load(after), c = load(at + 2 * s.half),
                      d = load(after + 2 * s.half);
#pragma GCC unroll 6
            for (int o = 0; o < channels; ++o) {
                const Vec g = broadcast(w + o);
                sum[0][o] = fma(a, g, sum[0][o]), sum[1][o] = fma(b, g, sum[1][o]);
                sum[2][o] = fma(c, g, sum[2][o]), sum[3][o] = fma(d, g, sum[3][o]);
            }
        }
    }
    Vec best[channels], index[channels];
#pragma GCC unroll 6
    for (int o = 0; o < channels; ++o) {
        best[o] = sum[0][o], index[o] = zero();
#pragma GCC unroll 4
        for (int k = 1; k < 4; ++k) {
            index[o] = select_greater(sum[k][o], best[o], set1(static_cast<float>(k)), index[o]);
            best[o] = max_nan(sum[k][o], best[o]);
        }
        if (s.relu) {
            index[o] =
                select_greater(best[o], zero(), index[o], set1(static_cast<float>(kNoIndex)));
            best[o] = max_nan(best[o], zero());
        }
    }
    store_pixels(best, pixels, [&](ptrdiff_t p, int from, Vec v, ptrdiff_t count) {
        store_first(y + p * s.channels + from, v, count);
    });
    store_pixels(index, pixels, [&](ptrdiff_t p, int from, Vec v, ptrdiff_t count) {
        store_bytes(indices + p * s.channels + from, v, count);
    });
}

using PooledTile = decltype(&pooled_tile<1>);
template <int channels>
constexpr PooledTile pooled_tile_of() {
    if constexpr (channels <= kPooledChannels) return pooled_tile<channels>;
    return nullptr;
}
constexpr PooledTile kPooledTiles[] = {pooled_tile_of<1>(), pooled_tile_of<2>(),
                                       pooled_tile_of<3>(), pooled_tile_of<4>(),
                                       pooled_tile_of<5>(), pooled_tile_of<6>()};

inline void pooled_rows(const PooledRows& s, const float* x, const float* weight, const float* bias,
                        float* y, unsigned char* indices) {
    for (ptrdiff_t row = 0; row < s.output.h; ++row) {
        for (ptrdiff_t column = 0; column < s.output.w; column += kLanes) {
            const float* from = x + 4 * row * s.half + column;
            const ptrdiff_t place = (row * s.output.w + column) * s.channels;
            for (ptrdiff_t o = 0; o < s.channels;) {
                const ptrdiff_t rest = s.weight_tap - o % s.weight_tap;
                const ptrdiff_t together = min(min(kPooledChannels, rest), s.channels - o);
                kPooledTiles[together - 1](
                    s, from, weight + o / s.weight_tap * s.weight_block + o % s.weight_tap,
                    bias + o, min(kLanes, s.output.w - column), y + place + o, indices + place + o);
                o += together;
            }
        }
    }
}

}  // namespace training
