// The interface of the kernels: raw pointers and sizes; nothing of Python or PyTorch.
//
// Legend: C channels, H rows, W columns; every array is contiguous float32, images are [C][H][W].
#pragma once

#include <cstddef>
#include <cstdint>

namespace cnnkit {

// Rows first, then columns, as in PyTorch.
struct Pair {
    ptrdiff_t h, w;
};

// y = max_pool2d(relu(conv2d(x, weight, bias, stride, padding)), pool_kernel, pool_stride,
// pool_padding) of one image. A pool of 1x1 with stride 1 is none.
struct PlainShape {
    ptrdiff_t channels_in, channels_out;
    Pair input, kernel, stride, padding;
    Pair pool_kernel, pool_stride, pool_padding;
    Pair conv;    // rows and columns of the convolution
    Pair output;  // rows and columns after the pool
};

// y = max_pool2d(clamp(conv2d(x, weight, bias, stride, padding, dilation, groups) + residual, low,
// high), pool_kernel, pool_stride, pool_padding). Most kernels know only what is plain, which the
// values below are (conv/plain.inl.h).
struct ConvShape : PlainShape {
    Pair extra_padding = {0, 0};  // at the bottom and right, beyond `padding`; negative for less
    Pair dilation = {1, 1};
    ptrdiff_t groups = 1;  // divides both channel counts
    // The activation: from 0 to infinity is ReLU, from -infinity none. NaN stays NaN.
    float low = 0.0f, high = __builtin_inff();
    bool residual = false;  // whether one is added: [channels_out][conv.h][conv.w]
};

enum class Precision {
    kDefault,  // an error below 2e-6 of the largest output, up to 512 channels
    kFast,     // below 5e-5, where it pays
};

// One way to compute the operation on one instruction set. Functions never allocate: the caller
// owns `prepared`, made once per weight, and `workspace`, both aligned to kAlignment and of the
// sizes asked for (bytes).
struct ConvKernel {
    const char* name;
    bool returns_indices;
    bool may_decline;  // values: prepare or run may return false
    // Of a shape whose input size is not known yet (0): whether it takes some of these inputs.
    bool (*fits)(const ConvShape&, Precision);
    size_t (*prepared_bytes)(const ConvShape&);
    // weight is [channels_out][channels_in / groups][kernel.h][kernel.w]; bias is [channels_out] or
    // null. False: these weights (NaN, infinite or huge) are not for this algorithm.
    bool (*prepare)(const ConvShape&, const float* weight, const float* bias, void* prepared);
    size_t (*workspace_bytes)(const ConvShape&);
    // Computes the pooled rows row0 <= row < row1 of every output channel, and unless `indices` is
    // null, for each pooled pixel its max-pool index: the largest tap of its window, counted row by
    // row (the first, where several are equal), or kNoIndex where ReLU gave zero. False: the pixels
    // (NaN, infinite or huge) are not for this algorithm, and y holds nothing of use. `indices` is
    // null unless the kernel returns them; `residual` is null unless the shape has one.
    bool (*run)(const ConvShape&, const float* x, const void* prepared, float* y,
                unsigned char* indices, ptrdiff_t row0, ptrdiff_t row1, void* workspace,
                const float* residual);
};

constexpr unsigned char kNoIndex = 255;
constexpr ptrdiff_t kMostTaps = 255;  // of a pool window whose indices are asked for

constexpr size_t kAlignment = 64;

// Work whose speed is a limit of the machine: what a kernel's speed is a share of.
struct Roofline {
    ptrdiff_t flop_per_turn;
    float (*multiply_add)(ptrdiff_t turns);
    ptrdiff_t read_step;  // floats; `count` below is a multiple of it
    float (*read)(const float* from, ptrdiff_t count, ptrdiff_t passes);
};

// One way to compute the gradients on one instruction set. Weights, and the sums over images that
// become dw and db, are in an order of its own. Memory is the caller's, as with ConvKernel.
struct ConvBackwardKernel {
    bool (*fits)(const ConvShape&);
    size_t (*weight_bytes)(const ConvShape&);
    size_t (*sum_bytes)(const ConvShape&);
    size_t (*workspace_bytes)(const ConvShape&);
    void (*pack_weights)(const ConvShape&, const float* weight, float* packed);
    // Adds sums to dw and db [channels_out].
    void (*add_sums)(const ConvShape&, const float* sums, float* dw, float* db);
    // One image: x, the gradient of its output, and the indices that `ConvKernel::run` gave. Adds
    // to sums; writes dx unless it is null, and else does not read the weights.
    void (*run)(const ConvShape&, const float* x, const float* packed_weight, const float* grad,
                const unsigned char* indices, float* sums, float* dx, void* workspace);
};

// One step of Adam: what depends on the number of steps and the hyperparameters.
struct AdamStep {
    float step;             // minus the learning rate, over the mean's bias correction
    float root_correction;  // square root of the square's bias correction
    float epsilon;
    float keep;                 // of a parameter: what AdamW's decay leaves
    float take1, keep2, take2;  // 1 - beta1, beta2, 1 - beta2
};

// The linear layer, for one instruction set; see ops/linear.inl.h.
struct LinearKernels {
    void (*forward)(const float* weight, const float* bias, const float* x, ptrdiff_t inputs,
                    ptrdiff_t outputs, float* y);
    void (*input_gradient)(const float* weight, const float* dy, ptrdiff_t inputs,
                           ptrdiff_t outputs, float* dx);
    void (*weight_gradient)(const float* x, const float* dy, ptrdiff_t n, ptrdiff_t inputs,
                            ptrdiff_t outputs, float* dweight);
};

// Along one axis, output i is the sum of taps[i][k] times the pixel first[i] + k, for each of
// `most` taps, in 1/2^22 and rounded.
struct ResampleAxis {
    ptrdiff_t count, most;
    const int32_t *first, *taps;
};

// Resampling of 8-bit pixels; see ops/resample.inl.h. Rows of the result are `step` bytes apart, a
// multiple of kResampleStrip.
constexpr ptrdiff_t kResampleStrip = 16;  // bytes
struct ResampleKernels {
    // Of 1 to kResampleStrip / `bytes` rows of pixels of 1 or 4 bytes. There is room for so many in
    // `out`; in `strip` for kResampleStrip bytes for each pixel of a row, before and after (three
    // more after).
    void (*along_rows)(const uint8_t* pixels, ptrdiff_t width, ptrdiff_t rows, int bytes,
                       const ResampleAxis& axis, uint8_t* out, ptrdiff_t step, uint8_t* strip);
    // Row `at` of the result.
    void (*along_columns)(const uint8_t* rows, ptrdiff_t step, const ResampleAxis& axis,
                          ptrdiff_t at, uint8_t* out);
    // The first three of each four bytes go to three planes, which are `plane` bytes apart.
    void (*split_colours)(const uint8_t* row, ptrdiff_t count, uint8_t* out, ptrdiff_t plane);
};

// The kernels of one instruction set. Those of convolutions stand best first, and the last ones fit
// everything; the gradients are those of plain convolutions (conv/plain.inl.h).
struct KernelTable {
    const char* name;
    int lanes;  // floats in a vector
    bool (*supported)();
    const ConvKernel* conv;
    int conv_count;
    const ConvBackwardKernel* conv_backward;
    LinearKernels linear;
    void (*adam)(const AdamStep&, const float* gradient, ptrdiff_t count, float* parameter,
                 float* mean, float* square);
    Roofline roofline;
    ResampleKernels resample;
};

// Kernels that an instruction set has before those of the one it builds on.
struct KernelTableExtension {
    const char* name;
    bool (*supported)();
    const ConvKernel* conv;
    int conv_count;
};

}  // namespace cnnkit
