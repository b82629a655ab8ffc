// `_core.Network` and `_core.ProgramNetwork` infer: arrays checked here, work without the GIL.
#include "python/network.h"

#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include "cpu/dispatch.h"
#include "engines/engines.h"
#include "program/int8/session.h"
#include "program/session.h"
#include "python/architecture.h"

namespace py = pybind11;

namespace cnnkit {
namespace {

// Images [N, C, H, W] or [C, H, W] and, of one channel, [N, H, W] or [H, W]; contiguous, uint8 or
// float32.
struct Images {
    Images(const py::handle& value, const Architecture& a) {
        if (!py::isinstance<py::array>(value)) {
            refuse("images", "is a " + text(py::type::of(value).attr("__name__")), wanted(a));
        }
        array = py::reinterpret_borrow<py::array>(value);
        const ptrdiff_t rank = array.ndim();
        const auto size = [&](ptrdiff_t from_end) { return array.shape(rank - from_end); };
        const bool plane = rank >= 2 && size(2) == a.height && size(1) == a.width;
        const bool whole = plane && rank >= 3 && size(3) == a.channels;
        bytes = py::isinstance<Bytes>(value);
        const bool fits = (whole && (rank == 3 || rank == 4)) ||
                          (plane && a.channels == 1 && (rank == 2 || rank == 3));
        if (!fits || !(bytes || py::isinstance<Floats>(value))) {
            refuse("images", "is " + text(array.dtype()) + text(array.attr("shape")), wanted(a));
        }
        if (!is_aligned(array)) array = py::array(array.attr("copy")());
        const bool single = rank == 2 || (rank == 3 && a.channels > 1);
        count = single ? 1 : array.shape(0);
    }

    static std::string wanted(const Architecture& a) {
        const std::string plane = std::to_string(a.height) + ", " + std::to_string(a.width) + "]";
        const std::string whole = std::to_string(a.channels) + ", " + plane;
        return "give contiguous uint8 or float32 [N, " + whole +
               (a.channels == 1 ? ", [N, " + plane + " or [" + plane : " or [" + whole);
    }

    py::array array;
    bool bytes;
    ptrdiff_t count;
};

// What is called with images.
class Inference {
  public:
    explicit Inference(const Architecture& architecture) : architecture_(architecture) {}

    py::tuple infer(const py::object& images, const py::object& threads,
                    const py::object& out) const {
        const Images in(images, architecture_);
        const ptrdiff_t classes = architecture_.classes;
        Floats logits, probabilities;
        Longs label;
        if (out.is_none()) {
            logits = Floats({in.count, classes});
            probabilities = Floats({in.count, classes});
            label = Longs(in.count);
        } else {
            if (!py::isinstance<py::tuple>(out) || py::len(out) != 3) {
                refuse("out", "is not a tuple of three", "give (logits, probabilities, label)");
            }
            const auto three = py::reinterpret_borrow<py::tuple>(out);
            const std::string wanted = "float32 [N, " + std::to_string(classes) + "]";
            logits = writable<Floats>(three[0], "out[0]", {in.count, classes}, wanted);
            probabilities = writable<Floats>(three[1], "out[1]", {in.count, classes}, wanted);
            label = writable<Longs>(three[2], "out[2]", {in.count}, "int64 [N]");
        }
        run(in,
            {logits.mutable_data(), probabilities.mutable_data(), nullptr, label.mutable_data()},
            thread_count(threads));
        return py::make_tuple(logits, probabilities, label);
    }

    Floats log_probabilities(const py::object& images, const py::object& threads) const {
        const Images in(images, architecture_);
        Floats log_p({in.count, architecture_.classes});
        run(in, {nullptr, nullptr, log_p.mutable_data(), nullptr}, thread_count(threads));
        return log_p;
    }

  private:
    void run(const Images& images, const NetOutputs& out, int threads) const {
        if (!images.bytes && only_bytes_) refuse("images", "is float32", "give raw pixels, uint8");
        const void* data = images.array.data();
        const py::gil_scoped_release released;
        if (images.bytes) {
            session_->infer(static_cast<const uint8_t*>(data), images.count, out, threads);
        } else {
            session_->infer(static_cast<const float*>(data), images.count, out, threads);
        }
    }

  protected:
    const Architecture architecture_;
    std::unique_ptr<InferenceSession> session_;
    bool only_bytes_ = false;
};

class Network : public Inference {
  public:
    Network(const py::object& values, const py::object& isa, const py::object& architecture)
        : Inference(architecture_of(architecture)) {
        const ptrdiff_t count = Layout(architecture_).count;
        const KernelTable& table = kernels(isa);
        engine_ = &find_engine(table, architecture_);
        session_ = engine_->make_session(table, architecture_,
                                         parameters(values, "parameters", count).data());
    }

    std::string engine() const { return engine_->name; }

  private:
    const Engine* engine_;
};

// A lowered graph, whose steps can be looked at.
class Stepped : public Inference {
  public:
    // A kernel's name, the bytes of its structure, the numbers of its inputs as in ProgramStep, and
    // that of its output.
    using Step = std::tuple<std::string, py::bytes, std::vector<ptrdiff_t>, ptrdiff_t>;
    using Inference::Inference;

    std::vector<std::string> algorithms() const { return program_->algorithms(); }

    // Nanoseconds int64 [repeats, steps] on one image.
    Longs time_steps(const py::object& image, const py::object& repeats) const {
        const Images in(image, architecture_);
        if (in.count != 1 || !in.bytes) refuse("image", "is not one image", "give uint8 [C, H, W]");
        const int64_t count = integer(repeats, "repeats", 1);
        const auto steps = static_cast<int64_t>(program_->algorithms().size());
        Longs times({count, steps});
        int64_t* to = times.mutable_data();
        const auto* raw = static_cast<const uint8_t*>(in.array.data());
        const py::gil_scoped_release released;
        for (int64_t i = 0; i < count; ++i) program_->time_steps(raw, to + i * steps);
        return times;
    }

