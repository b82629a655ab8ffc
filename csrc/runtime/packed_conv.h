// The one place that chooses a kernel and falls back: a convolution's weights, packed for the best
// kernel that takes them, and for the one that takes everything where that one declines.
#pragma once

#include <atomic>
#include <mutex>
#include <vector>

#include "kernels.h"
#include "runtime/buffer.h"

namespace cnnkit {

class PackedConv {
  public:
    // `shape` needs no input size yet.
    PackedConv(const KernelTable& kernels, const ConvShape& shape, Precision precision);

    // The weights as in ConvKernel::prepare. A kernel packs them when it is first chosen, so they
    // have to stay where they are, unchanged, until the next call; which no other thread may make.
    void set_weights(const float* weight, const float* bias);

    // One kernel and its weights.
    struct Packed {
        enum State { kNotYet, kDone, kDeclined };
        const ConvKernel* kernel = nullptr;
        mutable std::atomic<State> state{kNotYet};
        mutable Buffer memory;
    };

    // What runs inputs of one size, with the workspace that it needs.
    struct Choice {
        const Packed* best;  // null: the kernel that takes everything
        size_t workspace_bytes;
    };

    // The best kernel that takes the complete shape and the weights, and that returns max-pool
    // indices where those are needed. Free of locks once the weights are packed.
    Choice choose(const ConvShape& shape, bool needs_indices) const;

    // As ConvKernel::run, but for any pixels. Several threads may run one.
    void run(const Choice& choice, const ConvShape& shape, const float* x, float* y,
             unsigned char* indices, ptrdiff_t row0, ptrdiff_t row1, void* workspace,
             const float* residual = nullptr) const;

    // The best kernel for inference, as far as that is known without an input size. Packs its
    // weights.
    const ConvKernel& best_kernel() const;

  private:
    const Packed* find(const ConvShape& shape, bool needs_indices) const;

    // Packs the weights unless that is done; false where the kernel declines them.
    bool is_packed(const Packed& packed) const;

    const ConvShape shape_;
    const Precision precision_;
    std::vector<Packed> candidates_;  // those that fit, best first
    Packed exact_;                    // the best one that takes every value
    const float *weight_ = nullptr, *bias_ = nullptr;
    mutable std::mutex packing_;
};

}  // namespace cnnkit
