// The instruction sets of this build, and the one in use.
#pragma once

#include <stdexcept>
#include <string>
#include <vector>

#include "kernels.h"

namespace cnnkit {

// CNNKIT_ISA, or an argument, names an instruction set that is unknown or that this machine cannot
// run.
struct IsaError : std::runtime_error {
    using std::runtime_error::runtime_error;
};

// Those that this machine can run, best first.
const std::vector<const KernelTable*>& available_kernels();

// By name, among those available; throws IsaError.
const KernelTable& find_kernels(const std::string& name);

// The best one, or the one that the environment variable CNNKIT_ISA forces. Resolved once; throws
// IsaError.
const KernelTable& current_kernels();

}  // namespace cnnkit
