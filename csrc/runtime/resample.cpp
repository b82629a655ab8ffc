#include "runtime/resample.h"

#include <algorithm>

#include "runtime/buffer.h"

namespace cnnkit {

void resample_picture(const KernelTable& kernels, const PixelRows& picture,
                      const ResampleAxis& across, const ResampleAxis& down, uint8_t* out) {
    const auto [first, last] = std::minmax_element(down.first, down.first + down.count);
    const ptrdiff_t begin = *first, end = *last + down.most,
                    together = kResampleStrip / picture.bytes;
    const auto rounded = [](ptrdiff_t n, ptrdiff_t to) { return (n + to - 1) / to * to; };
    const ptrdiff_t step = rounded(across.count * picture.bytes, kResampleStrip);
    const ptrdiff_t strip_bytes = (picture.width + across.count + 3) * kResampleStrip;
    auto* const strip = static_cast<uint8_t*>(
        thread_workspace(strip_bytes + (rounded(end - begin, together) + 1) * step));
    uint8_t* const made = strip + strip_bytes;
    uint8_t* const rows = made + step;
    for (ptrdiff_t y = begin; y < end; y += together) {
        kernels.resample.along_rows(picture.pixels + y * picture.width * picture.bytes,
                                    picture.width, std::min(together, end - y), picture.bytes,
                                    across, rows + (y - begin) * step, step, strip);
    }
    const ptrdiff_t plane = down.count * across.count;
    for (ptrdiff_t y = 0; y < down.count; ++y, out += across.count) {
        kernels.resample.along_columns(rows - begin * step, step, down, y, made);
        if (picture.bytes == 1)
            std::copy_n(made, across.count, out);
        else
            kernels.resample.split_colours(made, across.count, out, plane);
    }
}

}  // namespace cnnkit
