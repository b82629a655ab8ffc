// `_core.Network` answers, `_core.NetworkTrainer` learns: arrays checked here, work without the
// GIL.
#include "net_bindings.h"

#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <optional>

#include "arguments.h"
#include "dispatch.h"
#include "net/net.h"
#include "parallel.h"
#include "plan.h"

namespace py = pybind11;

namespace cnnkit {
namespace {

using Bytes = py::array_t<uint8_t, py::array::c_style>;
using Longs = py::array_t<int64_t, py::array::c_style>;

const NetKernels& kernels(const std::optional<std::string>& isa) {
    return *(isa ? find_isa(*isa) : current_isa()).net;
}

std::string text(const py::handle& value) { return py::str(value); }

// A contiguous array of exactly this type and shape; -1 leaves a size open.
template <typename Array>
Array array(const py::handle& value, const char* name, std::initializer_list<long> sizes,
            const char* wanted) {
    if (!py::isinstance<py::array>(value)) {
        refuse(name, "is a " + text(py::type::of(value).attr("__name__")),
               std::string("give a NumPy array, ") + wanted);
    }
    const auto given = py::reinterpret_borrow<py::array>(value);
    bool fits = given.ndim() == static_cast<long>(sizes.size());
    long axis = 0;
    for (const long size : sizes) {
        fits = fits && (size < 0 || given.shape(axis) == size);
        ++axis;
    }
    if (!fits || !py::isinstance<Array>(value)) {
        const bool right = fits && given.dtype().is(py::dtype::of<typename Array::value_type>());
        refuse(name,
               "is " + text(given.dtype()) + text(given.attr("shape")) +
                   (right ? ", but not contiguous" : ""),
               std::string("give contiguous ") + wanted);
    }
    return py::reinterpret_borrow<Array>(value);
}

Floats parameters(const py::handle& value, const char* name) {
    return array<Floats>(value, name, {kNetParameters}, "float32 [2710]");
}

// Images [N, 1, 28, 28], [N, 28, 28] or [28, 28], contiguous, uint8 or float32.
struct Images {
    explicit Images(const py::handle& value) {
        constexpr const char* kWanted =
            "give contiguous uint8 or float32 [N, 1, 28, 28], [N, 28, 28] or [28, 28]";
        if (!py::isinstance<py::array>(value)) {
            refuse("images", "is a " + text(py::type::of(value).attr("__name__")), kWanted);
        }
        array = py::reinterpret_borrow<py::array>(value);
        const long rank = array.ndim();
        const bool shaped = rank >= 2 && rank <= 4 && array.shape(rank - 2) == 28 &&
                            array.shape(rank - 1) == 28 && (rank < 4 || array.shape(1) == 1);
        bytes = py::isinstance<Bytes>(value);
        if (!shaped || !(bytes || py::isinstance<Floats>(value))) {
            refuse("images", "is " + text(array.dtype()) + text(array.attr("shape")), kWanted);
        }
        count = rank == 2 ? 1 : array.shape(0);
    }

    py::array array;
    bool bytes;
    long count;
};

// Scratch memory of the calling thread, kept for its next call.
void* workspace(size_t bytes) {
    thread_local Buffer memory;
    thread_local size_t size = 0;
    if (size < bytes) memory = allocate(bytes), size = bytes;
    return memory.get();
}

class Network {
  public:
    Network(const py::object& values, const std::optional<std::string>& isa)
        : kernels_(kernels(isa)), weights_(allocate(kernels_.weights_bytes())) {
        kernels_.pack(parameters(values, "parameters").data(), weights_.get());
    }

