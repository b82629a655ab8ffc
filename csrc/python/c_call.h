// What a function of Python's C interface does with exceptions, which must not leave it.
#pragma once

#include <pybind11/pybind11.h>

#include <exception>
#include <new>

namespace cnnkit {

// Returns what `body` returns; null, with Python's error set, where it throws.
template <typename Body>
PyObject* c_call(Body&& body) noexcept {
    try {
        return body();
    } catch (pybind11::error_already_set& error) {
        error.restore();
    } catch (const std::bad_alloc&) {
        PyErr_NoMemory();
    } catch (const std::exception& error) {
        PyErr_SetString(PyExc_RuntimeError, error.what());
    }
    return nullptr;
}

}  // namespace cnnkit
