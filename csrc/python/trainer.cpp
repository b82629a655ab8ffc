// `_core.NetworkTrainer` trains: arrays checked here, work without the GIL.
#include "python/trainer.h"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include "cpu/dispatch.h"
#include "engines/engines.h"
#include "python/architecture.h"

namespace py = pybind11;

namespace cnnkit {
namespace {

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

void bind_trainer(py::module_& m) {
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
