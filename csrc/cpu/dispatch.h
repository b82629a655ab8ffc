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
const std::vector<const Isa*>& available_isas();

// By name, among those available; throws IsaError.
const Isa& find_isa(const std::string& name);

// The best one, or the one that the environment variable CNNKIT_ISA forces. Resolved once; throws
// IsaError.
const Isa& current_isa();

}  // namespace cnnkit
