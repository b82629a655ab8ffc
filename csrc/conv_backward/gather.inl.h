// Lists the active pixels of one output channel, pixel by pixel.
#include "cpu/simd/reduce.inl.h"
#include "conv_backward/active.inl.h"

inline void gather(const ConvShape& s, const Steps& step, const float* grad,
                   const unsigned char* indices, ptrdiff_t pixels, Active& active) {
    const int width = static_cast<int>(s.pool_kernel.w);
    const int column_step = static_cast<int>(s.stride.w * step.column),
              row_step = static_cast<int>(s.stride.h * step.row);
    const int reciprocal = 65535 / width + 1;  // tap / width, by a multiplication
    ptrdiff_t n = 0;
    for (ptrdiff_t i = 0; i < pixels; ++i) {
        const int tap = indices[i], row = tap * reciprocal >> 16;
        active.at[n] = active.base[i] + row * row_step + (tap - row * width) * column_step;
        active.value[n] = grad[i];
        n += tap != kNoIndex;
    }
    active.count = n;
}