    py::tuple answer(const py::object& images, int threads, const py::object& out) const {
        const Images in(images);
        Floats logits, probabilities;
        Longs label;
        if (out.is_none()) {
            logits = Floats({in.count, long{kNetClasses}});
            probabilities = Floats({in.count, long{kNetClasses}});
            label = Longs(in.count);
        } else {
            if (!py::isinstance<py::tuple>(out) || py::len(out) != 3) {
                refuse("out", "is no tuple of three", "give (logits, probabilities, label)");
            }
            const auto three = py::reinterpret_borrow<py::tuple>(out);
            logits = array<Floats>(three[0], "out[0]", {in.count, kNetClasses}, "float32 [N, 10]");
            probabilities =
                array<Floats>(three[1], "out[1]", {in.count, kNetClasses}, "float32 [N, 10]");
            label = array<Longs>(three[2], "out[2]", {in.count}, "int64 [N]");
            if (!logits.writeable() || !probabilities.writeable() || !label.writeable()) {
                refuse("out", "is read-only", "give arrays that can be written");
            }
        }
        run(in,
            {logits.mutable_data(), probabilities.mutable_data(), nullptr, label.mutable_data()},
            threads);
        return py::make_tuple(logits, probabilities, label);
    }

    Floats log_probabilities(const py::object& images, int threads) const {
        const Images in(images);
        Floats log_p({in.count, long{kNetClasses}});
        run(in, {nullptr, nullptr, log_p.mutable_data(), nullptr}, threads);
        return log_p;
    }

  private:
    struct Call {
        const Network& network;
        const Images& images;
        const NetOutputs& out;
        const void* data;
        long parts;
    };

    static void run_part(const Call& c, long part) {
        const long first = part * c.images.count / c.parts;
        const long count = (part + 1) * c.images.count / c.parts - first;
        const long at = first * kNetClasses;
        const NetOutputs& o = c.out;
        const NetOutputs out = {o.logits ? o.logits + at : nullptr,
                                o.probabilities ? o.probabilities + at : nullptr,
                                o.log_probabilities ? o.log_probabilities + at : nullptr,
                                o.label ? o.label + first : nullptr};
        const NetKernels& k = c.network.kernels_;
        const void* weights = c.network.weights_.get();
        void* memory = workspace(k.workspace_bytes());
        if (c.images.bytes) {
            const auto* from = static_cast<const uint8_t*>(c.data) + first * kNetPixels;
            k.infer_u8(weights, from, count, out, memory);
        } else {
            const auto* from = static_cast<const float*>(c.data) + first * kNetPixels;
            k.infer_f32(weights, from, count, out, memory);
        }
    }

    void run(const Images& images, const NetOutputs& out, int threads) const {
        if (threads < 1) refuse("threads", "is " + std::to_string(threads), "give at least 1");
        constexpr long kFewest = 8;  // images that are worth another thread
        const long parts = std::clamp(images.count / kFewest, 1L, long{threads});
        Call call = {*this, images, out, images.array.data(), parts};
        const py::gil_scoped_release released;
        parallel_for(
            threads, parts,
            [](void* context, long part) { run_part(*static_cast<Call*>(context), part); }, &call);
    }

    const NetKernels& kernels_;
    Buffer weights_;
};

// Holds the training images, so that each call checks only its order. Not for two threads at once.
class NetworkTrainer {
  public:
    NetworkTrainer(const py::object& images, const py::object& labels, const py::object& values,
                   const py::object& mean, const py::object& square, int64_t steps,
                   const std::optional<std::string>& isa)
        : kernels_(kernels(isa)),
          images_(array<Bytes>(images, "images", {-1, 1, 28, 28}, "uint8 [N, 1, 28, 28]")),
          labels_(array<Bytes>(labels, "labels", {images_.shape(0)}, "uint8 [N], as images")
                      .attr("copy")()),  // so that they stay as checked
          state_(allocate(kernels_.state_bytes())) {
        const uint8_t* label = labels_.data();
        if (std::any_of(label, label + labels_.size(), [](int l) { return l >= kNetClasses; })) {
            refuse("labels", "holds a label above 9", "give classes from 0 to 9");
        }
        if (steps < 0) refuse("steps", "is " + std::to_string(steps), "give at least 0");
        kernels_.import_state(state_.get(), parameters(values, "parameters").data(),
                              parameters(mean, "mean").data(), parameters(square, "square").data(),
                              steps);
    }

