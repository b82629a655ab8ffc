#include "python/plain_call.h"

#include <array>
#include <climits>
#include <cstring>
#include <memory>
#include <utility>
#include <vector>

#include "cpu/dispatch.h"
#include "python/arguments.h"
#include "python/c_call.h"
#include "python/conv_relu_pool.h"
#include "python/memory_sample.h"
#include "python/tensors.h"

namespace py = pybind11;

namespace cnnkit {
namespace {

// A brief call is over before the GIL would have changed hands.
void run(const ConvOp& op, const ConvShape& shape, const float* x, ptrdiff_t images, float* y,
         int threads) {
    if (ConvOp::is_brief(shape, images)) return op.run(shape, x, images, y, nullptr, 1);
    const py::gil_scoped_release released;
    op.run(shape, x, images, y, nullptr, threads);
}

PyObject* on_array(const ConvOp& op, PyObject* x, std::optional<ptrdiff_t> threads, PyObject* out) {
    const QuickArray from(x);
    if (!from || from.sizes[1] != op.shape().channels_in) return nullptr;
    const ConvShape shape = with_input(op.shape(), from.sizes[1], from.sizes[2], from.sizes[3]);
    const ptrdiff_t images = from.sizes[0];
    if (!threads && !ConvOp::is_brief(shape, images)) return nullptr;  // Python chooses how many
    py::object made;
    if (out == Py_None) {
        made = output(out, {images, shape.channels_out, shape.output.h, shape.output.w});
        out = made.ptr();
    }
    const QuickArray to(out);
    if (!to || !to.writeable || to.sizes[0] != images || to.sizes[1] != shape.channels_out ||
        to.sizes[2] != shape.output.h || to.sizes[3] != shape.output.w) {
        return nullptr;
    }
    run(op, shape, from.data, images, to.data, static_cast<int>(threads.value_or(1)));
    return Py_NewRef(out);
}

// Of a tensor that is plain, as nothing that PyTorch does at this moment changes.
PyObject* on_tensor(const ConvOp& op, PyObject* x, const QuickTensor& from,
                    std::optional<ptrdiff_t> threads) {
    if (from.rank != 4 || from.sizes[1] != op.shape().channels_in) return nullptr;
    const ConvShape shape = with_input(op.shape(), from.sizes[1], from.sizes[2], from.sizes[3]);
    const ptrdiff_t images = from.sizes[0];
    py::object y = new_tensor(x, {images, shape.channels_out, shape.output.h, shape.output.w});
    const QuickTensor to(y.ptr(), false);
    if (!to) return nullptr;
    const bool brief = ConvOp::is_brief(shape, images);
    const int count = threads ? static_cast<int>(*threads) : brief ? 1 : torch_threads();
    run(op, shape, from.data, images, to.data, count);
    return y.release().ptr();
}

// Packed weights of tensors, as long as these are the same and nobody has changed them.
class TensorCall {
  public:
    TensorCall(const py::object& operation, const py::object& weight, const py::object& bias)
        : op_(conv_op(operation)), weight_(weight), bias_(bias) {
        keep(weight, 0);
        if (!bias.is_none()) keep(bias, 1);
    }

    PyObject* operator()(PyObject* x, PyObject* weight, PyObject* bias) const {
        if (!is(weight, weight_, 0) || !is(bias, bias_, 1)) return nullptr;
        if (!sample_.is_unchanged()) return nullptr;
        const QuickTensor from(x);
        if (!from || !torch_is_plain() || needs_gradient(x, weight, bias)) return nullptr;
        return on_tensor(*op_, x, from, {});
    }

  private:
    void keep(const py::object& tensor, int index) {
        const QuickTensor known(tensor.ptr());
        versions_[index] = tensor_version(tensor.ptr());
        at_[index] = known.data;
        std::size_t count = known ? 1 : 0;
        for (int axis = 0; axis < known.rank; ++axis)
            count *= static_cast<std::size_t>(known.sizes[axis]);
        if (known) sample_.add(known.data, count);
    }

