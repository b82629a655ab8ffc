// Augmented copies of raw images, in integers: the same pixels on every machine.
#pragma once

#include <cstddef>
#include <cstdint>

namespace cnnkit {

struct ImageSize {
    ptrdiff_t channels, height, width;
};

enum class Border { kBlack, kReflect };  // what lies outside an image; reflect is PyTorch's padding

// A row of the table, int32 in 1/65536: output pixel (x, y) shows the input at column
// m[0] x + m[1] y + m[4] and row m[2] x + m[3] y + m[5], between four pixels by 1/256 bilinearly;
// v then becomes m[6] v + m[7], within 0 to 255. Beyond its own size from the input's edges, the
// edge of that area is repeated.
constexpr ptrdiff_t kAugmentColumns = 8;

// Writes for each of `count` rows of the table image order[i], changed by row i.
void augment(const uint8_t* images, const int64_t* order, const int32_t* table, int64_t count,
             const ImageSize& size, Border border, int threads, uint8_t* out);

}  // namespace cnnkit
