#pragma once

#include <pybind11/pybind11.h>

namespace cnnkit {

// Defines `_core.augment`.
void bind_augment(pybind11::module_& m);

}  // namespace cnnkit
