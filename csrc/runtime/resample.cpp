#include "runtime/resample.h"

#include <algorithm>

#include "runtime/buffer.h"

namespace cnnkit {

void resample_picture(const KernelTable& kernels, const PixelRows& picture,
                      const ResampleAxis& across, const ResampleAxis& down, uint8_t* out) {
    const auto [begin, last] = std::minmax_element(down.first, down.first + down.count);
    const long end = *last + down.most, samples = across.count * picture.bytes;
    const long channels = picture.bytes == 4 ? 3 : 1, plane = down.count * across.count;
    auto* const sums = static_cast<int32_t*>(
        thread_workspace(samples * sizeof(int32_t) + (end - *begin + 1) * samples));
    auto* const rows = reinterpret_cast<uint8_t*>(sums + samples);
    uint8_t* const made = rows + (end - *begin) * samples;
    for (long y = *begin; y < end; ++y) {
        kernels.resample.along_row(picture.pixels + y * picture.width * picture.bytes,
                                   picture.bytes, across, rows + (y - *begin) * samples);
    }
    for (long y = 0; y < down.count; ++y, out += across.count) {
        kernels.resample.along_columns(rows - *begin * samples, samples, down, y, sums, made);
        for (long c = 0; c < channels; ++c)
            for (long x = 0; x < across.count; ++x)
                out[c * plane + x] = made[x * picture.bytes + c];
    }
}

}  // namespace cnnkit
