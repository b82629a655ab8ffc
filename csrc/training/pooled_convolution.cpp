// Convolution before a max-pool: only its maxima have gradients.
#include "training/convolution.h"

namespace cnnkit {
namespace {

class PooledConvolution : public Convolution {
  public:
    // `by_columns`: forward by Winograd's algorithm along the columns, in tiles.
    PooledConvolution(const Setting& setting, const Size& in, const Size& out, const ConvSpec& c,
                      const PoolShape& pool, bool by_rows, bool by_columns)
        : Convolution(setting, in, out, c, {pool.pixel, c.out.height, c.out.width}, false,
                      by_columns ? kWinogradTile : 1),
          by_rows_(by_rows),
          by_columns_(by_columns) {
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
        columns_ = {pool.output,          in.channels, c.channels,       padded_.row,
                    rounded(padded_.row), kBlock,      blocks_.block(1), c.relu};
        transformed_.resize(by_columns ? 18 * in.channels * rounded(c.channels) : 0);
    }

    void begin(const Pass& pass) override {
        begin_forward(pass);
        const PoolShape& pool = shape_.pool;
        made_ = rounded(pool.input.h * pool.input.w * pool.pixel + kBeyond);
        const ptrdiff_t split =
            padded_.floats() + std::max(2 * padded_.height * rows_.half, 6 * columns_.plane);
        if (by_columns_) vectors_.columns_weights(columns_, pass.parameters, transformed_.data());
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
        if (by_rows_ || by_columns_) return forward_tiles(pass, t);
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
    // From padded pixels to the pool's maxima in registers.
    void forward_tiles(const Pass& pass, const Turn& t) {
        const float *x = pass.x.at(t.image, t.group), *bias = pass.parameters + blocks_.weights();
        float *padded = scratch(t.group), *memory = padded + padded_.floats();
        float* y = pass.y.at(t.image, t.group);
        unsigned char* indices = pass.kept.at(t.image, t.group);
        if (!padded_.none) {
            padded_.fill(x, padded);
            x = padded;
        }
        if (by_columns_)
            return vectors_.pooled_columns(columns_, x, transformed_.data(), bias, memory, y,
                                           indices);
        vectors_.split_rows(x, padded_.height, padded_.row, rows_.half, memory);
        vectors_.pooled_rows(rows_, memory, pass.parameters, bias, y, indices);
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
    PooledColumns columns_;
    const bool by_rows_, by_columns_;
    Values transformed_;  // weights, by columns
    ptrdiff_t kernel_;    // floats of an output channel's sums
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
    const auto is_pair = [](const Pair& pair, ptrdiff_t size) {
        return pair.h == size && pair.w == size;
    };
    const bool plain = is_pair(c.stride, 1) && is_pair(pool.kernel, 2) && is_pair(pool.stride, 2) &&
                       is_pair(pool.padding, 0) && 2 * out.height <= c.out.height &&
                       2 * out.width <= c.out.width;
    // One input channel, and too few output channels for a vector.
    const bool by_rows = plain && in.channels == 1 &&
                         c.channels * rounded(out.width, setting.vectors.lanes) <
                             out.width * rounded(c.channels, setting.vectors.lanes);
    const Padded padded(in, c, kWinogradTile);
    const bool by_columns = plain && !by_rows && setting.first && is_pair(c.kernel, 3) &&
                            (in.channels == 1 || in.channels == 3) &&
                            padded.height == rounded(c.out.height, kWinogradTile) + 2 &&
                            padded.width == rounded(c.out.width, kWinogradTile) + 2;
    return std::make_unique<PooledConvolution>(setting, in, out, c, pool, by_rows, by_columns);
}

}  // namespace cnnkit
