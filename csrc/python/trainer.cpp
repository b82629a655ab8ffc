// `_core.NetworkTrainer` and `_core.LayerTrainer` train: arrays checked here, work without the GIL.
#include "python/trainer.h"

#include <pybind11/stl.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <numeric>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "cpu/dispatch.h"
#include "engines/engines.h"
#include "python/architecture.h"
#include "training/trainer.h"

namespace py = pybind11;

namespace cnnkit {
namespace {

// Images, their labels, and the loss.
struct Examples {
    py::object images, labels, class_weights, label_smoothing;
};

// Parameters, both of Adam's moments, and the number of steps made.
struct State {
    py::object parameters, mean, square, steps;
};

// Holds the training images, so that each call checks only its order. Not for two threads at once.
class Training {
  public:
    Training(const Examples& given, const std::array<ptrdiff_t, 3>& size, ptrdiff_t classes) {
        images_ = array<Bytes>(given.images, "images", {-1, size[0], size[1], size[2]},
                               "uint8 " + shape_text(size));
        labels_ = array<Bytes>(given.labels, "labels", {images_.shape(0)}, "uint8 [N], as images")
                      .attr("copy")();  // so that they stay as checked
        const uint8_t* label = labels_.data();
        if (std::any_of(label, label + labels_.size(), [&](int l) { return l >= classes; })) {
            const std::string last = std::to_string(classes - 1);
            refuse("labels", "holds a label above " + last, "give classes from 0 to " + last);
        }
        const double smoothing = number(given.label_smoothing, "label_smoothing");
        if (!given.class_weights.is_none()) set_loss(classes, given.class_weights, smoothing);
    }

    // The losses float32 [S] of the steps made, and how many images they classified right. A loss
    // that is not finite is the last one, and its step was not made. `pixels`, if not None, are
    // shown in place of the images in `order`, one for each.
    py::tuple train(const py::object& order, const py::object& batch, const py::object& rate,
                    const py::object& decay, const py::object& pixels, const py::object& threads) {
        const int64_t batch_size = integer(batch, "batch_size", 1);
        const Longs indices = checked(order);
        NetAdam adam;
        adam.learning_rate = number(rate, "learning_rate");
        adam.weight_decay = number(decay, "weight_decay");
        const int64_t count = indices.size();
        Floats losses(count / batch_size + (count % batch_size != 0));
        NetBatches data = batches(indices, batch_size);
        data.threads = thread_count(threads);
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

    py::tuple state() const {
        Floats values(count_), mean(count_), square(count_);
        int64_t steps;
        trainer_->export_state(values.mutable_data(), mean.mutable_data(), square.mutable_data(),
                               &steps);
        return py::make_tuple(values, mean, square, steps);
    }

  private:
    static std::string shape_text(const std::array<ptrdiff_t, 3>& size) {
        return "[N, " + std::to_string(size[0]) + ", " + std::to_string(size[1]) + ", " +
               std::to_string(size[2]) + "]";
    }

    // What weighted_loss.inl.h reads, for every label.
    void set_loss(ptrdiff_t classes, const py::object& class_weights, double smoothing) {
        const Floats weight = array<Floats>(class_weights, "class_weights", {classes},
                                            "float32 [" + std::to_string(classes) + "]");
        const double even = smoothing / static_cast<double>(classes);
        for (ptrdiff_t label = 0; label < classes; ++label) {
            double sum = 0.0;
            for (ptrdiff_t k = 0; k < classes; ++k) {
                const double share = even + (k == label ? 1.0 - smoothing : 0.0);
                targets_.push_back(static_cast<float>(share * weight.at(k)));
                sum += share * weight.at(k);
            }
            sums_.push_back(static_cast<float>(sum));
            weights_.push_back(weight.at(label));
        }
        loss_ = {targets_.data(), sums_.data(), weights_.data()};
    }

  protected:
    NetBatches batches(const Longs& indices, int64_t batch_size) const {
        return {images_.data(), labels_.data(), indices.data(),
                indices.size(), batch_size,     loss_.targets ? &loss_ : nullptr};
    }

    Longs checked(const py::object& order) const {
        const Longs indices = array<Longs>(order, "order", {-1}, "int64 [N]");
        const ptrdiff_t images = images_.shape(0);
        const int64_t* index = indices.data();
        if (std::any_of(index, index + indices.size(),
                        [=](int64_t i) { return i < 0 || i >= images; })) {
            refuse("order", "names an image that is not there",
                   "give indices from 0 to " + std::to_string(images - 1));
        }
        return indices;
    }

  private:
    Bytes images_, labels_;
    std::vector<float> targets_, sums_, weights_;
    NetLoss loss_ = {};

  protected:
    ptrdiff_t count_ = 0;  // of parameters
    std::unique_ptr<Trainer> trainer_;
};

class NetworkTrainer : public Training {
  public:
    NetworkTrainer(const Examples& given, const State& state, const py::object& isa,
                   const Architecture& a)
        : Training(given, {a.channels, a.height, a.width}, a.classes) {
        count_ = Layout(a).count;
        const int64_t made = integer(state.steps, "steps", 0);
        const KernelTable& table = kernels(isa);
        trainer_ = find_engine(table, a).make_trainer(
            table, a, parameters(state.parameters, "parameters", count_).data(),
            parameters(state.mean, "mean", count_).data(),
            parameters(state.square, "square", count_).data(), made);
    }

