// What the fast integer algorithms share. After the SIMD wrappers of bytes and the C format's
// kernels, whose structures they take.

namespace fast {

using Conv = struct written::conv;
using rows::as;
using rows::of;

constexpr double kMostScaled = 2147000000.0;  // what rounds to int32

// A layer's constants.
struct Parameters {
    const int8_t* weight;
    const int32_t* bias;
    const float* factor;
    explicit Parameters(const void* const* in)
        : weight(of<int8_t>(in[0])), bias(of<int32_t>(in[1])), factor(of<float>(in[2])) {}
};

// Whether the sums of an output channel, shifted ones included, have 32 bits, and times the factor
// as well; `size` is the sum of its weights' amounts.
inline bool sums_fit(double size, int32_t bias, float factor) {
    const double most = (bias < 0 ? -static_cast<double>(bias) : bias) + 384.0 * size;
    return most < kMostScaled && factor >= 0.0f && most * static_cast<double>(factor) < kMostScaled;
}

// The next of several arrays. Opaque, because GCC otherwise computes all their addresses before the
// loop, for which there are no registers.
template <typename T>
inline T* next(T* p, ptrdiff_t step) {
    p += step;
    asm("" : "+r"(p));
    return p;
}

// Pixels of so many bytes, `step` bytes apart, side by side.
template <ptrdiff_t bytes>
void copy_as(uint8_t* to, const uint8_t* from, ptrdiff_t step, ptrdiff_t count) {
#pragma GCC unroll 4
    for (ptrdiff_t i = 0; i < count; ++i, to += bytes, from += step)
        __builtin_memcpy(to, from, bytes);
}
inline void copy_pixels(uint8_t* to, const uint8_t* from, ptrdiff_t bytes, ptrdiff_t step,
                        ptrdiff_t count) {
    if (bytes == 8) return copy_as<8>(to, from, step, count);
    if (bytes == 16) return copy_as<16>(to, from, step, count);
    if (bytes == 32) return copy_as<32>(to, from, step, count);
    if (bytes == 64) return copy_as<64>(to, from, step, count);
    for (ptrdiff_t i = 0; i < count; ++i, to += bytes, from += step)
        __builtin_memcpy(to, from, bytes);
}

// As memset and memcpy, for the few bytes beside an image's row; `copy` may read the slack.
inline void fill(uint8_t* to, Bytes v, ptrdiff_t count) {
    ptrdiff_t i = 0;
    for (; i + kBytes <= count; i += kBytes) store(to + i, v);
    if (i < count) store_some(to + i, v, count - i);
}
inline void copy(uint8_t* to, const uint8_t* from, ptrdiff_t count) {
    ptrdiff_t i = 0;
    for (; i + kBytes <= count; i += kBytes) store(to + i, load(from + i));
    if (i < count) store_some(to + i, load(from + i), count - i);
}

// Rows of an image between `zero`, from `top` on: columns from -before on, `row` bytes of each.
inline void copy_rows(const Conv& c, const uint8_t* x, ptrdiff_t top, ptrdiff_t rows, ptrdiff_t row,
                      uint8_t* to) {
    const ptrdiff_t before = min(static_cast<ptrdiff_t>(c.pad_w) * c.in_c, row);
    const ptrdiff_t bytes = max(0, min(static_cast<ptrdiff_t>(c.in_w) * c.in_c, row - before));
    const Bytes zeros = every(c.zero);
    for (ptrdiff_t r = 0; r < rows; ++r, to += row) {
        const ptrdiff_t in = top + r;
        if (in < 0 || in >= c.in_h) {
            fill(to, zeros, row);
            continue;
        }
        fill(to, zeros, before);
        copy(to + before, x + in * c.in_w * c.in_c, bytes);
        fill(to + before + bytes, zeros, row - before - bytes);
    }
}

}  // namespace fast
