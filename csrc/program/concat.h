// Concatenation of channels without copies: which convolutions write into its result at once.
#pragma once

#include <cstddef>
#include <cstring>
#include <vector>

#include "program/session.h"

namespace cnnkit {

// As the C format's `conv` begins.
struct ConvSizes {
    int in_h, in_w, in_c, out_h, out_w, out_c, kernel_h, kernel_w, stride_h, stride_w, pad_h, pad_w,
        dilation_h, dilation_w, groups;
    explicit ConvSizes(const ProgramStep& step) {
        std::memcpy(this, step.fields.data(), sizeof *this);
    }
};

// Of a convolution: the step that would copy its output, and where its pixels go instead.
struct InPlace {
    size_t copy = 0;  // 0: it writes its own buffer
    long start = 0, pixel = 0;
};

// Finds them among the convolutions and copies whose `may` is true, one InPlace for each step, and
// moves the results of such concatenations behind the arena, because they are needed from the first
// convolution on.
std::vector<InPlace> concatenate_in_place(Program& program, const std::vector<bool>& may);

}  // namespace cnnkit
