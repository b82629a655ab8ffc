// Layers whose outputs have one input each.
#include <cmath>

#include "training/layer.h"
#include "training/random.h"

namespace cnnkit {
namespace {

class Relu : public Layer {
  public:
    Relu(const Setting& setting, const Size& in) : Layer(in, in), vectors_(setting.vectors) {}

    void forward(const Pass& pass, const Turn& t) override {
        vectors_.relu(pass.x.at(t.image, t.group), in.floats(), pass.y.at(t.image, t.group));
    }

    void backward(const Pass& pass, const Turn& t) override {
        float *dy = pass.dy.at(t.image, t.group), *dx = pass.dx.at(t.image, t.group);
        if (!dx) return;
        vectors_.relu_backward(pass.y.at(t.image, t.group), in.floats(), dy);
        for (ptrdiff_t i = 0; i < in.floats(); ++i) dx[i] = dy[i];
    }

  private:
    const TrainingKernels& vectors_;
};

// Each value is dropped with the same probability; what is kept becomes larger, so that the mean
// stays. What is dropped is computed anew by the backward pass.
class Dropout : public Layer {
  public:
    Dropout(const Setting& setting, const Size& in, const LayerSpec& spec)
        : Layer(in, in),
          vectors_(setting.vectors),
          number_(static_cast<uint64_t>(spec.sizes[0])),
          threshold_(static_cast<unsigned>(std::lround(spec.numbers[0] * (1 << 24)))),
          scale_(spec.numbers[0] < 1.0 ? static_cast<float>(1.0 / (1.0 - spec.numbers[0])) : 0.0f) {
    }

    void forward(const Pass& pass, const Turn& t) override {
        drop(pass, t, pass.x.at(t.image, t.group), pass.y.at(t.image, t.group));
    }

    void backward(const Pass& pass, const Turn& t) override {
        float* dx = pass.dx.at(t.image, t.group);
        if (dx) drop(pass, t, pass.dy.at(t.image, t.group), dx);
    }

  private:
    void drop(const Pass& pass, const Turn& t, const float* x, float* y) const {
        const uint64_t image = static_cast<uint64_t>(pass.before + t.image);
        const uint64_t key = mixed(mixed(pass.draws + number_) + image);
        vectors_.drop(x, in.floats(), static_cast<unsigned>(key), static_cast<unsigned>(key >> 32),
                      threshold_, scale_, y);
    }

    const TrainingKernels& vectors_;
    const uint64_t number_;  // among the network's layers of this kind
    const unsigned threshold_;
    const float scale_;
};

}  // namespace

std::unique_ptr<Layer> make_relu(const Setting& setting, const Size& in, const LayerSpec&) {
    return std::make_unique<Relu>(setting, in);
}

std::unique_ptr<Layer> make_dropout(const Setting& setting, const Size& in, const LayerSpec& spec) {
    return std::make_unique<Dropout>(setting, in, spec);
}

}  // namespace cnnkit
