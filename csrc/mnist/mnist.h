// The published network (Conv 1->16 3x3, ReLU, MaxPool 2, Conv 16->4 3x3, ReLU, MaxPool 2,
// Linear 196->10, log-softmax) as one engine: what a caller may do with it.
//
// Every function comes once per instruction set, in a table (MnistKernels). None allocates: the
// caller owns every buffer. A `void*` must be aligned to 64 bytes and have the size that its
// `_bytes` tells.
#pragma once

#include <cstddef>
#include <cstdint>

#include "runtime/types.h"

namespace cnnkit {

constexpr int kMnistPixels = 28 * 28;
constexpr int kMnistClasses = 10;
// convs.0.weight [16,1,3,3], .bias [16], convs.1.weight [4,16,3,3], .bias [4], linear.weight
// [10,196], .bias [10]: one after another in this order, as PyTorch lays each out.
constexpr int kMnistParameters = 144 + 16 + 576 + 4 + 1960 + 10;

struct MnistKernels {
    // Inference: pack the parameters once, then call from any number of threads, each with its own
    // workspace.
    size_t (*weights_bytes)();
    size_t (*workspace_bytes)();
    void (*pack)(const float* parameters, void* weights);
    void (*infer_u8)(const void* weights, const uint8_t* images, int64_t n, const NetOutputs& out,
                     void* workspace);
    void (*infer_f32)(const void* weights, const float* images, int64_t n, const NetOutputs& out,
                      void* workspace);

    // Training: the state holds parameters, Adam's moments, gradients and scratch. Parameters and
    // moments enter and leave as float [2710]; `steps` is the number of updates made so far.
    size_t (*state_bytes)();
    void (*import_state)(void* state, const float* parameters, const float* mean,
                         const float* square, int64_t steps);
    void (*export_state)(const void* state, float* parameters, float* mean, float* square,
                         int64_t* steps);

    // Runs ceil(count / batch_size) steps; writes each step's loss. A loss that is not finite ends
    // the epoch before the update that it would have caused. Any split of an epoch at whole batches
    // gives the same bits.
    NetStatus (*train)(void* state, const NetBatches& data, const NetAdam& adam, float* losses,
                       NetProgress* progress);

    // The loss of one batch (all of `data`) and its gradients, float [2710]; changes no parameter.
    float (*gradients)(void* state, const NetBatches& data, float* gradients, int64_t* correct);

    // Only the first parts of the work on each image, as inference or (`training`) as training does
    // it, so that they can be timed: block 1, block 2, head, gradients of head, block 2, block 1.
    // Null where the work has no such parts.
    void (*run_parts)(void* state, const NetBatches& data, int parts, bool training);
};

// kMnistScalar is the slow and plain reference of the others.
extern const MnistKernels kMnistAvx512, kMnistAvx2, kMnistScalar;

}  // namespace cnnkit
