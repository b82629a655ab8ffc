// Training of whole networks, for Python.
#pragma once

#include <pybind11/pybind11.h>

namespace cnnkit {

void bind_trainer(pybind11::module_& m);

}  // namespace cnnkit
