// `_core.Network` infers, `_core.NetworkTrainer` trains: arrays checked here, work without the
// GIL.
#include "python/network.h"

#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <numeric>
#include <string>
#include <tuple>
#include <vector>

#include "cpu/dispatch.h"
#include "engines/engines.h"
#include "mnist/engine.h"
#include "program/session.h"
#include "python/arguments.h"

namespace py = pybind11;

namespace cnnkit {
namespace {

Floats parameters(const py::handle& value, const char* name, long count) {
    return array<Floats>(value, name, {count}, "float32 [" + std::to_string(count) + "]");
}

constexpr long kMostSize = 4096, kMostClasses = 256;  // labels are bytes
constexpr long kMostFloats = 1l << 30;                // of a padded image: its places are ints

// ((C, H, W), ((channels, kernel, padding, pool), ...), classes); None means the published network.
// cnnkit.architecture has checked what it gives; this guards the memory.
Architecture architecture_of(const py::object& value) {
    if (value.is_none()) return published_architecture();
    using Sizes = std::tuple<std::array<long, 3>, std::vector<std::array<long, 4>>, long>;
    Architecture a = {};
    bool good = false;
    try {
        const auto [input, blocks, classes] = py::cast<Sizes>(value);
        a = {input[0], input[1], input[2], {}, classes};
        good = !blocks.empty() && classes <= kMostClasses;
        for (const long size : {a.channels, a.height, a.width, classes})
            good = good && size >= 1 && size <= kMostSize;
        for (const auto& [channels, kernel, padding, pool] : blocks) {
            a.blocks.push_back({channels, kernel, padding, pool});
            good = good && channels >= 1 && channels <= kMostSize && kernel >= 1 &&
                   kernel <= kMostSize && padding >= 0 && padding <= kMostSize && pool >= 1 &&
                   pool * pool <= kMostTaps;
        }
        if (good) {
            for (const ConvShape& s : a.shapes()) {
                const long rows = s.input.h + 2 * s.padding.h,
                           columns = s.input.w + 2 * s.padding.w;
                good = good && s.output.h >= 1 && s.output.w >= 1 &&
                       rows * columns < kMostFloats / s.channels_in &&
                       s.conv.h * s.conv.w < kMostFloats / s.channels_out;
            }
        }
    } catch (const py::cast_error&) {
    }
    if (!good) {
        refuse("architecture", "is " + text(py::repr(value)),
               "give ((C, H, W), ((channels, kernel, padding, pool), ...), classes) of a network "
               "that leaves something of its input");
    }
    return a;
}

// Images [N, C, H, W] or [C, H, W] and, of one channel, [N, H, W] or [H, W]; contiguous, uint8 or
// float32.
struct Images {
    Images(const py::handle& value, const Architecture& a) {
        if (!py::isinstance<py::array>(value)) {
            refuse("images", "is a " + text(py::type::of(value).attr("__name__")), wanted(a));
        }
        array = py::reinterpret_borrow<py::array>(value);
        const long rank = array.ndim();
        const auto size = [&](long from_end) { return array.shape(rank - from_end); };
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
    long count;
};

// What is called with images.
class Inference {
  public:
    explicit Inference(const Architecture& architecture) : architecture_(architecture) {}

