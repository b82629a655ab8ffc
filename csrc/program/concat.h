// Concatenation of channels without copies: which convolutions write into its result at once.
#pragma once

#include <cstddef>
#include <vector>

#include "program/session.h"

namespace cnnkit {

// Of a convolution: the step that would copy its output, and where its pixels go instead.
struct InPlace {
    size_t copy = 0;  // 0: it writes its own buffer
    ptrdiff_t start = 0, pixel = 0;
};

// Finds them among the convolutions and copies whose `may` is true, one InPlace for each step, and
// moves the results of such concatenations behind the arena, because they are needed from the first
// convolution on.
std::vector<InPlace> concatenate_in_place(Program& program, const std::vector<bool>& may);

}  // namespace cnnkit
