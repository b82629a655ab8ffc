#include "python/tensors.h"

#include <algorithm>
#include <climits>
#include <vector>

namespace py = pybind11;

namespace cnnkit {
namespace {

// The parts of dlpack.h, version 1, that are read here.
struct DLTensor {
    void* data;
    int32_t device_type, device;
    int32_t ndim;
    uint8_t code, bits;
    uint16_t lanes;
    int64_t *shape, *strides;
    uint64_t byte_offset;
};
struct ExchangeApi {
    uint32_t major, minor;
    ExchangeApi* previous;
    void *allocate, *from_object, *to_object;
    int (*view)(void* object, DLTensor* out);
    void* stream;
};
constexpr int32_t kCpu = 1;
constexpr uint8_t kFloat = 2;

// What PyTorch gave when it was first loaded; it lives as long as the process.
struct Torch {
    const ExchangeApi* api = nullptr;  // null where there is none
    PyTypeObject *tensor = nullptr, *parameter = nullptr;
    std::vector<PyObject*> special;  // functions: whether something else is at work
    PyObject *forward_ad = nullptr, *grad_enabled = nullptr, *threads = nullptr;
};
Torch torch;

PyObject* name(const char* text) { return PyUnicode_InternFromString(text); }

// Whether a call without arguments gives something true; a failure is nothing usual either.
bool is_true(PyObject* value, bool failed = true) {
    const int found = value ? PyObject_IsTrue(value) : -1;
    Py_XDECREF(value);
    if (found >= 0) return found;
    PyErr_Clear();
    return failed;
}

bool is_contiguous(const DLTensor& t) {
    if (!t.strides) return true;
    int64_t step = 1;
    for (int axis = t.ndim; axis-- > 0; step *= t.shape[axis])
        if (t.shape[axis] != 1 && t.strides[axis] != step) return false;
    return step > 0;
}

long number_of(PyObject* value, long otherwise) {
    const long found = value ? PyLong_AsLong(value) : -1;
    Py_XDECREF(value);
    if (!PyErr_Occurred()) return found;
    PyErr_Clear();
    return otherwise;
}

// Whether the storage was freed: PyTorch adds the offset even to the address of no memory.
bool is_freed(PyObject* tensor, uintptr_t address) {
    static PyObject* const kOffset = name("storage_offset");
    if (address >> 40) return false;  // as nearly every address of memory is
    const long offset = number_of(PyObject_CallMethodNoArgs(tensor, kOffset), -1);
    return offset < 0 || address == sizeof(float) * offset;
}

}  // namespace

QuickTensor::QuickTensor(PyObject* value, bool may_be_negated) {
    static PyObject* const kIsNeg = name("is_neg");
    if (!torch.api || (Py_TYPE(value) != torch.tensor && Py_TYPE(value) != torch.parameter)) return;
    DLTensor t;
    if (torch.api->view(value, &t) != 0) {
        PyErr_Clear();
        return;
    }
    const uintptr_t address = reinterpret_cast<uintptr_t>(t.data) + t.byte_offset;
    if (t.device_type != kCpu || t.code != kFloat || t.bits != 32 || t.lanes != 1 || !t.data ||
        address % sizeof(float) != 0 || !is_contiguous(t))
        return;
    if (is_freed(value, address)) return;
    if (may_be_negated && is_true(PyObject_CallMethodNoArgs(value, kIsNeg))) return;
    data = reinterpret_cast<float*>(address);
    rank = t.ndim, sizes = t.shape;
}

bool torch_is_plain() {
    static PyObject* const kLevel = name("_current_level");
    for (PyObject* function : torch.special)
        if (is_true(PyObject_CallNoArgs(function))) return false;
    return number_of(PyObject_GetAttr(torch.forward_ad, kLevel), 0) < 0;
}

bool needs_gradient(PyObject* x, PyObject* weight, PyObject* bias) {
    static PyObject* const kRequires = name("requires_grad");
    if (!is_true(PyObject_CallNoArgs(torch.grad_enabled))) return false;
    for (PyObject* tensor : {x, weight, bias}) {
        if (tensor && tensor != Py_None && is_true(PyObject_GetAttr(tensor, kRequires)))
            return true;
    }
    return false;
}

long tensor_version(PyObject* tensor) {
    static PyObject* const kVersion = name("_version");
    return number_of(PyObject_GetAttr(tensor, kVersion), -1);
}

py::object new_tensor(PyObject* like, const long (&sizes)[4]) {
    static PyObject* const kNewEmpty = name("new_empty");
    PyObject* given[5] = {like};
    for (int axis = 0; axis < 4; ++axis) given[axis + 1] = PyLong_FromLong(sizes[axis]);
    PyObject* const made = PyObject_VectorcallMethod(kNewEmpty, given, 5, nullptr);
    for (int axis = 0; axis < 4; ++axis) Py_DECREF(given[axis + 1]);
    if (!made) throw py::error_already_set();
    return py::reinterpret_steal<py::object>(made);
}

int torch_threads() {
    const long count = number_of(PyObject_CallNoArgs(torch.threads), 1);
    return static_cast<int>(std::clamp<long>(count, 1, INT_MAX));
}

void bind_tensors(py::module_& m) {
    m.def(
        "use_tensors",
        [](const py::type& tensor, const py::type& parameter, const py::capsule& api,
           const py::list& special, py::object forward_ad, py::object grad_enabled,
           py::object threads) {
            const auto* found = static_cast<const ExchangeApi*>(
                PyCapsule_GetPointer(api.ptr(), "dlpack_exchange_api"));
            if (!found) throw py::error_already_set();
            if (found->major != 1 || !found->view || torch.api) return;
            torch.tensor = reinterpret_cast<PyTypeObject*>(tensor.inc_ref().ptr());
            torch.parameter = reinterpret_cast<PyTypeObject*>(parameter.inc_ref().ptr());
            for (const py::handle& function : special)
                torch.special.push_back(function.inc_ref().ptr());
            torch.forward_ad = forward_ad.release().ptr();
            torch.grad_enabled = grad_enabled.release().ptr();
            torch.threads = threads.release().ptr();
            torch.api = found;
        },
        py::arg("tensor"), py::arg("parameter"), py::arg("api"), py::arg("special"),
        py::arg("forward_ad"), py::arg("grad_enabled"), py::arg("threads"),
        "What `plain_call` and others need of PyTorch to read its tensors.");
}

}  // namespace cnnkit