    py::tuple infer(const py::object& images, const py::object& threads,
                    const py::object& out) const {
        const Images in(images, architecture_);
        const long classes = architecture_.classes;
        Floats logits, probabilities;
        Longs label;
        if (out.is_none()) {
            logits = Floats({in.count, classes});
            probabilities = Floats({in.count, classes});
            label = Longs(in.count);
        } else {
            if (!py::isinstance<py::tuple>(out) || py::len(out) != 3) {
                refuse("out", "is no tuple of three", "give (logits, probabilities, label)");
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
};

class Network : public Inference {
  public:
    Network(const py::object& values, const py::object& isa, const py::object& architecture)
        : Inference(architecture_of(architecture)) {
        const long count = Layout(architecture_).count;
        const KernelTable& table = kernels(isa);
        engine_ = &find_engine(table, architecture_);
        session_ = engine_->make_session(table, architecture_,
                                         parameters(values, "parameters", count).data());
    }

    std::string engine() const { return engine_->name; }

  private:
    const Engine* engine_;
};

// A lowered graph. `steps` are tuples of a kernel's name, the bytes of its structure, the numbers
// of its inputs as in ProgramStep, and that of its output.
class ProgramNetwork : public Inference {
  public:
    using Step = std::tuple<std::string, py::bytes, std::vector<long>, long>;

    ProgramNetwork(const std::array<long, 3>& size, long classes, const std::vector<Step>& steps,
                   const py::list& constants, std::vector<long> sizes, std::vector<long> offsets,
                   long arena, long result, const py::object& isa)
        : Inference({size[0], size[1], size[2], {}, classes}) {
        Program program = {{}, {}, std::move(sizes), std::move(offsets), arena, result};
        for (const auto& [kernel, fields, inputs, output] : steps) {
            const std::string bytes = fields;
            program.steps.push_back({kernel, {bytes.begin(), bytes.end()}, inputs, output});
        }
        for (const py::handle& constant : constants) {
            const Floats values = array<Floats>(constant, "constant", {-1}, "float32 [N]");
            program.constants.emplace_back(values.data(), values.data() + values.size());
        }
        try {
            session_ = make_program_session(kernels(isa), architecture_, std::move(program));
        } catch (const std::invalid_argument& error) {
            refuse(error.what(), "leaves its buffers", "give what cnnkit.graph.program makes");
        }
    }
};

// Holds the training images, so that each call checks only its order. Not for two threads at once.
class NetworkTrainer {
  public:
    NetworkTrainer(const py::object& images, const py::object& labels, const py::object& values,
                   const py::object& mean, const py::object& square, const py::object& steps,
                   const py::object& isa, const py::object& architecture,
                   const py::object& class_weights, const py::object& label_smoothing) {
        const Architecture a = architecture_of(architecture);
        count_ = Layout(a).count;
        images_ = array<Bytes>(images, "images", {-1, a.channels, a.height, a.width},
                               "uint8 " + shape_text(a));
        labels_ = array<Bytes>(labels, "labels", {images_.shape(0)}, "uint8 [N], as images")
                      .attr("copy")();  // so that they stay as checked
        const uint8_t* label = labels_.data();
        if (std::any_of(label, label + labels_.size(), [&](int l) { return l >= a.classes; })) {
            const std::string last = std::to_string(a.classes - 1);
            refuse("labels", "holds a label above " + last, "give classes from 0 to " + last);
        }
        const int64_t made = integer(steps, "steps", 0);
        const double smoothing = number(label_smoothing, "label_smoothing");
        if (!class_weights.is_none()) set_loss(a.classes, class_weights, smoothing);
        const KernelTable& table = kernels(isa);
        trainer_ = find_engine(table, a).make_trainer(
            table, a, parameters(values, "parameters", count_).data(),
            parameters(mean, "mean", count_).data(), parameters(square, "square", count_).data(),
            made);
    }

    // The losses float32 [S] of the steps made, and how many images they classified right. A loss
    // that is not finite is the last one, and its step was not made. `pixels`, if not None, are
    // shown in place of the images in `order`, one for each.
    py::tuple train(const py::object& order, const py::object& batch, const py::object& rate,
                    const py::object& decay, const py::object& pixels) {
        const int64_t batch_size = integer(batch, "batch_size", 1);
        const Longs indices = checked(order);
        NetAdam adam;
        adam.learning_rate = number(rate, "learning_rate");
        adam.weight_decay = number(decay, "weight_decay");
        const int64_t count = indices.size();
        Floats losses(count / batch_size + (count % batch_size != 0));
        NetBatches data = batches(indices, batch_size);
        Bytes shown;
        std::vector<uint8_t> labels;
        std::vector<int64_t> places(pixels.is_none() ? 0 : count);
        if (!pixels.is_none()) {
            const auto shape = images_.shape();
            shown = array<Bytes>(pixels, "pixels", {count, shape[1], shape[2], shape[3]},
                                 "uint8 [N, C, H, W], an image for each of order");
            for (int64_t i = 0; i < count; ++i) labels.push_back(data.labels[data.order[i]]);
            std::iota(places.begin(), places.end(), 0);
            data.images = shown.data(), data.labels = labels.data(), data.order = places.data();
        }
        float* to = losses.mutable_data();
        NetProgress progress = {};
        NetStatus status;
        {
            const py::gil_scoped_release released;
            status = trainer_->train(data, adam, to, &progress);
        }
        const int64_t written = progress.steps + (status == kNetNotFinite);
        return py::make_tuple(losses[py::slice(0, written, 1)], progress.correct);
    }

    py::tuple gradients(const py::object& order) {
        const Longs indices = checked(order);
        if (!indices.size()) refuse("order", "is empty", "give at least one image");
        Floats values(count_);
        int64_t correct;
        const float loss =
            trainer_->gradients(batches(indices, indices.size()), values.mutable_data(), &correct);
        return py::make_tuple(loss, values, correct);
    }

    // For benchmarks: the first `parts` of the work on each image (mnist.h), without effect.
    void run_parts(const py::object& order, int parts, bool training) {
        const Longs indices = checked(order);
        constexpr int64_t kBatch = 16;
        const bool has_parts = trainer_->run_parts(batches(indices, kBatch), parts, training);
        if (!has_parts)
            refuse("isa", "runs an engine whose work has no parts", "use avx512 or avx2");
    }

    py::tuple state() const {
        Floats values(count_), mean(count_), square(count_);
        int64_t steps;
        trainer_->export_state(values.mutable_data(), mean.mutable_data(), square.mutable_data(),
                               &steps);
        return py::make_tuple(values, mean, square, steps);
    }

  private:
    static std::string shape_text(const Architecture& a) {
        return "[N, " + std::to_string(a.channels) + ", " + std::to_string(a.height) + ", " +
               std::to_string(a.width) + "]";
    }

    // What weighted_loss.inl.h reads, for every label.
    void set_loss(long classes, const py::object& class_weights, double smoothing) {
        const Floats weight = array<Floats>(class_weights, "class_weights", {classes},
                                            "float32 [" + std::to_string(classes) + "]");
        const double even = smoothing / static_cast<double>(classes);
        for (long label = 0; label < classes; ++label) {
            double sum = 0.0;
            for (long k = 0; k < classes; ++k) {
                const double share = even + (k == label ? 1.0 - smoothing : 0.0);
                targets_.push_back(static_cast<float>(share * weight.at(k)));
                sum += share * weight.at(k);
            }
            sums_.push_back(static_cast<float>(sum));
            weights_.push_back(weight.at(label));
        }
        loss_ = {targets_.data(), sums_.data(), weights_.data()};
    }

    NetBatches batches(const Longs& indices, int64_t batch_size) const {
        return {images_.data(), labels_.data(), indices.data(),
                indices.size(), batch_size,     loss_.targets ? &loss_ : nullptr};
    }

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

    long count_ = 0;  // of parameters
    Bytes images_, labels_;
    std::vector<float> targets_, sums_, weights_;
    NetLoss loss_ = {};
    std::unique_ptr<Trainer> trainer_;
};

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
    py::class_<ProgramNetwork, Inference>(m, "ProgramNetwork", "A lowered graph.")
        .def(py::init<const std::array<long, 3>&, long, const std::vector<ProgramNetwork::Step>&,
                      const py::list&, std::vector<long>, std::vector<long>, long, long,
                      const py::object&>(),
             py::arg("size"), py::arg("classes"), py::arg("steps"), py::arg("constants"),
             py::arg("sizes"), py::arg("offsets"), py::arg("arena"), py::arg("result"),
             py::arg("isa") = py::none());
    py::class_<NetworkTrainer>(m, "NetworkTrainer",
                               "Trains a network with Adam. The published one by default.")
        .def(py::init<const py::object&, const py::object&, const py::object&, const py::object&,
                      const py::object&, const py::object&, const py::object&, const py::object&,
                      const py::object&, const py::object&>(),
             py::arg("images"), py::arg("labels"), py::arg("parameters"), py::arg("mean"),
             py::arg("square"), py::arg("steps"), py::arg("isa") = py::none(),
             py::arg("architecture") = py::none(), py::arg("class_weights") = py::none(),
             py::arg("label_smoothing") = 0.0)
        .def("train", &NetworkTrainer::train, py::arg("order"), py::arg("batch_size"),
             py::arg("learning_rate"), py::arg("weight_decay") = 0.0,
             py::arg("pixels") = py::none())
        .def("gradients", &NetworkTrainer::gradients, py::arg("order"))
        .def("run_parts", &NetworkTrainer::run_parts, py::arg("order"), py::arg("parts"),
             py::arg("learning"))
        .def("state", &NetworkTrainer::state);
}

}  // namespace cnnkit
