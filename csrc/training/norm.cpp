// Batch-norm: each channel over all pixels of a batch, by PyTorch's formulas.
#include <algorithm>
#include <cmath>
#include <vector>

#include "training/layer.h"

namespace cnnkit {
namespace {

class Norm : public Layer {
  public:
    Norm(const Setting& setting, const Size& in, const LayerSpec& spec)
        : Layer(in, in),
          vectors_(setting.vectors),
          epsilon_(spec.numbers[0]),
          momentum_(spec.numbers[1]),
          relu_(spec.relu),
          running_(2 * in.channels),
          mean_(in.channels),
          variance_(in.channels),
          rows_(4 * in.channels) {
        given = own = statistics = 2 * in.channels, whole_batch = true;
    }

    // Weights, then biases.
    void take(const float* from, float* to) const override { std::copy_n(from, own, to); }
    void give(const float* from, float* to) const override { std::copy_n(from, own, to); }
    void take_statistics(const float* from) override {
        std::copy_n(from, statistics, running_.begin());
    }
    void give_statistics(float* to) const override {
        std::copy(running_.begin(), running_.end(), to);
    }

    void forward(const Pass& pass, const Turn&) override {
        const ptrdiff_t channels = in.channels;
        count_ = static_cast<double>(pass.images) * static_cast<double>(in.pixels());
        mean_of(pass, mean_.data(), [&](ptrdiff_t n, float* to) {
            vectors_.add_pixels(pass.x.at(n, 0), in.pixels(), channels, to);
        });
        mean_of(pass, variance_.data(), [&](ptrdiff_t n, float* to) {
            vectors_.add_squares(pass.x.at(n, 0), mean_.data(), in.pixels(), channels, to);
        });
        float* scale = &rows_[0];
        for (ptrdiff_t c = 0; c < channels; ++c) scale[c] = pass.parameters[c] * deviation(c);
        each(pass, [&](ptrdiff_t n) {
            float* y = pass.y.at(n, 0);
            vectors_.normalise(pass.x.at(n, 0), mean_.data(), scale, pass.parameters + channels,
                               in.pixels(), channels, y);
            if (relu_) vectors_.relu(y, out.floats(), y);
        });
    }

    // With z = (x - mean) / deviation: dx = weight / deviation * (dy - mean of dy - z * mean of
    // dy z).
    void backward(const Pass& pass, const Turn&) override {
        const ptrdiff_t channels = in.channels;
        float *scale = &rows_[0], *even = scale + channels, *products = even + channels,
              *slope = products + channels;
        if (relu_) {
            each(pass, [&](ptrdiff_t n) {
                vectors_.relu_backward(pass.y.at(n, 0), out.floats(), pass.dy.at(n, 0));
            });
        }
        mean_of(pass, even, [&](ptrdiff_t n, float* to) {
            vectors_.add_pixels(pass.dy.at(n, 0), in.pixels(), channels, to);
        });
        mean_of(pass, products, [&](ptrdiff_t n, float* to) {
            vectors_.add_products(pass.x.at(n, 0), mean_.data(), pass.dy.at(n, 0), in.pixels(),
                                  channels, to);
        });
        for (ptrdiff_t c = 0; c < channels; ++c) {
            const float by = deviation(c), images = static_cast<float>(count_);
            pass.gradient[c] = products[c] * images * by;
            pass.gradient[channels + c] = even[c] * images;
            scale[c] = pass.parameters[c] * by;
            slope[c] = products[c] * by * by;
        }
        if (!pass.dx.base) return;
        each(pass, [&](ptrdiff_t n) {
            vectors_.normalise_backward(pass.x.at(n, 0), mean_.data(), pass.dy.at(n, 0), scale,
                                        even, slope, in.pixels(), channels, pass.dx.at(n, 0));
        });
    }

    void update_statistics() override {
        const double even = count_ > 1.0 ? count_ / (count_ - 1.0) : 1.0;
        for (ptrdiff_t c = 0; c < in.channels; ++c) {
            float &mean = running_[c], &variance = running_[in.channels + c];
            mean = towards(mean, static_cast<double>(mean_[c]));
            variance = towards(variance, static_cast<double>(variance_[c]) * even);
        }
    }

  private:
    // Calls work(image) for all images, on several threads.
    template <typename Work>
    static void each(const Pass& pass, const Work& work) {
        for_groups(pass.images, pass.groups, pass.threads,
                   [&](ptrdiff_t, ptrdiff_t first, ptrdiff_t end) {
                       for (ptrdiff_t n = first; n < end; ++n) work(n);
                   });
    }

    // The mean over all pixels of what add(image, sums) adds up for an image.
    template <typename Add>
    void mean_of(const Pass& pass, float* to, const Add& add) {
        const ptrdiff_t channels = in.channels;
        sums_.assign(pass.images * channels, 0.0f);
        each(pass, [&](ptrdiff_t n) { add(n, &sums_[n * channels]); });
        for (ptrdiff_t c = 0; c < channels; ++c) {
            double total = 0.0;
            for (ptrdiff_t n = 0; n < pass.images; ++n)
                total += static_cast<double>(sums_[n * channels + c]);
            to[c] = static_cast<float>(total / count_);
        }
    }

    float towards(float running, double value) const {
        return static_cast<float>((1.0 - momentum_) * static_cast<double>(running) +
                                  momentum_ * value);
    }
    // One over a channel's standard deviation.
    float deviation(ptrdiff_t c) const {
        return static_cast<float>(1.0 / std::sqrt(static_cast<double>(variance_[c]) + epsilon_));
    }

    const TrainingKernels& vectors_;
    const double epsilon_, momentum_;
    const bool relu_;
    std::vector<float> running_, mean_, variance_;
    std::vector<float> rows_;  // of the channels: scale, means of dy and of dy (x - mean), slope
    std::vector<float> sums_;  // of each image
    double count_ = 0.0;       // pixels of the batch
};

}  // namespace

std::unique_ptr<Layer> make_norm(const Setting& setting, const Size& in, const LayerSpec& spec) {
    return std::make_unique<Norm>(setting, in, spec);
}

}  // namespace cnnkit
