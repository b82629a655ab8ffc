// Calls as nearly all are, of usual arrays and tensors, past the layers that judge the others:
// those take as long as a small kernel.
#pragma once

#include <pybind11/pybind11.h>

#include <optional>

#include "runtime/conv_op.h"

namespace cnnkit {

// Runs an operation on an array or a tensor x; null, without an error set, where the call is not
// usual. Throws what Python has raised.
PyObject* quick_call(const ConvOp& op, PyObject* x, std::optional<ptrdiff_t> threads,
                     PyObject* out);

void bind_plain_call(pybind11::module_& m);

}  // namespace cnnkit