    // The losses float32 [S] of the steps made, and how many images they answered rightly. A loss
    // that is not finite is the last one, and its step was not made.
    py::tuple train(const py::object& order, int64_t batch_size, double learning_rate,
                    double weight_decay) {
        if (batch_size < 1)
            refuse("batch_size", "is " + std::to_string(batch_size), "give 1 or more");
        const Longs indices = checked(order);
        NetAdam adam;
        adam.learning_rate = learning_rate;
        adam.weight_decay = weight_decay;
        const int64_t count = indices.size();
        Floats losses(count / batch_size + (count % batch_size != 0));
        const NetBatches data = {images_.data(), labels_.data(), indices.data(), count, batch_size};
        float* to = losses.mutable_data();
        NetProgress progress = {};
        NetStatus status;
        {
            const py::gil_scoped_release released;
            status = kernels_.train(state_.get(), data, adam, to, &progress);
        }
        const int64_t written = progress.steps + (status == kNetNotFinite);
        return py::make_tuple(losses[py::slice(0, written, 1)], progress.correct);
    }

    py::tuple gradients(const py::object& order) {
        const Longs indices = checked(order);
        if (!indices.size()) refuse("order", "is empty", "give at least one image");
        Floats values(long{kNetParameters});
        int64_t correct;
        const float loss = kernels_.gradients(
            state_.get(),
            {images_.data(), labels_.data(), indices.data(), indices.size(), indices.size()},
            values.mutable_data(), &correct);
        return py::make_tuple(loss, values, correct);
    }

    // For benchmarks; changes nothing.
    void run_parts(const py::object& order, int parts, bool learning) {
        if (!kernels_.run_parts) {
            refuse("isa", "has an engine without parts", "use avx512 or avx2");
        }
        const Longs indices = checked(order);
        constexpr int64_t kBatch = 16;
        const py::gil_scoped_release released;
        kernels_.run_parts(state_.get(),
                           {images_.data(), labels_.data(), indices.data(), indices.size(), kBatch},
                           parts, learning);
    }

    py::tuple state() const {
        const long size = kNetParameters;
        Floats values(size), mean(size), square(size);
        int64_t steps;
        kernels_.export_state(state_.get(), values.mutable_data(), mean.mutable_data(),
                              square.mutable_data(), &steps);
        return py::make_tuple(values, mean, square, steps);
    }

  private:
    Longs checked(const py::object& order) const {
        const Longs indices = array<Longs>(order, "order", {-1}, "int64 [N]");
        const long images = images_.shape(0);
        const int64_t* index = indices.data();
        if (std::any_of(index, index + indices.size(),
                        [=](int64_t i) { return i < 0 || i >= images; })) {
            refuse("order", "names an image that is not there",
                   "give indices from 0 to " + std::to_string(images - 1));
        }
        return indices;
    }

    const NetKernels& kernels_;
    Bytes images_, labels_;
    Buffer state_;
};

}  // namespace

void bind_network(py::module_& m) {
    py::class_<Network>(m, "Network", "The published network's answers.")
        .def(py::init<const py::object&, const std::optional<std::string>&>(),
             py::arg("parameters"), py::arg("isa") = py::none())
        .def("__call__", &Network::answer, py::arg("images"), py::arg("threads") = 1,
             py::arg("out") = py::none())
        .def("log_probabilities", &Network::log_probabilities, py::arg("images"),
             py::arg("threads") = 1);
    py::class_<NetworkTrainer>(m, "NetworkTrainer", "The published network while it learns.")
        .def(py::init<const py::object&, const py::object&, const py::object&, const py::object&,
                      const py::object&, int64_t, const std::optional<std::string>&>(),
             py::arg("images"), py::arg("labels"), py::arg("parameters"), py::arg("mean"),
             py::arg("square"), py::arg("steps"), py::arg("isa") = py::none())
        .def("train", &NetworkTrainer::train, py::arg("order"), py::arg("batch_size"),
             py::arg("learning_rate"), py::arg("weight_decay") = 0.0)
        .def("gradients", &NetworkTrainer::gradients, py::arg("order"))
        .def("run_parts", &NetworkTrainer::run_parts, py::arg("order"), py::arg("parts"),
             py::arg("learning"))
        .def("state", &NetworkTrainer::state);
}

}  // namespace cnnkit
