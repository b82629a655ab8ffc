#include "python/tensors.h"

#include <algorithm>
#include <climits>
#include <cstring>
#include <string>
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

ptrdiff_t number_of(PyObject* value, ptrdiff_t otherwise) {
    const ptrdiff_t found = value ? PyLong_AsSsize_t(value) : -1;
    Py_XDECREF(value);
    if (!PyErr_Occurred()) return found;
    PyErr_Clear();
    return otherwise;
}

// Whether the storage was freed: PyTorch adds the offset even to the address of no memory.
bool is_freed(PyObject* tensor, uintptr_t address) {
    static PyObject* const kOffset = name("storage_offset");
    if (address >> 40) return false;  // as nearly every address of memory is
    const ptrdiff_t offset = number_of(PyObject_CallMethodNoArgs(tensor, kOffset), -1);
    return offset < 0 || address == sizeof(float) * offset;
}

// Where a tensor of PyTorch's lies, and how often it was changed; {0, -1} where nobody can tell.
struct State {
    uint64_t address = 0;
    int64_t version = -1;
    explicit State(PyObject* tensor) {
        DLTensor t;
        if (Py_TYPE(tensor) != torch.tensor && Py_TYPE(tensor) != torch.parameter) return;
        if (!torch.api || torch.api->view(tensor, &t) != 0) {
            PyErr_Clear();
            return;
        }
        version = tensor_version(tensor);
        if (version >= 0) address = reinterpret_cast<uintptr_t>(t.data) + t.byte_offset;
    }
};

// The states of tensors, as bytes that can be compared; empty where one cannot be told.
py::bytes states_of(const py::tuple& tensors) {
    std::vector<State> states;
    states.reserve(tensors.size());
    for (const py::handle& tensor : tensors) {
        states.emplace_back(tensor.ptr());
        if (!states.back().address) return {};
    }
    return {reinterpret_cast<const char*>(states.data()), sizeof(State) * states.size()};
}

// A number that another one nearly surely replaces where a float of the tensors changes. They are
// dense, so that their elements fill their memory.
uint64_t digest_of(const py::tuple& tensors) {
    constexpr uint64_t kPrime = 0x100000001b3;
    constexpr int kLanes = 8;
    uint64_t lanes[kLanes] = {};
    for (const py::handle& tensor : tensors) {
        DLTensor t;
        if (!torch.api || torch.api->view(tensor.ptr(), &t) != 0) throw py::error_already_set();
        int64_t floats = 1;
        for (int axis = 0; axis < t.ndim; ++axis) floats *= t.shape[axis];
        const auto* from = static_cast<const char*>(t.data) + t.byte_offset;
        const py::gil_scoped_release released;
        const int64_t bytes = floats * static_cast<int64_t>(sizeof(float));
        constexpr int64_t kStep = sizeof lanes;
        int64_t at = 0;
        for (; at + kStep <= bytes; at += kStep) {
            uint64_t words[kLanes];
            std::memcpy(words, from + at, kStep);
            for (int lane = 0; lane < kLanes; ++lane)
                lanes[lane] = (lanes[lane] ^ words[lane]) * kPrime;
        }
        for (; at < bytes; at += static_cast<int64_t>(sizeof(float))) {
            uint32_t word;
            std::memcpy(&word, from + at, sizeof word);
            lanes[0] = (lanes[0] ^ word) * kPrime;
        }
    }
    uint64_t all = 0;
    for (const uint64_t lane : lanes) all = (all ^ lane) * kPrime + (all >> 29);
    return all;
}

// Whether a dictionary has these keys, in this order, and what lies at these addresses. By what a
// module is called is no part of that: `is_known` tells whether it may be so.
bool is_same(PyObject* dict, const py::tuple& record, PyObject* is_known,
             std::vector<PyObject*>& inner) {
    static PyObject* const kCall = name("_compiled_call_impl");
    PyObject* const keys = PyTuple_GetItem(record.ptr(), 0);
    const std::string addresses = py::bytes(record[1]);
    const Py_ssize_t count = keys ? PyTuple_Size(keys) : -1;
    if (static_cast<Py_ssize_t>(addresses.size() / sizeof(uintptr_t)) != count) return false;
    PyObject *key, *value;
    Py_ssize_t at = 0, i = 0;
    while (PyDict_Next(dict, &at, &key, &value)) {
        if (key == kCall) {
            if (value != Py_None && !is_true(PyObject_CallOneArg(is_known, value), false))
                return false;
            continue;
        }
        uintptr_t address;
        if (i >= count || key != PyTuple_GetItem(keys, i)) return false;
        std::memcpy(&address, addresses.data() + i++ * sizeof address, sizeof address);
        if (reinterpret_cast<uintptr_t>(value) != address) return false;
        if (PyDict_Check(value)) inner.push_back(value);
    }
    return i == count;
}

// Whether objects still hold the same. `known` has a tuple for each: a weak reference, its type,
// and records of its __dict__ and of the dictionaries in that, in their order: keys and addresses.
bool is_unchanged(const py::list& known, const py::object& is_known) {
    std::vector<PyObject*> inner;
    for (const py::handle& item : known) {
        const auto three = py::reinterpret_borrow<py::tuple>(item);
        const auto records = py::reinterpret_borrow<py::list>(three[2]);
        const auto object = py::reinterpret_steal<py::object>(PyObject_CallNoArgs(three[0].ptr()));
        if (!object || py::type::handle_of(object).ptr() != three[1].ptr()) return false;
        const auto dict =
            py::reinterpret_steal<py::object>(PyObject_GenericGetDict(object.ptr(), nullptr));
        if (!dict || records.empty()) return false;
        inner.clear();
        if (!is_same(dict.ptr(), py::tuple(records[0]), is_known.ptr(), inner)) return false;
        if (inner.size() + 1 != records.size()) return false;
        std::vector<PyObject*> deeper;
        for (size_t i = 0; i < inner.size(); ++i) {
            if (!is_same(inner[i], py::tuple(records[i + 1]), is_known.ptr(), deeper)) return false;
        }
    }
    return true;
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

ptrdiff_t tensor_version(PyObject* tensor) {
    static PyObject* const kVersion = name("_version");
    return number_of(PyObject_GetAttr(tensor, kVersion), -1);
}

py::object new_tensor(PyObject* like, const ptrdiff_t (&sizes)[4]) {
    static PyObject* const kNewEmpty = name("new_empty");
    PyObject* given[5] = {like};
    for (int axis = 0; axis < 4; ++axis) given[axis + 1] = PyLong_FromSsize_t(sizes[axis]);
    PyObject* const made = PyObject_VectorcallMethod(kNewEmpty, given, 5, nullptr);
    for (int axis = 0; axis < 4; ++axis) Py_DECREF(given[axis + 1]);
    if (!made) throw py::error_already_set();
    return py::reinterpret_steal<py::object>(made);
}

int torch_threads() {
    const ptrdiff_t count = number_of(PyObject_CallNoArgs(torch.threads), 1);
    return static_cast<int>(std::clamp<ptrdiff_t>(count, 1, INT_MAX));
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
    m.def("tensor_states", &states_of, py::arg("tensors"),
          "Addresses and versions of tensors; empty if one of them has none.");
    m.def("tensor_digest", &digest_of, py::arg("tensors"),
          "A number that tells the elements of dense tensors from others.");
    m.def("is_unchanged", &is_unchanged, py::arg("known"), py::arg("is_known"),
          "Whether objects hold the same as in `known`: a weak reference and records of each.");
}

}  // namespace cnnkit
