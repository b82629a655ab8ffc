// From Python's arguments to the kernels' shapes, or to an InputError that names argument, value
// and expectation.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <array>
#include <cstdint>
#include <initializer_list>
#include <string>

#include "kernels.h"

namespace cnnkit {

using Floats = pybind11::array_t<float, pybind11::array::c_style>;
using Bytes = pybind11::array_t<uint8_t, pybind11::array::c_style>;
using Longs = pybind11::array_t<int64_t, pybind11::array::c_style>;

// Raises cnnkit.errors.InputError(subject, reason, remedy).
[[noreturn]] void refuse(const std::string& subject, const std::string& reason,
                         const std::string& remedy);

// Whether an array's elements lie where C++ may read them: views of bytes may begin anywhere.
bool is_aligned(const pybind11::array& array);

inline std::string text(const pybind11::handle& value) { return pybind11::str(value); }

// A contiguous array of exactly this type and shape; -1 leaves a size open. A misaligned one is
// copied.
template <typename Array>
Array array(const pybind11::handle& value, const char* name, std::initializer_list<ptrdiff_t> sizes,
            const std::string& wanted) {
    if (!pybind11::isinstance<pybind11::array>(value)) {
        refuse(name, "is a " + text(pybind11::type::of(value).attr("__name__")),
               "give a NumPy array, " + wanted);
    }
    const auto given = pybind11::reinterpret_borrow<pybind11::array>(value);
    bool fits = given.ndim() == static_cast<ptrdiff_t>(sizes.size());
    ptrdiff_t axis = 0;
    for (const ptrdiff_t size : sizes) {
        fits = fits && (size < 0 || given.shape(axis) == size);
        ++axis;
    }
    if (!fits || !pybind11::isinstance<Array>(value)) {
        const bool right =
            fits && given.dtype().is(pybind11::dtype::of<typename Array::value_type>());
        refuse(name,
               "is " + text(given.dtype()) + text(given.attr("shape")) +
                   (right ? ", but not contiguous" : ""),
               "give contiguous " + wanted);
    }
    return is_aligned(given) ? pybind11::reinterpret_borrow<Array>(value)
                             : Array(given.attr("copy")());
}

// Such an array to write, in its own memory.
template <typename Array>
Array writable(const pybind11::handle& value, const char* name,
               std::initializer_list<ptrdiff_t> sizes, const std::string& wanted) {
    const Array found = array<Array>(value, name, sizes, wanted);
    if (!found.is(value)) refuse(name, "is not aligned in memory", "give aligned " + wanted);
    if (!found.writeable()) refuse("out", "is read-only", "give arrays that can be written");
    return found;
}

// A contiguous float32 array of the given rank; other layouts and misaligned arrays are copied,
// other dtypes and ranks refused. `axes` says the meaning of the dimensions, such as "[N, C, H,
// W]".
Floats floats(const pybind11::handle& value, const char* name, int rank, const char* axes);

// The bias of so many output channels, likewise.
Floats bias_floats(const pybind11::handle& value, ptrdiff_t channels_out);

// The array to write: `value`, which must be contiguous, or a new one where it is None.
Floats output(const pybind11::handle& value, const std::array<ptrdiff_t, 4>& sizes);

// What nearly every call gives: an array of exactly NumPy's type, float32, contiguous, of `rank`
// dimensions, or of any where that is -1. Anything else is for `floats` and `output` to judge,
// which takes as long as a small kernel.
struct QuickArray {
    explicit QuickArray(PyObject* value, int rank = 4);
    explicit operator bool() const { return data; }

    float* data = nullptr;  // null where it is something else
    int rank = 0;
    const ssize_t* sizes = nullptr;
    bool writeable = false;
};

// An int or a pair of ints, each at least `least`.
Pair pair(const pybind11::handle& value, const char* name, ptrdiff_t least);

// The shape of everything but the input's size, for a weight of these sizes.
ConvShape parameters(const std::array<ptrdiff_t, 4>& weight, const pybind11::object& stride,
                     const pybind11::object& padding, const pybind11::object& pool_kernel,
                     const pybind11::object& pool_stride, const pybind11::object& pool_padding);

// The whole shape for an input of these sizes; refuses what would leave an empty output.
ConvShape with_input(ConvShape shape, ptrdiff_t channels, ptrdiff_t height, ptrdiff_t width);

Precision precision(const pybind11::object& name);

// The kernels of an instruction set's name, or those in use for None.
const KernelTable& kernels(const pybind11::object& isa);

// How many threads: an int from 1.
int thread_count(const pybind11::object& threads);

// An int from `least` that 64 bits can hold, and a number.
ptrdiff_t integer(const pybind11::handle& value, const char* name, ptrdiff_t least);
double number(const pybind11::handle& value, const char* name);

}  // namespace cnnkit
