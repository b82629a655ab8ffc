// The Python module `cnnkit._core`. Arrays come as NumPy's or as addresses, never through PyTorch's
// C++ interface, so that one build serves every PyTorch.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <string>
#include <vector>

#include "cpu/dispatch.h"
#include "python/augment.h"
#include "python/conv2d.h"
#include "python/conv_relu_pool.h"
#include "python/memory_sample.h"
#include "python/network.h"
#include "python/plain_call.h"
#include "python/resample.h"
#include "python/tensors.h"
#include "python/trainer.h"
#include "roofline/roofline.h"

namespace py = pybind11;

static const char* const kOnlyMain =
    "cnnkit._core supports no sub-interpreter; import it in the main one";

// pybind11 waits for the GIL of the main interpreter while it prepares this module: in a
// sub-interpreter, where another thread state holds that, for ever.
extern "C" PyObject* PyInit_core_of_main_interpreter();

extern "C" PYBIND11_EXPORT PyObject* PyInit__core() {
    if (PyInterpreterState_Get() != PyInterpreterState_Main()) {
        PyErr_SetString(PyExc_ImportError, kOnlyMain);
        return nullptr;
    }
    return PyInit_core_of_main_interpreter();
}

PYBIND11_MODULE(core_of_main_interpreter, m) {
    using namespace cnnkit;
    // From 3.13 on, Python calls the function above in the main interpreter, and this in its own.
    if (PyInterpreterState_Get() != PyInterpreterState_Main()) throw py::import_error(kOnlyMain);
    m.doc() = "The compiled kernels of cnnkit; cnnkit.ops is their public face.";

    py::register_local_exception_translator([](std::exception_ptr thrown) {
        try {
            if (thrown) std::rethrow_exception(thrown);
        } catch (const IsaError& error) {
            const py::object type = py::module_::import("cnnkit.errors").attr("InputError");
            const py::object value = type("CNNKIT_ISA", error.what(), "name one of these, or none");
            PyErr_SetObject(type.ptr(), value.ptr());
        }
    });

    m.def("isa", [] { return std::string(current_kernels().name); }, "The instruction set in use.");
    m.def(
        "available_isas",
        [] {
            std::vector<std::string> names;
            for (const KernelTable* kernels : available_kernels()) names.push_back(kernels->name);
            return names;
        },
        "The instruction sets that this machine can run, best first.");

    m.def(
        "measure_fma_peak",
        [](double seconds) { return measure_fma_peak(current_kernels(), seconds); },
        py::arg("seconds"), py::call_guard<py::gil_scoped_release>(),
        "FLOP per second of independent multiply-adds on one core.");
    m.def(
        "measure_bandwidth",
        [](double seconds, size_t bytes) {
            return measure_bandwidth(current_kernels(), seconds, bytes);
        },
        py::arg("seconds"), py::arg("bytes"), py::call_guard<py::gil_scoped_release>(),
        "Bytes per second of reading so many bytes again and again on one core.");

    bind_conv_relu_pool(m);
    bind_tensors(m);
    bind_memory_sample(m);
    bind_plain_call(m);
    bind_conv2d(m);
    bind_network(m);
    bind_trainer(m);
    bind_augment(m);
    bind_resample(m);
}
