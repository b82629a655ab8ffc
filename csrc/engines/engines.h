// Which engine runs a network: the one table that knows them all.
#pragma once

#include "runtime/engine.h"

namespace cnnkit {

// The best one that does not decline.
const Engine& find_engine(const KernelTable& kernels, const Architecture& architecture);

}  // namespace cnnkit