    bool is(PyObject* given, const py::object& known, int index) const {
        if (given != known.ptr()) return false;
        if (given == Py_None) return true;
        return at_[index] && QuickTensor(given, false).data == at_[index] &&
               versions_[index] >= 0 && tensor_version(given) == versions_[index];
    }

    const std::shared_ptr<const ConvOp> op_;
    const py::object weight_, bias_;
    float* at_[2] = {};
    ptrdiff_t versions_[2] = {};
    MemorySample sample_;
};

// A weight or bias that is read where it lies.
struct Parameter {
    explicit Parameter(PyObject* value) {
        if (const QuickTensor tensor(value); tensor) {
            data = tensor.data, rank = tensor.rank, is_tensor = true;
            for (int axis = 0; axis < rank && axis < 4; ++axis) sizes[axis] = tensor.sizes[axis];
        } else if (const QuickArray array(value, -1); array) {
            data = array.data, rank = array.rank;
            for (int axis = 0; axis < rank && axis < 4; ++axis) sizes[axis] = array.sizes[axis];
        }
    }
    const float* data = nullptr;
    int rank = 0;
    bool is_tensor = false;
    std::array<ptrdiff_t, 4> sizes = {};
};

constexpr int kKept = 16;                 // operations of `plain_call`
constexpr ptrdiff_t kMostKept = 1 << 16;  // floats of a weight that is kept
constexpr int kNumbers = 6;               // of its arguments: five sizes and the precision

// An operation that was called before, with what it was packed from. Whoever changes a weight
// leaves no trace in it that NumPy and PyTorch both keep: the values are compared.
struct Kept {
    std::shared_ptr<ConvOp> op;
    std::array<ptrdiff_t, 4> sizes;
    py::object numbers[kNumbers];