    // For benchmarks: the first `parts` of the work on each image (mnist.h), without effect.
    void run_parts(const py::object& order, int parts, bool training) {
        const Longs indices = checked(order);
        constexpr int64_t kBatch = 16;
        const bool has_parts = trainer_->run_parts(batches(indices, kBatch), parts, training);
        if (!has_parts)
            refuse("isa", "runs an engine whose work has no parts", "use avx512 or avx2");
    }
};

// A network as a list of layers; what they are, plan.cpp says.
class LayerTrainer : public Training {
  public:
    using Row = std::tuple<std::string, std::vector<ptrdiff_t>, std::vector<double>>;

    LayerTrainer(const Examples& given, const State& state, const py::object& running,
                 const std::vector<Row>& layers, const std::array<ptrdiff_t, 3>& size,
                 ptrdiff_t classes,
                 const std::pair<std::vector<float>, std::vector<float>>& normalisation,
                 uint64_t seed, const py::object& isa)
        : Training(given, size, classes) {
        Sequence sequence = {
            {size[0], size[1], size[2]}, classes, normalisation.first, normalisation.second, {}};
        bool good = classes <= 256;  // labels are bytes
        for (const auto* values : {&sequence.mean, &sequence.deviation})
            good = good && (values->empty() || static_cast<ptrdiff_t>(values->size()) == size[0]);
        good = good && sequence.mean.size() == sequence.deviation.size();
        for (const auto& [kind, sizes, numbers] : layers)
            sequence.layers.push_back({kind, sizes, numbers});
        try {
            if (!good) throw std::invalid_argument("classes or a normalisation that cannot be");
            auto made = make_sequence_trainer(kernels(isa), sequence, seed);
            count_ = made->parameters(), statistics_ = made->statistics();
            const int64_t steps = integer(state.steps, "steps", 0);
            made->take(parameters(state.parameters, "parameters", count_).data(),
                       parameters(state.mean, "mean", count_).data(),
                       parameters(state.square, "square", count_).data(),
                       parameters(running, "statistics", statistics_).data(), steps);
            sequence_ = made.get();
            trainer_ = std::move(made);
        } catch (const std::invalid_argument& error) {
            refuse("layers", std::string("have ") + error.what(),
                   "give what cnnkit.graph.sequence makes");
        }
    }

    Floats statistics() const {
        Floats values(statistics_);
        sequence_->give_statistics(values.mutable_data());
        return values;
    }

  private:
    ptrdiff_t statistics_ = 0;
    const SequenceTrainer* sequence_ = nullptr;
};

}  // namespace

void bind_trainer(py::module_& m) {
    py::class_<Training>(m, "Training", "Trains a network with Adam.")
        .def("train", &Training::train, py::arg("order"), py::arg("batch_size"),
             py::arg("learning_rate"), py::arg("weight_decay") = 0.0,
             py::arg("pixels") = py::none(), py::arg("threads") = 1)
        .def("gradients", &Training::gradients, py::arg("order"))
        .def("state", &Training::state);
    using Given = const py::object&;
    py::class_<NetworkTrainer, Training>(m, "NetworkTrainer",
                                         "A convnet's, the published one's by default.")
        .def(py::init([](Given images, Given labels, Given values, Given mean, Given square,
                         Given steps, Given isa, Given architecture, Given class_weights,
                         Given label_smoothing) {
                 return std::make_unique<NetworkTrainer>(
                     Examples{images, labels, class_weights, label_smoothing},
                     State{values, mean, square, steps}, isa, architecture_of(architecture));
             }),
             py::arg("images"), py::arg("labels"), py::arg("parameters"), py::arg("mean"),
             py::arg("square"), py::arg("steps"), py::arg("isa") = py::none(),
             py::arg("architecture") = py::none(), py::arg("class_weights") = py::none(),
             py::arg("label_smoothing") = 0.0)
        .def("run_parts", &NetworkTrainer::run_parts, py::arg("order"), py::arg("parts"),
             py::arg("learning"));
    py::class_<LayerTrainer, Training>(m, "LayerTrainer", "A list of layers'.")
        .def(
            py::init([](Given images, Given labels, Given values, Given mean, Given square,
                        Given steps, Given statistics, const std::vector<LayerTrainer::Row>& layers,
                        const std::array<ptrdiff_t, 3>& size, ptrdiff_t classes,
                        const std::pair<std::vector<float>, std::vector<float>>& normalisation,
                        uint64_t seed, Given isa, Given class_weights, Given label_smoothing) {
                return std::make_unique<LayerTrainer>(
                    Examples{images, labels, class_weights, label_smoothing},
                    State{values, mean, square, steps}, statistics, layers, size, classes,
                    normalisation, seed, isa);
            }),
            py::arg("images"), py::arg("labels"), py::arg("parameters"), py::arg("mean"),
            py::arg("square"), py::arg("steps"), py::arg("statistics"), py::arg("layers"),
            py::arg("size"), py::arg("classes"), py::arg("normalisation"), py::arg("seed"),
            py::arg("isa") = py::none(), py::arg("class_weights") = py::none(),
            py::arg("label_smoothing") = 0.0)
        .def("statistics", &LayerTrainer::statistics);
}

}  // namespace cnnkit
