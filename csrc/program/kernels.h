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
    bool (*fits)(const void* fields, const ptrdiff_t* floats);
    void (*run)(const void* fields, const float* const* in, float* y);
};

// The first one takes raw pixels, uint8, as its third argument.
constexpr int kProgramKernelCount = 19, kMostProgramInputs = 4;

// An algorithm for the steps of a kernel; those of `conv` and `depthwise` that have constant
// weights, which others have none of.
struct ProgramAlgorithm {
    const char *name, *kernel;
    bool (*fits)(const void* fields);
    ptrdiff_t (*prepared_floats)(const void* fields);
    // Lays the packed weights and the bias as `run` reads them. False: it declines their values.
    // Null, and no prepared_floats, where there are none.
    bool (*prepare)(const void* fields, const float* weight, const float* bias, float* prepared);
    ptrdiff_t (*workspace_floats)(const void* fields);
    // Into how many parts its work can be cut: rows of the output, mostly.
    ptrdiff_t (*parts)(const void* fields);
    // Whether it computes the values of x that belong to the parts from `first` to `end`; each
    // value belongs to at least one part. Null, where it computes any.
    bool (*accepts)(const void* fields, const float* x, ptrdiff_t first, ptrdiff_t end);
    // Computes the parts from `first` to `end`, with the same bits however the work is cut.
    void (*run)(const void* fields, const float* prepared, const float* x, const float* residual,
                float* y, float* workspace, ptrdiff_t first, ptrdiff_t end);
    // As `run`, for images of one pixel each that lie one behind the other, with the same bits;
    // null, where their weights are not read less often.
    void (*run_images)(const void* fields, const float* prepared, const float* x, float* y,
                       ptrdiff_t images, ptrdiff_t first, ptrdiff_t end) = nullptr;
    // As `run` without a residual, into pixels that lie y_pixel floats apart, such as those of a
    // concatenation; null, where it cannot.
    void (*run_apart)(const void* fields, const float* prepared, const float* x, float* y,
                      ptrdiff_t y_pixel, float* workspace, ptrdiff_t first,
                      ptrdiff_t end) = nullptr;
    // As `run` without a residual and a max-pool of 2x2 with stride 2 behind it, with the same
    // bits: y is the pool's. Null, where it cannot.
    void (*run_pooled)(const void* fields, const float* prepared, const float* x, float* y,
                       float* workspace, ptrdiff_t first, ptrdiff_t end) = nullptr;
};

struct ProgramKernelTable {
    const ProgramKernel* kernels;
    const ProgramAlgorithm* algorithms;  // best first
    int algorithm_count;
};

}  // namespace cnnkit
