// Convolution, with ReLU and max-pool where those follow it.
#include <algorithm>
#include <vector>

#include "training/blocks.h"
#include "training/layer.h"
#include "training/program_conv.h"
#include "training/values.h"

namespace cnnkit {
namespace {

constexpr ptrdiff_t kSlack = 16;  // floats that vectors may read or write beyond an image

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

// Images between zeros, as far as the kernel sees.
struct Padded {
    Padded(const Size& in, const ConvSpec& c) : in(in), before(c.before) {
        const auto reach = [](ptrdiff_t out, ptrdiff_t stride, ptrdiff_t kernel) {
            return (out - 1) * stride + kernel;
        };
        height = std::max(reach(c.out.height, c.stride.h, c.kernel.h), before.h + 1);
        width = std::max(reach(c.out.width, c.stride.w, c.kernel.w), before.w + 1);
        none = before.h == 0 && before.w == 0 && height <= in.height && width <= in.width;
        if (none) height = in.height, width = in.width;
        row = width * in.channels;
    }
    ptrdiff_t floats() const { return rounded(height * row + kSlack); }
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
                const Size& made, bool relu)
        : Layer(in, out),
          vectors_(setting.vectors),
          first_(setting.first),
          c_(c),
          blocks_{c.channels, in.channels, c.kernel.h, c.kernel.w, c.bias},
          padded_(in, c),
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

// With a max-pool: only its maxima have gradients.
class PooledConvolution : public Convolution {
  public:
    PooledConvolution(const Setting& setting, const Size& in, const Size& out, const ConvSpec& c,
                      const PoolShape& pool)
        : Convolution(setting, in, out, c, {pool.pixel, c.out.height, c.out.width}, false) {
        const ptrdiff_t reach = c.kernel.w * in.channels;
        shape_ = {pool,
                  c.stride,
                  padded_.row,
                  in.channels,
                  c.kernel.h,
                  reach,
                  rounded(reach, setting.vectors.lanes)};
        kernel_ = c.kernel.h * shape_.filled;
        weight_.resize(setting.first ? 0 : c.channels * kernel_);
        kept_bytes = out.floats() + kSlack;
        const ptrdiff_t lanes = setting.vectors.lanes, wide = rounded(out.width, lanes);
        rows_ = {pool.output, c.kernel,         c.channels, wide + c.kernel.w / 2,
                 kBlock,      blocks_.block(1), c.relu};
        const auto is_pair = [](const Pair& p, ptrdiff_t size) {
            return p.h == size && p.w == size;
        };
        by_rows_ = in.channels == 1 && is_pair(c.stride, 1) && is_pair(pool.kernel, 2) &&
                   is_pair(pool.stride, 2) && is_pair(pool.padding, 0) &&
                   c.channels * wide < out.width * rounded(c.channels, lanes);
    }

    void begin(const Pass& pass) override {
        begin_forward(pass);
        const PoolShape& pool = shape_.pool;
        made_ = rounded(pool.input.h * pool.input.w * pool.pixel + kSlack);
        const ptrdiff_t split = padded_.floats() + 2 * padded_.height * rows_.half;
        make_room(pass.groups,
                  std::max({made_ + forward_.workspace_floats(), split,
                            2 * padded_.floats() + maxima_floats(pool)}),
                  c_.channels * (kernel_ + 1));
        if (first_) return;
        for_rows([&](ptrdiff_t in_blocks, ptrdiff_t in_rows, ptrdiff_t outputs) {
            vectors_.transpose(pass.parameters + in_blocks, kBlock, shape_.reach, outputs,
                               &weight_[in_rows], kernel_);
        });
    }

    void forward(const Pass& pass, const Turn& t) override {
        if (by_rows_) return forward_by_rows(pass, t);
        float* made = scratch(t.group);
        forward_.run(pass.x.at(t.image, t.group), made, made + made_);
        vectors_.max_pool(shape_.pool, made, pass.y.at(t.image, t.group),
                          pass.kept.at(t.image, t.group), c_.relu);
    }

