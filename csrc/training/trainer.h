// Training of a list of layers, from raw pixels to a loss of their scores.
#pragma once

#include "runtime/engine.h"
#include "training/layer.h"

namespace cnnkit {

struct Sequence {
    Size images;
    ptrdiff_t classes;
    std::vector<float> mean, deviation;  // of each channel of scaled pixels; empty for none
    std::vector<LayerSpec> layers;
};

class SequenceTrainer : public Trainer {
  public:
    // Parameters in the layers' order, as PyTorch lays each.
    virtual ptrdiff_t parameters() const = 0;
    virtual ptrdiff_t statistics() const = 0;
    virtual void take(const float* parameters, const float* mean, const float* square,
                      const float* statistics, int64_t steps) = 0;
    virtual void give_statistics(float* statistics) const = 0;
};

// `seed` determines what is dropped, together with the number of a step. Throws
// std::invalid_argument for layers that cannot be.
std::unique_ptr<SequenceTrainer> make_sequence_trainer(const KernelTable& kernels,
                                                       const Sequence& sequence, uint64_t seed);

}  // namespace cnnkit
