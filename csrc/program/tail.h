// The end of a program that is computed for several images at once.
#pragma once

#include <cstddef>
#include <vector>

#include "program/session.h"

namespace cnnkit {

// So many floats that what follows them is aligned.
inline ptrdiff_t rounded(ptrdiff_t floats) { return (floats + 15) / 16 * 16; }

// Steps at the end of a program that are computed for several images at once: from a matrix product
// on, whose weights are larger than anything else that is read.
struct Tail {
    size_t first = 0;                // 0: there is none
    std::vector<ptrdiff_t> offsets;  // of each buffer, for one image; -1: they do not need it
    std::vector<ptrdiff_t> carried;  // buffers that earlier steps have written
    ptrdiff_t floats = 0;
};

// Finds it; `products` tells of each step whether it multiplies vectors by a matrix.
Tail find_tail(const Program& program, const std::vector<bool>& products);

}  // namespace cnnkit