    // Small numbers and names exist once; what is none is not usual.
    static bool same(PyObject* a, PyObject* b) {
        if (a == b) return true;
        return PyTuple_CheckExact(a) && PyTuple_CheckExact(b) && PyTuple_GET_SIZE(a) == 2 &&
               PyTuple_GET_SIZE(b) == 2 && PyTuple_GET_ITEM(a, 0) == PyTuple_GET_ITEM(b, 0) &&
               PyTuple_GET_ITEM(a, 1) == PyTuple_GET_ITEM(b, 1);
    }
    bool is(const Parameter& weight, const Parameter& bias, PyObject* const* given) const {
        if (!op || sizes != weight.sizes || op->bias().empty() == (bias.data != nullptr))
            return false;
        for (int i = 0; i < kNumbers; ++i)
            if (!same(numbers[i].ptr(), given[i])) return false;
        const auto equal = [](const std::vector<float>& ours, const float* theirs) {
            return ours.empty() || std::memcmp(ours.data(), theirs, 4 * ours.size()) == 0;
        };
        return &op->kernels() == &current_kernels() && equal(op->weight(), weight.data) &&
               equal(op->bias(), bias.data);
    }
};

std::shared_ptr<ConvOp> find_op(const Parameter& weight, const Parameter& bias,
                                PyObject* const* given) {
    static Kept* const kept = new Kept[kKept];  // outlives Python, which may be gone at exit
    static int next = 0;
    for (int i = 0; i < kKept; ++i)
        if (kept[i].is(weight, bias, given)) return kept[i].op;
    py::object numbers[kNumbers];
    for (int i = 0; i < kNumbers; ++i) numbers[i] = py::reinterpret_borrow<py::object>(given[i]);
    const ConvShape shape =
        parameters(weight.sizes, numbers[0], numbers[1], numbers[2], numbers[3], numbers[4]);
    const auto op = std::make_shared<ConvOp>(current_kernels(), shape, precision(numbers[5]),
                                             weight.data, bias.data);
    Kept made = {op, weight.sizes, {}};
    std::move(numbers, numbers + kNumbers, made.numbers);
    std::swap(kept[next], made);
    next = (next + 1) % kKept;
    return op;
}

// Python's `plain_call(x, weight, bias, stride, padding, pool_kernel, pool_stride, pool_padding,
// precision, threads)`.
PyObject* plain_call(PyObject*, PyObject* const* given, Py_ssize_t count) {
    constexpr int kCount = 3 + kNumbers + 1;
    if (count != kCount) {
        PyErr_SetString(PyExc_TypeError, "plain_call takes 10 arguments");
        return nullptr;
    }
    return c_call([&]() -> PyObject* {
        PyObject *x = given[0], *threads = given[kCount - 1];
        const Parameter weight(given[1]), bias(given[2]);
        std::optional<ptrdiff_t> most;
        if (threads != Py_None) most = PyLong_CheckExact(threads) ? PyLong_AsLong(threads) : 0;
        PyErr_Clear();  // of a number too large
        const bool usual =
            weight.data && weight.rank == 4 && most.value_or(1) >= 1 &&
            most.value_or(1) <= INT_MAX &&
            weight.sizes[0] * weight.sizes[1] * weight.sizes[2] * weight.sizes[3] <= kMostKept &&
            (given[2] == Py_None ||
             (bias.data && bias.rank == 1 && bias.sizes[0] == weight.sizes[0]));
        if (!usual) Py_RETURN_NONE;
        const QuickTensor from(x);
        if (from || weight.is_tensor || bias.is_tensor) {
            if (!from || !torch_is_plain() || needs_gradient(x, given[1], given[2])) Py_RETURN_NONE;
        } else if (!QuickArray(x)) {
            Py_RETURN_NONE;
        }
        const auto op = find_op(weight, bias, given + 3);
        PyObject* y = from ? on_tensor(*op, x, from, most) : on_array(*op, x, most, Py_None);
        if (y || PyErr_Occurred()) return y;
        Py_RETURN_NONE;
    });
}

PyObject* call_tensor(PyObject* self, PyObject* given, PyObject*) {
    if (PyTuple_GET_SIZE(given) != 3) {
        PyErr_SetString(PyExc_TypeError, "give x, weight and bias");
        return nullptr;
    }
    return c_call([&]() -> PyObject* {
        const auto& call = py::cast<const TensorCall&>(py::handle(self));
        PyObject* const y = call(PyTuple_GET_ITEM(given, 0), PyTuple_GET_ITEM(given, 1),
                                 PyTuple_GET_ITEM(given, 2));
        return y || PyErr_Occurred() ? y : Py_NewRef(Py_None);
    });
}

PyMethodDef kPlainCall = {
    "plain_call", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(plain_call)),
    METH_FASTCALL, "A call of conv_relu_pool as nearly all are; None where it is another one."};

}  // namespace

PyObject* quick_call(const ConvOp& op, PyObject* x, std::optional<ptrdiff_t> threads,
                     PyObject* out) {
    if (threads.value_or(1) < 1 || threads.value_or(1) > INT_MAX) return nullptr;
    if (out == Py_None) {
        if (const QuickTensor from(x); from) {
            if (!torch_is_plain() || needs_gradient(x, nullptr, nullptr)) return nullptr;
            return on_tensor(op, x, from, threads);
        }
    }
    return on_array(op, x, threads, out);
}

void bind_plain_call(py::module_& m) {
    py::class_<TensorCall>(
        m, "TensorCall",
        "`call(x, weight, bias)` with weights that were packed before; None where it cannot.",
        py::custom_type_setup([](PyHeapTypeObject* type) { type->ht_type.tp_call = call_tensor; }))
        .def(py::init<const py::object&, const py::object&, const py::object&>(),
             py::arg("operation"), py::arg("weight"), py::arg("bias"));
    m.add_object("plain_call",
                 py::reinterpret_steal<py::object>(PyCFunction_New(&kPlainCall, nullptr)));
}

}  // namespace cnnkit
