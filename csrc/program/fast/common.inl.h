// What the fast convolutions of images [H][W][C] share. After the SIMD wrappers and the C format's
// kernels, whose structures and packed weights they take.

namespace fast {

using Conv = struct written::conv;

inline const Conv& conv_of(const void* fields) { return *static_cast<const Conv*>(fields); }

// A weight of one of an output channel's `inputs`, as cnnkit.graph.program.packing lays them:
// blocks of 16 output channels, the last of which has 8 where that is enough.
inline const float* packed_at(const Conv& c, const float* weight, ptrdiff_t inputs, ptrdiff_t tap,
                              ptrdiff_t in, ptrdiff_t out) {
    const ptrdiff_t first = out / 16 * 16, width = c.out_c - first > 8 ? 16 : 8;
    const ptrdiff_t taps = static_cast<ptrdiff_t>(c.kernel_h) * c.kernel_w;
    return weight + (first * taps + tap * width) * inputs + in * width + out - first;
}
inline float packed(const Conv& c, const float* weight, ptrdiff_t inputs, ptrdiff_t tap,
                    ptrdiff_t in, ptrdiff_t out) {
    return *packed_at(c, weight, inputs, tap, in, out);
}

// Where vectors can be cut short at no cost, channels may be any number.
constexpr bool kMasks = kLanes == 16;
inline bool is_whole(ptrdiff_t channels) { return kMasks || channels % kLanes == 0; }
inline Vec load_some(const float* from, Mask m) { return kMasks ? load_mask(from, m) : load(from); }
inline void store_some(float* to, Mask m, Vec v) {
    if (kMasks) {
        store_mask(to, m, v);
    } else {
        store(to, v);
    }
}

// An activation: low and high as in the C format; NaN stays.
struct Limits {
    int kind;
    Vec low, high;
};
inline Limits limits_of(const Conv& c) { return {c.activation, set1(c.low), set1(c.high)}; }
inline Vec limited(Vec y, const Limits& to) {
    if (to.kind > 0) y = max(to.low, y);
    if (to.kind > 1) y = min(to.high, y);
    return y;
}

// Adds the residual, unless it is null, to the first `count` of a vector of sums, limits and stores
// them; more than kLanes are kLanes.
inline void put(float* to, Vec y, const float* residual, ptrdiff_t count, const Limits& limits) {
    const bool full = count >= kLanes;
    if (residual) y = add(y, full ? load(residual) : load_mask(residual, mask_lanes(0, count)));
    y = limited(y, limits);
    if (full) {
        store(to, y);
    } else {
        store_first(to, y, count);
    }
}

}  // namespace fast
