#include "python/conv2d.h"

#include <pybind11/stl.h>

#include <climits>
#include <cmath>
#include <memory>
#include <mutex>
#include <string>

#include "cpu/dispatch.h"
#include "python/arguments.h"
#include "runtime/conv_op.h"

namespace py = pybind11;

namespace cnnkit {
namespace {

std::string repr(const py::object& value) { return py::str(py::repr(value)); }

bool is_sequence(const py::object& value) {
    return py::isinstance<py::tuple>(value) || py::isinstance<py::list>(value);
}

ptrdiff_t group_count(const py::object& groups, ptrdiff_t channels_out) {
    const bool is_int = PyIndex_Check(groups.ptr()) && !PyBool_Check(groups.ptr());
    const ptrdiff_t count = is_int ? PyNumber_AsSsize_t(groups.ptr(), nullptr) : 0;
    PyErr_Clear();
    if (count < 1 || channels_out % count != 0) {
        refuse("groups",
               "is " + repr(groups) + " for " + std::to_string(channels_out) + " output channels",
               "give an int that divides them");
    }
    return count;
}

// "none", "relu", or the pair (min, max) of a clip.
void set_activation(const py::object& activation, ConvShape& s) {
    constexpr float kInfinity = __builtin_inff();
    double bounds[2];
    if (py::isinstance<py::str>(activation)) {
        const std::string name = py::str(activation);
        if (name == "none") s.low = -kInfinity, s.high = kInfinity;
        if (name == "relu") s.low = 0.0f, s.high = kInfinity;
        if (name == "none" || name == "relu") return;
    } else if (is_sequence(activation) && py::len(activation) == 2) {
        const auto items = py::reinterpret_borrow<py::sequence>(activation);
        for (int i = 0; i < 2; ++i) bounds[i] = PyFloat_AsDouble(py::object(items[i]).ptr());
        const bool numbers = !PyErr_Occurred();
        PyErr_Clear();
        if (numbers && !std::isnan(bounds[0]) && !std::isnan(bounds[1])) {
            s.low = static_cast<float>(bounds[0]), s.high = static_cast<float>(bounds[1]);
            return;
        }
    }
    refuse("activation", "is " + repr(activation), "give 'none', 'relu' or a pair (min, max)");
}

// An int, a pair (rows, columns), or four: top, left, bottom, right, as ONNX orders them.
void set_padding(const py::object& padding, ConvShape& s) {
    const size_t count = is_sequence(padding) ? py::len(padding) : 1;
    if (count == 1 || count == 2) {
        s.padding = pair(padding, "padding", 0);
        return;
    }
    if (count != 4) {
        refuse("padding", "is " + repr(padding),
               "give an int, a pair, or four ints: top, left, bottom, right");
    }
    const auto items = py::reinterpret_borrow<py::sequence>(padding);
    s.padding = pair(py::make_tuple(items[0], items[1]), "padding", 0);
    const Pair end = pair(py::make_tuple(items[2], items[3]), "padding", 0);
    s.extra_padding = {end.h - s.padding.h, end.w - s.padding.w};
}

class Conv2d {
  public:
    Conv2d(const py::object& weight, const py::object& bias, const py::object& stride,
           const py::object& padding, const py::object& dilation, const py::object& groups,
           const py::object& activation, const py::object& pool, const py::object& pool_stride,
           const py::object& pool_padding, const py::object& precision_name,
           const py::object& isa) {
        if (pool.is_none() && !pool_stride.is_none())
            refuse("pool_stride", "is " + repr(pool_stride) + " without a pool",
                   "give pool_kernel too");
        const py::object pool_kernel = pool.is_none() ? py::object(py::int_(1)) : pool;
        const Floats w =
            floats(weight, "weight", 4, "[C_out, C_in / groups, kernel rows, kernel columns]");
        ConvShape s = parameters({w.shape(0), w.shape(1), w.shape(2), w.shape(3)}, stride,
                                 py::int_(0), pool_kernel, pool_stride, pool_padding);
        set_padding(padding, s);
        s.dilation = pair(dilation, "dilation", 1);
        s.groups = group_count(groups, s.channels_out);
        s.channels_in *= s.groups;
        set_activation(activation, s);
        Floats b;
        if (!bias.is_none()) b = bias_floats(bias, s.channels_out);
        plain_ = std::make_unique<ConvOp>(kernels(isa), s, precision(precision_name), w.data(),
                                          bias.is_none() ? nullptr : b.data());
        plain_->prepack();
    }

    Floats run(const py::object& x, const py::object& residual, const py::object& threads,
               const py::object& out) const {
        const Floats in = floats(x, "x", 4, "[N, C_in, H, W]");
        const ConvOp& op = residual.is_none() ? *plain_ : with_residual();
        const ConvShape s = with_input(op.shape(), in.shape(1), in.shape(2), in.shape(3));
        const ptrdiff_t images = in.shape(0);
        Floats added;
        if (!residual.is_none()) {
            added = floats(residual, "residual", 4, "[N, C_out, rows, columns]");
            check_residual(added, {images, s.channels_out, s.conv.h, s.conv.w});
        }
        Floats y = output(out, {images, s.channels_out, s.output.h, s.output.w});
        const int count = thread_count(threads);
        const float* from = in.data();
        float* to = y.mutable_data();
        const float* also = residual.is_none() ? nullptr : added.data();
        const py::gil_scoped_release released;
        op.run(s, from, images, to, nullptr, count, also);
        return y;
    }

    std::string algorithm() const { return plain_->algorithm(); }
    std::string isa() const { return plain_->kernels().name; }

  private:
    static void check_residual(const Floats& residual, const std::array<ptrdiff_t, 4>& sizes) {
        for (int axis = 0; axis < 4; ++axis) {
            if (residual.shape(axis) == sizes[axis]) continue;
            refuse("residual", "has shape " + repr(residual.attr("shape")),
                   "give that of the convolution's output, " + repr(py::tuple(py::cast(sizes))));
        }
    }

    // Made by the first call that needs it. It takes no Python, so that the GIL may be held.
    const ConvOp& with_residual() const {
        std::call_once(once_, [&] {
            residual_ = plain_->with_residual();
            residual_->prepack();
        });
        return *residual_;
    }

    std::unique_ptr<ConvOp> plain_;  // for calls without residual
    mutable std::unique_ptr<ConvOp> residual_;
    mutable std::once_flag once_;
};

}  // namespace

void bind_conv2d(py::module_& m) {
    py::class_<Conv2d>(m, "Conv2d", "A convolution and what is fused to it, its weights packed.")
        .def(py::init<const py::object&, const py::object&, const py::object&, const py::object&,
                      const py::object&, const py::object&, const py::object&, const py::object&,
                      const py::object&, const py::object&, const py::object&, const py::object&>(),
             py::arg("weight"), py::arg("bias"), py::arg("stride"), py::arg("padding"),
             py::arg("dilation"), py::arg("groups"), py::arg("activation"), py::arg("pool_kernel"),
             py::arg("pool_stride"), py::arg("pool_padding"), py::arg("precision"), py::arg("isa"))
        .def("run", &Conv2d::run, py::arg("x"), py::arg("residual"), py::arg("threads"),
             py::arg("out") = py::none())
        .def_property_readonly("algorithm", &Conv2d::algorithm)
        .def_property_readonly("isa", &Conv2d::isa);
}

}  // namespace cnnkit
