// PyTorch's tensors through the C interface of DLPack, which PyTorch offers since 2.10 and which
// does not depend on its version. Calls that nearly every program makes; what is not usual is for
// Python to judge.
#pragma once

#include <pybind11/pybind11.h>

#include <cstdint>

#include "kernels.h"

namespace cnnkit {

// A tensor of exactly PyTorch's type (or a parameter), float32 on the CPU, contiguous, with memory.
// Its elements may be the negated ones of its memory, unless the caller knows that they are not.
struct QuickTensor {
    explicit QuickTensor(PyObject* value, bool may_be_negated = true);
    explicit operator bool() const { return data; }

    float* data = nullptr;  // null where it is something else
    int rank = 0;
    const int64_t* sizes = nullptr;
};

// Whether PyTorch computes what it is told: no transform, mode, autocast or tracing is at work.
bool torch_is_plain();

// Whether autograd would record an operation on these; null pointers and None are left out.
bool needs_gradient(PyObject* x, PyObject* weight, PyObject* bias);

// How often a tensor was changed; -1 where nobody counts.
ptrdiff_t tensor_version(PyObject* tensor);

// A new tensor of the type of another one, and PyTorch's number of threads.
pybind11::object new_tensor(PyObject* like, const ptrdiff_t (&sizes)[4]);
int torch_threads();

void bind_tensors(pybind11::module_& m);

}  // namespace cnnkit
