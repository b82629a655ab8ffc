// Inference of whole networks, for Python.
#pragma once

#include <pybind11/pybind11.h>

namespace cnnkit {

void bind_network(pybind11::module_& m);

}  // namespace cnnkit
