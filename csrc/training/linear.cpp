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
        panel_floats_ = kPanel * (pass.images + 2 * rounded(out.channels));
        panels_.resize(std::max<size_t>(panels_.size(), kShares * panel_floats_));
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
        share(pass, (in.floats() + kPanel - 1) / kPanel, [&](ptrdiff_t group, ptrdiff_t panel) {
            const ptrdiff_t first = panel * kPanel, count = std::min(kPanel, in.floats() - first);
            float* memory = &panels_[group * panel_floats_];
            if (pass.dx.base) input_gradient(pass, first, count, memory);
            weight_gradient(pass, first, count, memory + kPanel * rounded(out.channels));
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

    // The weights of some inputs, turned to [output][input].
    void input_gradient(const Pass& pass, ptrdiff_t first, ptrdiff_t count, float* panel) const {
        if (count < kPanel) std::fill_n(panel, rounded(out.channels) * kPanel, 0.0f);
        for (ptrdiff_t b = 0; b < blocks_.blocks(); ++b) {
            vectors_.transpose(pass.parameters + blocks_.block(b) + first * kBlock, kBlock, count,
                               kBlock, panel + b * kBlock * kPanel, kPanel);
        }
        MatrixProduct m = {};
        m.a = pass.dy.base, m.a_row = pass.dy.stride, m.a_step = 1;
        m.b_vector = m.c_vector = vectors_.lanes;
        m.b = panel, m.b_step = kPanel, m.c = pass.dx.base + first, m.c_row = pass.dx.stride;
        m.rows = pass.images, m.columns = count, m.runs = 1, m.span = out.channels;
        vectors_.multiply(m);
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
        float* gradient = pass.update ? used : pass.gradient + first * kBlock;
        const ptrdiff_t block = pass.update ? kPanel * kBlock : blocks_.block(1);
        MatrixProduct m = {};
        m.a = panel, m.a_row = 1, m.a_step = kPanel, m.b_step = pass.dy.stride, m.c_row = kBlock;
        m.b_vector = vectors_.lanes, m.c_vector = together_ > 1 ? block : vectors_.lanes;
        m.rows = count, m.runs = 1, m.span = pass.images, m.add = pass.add;
        for (ptrdiff_t b = 0; b < blocks_.blocks(); b += together_) {
            m.columns = std::min(together_, blocks_.blocks() - b) * kBlock;
            m.b = pass.dy.base + b * kBlock, m.c = gradient + b * block;
            vectors_.multiply(m);
        }
        for (ptrdiff_t b = 0; pass.update && b < blocks_.blocks(); ++b)
            update(pass, used + b * block, blocks_.block(b) + first * kBlock, count * kBlock);
    }

    const TrainingKernels& vectors_;
    const Blocks blocks_;
    const bool relu_;
    const ptrdiff_t together_;  // blocks of a product
    Values panels_;             // memory of each group
    ptrdiff_t panel_floats_ = 0;
};

}  // namespace

std::unique_ptr<Layer> make_linear(const Setting& setting, const Size& in, const LayerSpec& spec) {
    return std::make_unique<Linear>(setting, in, spec);
}

}  // namespace cnnkit
