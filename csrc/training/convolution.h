// Convolution, with ReLU and max-pool where those follow it: what both kinds have.
#pragma once

#include <algorithm>
#include <vector>

#include "training/blocks.h"
#include "training/layer.h"
#include "training/program_conv.h"
#include "training/values.h"

namespace cnnkit {

constexpr ptrdiff_t kBeyond = 16;  // floats that vectors may read or write beyond an image

// A convolution as plan.cpp has its sizes.
struct ConvSpec {
    explicit ConvSpec(const LayerSpec& spec) {
        const std::vector<ptrdiff_t>& s = spec.sizes;
        channels = s[0], kernel = {s[1], s[2]}, stride = {s[3], s[4]}, before = {s[5], s[6]};
        out = {s[0], s[7], s[8]}, bias = s[9] != 0, relu = spec.relu;
    }
    ptrdiff_t channels;
    Pair kernel, stride, before;
    Size out;
    bool bias, relu;
};

// Images between zeros, as far as the kernel sees whose outputs are whole tiles of `tile` x `tile`.
struct Padded {
    Padded(const Size& in, const ConvSpec& c, ptrdiff_t tile) : in(in), before(c.before) {
        const auto reach = [&](ptrdiff_t out, ptrdiff_t stride, ptrdiff_t kernel) {
            return (rounded(out, tile) - 1) * stride + kernel;
        };
        height = std::max(reach(c.out.height, c.stride.h, c.kernel.h), before.h + 1);
        width = std::max(reach(c.out.width, c.stride.w, c.kernel.w), before.w + 1);
        none = before.h == 0 && before.w == 0 && height <= in.height && width <= in.width;
        if (none) height = in.height, width = in.width;
        row = width * in.channels;
    }
    ptrdiff_t floats() const { return rounded(height * row + kBeyond); }
    ptrdiff_t columns() const { return std::min(in.width, width - before.w) * in.channels; }
    ptrdiff_t rows() const { return std::min(in.height, height - before.h); }

    void fill(const float* x, float* to) const {
        std::fill_n(to, floats(), 0.0f);
        for (ptrdiff_t r = 0; r < rows(); ++r)
            std::copy_n(x + r * in.width * in.channels, columns(), place(to, r));
    }
    // Back to the image; what the kernel never sees is zero.
    void take(const float* from, float* x) const {
        const ptrdiff_t seen = columns(), whole = in.width * in.channels;
        for (ptrdiff_t r = 0; r < in.height; ++r, x += whole) {
            if (r < rows()) std::copy_n(place(from, r), seen, x);
            std::fill(x + (r < rows() ? seen : 0), x + whole, 0.0f);
        }
    }

    Size in;
    Pair before;
    ptrdiff_t height, width, row;
    bool none;  // the image itself will do

  private:
    template <typename Float>
    Float* place(Float* padded, ptrdiff_t r) const {
        return padded + (r + before.h) * row + before.w * in.channels;
    }
};

// What both kinds have: the forward convolution, memory for each group of images, and sums over a
// group's, which become the gradient: the weights', then the bias'.
class Convolution : public Layer {
  public:
    Convolution(const Setting& setting, const Size& in, const Size& out, const ConvSpec& c,
                const Size& made, bool relu, ptrdiff_t tile = 1)
        : Layer(in, out),
          vectors_(setting.vectors),
          first_(setting.first),
          c_(c),
          blocks_{c.channels, in.channels, c.kernel.h, c.kernel.w, c.bias},
          padded_(in, c, tile),
          forward_(setting.kernels, in, made, c.kernel, c.stride, c.before, relu) {
        given = blocks_.given(), own = blocks_.own();
        narrow_.resize(forward_.is_last_narrow() ? forward_.weight_floats() : 0);
    }

    void take(const float* from, float* to) const override { blocks_.take(from, to); }
    void give(const float* from, float* to) const override { blocks_.give(from, to); }

  protected:
    void begin_forward(const Pass& pass) {
        const float* weight = pass.parameters;
        if (!narrow_.empty()) {
            const ptrdiff_t whole = blocks_.block(blocks_.blocks() - 1);
            std::copy_n(weight, whole, narrow_.data());
            for (ptrdiff_t i = 0; i < blocks_.inputs(); ++i)
                std::copy_n(weight + whole + i * kBlock, kBlock / 2,
                            &narrow_[whole + i * kBlock / 2]);
            weight = narrow_.data();
        }
        forward_.set_weights(weight, pass.parameters + blocks_.weights());
    }

    void make_room(ptrdiff_t groups, ptrdiff_t scratch, ptrdiff_t sums) {
        scratch_floats_ = rounded(scratch), sum_floats_ = rounded(sums);
        if (static_cast<ptrdiff_t>(scratch_.size()) < groups * scratch_floats_)
            scratch_.resize(groups * scratch_floats_);
        sums_.assign(groups * sum_floats_, 0.0f);
    }
    float* scratch(ptrdiff_t group) { return &scratch_[group * scratch_floats_]; }
    float* sums(ptrdiff_t group) { return &sums_[group * sum_floats_]; }

    // Adds the groups' sums to the first one's.
    const float* all_sums(ptrdiff_t groups) {
        for (ptrdiff_t g = 1; g < groups; ++g)
            vectors_.add_pixels(sums(g), 1, sum_floats_, sums_.data());
        return sums_.data();
    }

    const TrainingKernels& vectors_;
    const bool first_;
    const ConvSpec c_;
    const Blocks blocks_;
    const Padded padded_;
    ProgramConv forward_;

  private:
    Values narrow_, scratch_, sums_;
    ptrdiff_t scratch_floats_ = 0, sum_floats_ = 0;
};

}  // namespace cnnkit
