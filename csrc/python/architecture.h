// A network's shapes and parameters from Python's arguments.
#pragma once

#include "python/arguments.h"
#include "runtime/architecture.h"

namespace cnnkit {

// ((C, H, W), ((channels, kernel, padding, pool), ...), classes); None means the published network.
// cnnkit.architecture has checked what it gives; this guards the memory.
Architecture architecture_of(const pybind11::object& value);

// A float32 vector in the order of `Layout`.
Floats parameters(const pybind11::handle& value, const char* name, ptrdiff_t count);

}  // namespace cnnkit
