// The kernels of the C format (cnnkit/formats/c/kernels) as a table, for each instruction set.
#pragma once

#include <cstddef>

namespace cnnkit {

// One kernel. `fields` is its structure of ints and floats; `in` are its arguments after that.
struct ProgramKernel {
    const char* name;
    size_t field_bytes;
    int inputs;
    // Whether it stays inside arguments of so many floats (0: a null pointer), the last of which it
    // writes.
    bool (*fits)(const void* fields, const long* floats);
    void (*run)(const void* fields, const float* const* in, float* y);
};

// The first one takes raw pixels, uint8, as its third argument.
constexpr int kProgramKernelCount = 13, kMostProgramInputs = 4;

struct ProgramKernelTable {
    const ProgramKernel* kernels;
};

}  // namespace cnnkit
