// `_core.ConvReluPool`: convolution, ReLU and max-pool in one operation, with its weights packed.
#pragma once

#include <pybind11/pybind11.h>

#include <memory>

#include "runtime/conv_op.h"

namespace cnnkit {

// What an operation of Python's runs.
std::shared_ptr<const ConvOp> conv_op(const pybind11::handle& operation);

void bind_conv_relu_pool(pybind11::module_& m);

}  // namespace cnnkit
