// The gradients of conv → ReLU → max-pool, best first. Only one convolution pixel of each pool
// window, the winner, carries a gradient, and none where ReLU gave zero.

#include "gradient_words.inl.h"
#include "gradient_active.inl.h"
#include "gradient_one.inl.h"
#include "gradient_block.inl.h"
#include "gradient_sparse.inl.h"

constexpr Gradient kGradients[] = {gradient_one::kGradient, gradient_block::kGradient,
                                   gradient_sparse::kGradient};
