// A convolution of an image [H][W][C] by the algorithms of lowered graphs (csrc/program).
#pragma once

#include "kernels.h"
#include "program/session.h"
#include "runtime/buffer.h"
#include "training/layer.h"

namespace cnnkit {

class ProgramConv {
  public:
    // `before`: the padding above and to the left; what is needed of it below and to the right
    // follows from the output.
    ProgramConv(const KernelTable& kernels, const Size& in, const Size& out, const Pair& kernel,
                const Pair& stride, const Pair& before, bool relu);

    // Weights in blocks of 16 output channels, the last of which has 8 where that is enough; and as
    // many of the bias. They stay where they are, and as they are, until the next call.
    void set_weights(const float* weight, const float* bias);
    ptrdiff_t weight_floats() const;
    bool is_last_narrow() const { return narrow_; }

    ptrdiff_t workspace_floats() const { return workspace_; }
    void run(const float* x, float* y, float* workspace) const;

  private:
    // As the C format's structure `conv`.
    struct Fields {
        int in_h, in_w, in_c, out_h, out_w, out_c, kernel_h, kernel_w, stride_h, stride_w, pad_h,
            pad_w, dilation_h, dilation_w, groups, activation;
        float low, high;
    } fields_;
    bool narrow_;
    const ProgramKernel* kernel_ = nullptr;
    std::vector<const ProgramAlgorithm*> algorithms_;  // those that fit, best first
    const ProgramAlgorithm* chosen_ = nullptr;
    Buffer prepared_;
    const float *weight_ = nullptr, *bias_ = nullptr;
    ptrdiff_t workspace_ = 0;
};

}  // namespace cnnkit
