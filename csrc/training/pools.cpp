// Pools that are no part of a convolution.
#include <algorithm>

#include "training/layer.h"

namespace cnnkit {
namespace {

PoolShape pool_shape(const Size& in, const LayerSpec& spec) {
    const auto& s = spec.sizes;
    return {{in.height, in.width}, {s[6], s[7]}, {s[0], s[1]}, {s[2], s[3]},
            {s[4], s[5]},          in.channels,  in.channels};
}

class MaxPool : public Layer {
  public:
    MaxPool(const Setting& setting, const Size& in, const LayerSpec& spec)
        : Layer(in, {in.channels, spec.sizes[6], spec.sizes[7]}),
          vectors_(setting.vectors),
          shape_(pool_shape(in, spec)),
          relu_(spec.relu) {
        kept_bytes = out.floats();
    }

    void forward(const Pass& pass, const Turn& t) override {
        vectors_.max_pool(shape_, pass.x.at(t.image, t.group), pass.y.at(t.image, t.group),
                          pass.kept.at(t.image, t.group), relu_);
    }

    void backward(const Pass& pass, const Turn& t) override {
        float* dx = pass.dx.at(t.image, t.group);
        if (dx) {
            vectors_.max_pool_backward(shape_, pass.dy.at(t.image, t.group),
                                       pass.kept.at(t.image, t.group), dx);
        }
    }

  private:
    const TrainingKernels& vectors_;
    const PoolShape shape_;
    const bool relu_;
};

// The mean of a window; of the pixels in the image, or of all, padding included.
class AveragePool : public Layer {
  public:
    AveragePool(const Setting& setting, const Size& in, const LayerSpec& spec)
        : Layer(in, {in.channels, spec.sizes[6], spec.sizes[7]}),
          vectors_(setting.vectors),
          shape_(pool_shape(in, spec)),
          counts_padding_(spec.sizes[8] != 0),
          end_{in.height + shape_.padding.h, in.width + shape_.padding.w} {
        if (counts_padding_) end_ = {end_.h + spec.sizes[9], end_.w + spec.sizes[10]};
    }

    void forward(const Pass& pass, const Turn& t) override {
        const float* x = pass.x.at(t.image, t.group);
        float* y = pass.y.at(t.image, t.group);
        std::fill_n(y, out.floats(), 0.0f);
        windows([&](ptrdiff_t to, ptrdiff_t from, ptrdiff_t columns, float share, bool last) {
            vectors_.add_pixels(x + from, columns, in.channels, y + to);
            for (ptrdiff_t c = 0; last && c < in.channels; ++c) y[to + c] *= share;
        });
    }

    void backward(const Pass& pass, const Turn& t) override {
        const float* dy = pass.dy.at(t.image, t.group);
        float* dx = pass.dx.at(t.image, t.group);
        if (!dx) return;
        std::fill_n(dx, in.floats(), 0.0f);
        windows([&](ptrdiff_t of, ptrdiff_t to, ptrdiff_t columns, float share, bool) {
            for (ptrdiff_t p = 0; p < columns; ++p) {
                for (ptrdiff_t c = 0; c < in.channels; ++c)
                    dx[to + p * in.channels + c] += dy[of + c] * share;
            }
        });
    }

  private:
    // Calls row(place of the output, place of the window's first input of a row, columns, share of
    // each, whether it is the window's last) for each row of each window.
    template <typename Row>
    void windows(const Row& row) const {
        const PoolShape& s = shape_;
        for (ptrdiff_t i = 0; i < s.output.h; ++i) {
            for (ptrdiff_t j = 0; j < s.output.w; ++j) {
                const ptrdiff_t top = i * s.stride.h - s.padding.h,
                                left = j * s.stride.w - s.padding.w;
                const ptrdiff_t first = std::max(ptrdiff_t{0}, top),
                                end = std::min(in.height, top + s.kernel.h);
                const ptrdiff_t from = std::max(ptrdiff_t{0}, left),
                                to = std::min(in.width, left + s.kernel.w);
                const ptrdiff_t rows = std::min(top + s.kernel.h, end_.h) - top;
                const ptrdiff_t columns = std::min(left + s.kernel.w, end_.w) - left;
                const ptrdiff_t count =
                    counts_padding_ ? rows * columns : (end - first) * (to - from);
                for (ptrdiff_t r = first; r < end; ++r) {
                    row((i * s.output.w + j) * in.channels, (r * in.width + from) * in.channels,
                        to - from, 1.0f / static_cast<float>(count), r + 1 == end);
                }
            }
        }
    }

    const TrainingKernels& vectors_;
    const PoolShape shape_;
    const bool counts_padding_;
    Pair end_;  // of what is counted
};

}  // namespace

std::unique_ptr<Layer> make_max_pool(const Setting& setting, const Size& in,
                                     const LayerSpec& spec) {
    return std::make_unique<MaxPool>(setting, in, spec);
}

std::unique_ptr<Layer> make_average_pool(const Setting& setting, const Size& in,
                                         const LayerSpec& spec) {
    return std::make_unique<AveragePool>(setting, in, spec);
}

}  // namespace cnnkit
