// The gradients of conv → ReLU → max-pool, best first. Only one convolution pixel of each pool
// window, its maximum, carries a gradient, and none where ReLU gave zero. After gather.inl.h or the
// instruction set's own.

#include "conv_backward/single_channel.inl.h"
#include "conv_backward/block3x3.inl.h"
#include "conv_backward/generic.inl.h"

constexpr ConvBackwardKernel kConvBackwardKernels[] = {backward_single_channel::kConvBackwardKernel,
                                                       backward_block3x3::kConvBackwardKernel,
                                                       backward_generic::kConvBackwardKernel};
