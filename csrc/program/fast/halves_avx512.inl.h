// Dense convolutions of which the last output channels fill a vector of 16 by at most a half: those
// have tiles of vectors of 8. For processors that execute a vector of 16 in two halves, where one
// of 8 takes half of its time. After dense.inl.h.

namespace fast {
namespace halves {

using Half = __m256;
constexpr ptrdiff_t kHalfLanes = kLanes / 2;
constexpr ptrdiff_t kLeastPixels = 8;  // with fewer, each product waits for the one before

// Sums of whole blocks, stored without branches; NaN stays.
template <int pixels>
inline void finish_whole(const Run& r, float* y, const Half (&sum)[pixels][1]) {
    const ptrdiff_t y_pixel = r.y_pixel;
    const Half low =
        _mm256_set1_ps(r.limits.kind > 0 ? _mm512_cvtss_f32(r.limits.low) : -__builtin_inff());
    const Half high =
        _mm256_set1_ps(r.limits.kind > 1 ? _mm512_cvtss_f32(r.limits.high) : __builtin_inff());
#pragma GCC unroll 16
    for (int p = 0; p < pixels; ++p, y += y_pixel)
        _mm256_storeu_ps(y, _mm256_min_ps(high, _mm256_max_ps(low, sum[p][0])));
}

template <int pixels>
inline void finish(const Run& r, float* y, const float* residual, const Half (&sum)[pixels][1]) {
    if (!residual && r.channels == kHalfLanes) return finish_whole(r, y, sum);
    const Limits limits = r.limits;
#pragma GCC unroll 16
    for (int p = 0; p < pixels; ++p) {
        put(y + p * r.y_pixel, _mm512_zextps256_ps512(sum[p][0]),
            residual ? residual + p * r.y_pixel : nullptr, r.channels, limits);
    }
}

template <int pixels>
void tiles(const Run& r, ptrdiff_t count) {
    const float *from = r.x, *residual = r.residual;
    float* y = r.y;
    Ahead none = {r.w, 0};
    for (; count > 0; --count) {
        Half sum[pixels][1];
        const Half bias = _mm256_loadu_ps(r.bias);
#pragma GCC unroll 16
        for (int p = 0; p < pixels; ++p) sum[p][0] = bias;
        const float* w = r.w;
        for (ptrdiff_t row = 0; row < r.rows; ++row) {
            const float* x = from + row * r.x_row;
            for (ptrdiff_t tap = 0; tap < r.taps; ++tap, x += r.x_tap)
                w = add_run(x, r.x_pixel, w, r.span, sum, none);
        }
        products_are_made();
        finish(r, y, residual, sum);
        from += pixels * r.x_pixel, y += pixels * r.y_pixel;
        if (residual) residual += pixels * r.y_pixel;
    }
}

constexpr decltype(&tiles<1>) kTiles[kMostPixels] = {tiles<1>, tiles<2>,  tiles<3>,  tiles<4>,
                                                     tiles<5>, tiles<6>,  tiles<7>,  tiles<8>,
                                                     tiles<9>, tiles<10>, tiles<11>, tiles<12>};

// A block of at most 8 channels is one of half a vector.
struct Blocks {
    static ptrdiff_t width(ptrdiff_t channels, ptrdiff_t out) {
        const ptrdiff_t left = channels - out;
        if (left <= kHalfLanes) return kHalfLanes;
        return left > kLanes && left <= kLanes + kHalfLanes ? kLanes : block_width(channels, out);
    }
    static void run(Run r, ptrdiff_t pixels, bool alone) {
        if (r.channels > kHalfLanes) return run_pixels(r, pixels, alone);
        const Shares shares = share(pixels, 1);
        if (shares.larger) {
            kTiles[shares.size](r, shares.larger);
            const ptrdiff_t done = shares.larger * (shares.size + 1);
            r.x += done * r.x_pixel, r.y += done * r.y_pixel;
            if (r.residual) r.residual += done * r.y_pixel;
        }
        kTiles[shares.size - 1](r, shares.count);
    }
};

inline bool fits(const void* fields) {
    const Conv& c = conv_of(fields);
    const ptrdiff_t last = (c.out_c - ptrdiff_t{1}) % kLanes + 1;
    const ptrdiff_t pixels = dense::plan(c).upright ? c.out_h : c.out_w;
    return last <= kHalfLanes && pixels >= kLeastPixels && dense::fits(fields) &&
           avx512_is_halved();
}

constexpr ProgramAlgorithm kConv = {"halves",
                                    "conv",
                                    fits,
                                    dense::prepared_floats,
                                    dense::prepare<Blocks>,
                                    dense::workspace_floats,
                                    dense::parts,
                                    nullptr,
                                    dense::run<Blocks>,
                                    nullptr,
                                    dense::run_apart<Blocks>};

}  // namespace halves
}  // namespace fast
