// One convolution with what graphs fuse to it, for Python.
#pragma once

#include <pybind11/pybind11.h>

namespace cnnkit {

void bind_conv2d(pybind11::module_& m);

}  // namespace cnnkit
