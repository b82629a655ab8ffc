#include "python/arguments.h"

#include <pybind11/stl.h>

#include <algorithm>
#include <climits>

#include "cpu/dispatch.h"
#include "runtime/conv_op.h"

namespace py = pybind11;

namespace cnnkit {
namespace {

using cnnkit::text;

std::string text(const Pair& p) { return std::to_string(p.h) + "x" + std::to_string(p.w); }

ptrdiff_t whole(const py::handle& item, const py::handle& value, const char* name,
                ptrdiff_t least) {
    // bool is an int in Python, and never meant here.
    const bool is_int = PyIndex_Check(item.ptr()) && !PyBool_Check(item.ptr());
    const ptrdiff_t size =
        is_int ? PyNumber_AsSsize_t(item.ptr(), nullptr) : -1;  // clipped, if too large
    if (!is_int || PyErr_Occurred()) {
        PyErr_Clear();
        refuse(name, "is " + text(py::repr(value)), "give an int or a pair of ints");
    }
    if (size < least || size > INT_MAX) {
        refuse(name, "is " + text(py::repr(value)),
               "give sizes from " + std::to_string(least) + " to " + std::to_string(INT_MAX));
    }
    return size;
}

// Whether the padded input and the rows that a pool window needs could be held at all: beyond this,
// sizes in bytes overflow. The factor is what algorithms may add to either (phases, whole vectors).
// Neither is memory for steps that no image has.
bool holdable(const ConvShape& s) {
    constexpr double kMostFloats = 1e15, kMostBetween = 1e9;
    const double factor = 64.0 + 1.0 * s.kernel.w * s.dilation.w;
    const double rows = s.input.h + s.extra_padding.h + 2.0 * s.padding.h;
    const double columns = s.input.w + s.extra_padding.w + 2.0 * s.padding.w;
    return s.stride.w * factor < kMostBetween &&
           s.channels_in * rows * (columns + s.stride.w * factor) < kMostFloats &&
           (s.pool_kernel.h + 1.0) * (columns + s.pool_kernel.w) * factor < kMostFloats;
}

}  // namespace

void refuse(const std::string& subject, const std::string& reason, const std::string& remedy) {
    const py::object error = py::module_::import("cnnkit.errors").attr("InputError");
    PyErr_SetObject(error.ptr(), error(subject, reason, remedy).ptr());
    throw py::error_already_set();
}

Floats floats(const py::handle& value, const char* name, int rank, const char* axes) {
    // What nearly every call gives: the checks below cost as much as a small kernel.
    if (py::isinstance<Floats>(value)) {
        Floats array = py::reinterpret_borrow<Floats>(value);
        if (array.ndim() == rank && is_aligned(array)) return array;
    }
    if (!py::isinstance<py::array>(value)) {
        refuse(name, "is a " + text(py::type::of(value).attr("__name__")),
               "give a NumPy array or a PyTorch tensor");
    }
    const auto array = py::reinterpret_borrow<py::array>(value);
    if (!py::isinstance<py::array_t<float>>(array)) {
        refuse(name, "has dtype " + text(array.dtype()), "give float32");
    }
    if (array.ndim() != rank) {
        refuse(name, "has shape " + text(array.attr("shape")),
               "give " + std::to_string(rank) + " dimensions, " + axes);
    }
    return Floats::ensure(is_aligned(array) ? array : py::array(array.attr("copy")()));
}

Floats bias_floats(const py::handle& value, ptrdiff_t channels_out) {
    Floats bias = floats(value, "bias", 1, "[C_out]");
    if (bias.shape(0) != channels_out) {
        refuse("bias", "has " + std::to_string(bias.shape(0)) + " values",
               "give the " + std::to_string(channels_out) + " that weight expects");
    }
    return bias;
}

Floats output(const py::handle& value, const std::array<ptrdiff_t, 4>& sizes) {
    if (value.is_none()) return Floats(sizes);
    const auto refuse_for = [&](const std::string& reason) {
        const std::string shape = text(py::tuple(py::cast(sizes)));
        refuse("out", reason, "give a writable, contiguous float32 array of shape " + shape);
    };
    if (!py::isinstance<py::array>(value)) refuse_for("is not a NumPy array");
    if (!py::isinstance<Floats>(value)) refuse_for("is not float32, or not contiguous");
    Floats array = py::reinterpret_borrow<Floats>(value);
    if (!is_aligned(array)) refuse_for("is not aligned in memory");
    if (!array.writeable()) refuse_for("is read-only");
    if (array.ndim() != 4 || !std::equal(sizes.begin(), sizes.end(), array.shape()))
        refuse_for("has shape " + text(array.attr("shape")));
    return array;
}

QuickArray::QuickArray(PyObject* value, int wanted) {
    using namespace py::detail;
    static const npy_api& numpy = npy_api::get();
    static const PyObject* float32 = py::dtype::of<float>().release().ptr();  // there is only one
    if (Py_TYPE(value) != numpy.PyArray_Type_) return;
    const PyArray_Proxy& array = *array_proxy(value);
    constexpr int kUsual = npy_api::NPY_ARRAY_C_CONTIGUOUS_ | npy_api::NPY_ARRAY_ALIGNED_;
    if (wanted >= 0 && array.nd != wanted) return;
    if (array.descr != float32 || (array.flags & kUsual) != kUsual) return;
    data = reinterpret_cast<float*>(array.data);
    rank = array.nd, sizes = array.dimensions;
    writeable = array.flags & npy_api::NPY_ARRAY_WRITEABLE_;
}

Pair pair(const py::handle& value, const char* name, ptrdiff_t least) {
    if (py::isinstance<py::tuple>(value) || py::isinstance<py::list>(value)) {
        const auto items = py::reinterpret_borrow<py::sequence>(value);
        if (items.size() != 2) {
            refuse(name, "is " + text(py::repr(value)), "give an int or a pair of ints");
        }
        return {whole(items[0], value, name, least), whole(items[1], value, name, least)};
    }
    const ptrdiff_t both = whole(value, value, name, least);
    return {both, both};
}

ConvShape parameters(const std::array<ptrdiff_t, 4>& weight, const py::object& stride,
                     const py::object& padding, const py::object& pool_kernel,
                     const py::object& pool_stride, const py::object& pool_padding) {
    ConvShape s = {};
    s.channels_out = weight[0], s.channels_in = weight[1];
    s.kernel = {weight[2], weight[3]};
    if (s.channels_out < 1 || s.channels_in < 1 || s.kernel.h < 1 || s.kernel.w < 1) {
        refuse("weight", "has shape " + text(py::tuple(py::cast(weight))),
               "give sizes of at least 1");
    }
    s.stride = pair(stride, "stride", 1);
    s.padding = pair(padding, "padding", 0);
    s.pool_kernel = pair(pool_kernel, "pool_kernel", 1);
    s.pool_stride = pool_stride.is_none() ? s.pool_kernel : pair(pool_stride, "pool_stride", 1);
    s.pool_padding = pair(pool_padding, "pool_padding", 0);
    if (s.pool_padding.h > s.pool_kernel.h / 2 || s.pool_padding.w > s.pool_kernel.w / 2) {
        refuse("pool_padding",
               "is " + text(py::repr(pool_padding)) + " for a pool of " + text(s.pool_kernel),
               "give at most half of pool_kernel");
    }
    return s;
}

ConvShape with_input(ConvShape s, ptrdiff_t channels, ptrdiff_t height, ptrdiff_t width) {
    if (channels != s.channels_in) {
        refuse("x", "has " + std::to_string(channels) + " channels",
               "give the " + std::to_string(s.channels_in) + " that weight expects");
    }
    s.input = {height, width};
    complete(s);
    if (s.conv.h < 1 || s.conv.w < 1 || s.output.h < 1 || s.output.w < 1) {
        refuse("x",
               "of " + text(s.input) + " pixels leaves an empty output: the convolution gives " +
                   text(s.conv) + ", the pool " + text(s.output),
               "give a larger input or padding, or a smaller kernel or pool");
    }
    if (!holdable(s)) {
        refuse("x",
               "of " + text(s.input) + " pixels with padding " + text(s.padding) + ", stride " +
                   text(s.stride) + " and pool_kernel " + text(s.pool_kernel) +
                   " needs more memory than there is",
               "give smaller ones");
    }
    return s;
}

Precision precision(const py::object& name) {
    if (py::isinstance<py::str>(name)) {
        const std::string given = py::str(name);
        if (given == "default") return Precision::kDefault;
        if (given == "fast") return Precision::kFast;
    }
    refuse("precision", "is " + text(py::repr(name)), "give 'default' or 'fast'");
}

const KernelTable& kernels(const py::object& isa) {
    if (isa.is_none()) return current_kernels();
    if (!py::isinstance<py::str>(isa)) {
        refuse("isa", "is " + text(py::repr(isa)), "give the name of an instruction set, or None");
    }
    return find_kernels(py::str(isa));
}

ptrdiff_t integer(const py::handle& value, const char* name, ptrdiff_t least) {
    const bool is_int = PyIndex_Check(value.ptr());
    const ptrdiff_t found = is_int ? PyNumber_AsSsize_t(value.ptr(), PyExc_OverflowError) : 0;
    if (!is_int || PyErr_Occurred()) {
        PyErr_Clear();
        refuse(name, "is " + text(py::repr(value)),
               is_int ? "give an int that 64 bits can hold" : "give an int");
    }
    if (found < least) {
        refuse(name, "is " + text(py::repr(value)), "give at least " + std::to_string(least));
    }
    return found;
}

int thread_count(const py::object& threads) {
    const bool is_int = PyIndex_Check(threads.ptr());
    const ptrdiff_t count = is_int ? PyNumber_AsSsize_t(threads.ptr(), nullptr) : 0;  // clipped
    if (!is_int || PyErr_Occurred()) {
        PyErr_Clear();
        refuse("threads", "is " + text(py::repr(threads)), "give an int");
    }
    if (count < 1) refuse("threads", "is " + text(py::repr(threads)), "give at least 1");
    if (count > INT_MAX) {
        refuse("threads", "is " + text(py::repr(threads)),
               "give at most " + std::to_string(INT_MAX));
    }
    return static_cast<int>(count);
}

double number(const py::handle& value, const char* name) {
    const double found = PyFloat_AsDouble(value.ptr());
    if (PyErr_Occurred()) {
        PyErr_Clear();
        refuse(name, "is " + text(py::repr(value)), "give a number");
    }
    return found;
}

bool is_aligned(const py::array& array) {
    return array.flags() & py::detail::npy_api::NPY_ARRAY_ALIGNED_;
}

}  // namespace cnnkit
