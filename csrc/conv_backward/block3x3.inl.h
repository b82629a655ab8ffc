// The gradients of a 3x3 block (is_block3x3) of several input channels. The lanes are input
// channels, a vector of them at a time: x[row][column][kLanes], padded with zeros.
//
// Maximum by maximum: its nine pixels, times its gradient, go to nine sums in registers (dw); nine
// weights, times its gradient, go to the nine pixels of dx.

namespace backward_block3x3 {

constexpr ptrdiff_t kCache = 10 * 1024;  // bytes of a strip of x or dx, which leave room in a cache

struct Plan {
    ptrdiff_t blocks;   // vectors of input channels
    ptrdiff_t columns;  // of the padded input
    ptrdiff_t strip;    // rows of tiles that are worked on at once
    ptrdiff_t floats;   // of a strip's padded input, and a square beyond
};

inline Plan plan(const ConvShape& s) {
    Plan p;
    p.blocks = (s.channels_in + kLanes - 1) / kLanes;
    p.columns = s.input.w + 2;
    const ptrdiff_t row = p.columns * kLanes * static_cast<ptrdiff_t>(sizeof(float));
    p.strip = min(s.output.h, max(1, (kCache / row - 2) / 2));
    p.floats = ((2 * p.strip + 2) * p.columns + kLanes) * kLanes;
    return p;
}

// Worth it from half-full vectors on.
inline bool fits(const ConvShape& s) { return is_block3x3(s) && 2 * s.channels_in >= kLanes; }

// [block][Cout][3][3][kLanes]
inline ptrdiff_t weights(const ConvShape& s) {
    return plan(s).blocks * s.channels_out * 9 * kLanes;
}

inline size_t weight_bytes(const ConvShape& s) { return sizeof(float) * weights(s); }

// dw in our order, then db.
inline size_t sum_bytes(const ConvShape& s) {
    return sizeof(float) * (weights(s) + s.channels_out);
}

// x, dx, and a list of a strip's active pixels.
inline size_t workspace_bytes(const ConvShape& s) {
    const Plan p = plan(s);
    return sizeof(float) * 2 * p.floats + list_bytes(p.strip * s.output.w);
}

inline void pack_weights(const ConvShape& s, const float* weight, float* packed) {
    for (ptrdiff_t i = 0; i < weights(s); ++i) packed[i] = 0.0f;
    for (ptrdiff_t o = 0; o < s.channels_out; ++o) {
        for (ptrdiff_t c = 0; c < s.channels_in; ++c) {
            float* to = packed + (c / kLanes * s.channels_out + o) * 9 * kLanes + c % kLanes;
            for (int k = 0; k < 9; ++k) to[k * kLanes] = *weight++;
        }
    }
}

inline void add_sums(const ConvShape& s, const float* sums, float* dw, float* db) {
    for (ptrdiff_t o = 0; o < s.channels_out; ++o) {
        for (ptrdiff_t c = 0; c < s.channels_in; ++c) {
            const float* from = sums + (c / kLanes * s.channels_out + o) * 9 * kLanes + c % kLanes;
            for (int k = 0; k < 9; ++k) *dw++ += from[k * kLanes];
        }
        db[o] += sums[weights(s) + o];
    }
}

inline void zero_rows(const Plan& p, float* padded, ptrdiff_t rows) {
    for (ptrdiff_t i = 0; i < rows * p.columns; ++i) store(padded + i * kLanes, zero());
}

// The last two of a strip's rows are the next one's first.
inline void carry(const Plan& p, float* padded) {
    const float* last = padded + 2 * p.strip * p.columns * kLanes;
    for (ptrdiff_t i = 0; i < 2 * p.columns; ++i)
        store(padded + i * kLanes, load(last + i * kLanes));
}

// A square of pixels and channels at a time. `count` channels; the others become zero. So do pixels
// beyond a row's end, which are border, or overwritten by the next row.
template <bool whole>
inline void pad(const ConvShape& s, const float* x, ptrdiff_t rows, ptrdiff_t count,
                float* padded) {
    const ptrdiff_t plane = s.input.h * s.input.w;
    for (ptrdiff_t r = 0; r < rows; ++r, x += s.input.w, padded += (s.input.w + 2) * kLanes) {
        store(padded, zero());
        for (ptrdiff_t j = 0; j < s.input.w; j += kLanes) {
            const Mask inside = mask_lanes(0, s.input.w - j);
            Vec square[kLanes];
#pragma GCC unroll 16
            for (int k = 0; k < kLanes; ++k)
                square[k] = whole || k < count ? load_mask(x + k * plane + j, inside) : zero();
            transpose(square);
#pragma GCC unroll 16
            for (int k = 0; k < kLanes; ++k) store(padded + (1 + j + k) * kLanes, square[k]);
        }
        store(padded + (1 + s.input.w) * kLanes, zero());
    }
}

template <bool whole>
inline void unpad(const ConvShape& s, const float* padded, ptrdiff_t rows, ptrdiff_t count,
                  float* x) {
    const ptrdiff_t plane = s.input.h * s.input.w;
    for (ptrdiff_t r = 0; r < rows; ++r, x += s.input.w, padded += (s.input.w + 2) * kLanes) {
        for (ptrdiff_t j = 0; j < s.input.w; j += kLanes) {
            const Mask inside = mask_lanes(0, s.input.w - j);
            Vec square[kLanes];
#pragma GCC unroll 16
            for (int k = 0; k < kLanes; ++k) square[k] = load(padded + (1 + j + k) * kLanes);
            transpose(square);
#pragma GCC unroll 16
            for (int k = 0; k < kLanes; ++k) {
                if (whole || k < count) store_mask(x + k * plane + j, inside, square[k]);
            }
        }
    }
}

// Adds one output channel's active pixels to its sums and, where it is wanted, to dx.
template <bool want_dx>
inline void add_active(const Plan& p, const Active& a, const float* x, const float* weight,
                       float* sums, float* dx) {
    const ptrdiff_t row = p.columns * kLanes;
    Vec w[9], sum[9];
#pragma GCC unroll 9
    for (int k = 0; k < 9; ++k) {
        w[k] = want_dx ? load(weight + k * kLanes) : zero();
        sum[k] = zero();
    }
    for (ptrdiff_t n = 0; n < a.count; ++n) {
        const Vec g = broadcast(a.value + n);
        const float* from = x + a.at[n];
        float* to = want_dx ? dx + a.at[n] : nullptr;
        Vec passed[9];
#pragma GCC unroll 9
        for (int k = 0; k < 9; ++k) {
            const ptrdiff_t pixel = k / 3 * row + k % 3 * kLanes;
            if (want_dx) passed[k] = fma(g, w[k], load(to + pixel));
            sum[k] = fma(g, load(from + pixel), sum[k]);
        }
#pragma GCC unroll 9
        for (int k = 0; k < 9; ++k) {
            if (want_dx) store(to + k / 3 * row + k % 3 * kLanes, passed[k]);
        }
    }
#pragma GCC unroll 9
    for (int k = 0; k < 9; ++k) store(sums + k * kLanes, add(load(sums + k * kLanes), sum[k]));
}

// A vector of input channels, and the rows of tiles that are worked on at once.
struct Strip {
    ptrdiff_t block, channels;  // which vector, and how many of its lanes are channels
    ptrdiff_t first, rows;      // of tiles
    ptrdiff_t top, bottom;      // pixel rows from `top` (-1 for the padding) to before `bottom`
    ptrdiff_t kept;             // padded rows that the strip before leaves: 2, or 0 for the first
    bool last;
};

inline Strip strip_at(const ConvShape& s, const Plan& p, ptrdiff_t block, ptrdiff_t first) {
    const ptrdiff_t rows = min(p.strip, s.output.h - first), top = 2 * first - 1;
    const ptrdiff_t channels = min(kLanes, s.channels_in - block * kLanes);
    return {block,         channels,
            first,         rows,
            top,           min(top + 2 * rows + 2, s.input.h),
            first ? 2 : 0, first + rows == s.output.h};
}

// Pixel row `row` of the strip's first channel.
inline ptrdiff_t pixel_row(const ConvShape& s, const Strip& strip, ptrdiff_t row) {
    return (strip.block * kLanes * s.input.h + row) * s.input.w;
}

inline void load_strip(const ConvShape& s, const Plan& p, const Strip& strip, const float* x,
                       float* padded) {
    if (strip.kept) {
        carry(p, padded);
    } else {
        zero_rows(p, padded, 1);
    }
    const ptrdiff_t known = max(strip.kept, 1), ends = strip.bottom - strip.top;
    const float* from = x + pixel_row(s, strip, strip.top + known);
    float* to = padded + known * p.columns * kLanes;
    strip.channels == kLanes ? pad<true>(s, from, ends - known, kLanes, to)
                             : pad<false>(s, from, ends - known, strip.channels, to);
    zero_rows(p, padded + ends * p.columns * kLanes, 2 * strip.rows + 2 - ends);
}

// What store_strip writes to may be far away.
inline void prefetch_strip(const ConvShape& s, const Strip& strip, const float* dx) {
    for (ptrdiff_t k = 0; k < strip.channels; ++k) {
        const float* to = dx + pixel_row(s, strip, max(strip.top, 0)) + k * s.input.h * s.input.w;
        for (ptrdiff_t i = 0; i < 2 * strip.rows * s.input.w; i += 16)
            __builtin_prefetch(to + i, 1, 2);
    }
}

// All rows but the two that the next strip adds to.
inline void store_strip(const ConvShape& s, const Plan& p, const Strip& strip, const float* padded,
                        float* dx) {
    const ptrdiff_t begin = max(strip.top, 0);
    const ptrdiff_t count = (strip.last ? strip.bottom : strip.top + 2 * strip.rows) - begin;
    const float* from = padded + (begin - strip.top) * p.columns * kLanes;
    float* to = dx + pixel_row(s, strip, begin);
    strip.channels == kLanes ? unpad<true>(s, from, count, kLanes, to)
                             : unpad<false>(s, from, count, strip.channels, to);
}

inline void run(const ConvShape& s, const float* x, const float* weight, const float* grad,
                const unsigned char* indices, float* sums, float* dx, void* workspace) {
    const Plan p = plan(s);
    const Steps step = {p.columns * kLanes, kLanes};
    float* padded = static_cast<float*>(workspace);
    float* dpadded = padded + p.floats;
    Active active = list_in(dpadded + p.floats, p.strip * s.output.w);
    find_windows(s, step, p.strip, active);
    for (ptrdiff_t tiles = 0; tiles < p.blocks * s.output.h;) {
        const Strip strip = strip_at(s, p, tiles / s.output.h, tiles % s.output.h);
        tiles += strip.rows;
        load_strip(s, p, strip, x, padded);
        if (dx) {
            prefetch_strip(s, strip, dx);
            if (strip.kept) carry(p, dpadded);
            zero_rows(p, dpadded + strip.kept * step.row, 2 * strip.rows + 2 - strip.kept);
        }
        for (ptrdiff_t o = 0; o < s.channels_out; ++o) {
            const ptrdiff_t at = (o * s.output.h + strip.first) * s.output.w;
            const ptrdiff_t of = (strip.block * s.channels_out + o) * 9 * kLanes;
            gather(s, step, grad + at, indices + at, strip.rows * s.output.w, active);
            if (strip.block == 0) sums[weights(s) + o] += sum(active);
            if (dx) {
                add_active<true>(p, active, padded, weight + of, sums + of, dpadded);
            } else {
                add_active<false>(p, active, padded, nullptr, sums + of, nullptr);
            }
        }
        if (dx) store_strip(s, p, strip, dpadded, dx);
    }
}

constexpr ConvBackwardKernel kConvBackwardKernel = {
    fits, weight_bytes, sum_bytes, workspace_bytes, pack_weights, add_sums, run};

}  // namespace backward_block3x3
