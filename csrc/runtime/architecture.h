// The sizes of a convnet: blocks of conv (stride 1) → ReLU → max-pool (window = stride), then
// linear and log-softmax.
#pragma once

#include <vector>

#include "kernels.h"

namespace cnnkit {

struct Block {
    ptrdiff_t channels, kernel, padding, pool;
};

// `channels`, `height` and `width` are the input's.
struct Architecture {
    ptrdiff_t channels, height, width;
    std::vector<Block> blocks;
    ptrdiff_t classes;

    ptrdiff_t pixels() const { return channels * height * width; }
    // Of every block; a size below 1 leaves nothing to compute.
    std::vector<ConvShape> shapes() const;
};

// Where the parameters stand in one vector, as PyTorch lays each out: every block's weight
// [C][C of its input][kernel][kernel] and bias [C], then the linear layer's weight [K][features]
// and bias [K].
struct Layout {
    explicit Layout(const Architecture& architecture);

    std::vector<ConvShape> shapes;
    std::vector<ptrdiff_t> weight, bias;  // of every block
    ptrdiff_t features, classes;
    ptrdiff_t linear, linear_bias;
    ptrdiff_t count;
};

}  // namespace cnnkit
