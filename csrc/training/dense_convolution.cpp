// Convolution without a max-pool: all pixels have gradients.
#include "training/convolution.h"
#include "training/winograd_gradients.h"

namespace cnnkit {
namespace {

// By Winograd's algorithm.
class TiledConvolution : public Convolution {
  public:
    TiledConvolution(const Setting& setting, const Size& in, const ConvSpec& c)
        : Convolution(setting, in, c.out, c, c.out, c.relu, kWinogradTile),
          gradients_(setting.vectors, blocks_, {c.out.height, c.out.width}) {}

    void begin(const Pass& pass) override {
        begin_forward(pass);
        const ptrdiff_t floats = gradients_.memory_floats() + 2 * padded_.floats();
        make_room(pass.groups, std::max(forward_.workspace_floats(), floats),
                  gradients_.sum_floats());
        if (!first_) gradients_.turn(pass.parameters);
    }

    void forward(const Pass& pass, const Turn& t) override {
        forward_.run(pass.x.at(t.image, t.group), pass.y.at(t.image, t.group), scratch(t.group));
    }

    void backward(const Pass& pass, const Turn& t) override {
        float* dy = pass.dy.at(t.image, t.group);
        if (c_.relu) vectors_.relu_backward(pass.y.at(t.image, t.group), out.floats(), dy);
        const float* x = pass.x.at(t.image, t.group);
        float *memory = scratch(t.group), *dx = pass.dx.at(t.image, t.group);
        float *padded = memory + gradients_.memory_floats(), *to = dx;
        if (!padded_.none) {
            padded_.fill(x, padded);
            x = padded;
            if (dx) to = padded + padded_.floats();
        }
        const ptrdiff_t first = pass.first(t.group), images = pass.first(t.group + 1) - first;
        gradients_.add(t.image - first, images, x, dy, to, memory, sums(t.group));
        if (to != dx) padded_.take(to, dx);
    }

    void finish(const Pass& pass) override {
        gradients_.finish(all_sums(pass.groups), pass.add, pass.gradient);
    }

  private:
    WinogradGradients gradients_;
};

class DenseConvolution : public Convolution {
  public:
    DenseConvolution(const Setting& setting, const Size& in, const ConvSpec& c)
        : Convolution(setting, in, c.out, c, c.out, c.relu),
          wide_(rounded(c.channels, setting.vectors.lanes)),
          in_wide_(rounded(in.channels, setting.vectors.lanes)) {
        const Pair around = {c.kernel.h - 1 - c.before.h, c.kernel.w - 1 - c.before.w};
        gathers_ = c.stride.h == 1 && c.stride.w == 1 && around.h >= 0 && around.w >= 0;
        const ptrdiff_t taps = c.kernel.h * c.kernel.w;
        if (setting.first) return;
        if (gathers_) {
            back_ = std::make_unique<ProgramConv>(setting.kernels, c.out, in, c.kernel, c.stride,
                                                  around, false);
            turned_.resize(back_->weight_floats());
            no_bias_.resize(rounded(in.channels));
        } else {
            turned_.resize(taps * c.channels * in_wide_);
        }
    }

    void begin(const Pass& pass) override {
        begin_forward(pass);
        const ptrdiff_t back = back_ ? back_->workspace_floats() : padded_.floats();
        const ptrdiff_t even = wide_ == c_.channels ? 0 : out.pixels() * wide_;
        make_room(pass.groups,
                  std::max({forward_.workspace_floats(), padded_.floats() + even, back}),
                  blocks_.own());
        if (first_) return;
        turn(pass.parameters);
        if (back_) back_->set_weights(turned_.data(), no_bias_.data());
    }

    void forward(const Pass& pass, const Turn& t) override {
        forward_.run(pass.x.at(t.image, t.group), pass.y.at(t.image, t.group), scratch(t.group));
    }

    void backward(const Pass& pass, const Turn& t) override {
        float* dy = pass.dy.at(t.image, t.group);
        if (c_.relu) vectors_.relu_backward(pass.y.at(t.image, t.group), out.floats(), dy);
        vectors_.add_pixels(dy, out.pixels(), c_.channels, sums(t.group) + blocks_.weights());
        add_weights(pass.x.at(t.image, t.group), dy, t.group);
        float* dx = pass.dx.at(t.image, t.group);
        if (!dx) return;
        if (back_) return back_->run(dy, dx, scratch(t.group));
        scatter(dy, scratch(t.group));
        padded_.take(scratch(t.group), dx);
    }