  protected:
    static std::vector<ProgramStep> read(const std::vector<Step>& steps) {
        std::vector<ProgramStep> found;
        for (const auto& [kernel, fields, inputs, output] : steps) {
            const std::string bytes = fields;
            found.push_back({kernel, {bytes.begin(), bytes.end()}, inputs, output});
        }
        return found;
    }
    template <typename Make>
    void open(const Make& make) {
        try {
            auto session = make();
            program_ = session.get();
            session_ = std::move(session);
        } catch (const std::invalid_argument& error) {
            refuse(error.what(), "leaves its buffers", "give what cnnkit.graph.program makes");
        }
    }

  private:
    const ProgramSession* program_;
};

class ProgramNetwork : public Stepped {
  public:
    ProgramNetwork(const std::array<ptrdiff_t, 3>& size, ptrdiff_t classes,
                   const std::vector<Step>& steps, const py::list& constants,
                   std::vector<ptrdiff_t> sizes, std::vector<ptrdiff_t> offsets, ptrdiff_t arena,
                   ptrdiff_t result, const py::object& isa)
        : Stepped({size[0], size[1], size[2], {}, classes}) {
        Program program = {read(steps), {}, std::move(sizes), std::move(offsets), arena, result};
        for (const py::handle& constant : constants) {
            const Floats values = array<Floats>(constant, "constant", {-1}, "float32 [N]");
            program.constants.emplace_back(values.data(), values.data() + values.size());
        }
        open([&] { return make_program_session(kernels(isa), architecture_, std::move(program)); });
    }

    // Floats of an image's result.
    ptrdiff_t values() const { return architecture_.classes; }

    // Floats [N, C, H, W] at one address to the result [N, values] at another, which are the
    // caller's to check.
    void run_at(uintptr_t images, ptrdiff_t count, uintptr_t result,
                const py::object& threads) const {
        const NetOutputs out = {reinterpret_cast<float*>(result), nullptr, nullptr, nullptr};
        const int shared = thread_count(threads);
        const py::gil_scoped_release released;
        session_->infer(reinterpret_cast<const float*>(images), count, out, shared);
    }
};

// Of integers: sizes, offsets and constants are bytes.
class ByteNetwork : public Stepped {
  public:
    ByteNetwork(const std::array<ptrdiff_t, 3>& size, ptrdiff_t classes,
                const std::vector<Step>& steps, const std::vector<py::bytes>& constants,
                std::vector<ptrdiff_t> sizes, std::vector<ptrdiff_t> offsets, ptrdiff_t arena,
                ptrdiff_t result, const py::object& isa)
        : Stepped({size[0], size[1], size[2], {}, classes}), table_(byte_kernels(kernels(isa))) {
        ByteProgram program = {read(steps),        {},    std::move(sizes),
                               std::move(offsets), arena, result};
        for (const std::string bytes : constants)
            program.constants.emplace_back(bytes.begin(), bytes.end());
        only_bytes_ = true;
        open([&] { return make_byte_session(table_, architecture_, std::move(program)); });
    }

    std::string instructions() const { return table_.name; }

  private:
    const ByteKernelTable& table_;
};

template <typename Network, typename Constants>
py::class_<Network, Stepped> bind_stepped(py::module_& m, const char* name, const char* text) {
    return py::class_<Network, Stepped>(m, name, text)
        .def(py::init<const std::array<ptrdiff_t, 3>&, ptrdiff_t, const std::vector<Stepped::Step>&,
                      const Constants&, std::vector<ptrdiff_t>, std::vector<ptrdiff_t>, ptrdiff_t,
                      ptrdiff_t, const py::object&>(),
             py::arg("size"), py::arg("classes"), py::arg("steps"), py::arg("constants"),
             py::arg("sizes"), py::arg("offsets"), py::arg("arena"), py::arg("result"),
             py::arg("isa") = py::none());
}

}  // namespace

void bind_network(py::module_& m) {
    py::class_<Inference>(
        m, "Inference", "Runs a network: `engine(images)` returns (logits, probabilities, label).")
        .def("__call__", &Inference::infer, py::arg("images"), py::arg("threads") = 1,
             py::arg("out") = py::none())
        .def("log_probabilities", &Inference::log_probabilities, py::arg("images"),
             py::arg("threads") = 1);
    py::class_<Network, Inference>(m, "Network", "A convnet, the published one by default.")
        .def(py::init<const py::object&, const py::object&, const py::object&>(),
             py::arg("parameters"), py::arg("isa") = py::none(),
             py::arg("architecture") = py::none())
        .def_property_readonly("engine", &Network::engine);
    py::class_<Stepped, Inference>(m, "SteppedNetwork", "What lowered graphs share.")
        .def_property_readonly("algorithms", &Stepped::algorithms)
        .def("time_steps", &Stepped::time_steps, py::arg("image"), py::arg("repeats"));
    bind_stepped<ProgramNetwork, py::list>(m, "ProgramNetwork", "A lowered graph.")
        .def_property_readonly("values", &ProgramNetwork::values)
        .def("run_at", &ProgramNetwork::run_at, py::arg("images"), py::arg("count"),
             py::arg("result"), py::arg("threads"));
    bind_stepped<ByteNetwork, std::vector<py::bytes>>(m, "ByteNetwork", "A lowered integer graph.")
        .def_property_readonly("instructions", &ByteNetwork::instructions);
}

}  // namespace cnnkit
