// The gradients of conv → ReLU → max-pool, best first. Only one convolution pixel of each pool
// window, the winner, carries a gradient, and none where ReLU gave zero.

#include "cpu/simd/reduce.inl.h"
#include "conv_backward/active.inl.h"
#include "conv_backward/single_channel.inl.h"
#include "conv_backward/block3x3.inl.h"
#include "conv_backward/generic.inl.h"

constexpr Gradient kGradients[] = {gradient_one::kGradient, gradient_block::kGradient,
                                   gradient_sparse::kGradient};