    void finish(const Pass& pass) override {
        const float* total = all_sums(pass.groups);
        const ptrdiff_t count = c_.bias ? blocks_.own() : blocks_.weights();
        for (ptrdiff_t i = 0; i < count; ++i)
            pass.gradient[i] = pass.add ? pass.gradient[i] + total[i] : total[i];
    }

  private:
    // The weights with inputs and outputs exchanged: upside down in blocks, or for `scatter`
    // [tap][output channel][input channel].
    void turn(const float* weight) {
        const ptrdiff_t taps = c_.kernel.h * c_.kernel.w;
        for (ptrdiff_t o = 0; o < c_.channels; o += kBlock) {
            for (ptrdiff_t tap = 0; tap < taps; ++tap) {
                for (ptrdiff_t i = 0; i < in.channels; i += kBlock) {
                    const ptrdiff_t rows = std::min(kBlock, in.channels - i);
                    const ptrdiff_t width = rows > kBlock / 2 ? kBlock : kBlock / 2;
                    const float* from =
                        weight + blocks_.block(o / kBlock) + (tap * in.channels + i) * kBlock;
                    const ptrdiff_t block = (i * taps + (taps - 1 - tap) * width) * c_.channels;
                    const ptrdiff_t place =
                        back_ ? block + o * width : (tap * c_.channels + o) * in_wide_ + i;
                    vectors_.transpose(from, kBlock, rows, std::min(kBlock, c_.channels - o),
                                       &turned_[place], back_ ? width : in_wide_);
                }
            }
        }
    }

    void add_weights(const float* x, const float* dy, ptrdiff_t group) {
        float* memory = scratch(group);
        if (!padded_.none) {
            padded_.fill(x, memory);
            x = memory;
            memory += padded_.floats();
        }
        if (wide_ != c_.channels) {
            for (ptrdiff_t p = 0; p < out.pixels(); ++p) {
                std::copy_n(dy + p * c_.channels, c_.channels, memory + p * wide_);
                std::fill_n(memory + p * wide_ + c_.channels, wide_ - c_.channels, 0.0f);
            }
            dy = memory;
        }
        const ptrdiff_t reach = c_.kernel.w * in.channels;
        MatrixProduct m = {};
        m.a_row = 1, m.a_run = c_.stride.h * padded_.row, m.a_step = c_.stride.w * in.channels;
        m.b_run = out.width * wide_, m.b_step = wide_, m.c_row = kBlock;
        const ptrdiff_t together = vectors_.lanes == kBlock ? 2 * kBlock : kBlock;
        m.b_vector = vectors_.lanes;
        m.c_vector = vectors_.lanes == kBlock ? blocks_.block(1) : vectors_.lanes;
        m.rows = reach, m.runs = out.height, m.span = out.width, m.add = true;
        for (ptrdiff_t o = 0; o < c_.channels; o += together) {
            m.b = dy + o, m.columns = std::min(together, wide_ - o);
            for (ptrdiff_t i = 0; i < c_.kernel.h; ++i) {
                m.a = x + i * padded_.row;
                m.c = sums(group) + blocks_.block(o / kBlock) + i * reach * kBlock;
                vectors_.multiply(m);
            }
        }
    }

    // Adds each tap's part to padded pixels, in the order of the output's rows.
    void scatter(const float* dy, float* to) {
        std::fill_n(to, padded_.floats(), 0.0f);
        MatrixProduct m = {};
        m.a_row = c_.channels, m.a_step = 1, m.b_step = in_wide_;
        m.b_vector = m.c_vector = vectors_.lanes;
        m.c_row = c_.stride.w * in.channels, m.columns = in.channels;
        m.rows = out.width, m.runs = 1, m.span = c_.channels, m.add = true;
        for (ptrdiff_t row = 0; row < out.height; ++row) {
            for (ptrdiff_t tap = 0; tap < c_.kernel.h * c_.kernel.w; ++tap) {
                m.a = dy + row * out.width * c_.channels;
                m.b = &turned_[tap * c_.channels * in_wide_];
                m.c = to + (row * c_.stride.h + tap / c_.kernel.w) * padded_.row +
                      tap % c_.kernel.w * in.channels;
                vectors_.multiply(m);
            }
        }
    }

    const ptrdiff_t wide_, in_wide_;  // channels in whole vectors
    bool gathers_;
    std::unique_ptr<ProgramConv> back_;
    Values turned_, no_bias_;
};

}  // namespace

std::unique_ptr<Layer> make_dense_convolution(const Setting& setting, const Size& in,
                                              const LayerSpec& spec) {
    const ConvSpec c(spec);
    if (WinogradGradients::fits(in, c)) return std::make_unique<TiledConvolution>(setting, in, c);
    return std::make_unique<DenseConvolution>(setting, in, c);
}

}  // namespace cnnkit
