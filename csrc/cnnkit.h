// The interface of the kernels: raw pointers and sizes; nothing of Python or PyTorch.
//
// Legend: C channels, H rows, W columns; every array is contiguous float32, images are [C][H][W].
#pragma once

#include <cstddef>

namespace cnnkit {

// Rows first, then columns, as in PyTorch.
struct Pair {
    long h, w;
};

// y = max_pool2d(relu(conv2d(x, weight, bias, stride, padding)), pool_kernel, pool_stride,
// pool_padding) of one image
struct Shape {
    long channels_in, channels_out;
    Pair input, kernel, stride, padding;
    Pair pool_kernel, pool_stride, pool_padding;
    Pair conv;    // rows and columns of the convolution
    Pair output;  // rows and columns after the pool
};

enum class Precision {
    kDefault,  // within a small factor of the rounding error of a plain sum
    kFast,     // 15 to 25 times that, where it pays
};

// One way to compute the operation on one instruction set. Functions never allocate: the caller
// owns `prepared`, made once per weight, and `workspace`, both aligned to kAlignment and of the
// sizes asked for (bytes).
struct Algorithm {
    const char* name;
    bool (*fits)(const Shape&, Precision);
    size_t (*prepared_bytes)(const Shape&);
    // weight is [channels_out][channels_in][kernel.h][kernel.w]; bias is [channels_out] or null.
    // False: these weights (NaN, infinite or huge) are not for this algorithm.
    bool (*prepare)(const Shape&, const float* weight, const float* bias, void* prepared);
    size_t (*workspace_bytes)(const Shape&);
    // Computes the pooled rows row0 <= row < row1 of every output channel, and unless `winners` is
    // null, for each pooled pixel which tap of its pool window won, counted row by row (the first,
    // where several are equal), or kNoWinner where ReLU gave zero. False: the pixels (NaN, infinite
    // or huge) are not for this algorithm, or it knows no winners, and y holds nothing of use.
    bool (*run)(const Shape&, const float* x, const void* prepared, float* y,
                unsigned char* winners, long row0, long row1, void* workspace);
};

constexpr unsigned char kNoWinner = 255;
constexpr long kMostTaps = 255;  // of a pool window whose winners are asked for

constexpr size_t kAlignment = 64;

// Work whose speed is a limit of the machine: what a kernel's speed is a share of.
struct Limits {
    long flop_per_turn;
    float (*multiply_add)(long turns);
    long read_step;  // floats; `count` below is a multiple of it
    float (*read)(const float* from, long count, long passes);
};

// One way to compute the gradients on one instruction set. Weights, and the sums over images that
// become dw and db, are in an order of its own. Memory is the caller's, as with Algorithm.
struct Gradient {
    bool (*fits)(const Shape&);
    size_t (*weight_bytes)(const Shape&);
    size_t (*sum_bytes)(const Shape&);
    size_t (*workspace_bytes)(const Shape&);
    void (*pack_weights)(const Shape&, const float* weight, float* packed);
    // Writes dw, and db [channels_out].
    void (*finish)(const Shape&, const float* sums, float* dw, float* db);
    // One image: x, the gradient of its output, and the winners that `Algorithm::run` gave. Adds to
    // sums; writes dx unless it is null, and else does not read the weights.
    void (*run)(const Shape&, const float* x, const float* packed_weight, const float* grad,
                const unsigned char* winners, float* sums, float* dx, void* workspace);
};

struct NetKernels;  // the published network as one engine: net/net.h

// The algorithms and gradients of one instruction set, best first; the last ones fit everything.
struct Isa {
    const char* name;
    int lanes;  // floats in a vector
    bool (*supported)();
    const Algorithm* algorithms;
    int algorithm_count;
    const Gradient* gradients;
    Limits limits;
    const NetKernels* net;
};

}  // namespace cnnkit
