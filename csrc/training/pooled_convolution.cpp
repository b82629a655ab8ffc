// Convolution before a max-pool: only its maxima have gradients.
#include "training/convolution.h"

namespace cnnkit {
namespace {

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
        kept_bytes = out.floats() + kBeyond;
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
        made_ = rounded(pool.input.h * pool.input.w * pool.pixel + kBeyond);
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
        vectors_.maxima_input(shape_, dy, indices, weight_.data(), lists, padded);
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

}  // namespace

std::unique_ptr<Layer> make_pooled_convolution(const Setting& setting, const Size& in,
                                               const LayerSpec& spec) {
    const ConvSpec c(spec);
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
