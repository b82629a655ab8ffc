// One convolution, fused with what follows it, with its weights: packed once, run many times, on
// several threads.
#pragma once

#include <mutex>
#include <vector>

#include "kernels.h"
#include "runtime/buffer.h"
#include "runtime/packed_conv.h"

namespace cnnkit {

// Fills in the sizes of the convolution and of the output; either may come out below 1.
void complete(ConvShape& shape);

// The best gradients for a shape, which needs no input size yet.
const ConvBackwardKernel& find_conv_backward(const KernelTable& kernels, const ConvShape& shape);

class ConvOp {
  public:
    // `shape` needs no input size yet.
    ConvOp(const KernelTable& kernels, const ConvShape& shape, Precision precision,
           const float* weight, const float* bias);

    // x is [images][channels_in][input.h][input.w], y is [images][channels_out][output.h][output.w]
    // of a completed shape. Const and free of locks: several threads may run one.
    // With max-pool `indices` [images][channels_out][output.h][output.w] unless it is null; see
    // ConvKernel::run. Only plain shapes (conv/plain.inl.h) have them: throws std::invalid_argument
    // for others. `residual` is [images][channels_out][conv.h][conv.w], null unless the shape has
    // one.
    void run(const ConvShape& shape, const float* x, ptrdiff_t images, float* y,
             unsigned char* indices, int threads, const float* residual = nullptr) const;

    // The same operation, of a shape that has a residual.
    std::unique_ptr<ConvOp> with_residual() const;

    // Gradients of `images` images: overwrites dw and db, and dx unless it is null. The same bits
    // for any number of threads. Throws std::invalid_argument unless the shape is plain.
    void backward(const ConvShape& shape, const float* x, const float* grad,
                  const unsigned char* indices, ptrdiff_t images, float* dw, float* db, float* dx,
                  int threads) const;

    // Whether a call of so many images is over before another thread could help, or run Python.
    static bool is_brief(const ConvShape& shape, ptrdiff_t images);

    // Packs the weights now rather than in the first call. Of no use to training where the best
    // kernel returns no indices.
    void prepack() const { packed_.best_kernel(); }

    const char* algorithm() const { return packed_.best_kernel().name; }
    const KernelTable& kernels() const { return kernels_; }
    const ConvShape& shape() const { return shape_; }
    const std::vector<float>& weight() const { return weight_; }
    const std::vector<float>& bias() const { return bias_; }  // empty where there is none

  private:
    const KernelTable& kernels_;
    ConvShape shape_;
    const ConvBackwardKernel* backward_;  // null unless the shape is plain
    const Precision precision_;
    std::vector<float> weight_, bias_;  // bias_ is empty where there is none
    PackedConv packed_;                 // of those copies

    // Packed by the first call that needs them.
    const float* backward_weight() const;
    mutable std::once_flag backward_once_;
    mutable Buffer backward_weight_;
};

}  // namespace cnnkit
