// The kernels' own source, and the rows of their table, for one instruction set.
#define restrict __restrict
namespace written {
inline float power_of_e(float x) { return __builtin_expf(x); }
#include "vectors.c"
#include "taps.c"
#include "windows.c"
#include "logarithm.c"
#include "pixels.c"
#include "conv.c"
#include "depthwise.c"
#include "pool.c"
#include "activation.c"
#include "arithmetic.c"
#include "copy.c"
#include "fill.c"
#include "function.c"
#include "lrn.c"
#include "mean.c"
#include "softmax.c"
#include "matmul.c"
#include "root.c"
#include "sums.c"
#include "elementary.c"
#include "extreme.c"
#include "chosen.c"
#include "resample.c"
#include "reduce.c"
#include "standardise.c"
}  // namespace written
#undef restrict

namespace rows {

#include "program/limits.inl.h"

using namespace written;

// The channels of all blocks of `channels` output channels.
inline ptrdiff_t blocked(ptrdiff_t channels) {
    const ptrdiff_t rest = channels % 16;
    return channels - rest + (rest == 0 ? 0 : rest > 8 ? 16 : 8);
}

// How far from the first pixel a window may begin or end, on one axis.
inline ptrdiff_t window_reach(ptrdiff_t out, ptrdiff_t stride, ptrdiff_t kernel, ptrdiff_t dilation,
                              ptrdiff_t pad) {
    const ptrdiff_t last = product(out, stride);
    return (last > pad ? last : pad) + product(kernel, dilation);
}

inline bool conv_fits(const struct conv& c, const ptrdiff_t* floats, bool depthwise) {
    const ptrdiff_t groups = depthwise ? 1 : c.groups;
    const int sizes[] = {c.groups,     c.in_c,       c.out_c,    c.stride_h, c.stride_w,
                         c.dilation_h, c.dilation_w, c.kernel_h, c.kernel_w};
    for (const int size : sizes) {
        if (size < 1 || size > kMost) return false;
    }
    if (c.in_c % c.groups != 0 || c.out_c % c.groups != 0 || !is_pad(c.pad_h) || !is_pad(c.pad_w))
        return false;
    // Places that kernels compute before they look whether there are such pixels.
    const ptrdiff_t rows = window_reach(c.out_h, c.stride_h, c.kernel_h, c.dilation_h, c.pad_h);
    const ptrdiff_t columns = window_reach(c.out_w, c.stride_w, c.kernel_w, c.dilation_w, c.pad_w);
    if (product(rows, c.in_w, c.in_c) == kMost || product(columns, c.in_c) == kMost ||
        product(8, c.stride_w, c.in_c) == kMost)
        return false;
    if (depthwise && (c.groups != c.in_c || c.groups != c.out_c)) return false;
    const ptrdiff_t width = groups * blocked(c.out_c / groups),
                    in = depthwise ? 1 : c.in_c / c.groups;
    const ptrdiff_t y = product(c.out_h, c.out_w, c.out_c), x = product(c.in_h, c.in_w, c.in_c);
    return product(c.kernel_h, c.kernel_w, in, width) <= floats[0] && width <= floats[1] &&
           x <= floats[2] && x < kMost && (floats[3] == 0 || y <= floats[3]) && y <= floats[4] &&
           y < kMost;
}

template <int kAxes>
bool steps_fit(const int (&size)[kAxes], const int (&step)[kAxes], ptrdiff_t start,
               ptrdiff_t floats) {
    ptrdiff_t last = start;
    for (int axis = 0; axis < kAxes; ++axis) {
        if (size[axis] < 1 || step[axis] < 0 || size[axis] > kMost) return false;
        last += static_cast<ptrdiff_t>(size[axis] - 1) * step[axis];
        if (last > kMost) return false;
    }
    return start >= 0 && last < floats;
}

template <typename Fields>
const Fields& as(const void* fields) {
    return *static_cast<const Fields*>(fields);
}

constexpr ProgramKernel kRows[] = {
    {"pixels", sizeof(struct pixels), 3,
     [](const void* f, const ptrdiff_t* floats) {
         const auto& p = as<struct pixels>(f);
         return p.channels <= floats[0] && p.channels <= floats[1] &&
                product(p.channels, p.area) <= floats[2] &&
                product(p.channels, p.area) <= floats[3];
     },
     [](const void* f, const float* const* in, float* y) {
         const void* raw = in[2];
         pixels(&as<struct pixels>(f), in[0], in[1], static_cast<const uint8_t*>(raw), y);
     }},
    {"conv", sizeof(struct conv), 4,
     [](const void* f, const ptrdiff_t* floats) {
         return conv_fits(as<struct conv>(f), floats, false);
     },
     [](const void* f, const float* const* in, float* y) {
         conv(&as<struct conv>(f), in[0], in[1], in[2], in[3], y);
     }},
    {"depthwise", sizeof(struct conv), 4,
     [](const void* f, const ptrdiff_t* floats) {
         return conv_fits(as<struct conv>(f), floats, true);
     },
     [](const void* f, const float* const* in, float* y) {
         depthwise(&as<struct conv>(f), in[0], in[1], in[2], in[3], y);
     }},
    {"pool", sizeof(struct pool), 1,
     [](const void* f, const ptrdiff_t* floats) {
         const auto& p = as<struct pool>(f);
         const bool good =
             product(p.kernel_h, p.dilation_h) < kMost &&
             product(p.kernel_w, p.dilation_w) < kMost && product(p.out_h, p.stride_h) < kMost &&
             product(p.out_w, p.stride_w) < kMost && is_pad(p.pad_h) && is_pad(p.pad_w) &&
             is_pad(p.end_h) && is_pad(p.end_w) && product(p.kernel_h, p.kernel_w) < kMost;
         return good && product(p.in_h, p.in_w, p.channels) <= floats[0] &&
                product(p.out_h, p.out_w, p.channels) <= floats[1];
     },
     [](const void* f, const float* const* in, float* y) { pool(&as<struct pool>(f), in[0], y); }},
    {"activation", sizeof(struct activation), 1,
     [](const void* f, const ptrdiff_t* floats) {
         const ptrdiff_t count = as<struct activation>(f).count;
         return count <= floats[0] && count <= floats[1];
     },
     [](const void* f, const float* const* in, float* y) {
         activation(&as<struct activation>(f), in[0], y);
     }},
    {"arithmetic", sizeof(struct arithmetic), 2,
     [](const void* f, const ptrdiff_t* floats) {
         const auto& a = as<struct arithmetic>(f);
         return steps_fit(a.size, a.x, 0, floats[0]) && steps_fit(a.size, a.z, 0, floats[1]) &&
                product(a.size[0], a.size[1], a.size[2], a.size[3]) <= floats[2];
     },
     [](const void* f, const float* const* in, float* y) {
         arithmetic(&as<struct arithmetic>(f), in[0], in[1], y);
     }},
    {"copy", sizeof(struct copy), 1,
     [](const void* f, const ptrdiff_t* floats) {
         const auto& c = as<struct copy>(f);
         return steps_fit(c.size, c.x, c.start_x, floats[0]) &&
                steps_fit(c.size, c.y, c.start_y, floats[1]);
     },
     [](const void* f, const float* const* in, float* y) { copy(&as<struct copy>(f), in[0], y); }},
    {"fill", sizeof(struct fill), 0,
     [](const void* f, const ptrdiff_t* floats) { return as<struct fill>(f).count <= floats[0]; },
     [](const void* f, const float* const*, float* y) { fill(&as<struct fill>(f), y); }},
    {"function", sizeof(struct function), 1,
     [](const void* f, const ptrdiff_t* floats) {
         const ptrdiff_t count = as<struct function>(f).count;
         return count <= floats[0] && count <= floats[1];
     },
     [](const void* f, const float* const* in, float* y) {
         function(&as<struct function>(f), in[0], y);
     }},
    {"lrn", sizeof(struct lrn), 1,
     [](const void* f, const ptrdiff_t* floats) {
         const auto& n = as<struct lrn>(f);
         return n.size > 0 && product(n.pixels, n.channels) <= floats[0] &&
                product(n.pixels, n.channels) <= floats[1];
     },
     [](const void* f, const float* const* in, float* y) { lrn(&as<struct lrn>(f), in[0], y); }},
    {"mean", sizeof(struct mean), 1,
     [](const void* f, const ptrdiff_t* floats) {
         const auto& m = as<struct mean>(f);
         return product(m.rows, m.count) <= floats[0] && m.rows <= floats[1];
     },
     [](const void* f, const float* const* in, float* y) { mean(&as<struct mean>(f), in[0], y); }},
    {"softmax", sizeof(struct softmax), 1,
     [](const void* f, const ptrdiff_t* floats) {
         const auto& s = as<struct softmax>(f);
         return product(s.rows, s.count) <= floats[0] && product(s.rows, s.count) <= floats[1];
     },
     [](const void* f, const float* const* in, float* y) {
         softmax(&as<struct softmax>(f), in[0], y);
     }},
    {"matmul", sizeof(struct matmul), 2,
     [](const void* f, const ptrdiff_t* floats) {
         const auto& m = as<struct matmul>(f);
         const ptrdiff_t x = product(m.rows, m.inner), z = product(m.inner, m.columns);
         return m.step_x >= 0 && m.step_z >= 0 && m.step_x <= kMost && m.step_z <= kMost &&
                (m.count - ptrdiff_t{1}) * m.step_x + x <= floats[0] &&
                (m.count - ptrdiff_t{1}) * m.step_z + z <= floats[1] &&
                product(m.count, m.rows, m.columns) <= floats[2];
     },
     [](const void* f, const float* const* in, float* y) {
         matmul(&as<struct matmul>(f), in[0], in[1], y);
     }},
    {"elementary", sizeof(struct elementary), 1,
     [](const void* f, const ptrdiff_t* floats) {
         const ptrdiff_t count = as<struct elementary>(f).count;
         return count <= floats[0] && count <= floats[1];
     },
     [](const void* f, const float* const* in, float* y) {
         elementary(&as<struct elementary>(f), in[0], y);
     }},
    {"extreme", sizeof(struct extreme), 2,
     [](const void* f, const ptrdiff_t* floats) {
         const auto& e = as<struct extreme>(f);
         return steps_fit(e.size, e.x, 0, floats[0]) && steps_fit(e.size, e.z, 0, floats[1]) &&
                product(e.size[0], e.size[1], e.size[2], e.size[3]) <= floats[2];
     },
     [](const void* f, const float* const* in, float* y) {
         extreme(&as<struct extreme>(f), in[0], in[1], y);
     }},
    {"chosen", sizeof(struct chosen), 3,
     [](const void* f, const ptrdiff_t* floats) {
         const auto& c = as<struct chosen>(f);
         return steps_fit(c.size, c.condition, 0, floats[0]) &&
                steps_fit(c.size, c.x, 0, floats[1]) && steps_fit(c.size, c.z, 0, floats[2]) &&
                product(c.size[0], c.size[1], c.size[2], c.size[3]) <= floats[3];
     },
     [](const void* f, const float* const* in, float* y) {
         chosen(&as<struct chosen>(f), in[0], in[1], in[2], y);
     }},
    {"resample", sizeof(struct resample), 3,
     [](const void* f, const ptrdiff_t* floats) {
         const auto& r = as<struct resample>(f);
         return product(r.out, r.taps) <= floats[0] && product(r.out, r.taps) <= floats[1] &&
                product(r.outer, r.in, r.inner) <= floats[2] &&
                product(r.outer, r.out, r.inner) <= floats[3];
     },
     [](const void* f, const float* const* in, float* y) {
         resample(&as<struct resample>(f), in[0], in[1], in[2], y);
     }},
    {"reduce", sizeof(struct reduce), 1,
     [](const void* f, const ptrdiff_t* floats) {
         const auto& r = as<struct reduce>(f);
         return product(r.rows, r.count) <= floats[0] && r.rows <= floats[1];
     },
     [](const void* f, const float* const* in, float* y) {
         reduce(&as<struct reduce>(f), in[0], y);
     }},
    {"standardise", sizeof(struct standardise), 1,
     [](const void* f, const ptrdiff_t* floats) {
         const auto& s = as<struct standardise>(f);
         return product(s.rows, s.count) <= floats[0] && product(s.rows, s.count) <= floats[1];
     },
     [](const void* f, const float* const* in, float* y) {
         standardise(&as<struct standardise>(f), in[0], y);
     }},
};
static_assert(sizeof(kRows) / sizeof(kRows[0]) == kProgramKernelCount, "the count is wrong");

}  // namespace rows
