// The measured limits of one core, in an instruction set: what a kernel's speed is a share of.
#pragma once

#include <cstddef>

#include "kernels.h"

namespace cnnkit {

// FLOP per second of independent multiply-adds: the best burst within about `seconds`.
double measure_fma_peak(const KernelTable& kernels, double seconds);

// Bytes per second of reading `bytes` again and again: the best pass within about `seconds`.
// Throws std::bad_alloc where there is no such memory.
double measure_bandwidth(const KernelTable& kernels, double seconds, size_t bytes);

}  // namespace cnnkit
