// Convolutions that take the max-pool behind them as well.
#pragma once

#include <cstddef>
#include <vector>

#include "program/session.h"

namespace cnnkit {

// Of each step whose `may` is true, a convolution that can: the max-pool of 2x2 with stride 2 that
// alone reads its output, 0 where there is none. Such a pool's output is needed from the
// convolution on; where that reads the same floats, it is moved behind the arena.
std::vector<size_t> find_pools(Program& program, const std::vector<bool>& may);

}  // namespace cnnkit
