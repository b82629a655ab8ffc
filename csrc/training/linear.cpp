// The linear layer, of all images at once: its weights are read once for a batch.
#include <algorithm>
#include <vector>

#include "training/blocks.h"
#include "training/layer.h"
#include "training/values.h"

namespace cnnkit {
namespace {

constexpr ptrdiff_t kSpan = 256;  // inputs whose products are added up at once
constexpr ptrdiff_t kPanel = 64;  // inputs whose gradients are computed together
constexpr ptrdiff_t kShares = 8;
constexpr ptrdiff_t kWorth = ptrdiff_t{1} << 17;  // products that are worth another thread

class Linear : public Layer {
  public:
    Linear(const Setting& setting, const Size& in, const LayerSpec& spec)
        : Layer(in, {spec.sizes[0], 1, 1}),
          vectors_(setting.vectors),
          blocks_{spec.sizes[0], in.channels, in.height, in.width, spec.sizes[1] != 0},
          relu_(spec.relu),
          together_(setting.vectors.lanes == kBlock ? 2 : 1) {
        given = blocks_.given(), own = blocks_.own(), whole_batch = updates_itself = true;
    }

    void take(const float* from, float* to) const override { blocks_.take(from, to); }
    void give(const float* from, float* to) const override { blocks_.give(from, to); }

    void begin(const Pass& pass) override {
        panel_floats_ = kPanel * (pass.images + chunk());
        panels_.resize(std::max<size_t>(panels_.size(), kShares * panel_floats_));
        turned_.resize(std::max<size_t>(turned_.size(),
                                        rounded(out.channels) * rounded(pass.images, chunk())));
    }

    void forward(const Pass& pass, const Turn&) override {
        const float* bias = pass.parameters + blocks_.weights();
        for (ptrdiff_t n = 0; n < pass.images; ++n)
            std::copy_n(bias, rounded(out.channels), pass.y.at(n, 0));
        MatrixProduct m = {};
        m.a_row = pass.x.stride, m.a_step = 1, m.b_step = kBlock;
        m.b_vector = block_vector(), m.c_vector = vectors_.lanes;
        m.c_row = pass.y.stride, m.rows = pass.images, m.runs = 1, m.add = true;
        share(pass, (blocks_.blocks() + together_ - 1) / together_, [&](ptrdiff_t, ptrdiff_t pair) {
            const ptrdiff_t b = pair * together_;
            MatrixProduct part = m;
            part.c = pass.y.base + b * kBlock;
            part.columns = std::min(together_, blocks_.blocks() - b) * kBlock;
            for (ptrdiff_t i = 0; i < in.floats(); i += kSpan) {
                part.a = pass.x.base + i, part.span = std::min(kSpan, in.floats() - i);
                part.b = pass.parameters + blocks_.block(b) + i * kBlock;
                vectors_.multiply(part);
            }
        });
        if (relu_) vectors_.relu(pass.y.base, pass.images * pass.y.stride, pass.y.base);
    }

    void backward(const Pass& pass, const Turn&) override {
        if (relu_) vectors_.relu_backward(pass.y.base, pass.images * pass.y.stride, pass.dy.base);
        if (blocks_.bias) {
            float* bias = pass.gradient + blocks_.weights();
            if (!pass.add) std::fill_n(bias, out.channels, 0.0f);
            for (ptrdiff_t n = 0; n < pass.images; ++n)
                vectors_.add_pixels(pass.dy.at(n, 0), 1, out.channels, bias);
            if (pass.update) update(pass, bias, blocks_.weights(), rounded(out.channels));
        }
        if (pass.dx.base) turn(pass);
        share(pass, (in.floats() + kPanel - 1) / kPanel, [&](ptrdiff_t group, ptrdiff_t panel) {
            const ptrdiff_t first = panel * kPanel, count = std::min(kPanel, in.floats() - first);
            float* memory = &panels_[group * panel_floats_];
            if (pass.dx.base) input_gradient(pass, first, count, memory);
            weight_gradient(pass, first, count, memory);
        });
    }

  private:
    // From one vector of a block to the next, or from one block to the next where that is a vector.
    ptrdiff_t block_vector() const { return together_ > 1 ? blocks_.block(1) : vectors_.lanes; }

