// A picture in another size, with the bytes that Pillow gives.
#pragma once

#include <cstdint>

#include "kernels.h"

namespace cnnkit {

struct PixelRows {
    const uint8_t* pixels;
    ptrdiff_t height, width;
    int bytes;  // of a pixel: 1, or 4 of which the last is of no account
};

// Resamples along the rows, then along the columns, each time rounded to 8 bits. Writes the result
// as planes: [channels][down.count][across.count], of 1 or 3 channels.
void resample_picture(const KernelTable& kernels, const PixelRows& picture,
                      const ResampleAxis& across, const ResampleAxis& down, uint8_t* out);

}  // namespace cnnkit
