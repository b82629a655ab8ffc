#include "python/conv_relu_pool.h"

#include <pybind11/stl.h>

#include <array>
#include <climits>
#include <cstdint>
#include <optional>
#include <string>

#include "cpu/dispatch.h"
#include "python/arguments.h"
#include "python/c_call.h"
#include "python/plain_call.h"

namespace py = pybind11;

namespace cnnkit {
namespace {

class ConvReluPool {
  public:
    ConvReluPool(const py::object& weight, const py::object& bias, const py::object& stride,
                 const py::object& padding, const py::object& pool_kernel,
                 const py::object& pool_stride, const py::object& pool_padding,
                 const py::object& precision_name, const py::object& isa) {
        const Floats w = floats(weight, "weight", 4, "[C_out, C_in, kernel rows, kernel columns]");
        const ConvShape shape = parameters({w.shape(0), w.shape(1), w.shape(2), w.shape(3)}, stride,
                                           padding, pool_kernel, pool_stride, pool_padding);
        Floats b;
        if (!bias.is_none()) b = bias_floats(bias, shape.channels_out);
        op_ = std::make_unique<ConvOp>(kernels(isa), shape, precision(precision_name), w.data(),
                                       bias.is_none() ? nullptr : b.data());
        op_->prepack();
    }

    // Of weights in memory, contiguous: weight of these sizes, and bias [C_out] or null.
    static std::unique_ptr<ConvReluPool> at_address(
        std::uintptr_t weight, const std::array<ptrdiff_t, 4>& sizes, std::uintptr_t bias,
        const py::object& stride, const py::object& padding, const py::object& pool_kernel,
        const py::object& pool_stride, const py::object& pool_padding,
        const py::object& precision_name) {
        const ConvShape shape =
            parameters(sizes, stride, padding, pool_kernel, pool_stride, pool_padding);
        return std::unique_ptr<ConvReluPool>(new ConvReluPool(
            std::make_unique<ConvOp>(current_kernels(), shape, precision(precision_name),
                                     at<const float>(weight), at<const float>(bias))));
    }

    Floats run_array(const py::object& x, const py::object& threads, const py::object& out) const {
        const Floats in = floats(x, "x", 4, "[N, C_in, H, W]");
        const ConvShape shape = with_input(op_->shape(), in.shape(1), in.shape(2), in.shape(3));
        Floats y = output(out, {static_cast<ptrdiff_t>(in.shape(0)), shape.channels_out,
                                shape.output.h, shape.output.w});
        run(shape, in.data(), in.shape(0), y.mutable_data(), thread_count(threads));
        return y;
    }

    const std::shared_ptr<ConvOp>& operation() const { return op_; }

    void run_at(std::uintptr_t x, ptrdiff_t images, ptrdiff_t channels, ptrdiff_t height,
                ptrdiff_t width, std::uintptr_t y, const py::object& threads,
                std::uintptr_t indices) const {
        const ConvShape shape = with_input(op_->shape(), channels, height, width);
        if (indices && shape.pool_kernel.h * shape.pool_kernel.w > kMostTaps) {
            refuse("pool_kernel",
                   "has more than " + std::to_string(kMostTaps) + " taps, too many for a gradient",
                   "give a smaller one, or no tensor that requires a gradient");
        }
        run(shape, at<const float>(x), images, at<float>(y), thread_count(threads),
            at<unsigned char>(indices));
    }

    void gradient_at(std::uintptr_t x, std::uintptr_t grad, std::uintptr_t indices,
                     ptrdiff_t images, ptrdiff_t channels, ptrdiff_t height, ptrdiff_t width,
                     std::uintptr_t dw, std::uintptr_t db, std::uintptr_t dx,
                     const py::object& threads) const {
        const ConvShape shape = with_input(op_->shape(), channels, height, width);
        const int count = thread_count(threads);
        const py::gil_scoped_release released;
        op_->backward(shape, at<const float>(x), at<const float>(grad),
                      at<const unsigned char>(indices), images, at<float>(dw), at<float>(db),
                      at<float>(dx), count);
    }

    std::array<ptrdiff_t, 2> output_size(ptrdiff_t height, ptrdiff_t width) const {
        const ConvShape s = with_input(op_->shape(), op_->shape().channels_in, height, width);
        return {s.output.h, s.output.w};
    }