    // Calls work(group, i) for every i < count; threads share the groups.
    template <typename Work>
    void share(const Pass& pass, ptrdiff_t count, const Work& work) const {
        const int threads = pass.images * blocks_.weights() < kWorth ? 1 : pass.threads;
        for_groups(count, std::min(count, kShares), threads,
                   [&](ptrdiff_t group, ptrdiff_t first, ptrdiff_t end) {
                       for (ptrdiff_t i = first; i < end; ++i) work(group, i);
                   });
    }

    // Floats of the columns that one product has.
    ptrdiff_t chunk() const { return together_ * kBlock; }
    // Images of a chunk, in whole vectors.
    ptrdiff_t width(const Pass& pass, ptrdiff_t image) const {
        return rounded(std::min(chunk(), pass.images - image), vectors_.lanes);
    }

    // The outputs' gradients as [chunk of images][output][image of it].
    void turn(const Pass& pass) {
        std::fill(turned_.begin(), turned_.end(), 0.0f);
        for (ptrdiff_t n = 0; n < pass.images; n += chunk()) {
            vectors_.transpose(pass.dy.at(n, 0), pass.dy.stride, std::min(chunk(), pass.images - n),
                               out.channels, &turned_[n * rounded(out.channels)], width(pass, n));
        }
    }

    // Weights are read as they lie, so the gradients of some inputs come out as [input][image].
    void input_gradient(const Pass& pass, ptrdiff_t first, ptrdiff_t count, float* made) const {
        MatrixProduct m = {};
        m.a = pass.parameters + first * kBlock;
        m.a_row = kBlock, m.a_run = blocks_.block(1), m.a_step = 1;
        m.b_vector = m.c_vector = vectors_.lanes;
        m.c = made, m.rows = count, m.runs = blocks_.blocks(), m.span = kBlock;
        if (pass.update)
            m.soon[0] = pass.mean + first * kBlock, m.soon[1] = pass.square + first * kBlock;
        for (ptrdiff_t n = 0; n < pass.images; n += chunk()) {
            m.b = &turned_[n * rounded(out.channels)];
            m.columns = m.b_step = m.c_row = width(pass, n), m.b_run = kBlock * m.b_step;
            vectors_.multiply(m);
            m.soon[0] = nullptr;
            vectors_.transpose(made, m.c_row, count, std::min(chunk(), pass.images - n),
                               pass.dx.at(n, 0) + first, pass.dx.stride);
        }
    }

    static void update(const Pass& pass, const float* gradient, ptrdiff_t at, ptrdiff_t count) {
        const Update& u = *pass.update;
        u.adam(u.step, gradient, count, pass.own + at, pass.mean + at, pass.square + at);
    }

    // Some inputs of all images as neighbours: their rows may lie so that a cache keeps few of
    // them.
    void weight_gradient(const Pass& pass, ptrdiff_t first, ptrdiff_t count, float* panel) const {
        for (ptrdiff_t n = 0; n < pass.images; ++n)
            std::copy_n(pass.x.at(n, 0) + first, count, panel + n * kPanel);
        // A gradient that is used at once does not go to memory.
        float* used = panel + kPanel * pass.images;
        const ptrdiff_t block = pass.update ? count * kBlock : blocks_.block(1);
        MatrixProduct m = {};
        m.a = panel, m.a_row = 1, m.a_step = kPanel, m.b_step = pass.dy.stride, m.c_row = kBlock;
        m.b_vector = vectors_.lanes, m.c_vector = together_ > 1 ? block : vectors_.lanes;
        m.rows = count, m.runs = 1, m.span = pass.images, m.add = pass.add;
        for (ptrdiff_t b = 0; b < blocks_.blocks(); b += together_) {
            const ptrdiff_t end = std::min(b + together_, blocks_.blocks());
            const ptrdiff_t at = blocks_.block(b) + first * kBlock;
            m.columns = (end - b) * kBlock, m.b = pass.dy.base + b * kBlock;
            m.c = pass.update ? used : pass.gradient + at;
            vectors_.multiply(m);
            for (ptrdiff_t i = 0; pass.update && i < end - b; ++i)
                update(pass, used + i * block, at + blocks_.block(i), count * kBlock);
        }
    }

    const TrainingKernels& vectors_;
    const Blocks blocks_;
    const bool relu_;
    const ptrdiff_t together_;  // blocks of a product
    Values panels_;             // memory of each group
    Values turned_;             // the outputs' gradients
    ptrdiff_t panel_floats_ = 0;
};

}  // namespace

std::unique_ptr<Layer> make_linear(const Setting& setting, const Size& in, const LayerSpec& spec) {
    return std::make_unique<Linear>(setting, in, spec);
}

}  // namespace cnnkit
