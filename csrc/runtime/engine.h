// A convnet as an engine: blocks of conv (stride 1) → ReLU → max-pool (window = stride), then
// linear and log-softmax. The published one has kernels of its own (mnist/mnist.h) where the
// instruction set has them; the others run on the general kernels (convnet.cpp).
#pragma once

#include <memory>
#include <vector>

#include "kernels.h"
#include "runtime/types.h"

namespace cnnkit {

struct Block {
    long channels, kernel, padding, pool;
};

// The sizes of a network; `channels`, `height` and `width` are its input's.
struct Architecture {
    long channels, height, width;
    std::vector<Block> blocks;
    long classes;

    long pixels() const { return channels * height * width; }
    bool is_published() const;
    // Of every block; a size below 1 leaves nothing to compute.
    std::vector<ConvShape> shapes() const;
};

// Where the parameters stand in one vector, as PyTorch lays each out: every block's weight
// [C][C of its input][kernel][kernel] and bias [C], then the linear layer's weight [K][features]
// and bias [K].
struct Layout {
    explicit Layout(const Architecture& architecture);

    std::vector<ConvShape> shapes;
    std::vector<long> weight, bias;  // of every block
    long features, classes;
    long linear, linear_bias;
    long count;
};

// Infers images [N][pixels]; const and free of locks: several threads may use one.
class InferenceSession {
  public:
    virtual ~InferenceSession() = default;
    virtual void infer(const uint8_t* raw, int64_t n, const NetOutputs& out) const = 0;
    virtual void infer(const float* scaled, int64_t n, const NetOutputs& out) const = 0;
};

// Holds parameters and Adam's moments during training. Functions as in MnistKernels; vectors have
// the order of `Layout`. Not for two threads at once.
class Trainer {
  public:
    virtual ~Trainer() = default;
    virtual void export_state(float* parameters, float* mean, float* square,
                              int64_t* steps) const = 0;
    virtual NetStatus train(const NetBatches& data, const NetAdam& adam, float* losses,
                            NetProgress* progress) = 0;
    virtual float gradients(const NetBatches& data, float* gradients, int64_t* correct) = 0;
    // False: its work has no such parts.
    virtual bool run_parts(const NetBatches&, int /*parts*/, bool /*learning*/) { return false; }
};

std::unique_ptr<InferenceSession> make_session(const KernelTable& kernels,
                                               const Architecture& architecture,
                                               const float* parameters);
std::unique_ptr<Trainer> make_trainer(const KernelTable& kernels, const Architecture& architecture,
                                      const float* parameters, const float* mean,
                                      const float* square, int64_t steps);

// Those of the general kernels, for any network.
std::unique_ptr<InferenceSession> make_convnet_session(const KernelTable& kernels,
                                                       const Architecture& architecture,
                                                       const float* parameters);
std::unique_ptr<Trainer> make_convnet_trainer(const KernelTable& kernels,
                                              const Architecture& architecture,
                                              const float* parameters, const float* mean,
                                              const float* square, int64_t steps);

}  // namespace cnnkit
