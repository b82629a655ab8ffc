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
    kDefault,  // an error below 2e-6 of the largest output, up to 512 channels
    kFast,     // below 5e-5, where it pays
};

// One way to compute the operation on one instruction set. Functions never allocate: the caller
// owns `prepared`, made once per weight, and `workspace`, both aligned to kAlignment and of the
// sizes asked for (bytes).
struct Algorithm {
    const char* name;
    bool names_winners;
    bool (*fits)(const Shape&, Precision);
    size_t (*prepared_bytes)(const Shape&);
    // weight is [channels_out][channels_in][kernel.h][kernel.w]; bias is [channels_out] or null.
    // False: these weights (NaN, infinite or huge) are not for this algorithm.
    bool (*prepare)(const Shape&, const float* weight, const float* bias, void* prepared);
    size_t (*workspace_bytes)(const Shape&);
    // Computes the pooled rows row0 <= row < row1 of every output channel, and unless `winners` is
    // null, for each pooled pixel which tap of its pool window won, counted row by row (the first,
    // where several are equal), or kNoWinner where ReLU gave zero. False: the pixels (NaN, infinite
    // or huge) are not for this algorithm, and y holds nothing of use. `winners` is null unless
    // the algorithm names them.
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
    // Adds sums to dw and db [channels_out].
    void (*add_sums)(const Shape&, const float* sums, float* dw, float* db);
    // One image: x, the gradient of its output, and the winners that `Algorithm::run` gave. Adds to
    // sums; writes dx unless it is null, and else does not read the weights.
    void (*run)(const Shape&, const float* x, const float* packed_weight, const float* grad,
                const unsigned char* winners, float* sums, float* dx, void* workspace);
};

// One step of Adam: what depends on the number of steps and the hyperparameters.
struct AdamStep {
    float step;             // minus the learning rate, over the mean's bias correction
    float root_correction;  // square root of the square's bias correction
    float epsilon;
    float keep;                 // of a parameter: what AdamW's decay leaves
    float take1, keep2, take2;  // 1 - beta1, beta2, 1 - beta2
};

// The linear layer and Adam, for one instruction set; see ops/linear.inl.h.
struct Dense {
    void (*forward)(const float* weight, const float* bias, const float* x, long inputs,
                    long outputs, float* y);
    void (*input_gradient)(const float* weight, const float* dy, long inputs, long outputs,
                           float* dx);
    void (*weight_gradient)(const float* x, const float* dy, long n, long inputs, long outputs,
                            float* dweight);
    void (*adam)(const AdamStep&, const float* gradient, long count, float* parameter, float* mean,
                 float* square);
};

struct NetKernels;  // the published network as one engine: mnist/mnist.h

// The algorithms and gradients of one instruction set, best first; the last ones fit everything.
struct Isa {
    const char* name;
    int lanes;  // floats in a vector
    bool (*supported)();
    const Algorithm* algorithms;
    int algorithm_count;
    const Gradient* gradients;
    Dense dense;
    Limits limits;
    const NetKernels* net;  // null where the general kernels are the faster way
};

// Algorithms that an instruction set has before those of the one it builds on.
struct Addition {
    const char* name;
    bool (*supported)();
    const Algorithm* algorithms;
    int algorithm_count;
};

}  // namespace cnnkit
