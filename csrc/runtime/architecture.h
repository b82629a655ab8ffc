// The sizes of a convnet: blocks of conv (stride 1) → ReLU → max-pool (window = stride), then
// linear and log-softmax.
#pragma once

#include <vector>

#include "kernels.h"

namespace cnnkit {

struct Block {
    long channels, kernel, padding, pool;
};

// `channels`, `height` and `width` are the input's.
struct Architecture {
    long channels, height, width;
    std::vector<Block> blocks;
    long classes;

    long pixels() const { return channels * height * width; }
    // Of every block; a size below 1 leaves nothing to compute.
    std::vector<ConvShape> shapes() const;
};

// Where the parameters stand in one vector, as PyTorch lays each out: every block's weight
// [C][C of its input][kernel][kernel] and bias [C], then the linear layer's weight [K][features]
// and bias [K].
struct Layout {
    explicit Layout(const Architecture& architecture);

    std::vector<ConvShape> shapes;
    std::vector<long> weight, bias;  // of every block
    long features, classes;
    long linear, linear_bias;
    long count;
};

}  // namespace cnnkit
