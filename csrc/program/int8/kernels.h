// The C format's kernels of integers (cnnkit/formats/c/kernels/int8) as a table, for each
// instruction set, and what computes their steps faster.
#pragma once

#include <cstddef>
#include <cstdint>

namespace cnnkit {

// As ProgramKernel, of arguments of any type: bytes, int32 biases, float factors and logits.
struct ByteKernel {
    const char* name;
    size_t field_bytes;
    int inputs;
    // Whether it stays inside arguments of so many bytes (0: a null pointer), the last of which it
    // writes.
    bool (*fits)(const void* fields, const ptrdiff_t* bytes);
    void (*run)(const void* fields, const void* const* in, void* y);
};

// The first one takes raw pixels as its second argument.
constexpr int kByteKernelCount = 12, kMostByteInputs = 5;

// Bytes that may be read behind each argument, whose values do not matter.
constexpr ptrdiff_t kByteSlack = 64;

// An algorithm for the steps of a kernel. The first three arguments of those that it prepares are
// constants: weight, bias and factor.
struct ByteAlgorithm {
    const char *name, *kernel;
    bool (*fits)(const void* fields);
    // Both null where there is nothing to prepare. False: it declines their values.
    ptrdiff_t (*prepared_bytes)(const void* fields);
    bool (*prepare)(const void* fields, const void* const* in, void* prepared);
    ptrdiff_t (*workspace_bytes)(const void* fields);
    ptrdiff_t (*parts)(const void* fields);
    // Computes the parts from `first` to `end`; the same bits however the work is cut. A matrix has
    // one part, and takes more: images, one behind the other.
    void (*run)(const void* fields, const void* prepared, const void* const* in, void* y,
                uint8_t* workspace, ptrdiff_t first, ptrdiff_t end);
};

struct ByteKernelTable {
    const char* name;
    const ByteKernel* kernels;
    const ByteAlgorithm* algorithms;  // best first
    int algorithm_count;
    bool (*supported)();
};

}  // namespace cnnkit
