// One convolution, fused with what follows it, with its weights packed: which kernel, prepared
// once, run many times.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <vector>

#include "kernels.h"

namespace cnnkit {

struct Free {
    void operator()(void* memory) const;
};
using Buffer = std::unique_ptr<void, Free>;

// Memory aligned to kAlignment; throws std::bad_alloc.
Buffer allocate(size_t bytes);

// Fills in the sizes of the convolution and of the output; either may come out below 1.
void complete(ConvShape& shape);

// The best gradients for a shape, which needs no input size yet.
const ConvBackwardKernel& find_conv_backward(const KernelTable& kernels, const ConvShape& shape);

// The best kernel that takes every value of a shape.
const ConvKernel& find_exact_conv(const KernelTable& kernels, const ConvShape& shape);

class ConvOp {
  public:
    // `shape` needs no input size yet: an algorithm is chosen by everything else.
    ConvOp(const KernelTable& kernels, const ConvShape& shape, Precision precision,
           const float* weight, const float* bias);

    // x is [images][channels_in][input.h][input.w], y is [images][channels_out][output.h][output.w]
    // of a completed shape. Const and free of locks: several threads may run one.
    // With max-pool `indices` [images][channels_out][output.h][output.w] unless it is null, which
    // only plain shapes have; see ConvKernel::run. `residual` is
    // [images][channels_out][conv.h][conv.w], null unless the shape has one.
    void run(const ConvShape& shape, const float* x, long images, float* y, unsigned char* indices,
             int threads, const float* residual = nullptr) const;

    // The same operation, of a shape that has a residual.
    std::unique_ptr<ConvOp> with_residual() const;

    // Gradients of `images` images, of a plain shape (conv/plain.inl.h): overwrites dw and db, and
    // dx unless it is null. The same bits for any number of threads.
    void backward(const ConvShape& shape, const float* x, const float* grad,
                  const unsigned char* indices, long images, float* dw, float* db, float* dx,
                  int threads) const;

    // Whether a call of so many images is over before another thread could help, or run Python.
    static bool is_brief(const ConvShape& shape, long images);

    // Packs the weights now rather than in the first call. Training has no need of it where the
    // kernel returns no indices.
    void prepack() const { fast(); }

    const char* algorithm() const { return (fast() ? fast() : exact_)->name; }
    const KernelTable& kernels() const { return kernels_; }
    const ConvShape& shape() const { return shape_; }

  private:
    const KernelTable& kernels_;
    ConvShape shape_;
    const Precision precision_;
    const ConvKernel* best_;              // the first one that fits the shape
    const ConvKernel* exact_;             // what runs where that one declines
    const ConvBackwardKernel* backward_;  // null unless the shape is plain

    // What only some calls need is made by the first of them, from these copies.
    const ConvKernel* fast() const;  // null where only the exact one will do
    const void* prepared_exact() const;
    const float* backward_weight() const;
    const float* bias_or_null() const { return bias_.empty() ? nullptr : bias_.data(); }
    std::vector<float> weight_, bias_;  // bias_ is empty where there is none
    mutable std::once_flag fast_once_, exact_once_, backward_once_;
    mutable std::atomic<bool> is_ready_{false};  // call_once alone would cost a call of its own
    mutable const ConvKernel* fast_ = nullptr;
    mutable Buffer prepared_fast_, prepared_exact_, backward_weight_;
};

}  // namespace cnnkit
