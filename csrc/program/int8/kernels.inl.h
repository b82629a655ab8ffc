// The integer kernels' own source, and the rows of their table, for one instruction set.
#define restrict __restrict
namespace written {
#include "int8/rounding.c"
#include "taps.c"
#include "int8/products.c"
#include "int8/window.c"
#include "int8/pixels.c"
#include "int8/table.c"
#include "int8/convolve.c"
#include "int8/conv.c"
#include "int8/depthwise.c"
#include "int8/gemm.c"
#include "int8/scores.c"
#include "int8/add.c"
#include "int8/average.c"
#include "int8/pool.c"
#include "int8/copy.c"
#include "int8/numbers.c"
}  // namespace written
#undef restrict

namespace rows {

#include "program/limits.inl.h"

using namespace written;

inline bool is_byte(int value) { return value >= 0 && value <= 255; }

template <typename Fields>
const Fields& as(const void* fields) {
    return *static_cast<const Fields*>(fields);
}
template <typename T>
const T* of(const void* argument) {
    return static_cast<const T*>(argument);
}
inline uint8_t* bytes(void* y) { return static_cast<uint8_t*>(y); }

// weight, bias, factor, x, room, y
inline bool conv_fits(const struct conv& c, const ptrdiff_t* bytes, bool depthwise) {
    const int sizes[] = {c.groups,     c.in_c,       c.out_c,    c.stride_h, c.stride_w,
                         c.dilation_h, c.dilation_w, c.kernel_h, c.kernel_w, c.in_h,
                         c.in_w,       c.out_h,      c.out_w};
    for (const int size : sizes) {
        if (size < 1 || size > kMost) return false;
    }
    if (c.in_c % c.groups != 0 || c.out_c % c.groups != 0 || !is_pad(c.pad_h) || !is_pad(c.pad_w))
        return false;
    if (depthwise && (c.groups != c.in_c || c.groups != c.out_c)) return false;
    if (!is_byte(c.zero) || !is_byte(c.zero_y)) return false;
    // What kernels compute before they look whether there are such pixels.
    if (product(c.kernel_h, c.dilation_h, c.in_w, c.in_c) == kMost ||
        product(c.kernel_w, c.dilation_w, c.in_c) == kMost ||
        product(c.out_h, c.stride_h) == kMost || product(c.out_w, c.stride_w, c.in_c) == kMost)
        return false;
    const ptrdiff_t in = depthwise ? 1 : c.in_c / c.groups,
                    count = product(c.kernel_h, c.kernel_w, in);
    const ptrdiff_t row = depthwise ? count : (count + 3) / 4 * 4;
    const ptrdiff_t x = product(c.in_h, c.in_w, c.in_c), y = product(c.out_h, c.out_w, c.out_c);
    const ptrdiff_t room = depthwise ? (bytes[4] ? product(count, c.out_c) : 0) : 5 * row + 4;
    const bool inside =
        c.pad_h == 0 && c.pad_w == 0 &&
        (c.out_h - ptrdiff_t{1}) * c.stride_h + (c.kernel_h - ptrdiff_t{1}) * c.dilation_h <
            c.in_h &&
        (c.out_w - ptrdiff_t{1}) * c.stride_w + (c.kernel_w - ptrdiff_t{1}) * c.dilation_w < c.in_w;
    return count < kMost && product(row, c.out_c) <= bytes[0] &&
           ptrdiff_t{4} * c.out_c <= bytes[1] && ptrdiff_t{4} * c.out_c <= bytes[2] && x < kMost &&
           x <= bytes[3] && room <= bytes[4] && (!depthwise || bytes[4] || inside) && y < kMost &&
           y <= bytes[5];
}

inline bool matrix_fits(int features, int outputs, const ptrdiff_t* bytes, ptrdiff_t size) {
    return product(features, outputs) <= bytes[0] && product(features, outputs) < kMost &&
           ptrdiff_t{4} * outputs <= bytes[1] && ptrdiff_t{4} * outputs <= bytes[2] &&
           features <= bytes[3] && size * outputs <= bytes[4];
}

template <int kAxes>
bool steps_fit(const int (&size)[kAxes], const int (&step)[kAxes], ptrdiff_t start,
               ptrdiff_t bytes) {
    ptrdiff_t last = start;
    for (int axis = 0; axis < kAxes; ++axis) {
        if (size[axis] < 1 || step[axis] < 0 || size[axis] > kMost) return false;
        last += static_cast<ptrdiff_t>(size[axis] - 1) * step[axis];
        if (last > kMost) return false;
    }
    return start >= 0 && last < bytes;
}

inline bool pool_fits(const struct pool& p, const ptrdiff_t* bytes) {
    const bool good =
        product(p.kernel_h, p.dilation_h, p.in_w, p.channels) < kMost &&
        product(p.kernel_w, p.dilation_w, p.channels) < kMost &&
        product(p.out_h, p.stride_h) < kMost && product(p.out_w, p.stride_w) < kMost &&
        is_pad(p.pad_h) && is_pad(p.pad_w) && is_pad(p.end_h) && is_pad(p.end_w) &&
        product(p.kernel_h, p.kernel_w, 256) < kMost && is_byte(p.zero) && is_byte(p.zero_y);
    return good && product(p.in_h, p.in_w, p.channels) <= bytes[0] &&
           product(p.out_h, p.out_w, p.channels) <= bytes[1];
}

inline bool add_fits(const void* f, const ptrdiff_t* bytes) {
    const ptrdiff_t count = as<struct add>(f).count;
    return count >= 0 && count <= bytes[0] && count <= bytes[1] && count <= bytes[2];
}

// As `add`, of bytes that are 128 more than those of int8 that the factors are for.
inline void signed_add(const struct add& a, const uint8_t* x, const uint8_t* z, uint8_t* y) {
    for (int i = 0; i < a.count; ++i) {
        const float first = static_cast<float>(x[i] - 128) * a.left + a.rest;
        const float sum = first + static_cast<float>(z[i] - 128) * a.right;
        y[i] = static_cast<uint8_t>(nearest(limited(sum, -128.0f, 127.0f)) + 128);
    }
}

constexpr ByteKernel kRows[] = {
    {"pixels", sizeof(struct pixels), 2,
     [](const void* f, const ptrdiff_t* bytes) {
         const auto& p = as<struct pixels>(f);
         const ptrdiff_t all = product(p.channels, p.area);
         const ptrdiff_t table = p.step ? ptrdiff_t{256} * p.channels : 256;
         return (p.step == 0 || p.step == 256) && (bytes[0] == 0 || table <= bytes[0]) &&
                all <= bytes[1] && all <= bytes[2];
     },
     [](const void* f, const void* const* in, void* y) {
         pixels(&as<struct pixels>(f), of<uint8_t>(in[0]), of<uint8_t>(in[1]), bytes(y));
     }},
    {"table", sizeof(struct table), 2,
     [](const void* f, const ptrdiff_t* bytes) {
         const auto& t = as<struct table>(f);
         const ptrdiff_t values = t.step ? ptrdiff_t{256} * t.channels : 256;
         return (t.step == 0 || t.step == 256) && t.channels > 0 && values <= bytes[0] &&
                product(t.count) <= bytes[1] && t.count <= bytes[2];
     },
     [](const void* f, const void* const* in, void* y) {
         table(&as<struct table>(f), of<uint8_t>(in[0]), of<uint8_t>(in[1]), bytes(y));
     }},
    {"conv", sizeof(struct conv), 5,
     [](const void* f, const ptrdiff_t* bytes) {
         return conv_fits(as<struct conv>(f), bytes, false);
     },
     [](const void* f, const void* const* in, void* y) {
         conv(&as<struct conv>(f), of<int8_t>(in[0]), of<int32_t>(in[1]), of<float>(in[2]),
              of<uint8_t>(in[3]), bytes(const_cast<void*>(in[4])), bytes(y));
     }},
    {"depthwise", sizeof(struct conv), 5,
     [](const void* f, const ptrdiff_t* bytes) {
         return conv_fits(as<struct conv>(f), bytes, true);
     },
     [](const void* f, const void* const* in, void* y) {
         depthwise(&as<struct conv>(f), of<int8_t>(in[0]), of<int32_t>(in[1]), of<float>(in[2]),
                   of<uint8_t>(in[3]), bytes(const_cast<void*>(in[4])), bytes(y));
     }},
    {"gemm", sizeof(struct gemm), 4,
     [](const void* f, const ptrdiff_t* bytes) {
         const auto& g = as<struct gemm>(f);
         return is_byte(g.zero_y) && matrix_fits(g.features, g.outputs, bytes, 1);
     },
     [](const void* f, const void* const* in, void* y) {
         gemm(&as<struct gemm>(f), of<int8_t>(in[0]), of<int32_t>(in[1]), of<float>(in[2]),
              of<uint8_t>(in[3]), bytes(y));
     }},
    {"scores", sizeof(struct scores), 4,
     [](const void* f, const ptrdiff_t* bytes) {
         const auto& s = as<struct scores>(f);
         return matrix_fits(s.features, s.outputs, bytes, sizeof(float));
     },
     [](const void* f, const void* const* in, void* y) {
         scores(&as<struct scores>(f), of<int8_t>(in[0]), of<int32_t>(in[1]), of<float>(in[2]),
                of<uint8_t>(in[3]), static_cast<float*>(y));
     }},
    {"add", sizeof(struct add), 2, add_fits,
     [](const void* f, const void* const* in, void* y) {
         add(&as<struct add>(f), of<uint8_t>(in[0]), of<uint8_t>(in[1]), bytes(y));
     }},
    {"signed_add", sizeof(struct add), 2, add_fits,
     [](const void* f, const void* const* in, void* y) {
         signed_add(as<struct add>(f), of<uint8_t>(in[0]), of<uint8_t>(in[1]), bytes(y));
     }},
    {"average", sizeof(struct average), 1,
     [](const void* f, const ptrdiff_t* bytes) {
         const auto& a = as<struct average>(f);
         return is_byte(a.zero) && is_byte(a.zero_y) && product(a.pixels, 256) < kMost &&
                product(a.pixels, a.channels) <= bytes[0] && a.channels <= bytes[1];
     },
     [](const void* f, const void* const* in, void* y) {
         average(&as<struct average>(f), of<uint8_t>(in[0]), bytes(y));
     }},
    {"pool", sizeof(struct pool), 1,
     [](const void* f, const ptrdiff_t* bytes) { return pool_fits(as<struct pool>(f), bytes); },
     [](const void* f, const void* const* in, void* y) {
         pool(&as<struct pool>(f), of<uint8_t>(in[0]), bytes(y));
     }},
    {"copy", sizeof(struct copy), 1,
     [](const void* f, const ptrdiff_t* bytes) {
         const auto& c = as<struct copy>(f);
         return steps_fit(c.size, c.x, c.start_x, bytes[0]) &&
                steps_fit(c.size, c.y, c.start_y, bytes[1]);
     },
     [](const void* f, const void* const* in, void* y) {
         copy(&as<struct copy>(f), of<uint8_t>(in[0]), bytes(y));
     }},
    {"numbers", sizeof(struct numbers), 1,
     [](const void* f, const ptrdiff_t* bytes) {
         const auto& n = as<struct numbers>(f);
         return n.count >= 0 && is_byte(n.zero) && n.count <= bytes[0] &&
                static_cast<ptrdiff_t>(sizeof(float)) * n.count <= bytes[1];
     },
     [](const void* f, const void* const* in, void* y) {
         numbers(&as<struct numbers>(f), of<uint8_t>(in[0]), static_cast<float*>(y));
     }},
};
static_assert(sizeof(kRows) / sizeof(kRows[0]) == kByteKernelCount, "the count is wrong");

}  // namespace rows