    std::string algorithm() const { return op_->algorithm(); }
    std::string isa() const { return op_->kernels().name; }

  private:
    explicit ConvReluPool(std::unique_ptr<ConvOp> op) : op_(std::move(op)) {}

    template <typename T>
    static T* at(std::uintptr_t address) {
        return reinterpret_cast<T*>(address);
    }

    void run(const ConvShape& shape, const float* x, ptrdiff_t images, float* y, int threads,
             unsigned char* indices = nullptr) const {
        const py::gil_scoped_release released;
        op_->run(shape, x, images, y, indices, threads);
    }

    std::shared_ptr<ConvOp> op_;
};

// Python's `operation(x, *, threads=None, out=None)`, past the building of argument lists, which
// takes as long as a small kernel. What is not usual goes to the method `_call` of the subclass.
PyObject* call(PyObject* self, PyObject* positional, PyObject* named) {
    static PyObject* const kThreads = PyUnicode_InternFromString("threads");
    static PyObject* const kOut = PyUnicode_InternFromString("out");
    return c_call([&]() -> PyObject* {
        PyObject *threads = Py_None, *out = Py_None;
        Py_ssize_t known = 0;
        if (named) {
            if (PyObject* given = PyDict_GetItem(named, kThreads)) threads = given, ++known;
            if (PyObject* given = PyDict_GetItem(named, kOut)) out = given, ++known;
        }
        if (PyTuple_GET_SIZE(positional) == 1 && (!named || known == PyDict_GET_SIZE(named)) &&
            (threads == Py_None || PyLong_CheckExact(threads))) {
            std::optional<ptrdiff_t> count;
            if (threads != Py_None) count = PyLong_AsLong(threads);
            PyErr_Clear();  // of a number too large; -1 is refused below
            const auto& operation = py::cast<const ConvReluPool&>(py::handle(self));
            PyObject* x = PyTuple_GET_ITEM(positional, 0);
            if (PyObject* y = quick_call(*operation.operation(), x, count, out)) return y;
        }
        return py::object(py::handle(self).attr("_call")(
                              *py::handle(positional).cast<py::args>(),
                              **(named ? py::handle(named).cast<py::kwargs>() : py::kwargs())))
            .release()
            .ptr();
    });
}

}  // namespace

std::shared_ptr<const ConvOp> conv_op(const py::handle& operation) {
    return py::cast<const ConvReluPool&>(operation).operation();
}

void bind_conv_relu_pool(py::module_& m) {
    py::class_<ConvReluPool>(
        m, "ConvReluPool",
        "Convolution, ReLU and max-pool in one operation, with its weights packed.",
        py::custom_type_setup([](PyHeapTypeObject* type) { type->ht_type.tp_call = call; }))
        .def(py::init<const py::object&, const py::object&, const py::object&, const py::object&,
                      const py::object&, const py::object&, const py::object&, const py::object&,
                      const py::object&>(),
             py::arg("weight"), py::arg("bias"), py::arg("stride"), py::arg("padding"),
             py::arg("pool_kernel"), py::arg("pool_stride"), py::arg("pool_padding"),
             py::arg("precision"), py::arg("isa"))
        .def_static("at", &ConvReluPool::at_address, py::arg("weight"), py::arg("sizes"),
                    py::arg("bias"), py::arg("stride"), py::arg("padding"), py::arg("pool_kernel"),
                    py::arg("pool_stride"), py::arg("pool_padding"), py::arg("precision"))
        .def("run", &ConvReluPool::run_array, py::arg("x"), py::arg("threads"),
             py::arg("out") = py::none())
        .def("run_at", &ConvReluPool::run_at, py::arg("x"), py::arg("images"), py::arg("channels"),
             py::arg("height"), py::arg("width"), py::arg("y"), py::arg("threads"),
             py::arg("indices") = 0)
        .def("gradient_at", &ConvReluPool::gradient_at, py::arg("x"), py::arg("grad"),
             py::arg("indices"), py::arg("images"), py::arg("channels"), py::arg("height"),
             py::arg("width"), py::arg("dw"), py::arg("db"), py::arg("dx"), py::arg("threads"))
        .def("output_size", &ConvReluPool::output_size, py::arg("height"), py::arg("width"))
        .def_property_readonly("algorithm", &ConvReluPool::algorithm)
        .def_property_readonly("isa", &ConvReluPool::isa);
}

}  // namespace cnnkit