    void backward(const Pass& pass, const Turn& t) override {
        const unsigned char* indices = pass.kept.at(t.image, t.group);
        const float* dy = pass.dy.at(t.image, t.group);
        float* total = sums(t.group);
        const float* x = pass.x.at(t.image, t.group);
        float* padded = scratch(t.group);
        if (!padded_.none) {
            padded_.fill(x, padded);
            x = padded;
        }
        float* lists = padded + 2 * padded_.floats();
        vectors_.list_maxima(shape_, dy, indices, lists, total + c_.channels * kernel_);
        vectors_.maxima_weights(shape_, x, lists, total);
        float* dx = pass.dx.at(t.image, t.group);
        if (!dx) return;
        padded += padded_.floats();
        std::fill_n(padded, padded_.floats(), 0.0f);
        vectors_.maxima_input(shape_, weight_.data(), lists, padded);
        padded_.take(padded, dx);
    }

    void finish(const Pass& pass) override {
        const float* total = all_sums(pass.groups);
        // By way of what `transpose` writes: the gradient of earlier parts stays.
        Values turned(pass.add ? blocks_.weights() : 0);
        float* to = pass.add ? turned.data() : pass.gradient;
        for_rows([&](ptrdiff_t in_blocks, ptrdiff_t in_rows, ptrdiff_t outputs) {
            vectors_.transpose(total + in_rows, kernel_, outputs, shape_.reach, to + in_blocks,
                               kBlock);
        });
        for (size_t i = 0; i < turned.size(); ++i) pass.gradient[i] += turned[i];
        const float* bias = total + c_.channels * kernel_;
        for (ptrdiff_t o = 0; c_.bias && o < c_.channels; ++o) {
            float& db = pass.gradient[blocks_.weights() + o];
            db = pass.add ? db + bias[o] : bias[o];
        }
    }

  private:
    void forward_by_rows(const Pass& pass, const Turn& t) {
        const float* x = pass.x.at(t.image, t.group);
        float* padded = scratch(t.group);
        if (!padded_.none) {
            padded_.fill(x, padded);
            x = padded;
        }
        float* split = padded + padded_.floats();
        vectors_.split_rows(x, padded_.height, padded_.row, rows_.half, split);
        vectors_.pooled_rows(rows_, split, pass.parameters, pass.parameters + blocks_.weights(),
                             pass.y.at(t.image, t.group), pass.kept.at(t.image, t.group));
    }

    // Calls copy(place in blocks, place in rows, output channels) for every kernel row.
    template <typename Copy>
    void for_rows(const Copy& copy) const {
        for (ptrdiff_t o = 0; o < c_.channels; o += kBlock) {
            for (ptrdiff_t i = 0; i < c_.kernel.h; ++i) {
                copy(blocks_.block(o / kBlock) + i * shape_.reach * kBlock,
                     o * kernel_ + i * shape_.filled, std::min(kBlock, c_.channels - o));
            }
        }
    }

    MaximaShape shape_;
    PooledRows rows_;
    bool by_rows_;      // one input channel, and too few output channels for a vector
    ptrdiff_t kernel_;  // floats of an output channel's sums
    ptrdiff_t made_ = 0;
    Values weight_;  // [output channel][kernel row][filled]
};

// Without one: all pixels have gradients.
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

std::unique_ptr<Layer> make_convolution(const Setting& setting, const Size& in,
                                        const LayerSpec& spec) {
    const ConvSpec c(spec);
    if (spec.pool.empty()) return std::make_unique<DenseConvolution>(setting, in, c);
    const std::vector<ptrdiff_t>& p = spec.pool;
    const Size out = {c.channels, p[6], p[7]};
    const PoolShape pool = {{c.out.height, c.out.width},
                            {out.height, out.width},
                            {p[0], p[1]},
                            {p[2], p[3]},
                            {p[4], p[5]},
                            c.channels,
                            rounded(c.channels, setting.vectors.lanes)};
    return std::make_unique<PooledConvolution>(setting, in, out, c, pool);
}

}  // namespace cnnkit
