// The gradients of conv → ReLU → max-pool, best first. Only one convolution pixel of each pool
// window, its maximum, carries a gradient, and none where ReLU gave zero. Needs gather.inl.h
// or gather_avx512.inl.h.

#include "conv_backward/single_channel.inl.h"
#include "conv_backward/block3x3.inl.h"
#include "conv_backward/generic.inl.h"

constexpr ConvBackwardKernel kConvBackwardKernels[] = {backward_single_channel::kConvBackwardKernel,
                                                       backward_block3x3::kConvBackwardKernel,
                                                       backward_generic::kConvBackwardKernel};
