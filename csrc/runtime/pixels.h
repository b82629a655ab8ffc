// What inference and training on the general kernels share.
#pragma once

#include <cstdint>

#include "kernels.h"

namespace cnnkit {

inline ptrdiff_t output_floats(const ConvShape& s) {
    return s.channels_out * s.output.h * s.output.w;
}

// Pixels as the network was trained on them: [0, 255] to [0, 1].
inline void scale(const uint8_t* raw, ptrdiff_t pixels, float* to) {
    constexpr float kPixelScale = 1.0f / 255.0f;
    for (ptrdiff_t i = 0; i < pixels; ++i) to[i] = static_cast<float>(raw[i]) * kPixelScale;
}

}  // namespace cnnkit
