#pragma once

#include <pybind11/pybind11.h>

namespace cnnkit {

void bind_resample(pybind11::module_& m);

}  // namespace cnnkit
