#include "training/winograd_gradients.h"

#include <algorithm>

namespace cnnkit {
namespace {

constexpr ptrdiff_t kTaps = 9;
constexpr ptrdiff_t kSteps = 32;  // of a sum over tiles, so that it is worth reading it
constexpr ptrdiff_t kMostSums = ptrdiff_t{1} << 20;  // floats of a group's sums

ptrdiff_t tiles_of(ptrdiff_t pixels) { return (pixels + kWinogradTile - 1) / kWinogradTile; }

// From one plane to the next: never so that all begin in the same few sets of a cache.
ptrdiff_t apart(ptrdiff_t floats) { return floats + (floats / kBlock % 2 ? 0 : kBlock); }

}  // namespace

bool WinogradGradients::fits(const Size& in, const ConvSpec& c) {
    const bool shape = c.kernel.h == 3 && c.kernel.w == 3 && c.stride.h == 1 && c.stride.w == 1 &&
                       in.channels % kBlock == 0 && c.channels % kBlock == 0;
    // Where tiles reach beyond the output, nothing may lie beyond what they read.
    const Padded padded(in, c, kWinogradTile);
    const ptrdiff_t height = rounded(c.out.height, kWinogradTile),
                    width = rounded(c.out.width, kWinogradTile);
    return shape && kWinogradPlanes * in.channels * c.channels <= kMostSums &&
           padded.height == height + 2 && padded.width == width + 2 &&
           height * width * 2 <= ptrdiff_t{3} * c.out.height * c.out.width;
}

WinogradGradients::WinogradGradients(const TrainingKernels& vectors, const Blocks& blocks,
                                     const Pair& output)
    : vectors_(vectors), blocks_(blocks) {
    shape_ = {output, {tiles_of(output.h), tiles_of(output.w)}, blocks.channels, blocks.outputs, 0,
              false};
    shape_.row = (shape_.tiles.w * kWinogradTile + 2) * shape_.inputs;
    bands_ = std::max<ptrdiff_t>(1, shape_.tiles.h * shape_.tiles.w / kSteps);
    bands_ = std::min(bands_, shape_.tiles.h);
    together_ = bands_ > 1 ? 1 : (kSteps + tiles() - 1) / tiles();
}

ptrdiff_t WinogradGradients::memory_floats() const {
    return kWinogradPlanes *
           (apart(together_ * tiles() * shape_.inputs) +
            apart(together_ * tiles() * shape_.outputs) + apart(tiles() * shape_.inputs));
}

ptrdiff_t WinogradGradients::sum_floats() const {
    return kWinogradPlanes * apart(pairs()) + shape_.outputs;
}

void WinogradGradients::turn(const float* weight) {
    turned_.resize(kTaps * pairs()), planes_.resize(kWinogradPlanes * apart(pairs()));
    for (ptrdiff_t o = 0; o < shape_.outputs; o += kBlock) {
        for (ptrdiff_t tap = 0; tap < kTaps; ++tap) {
            vectors_.transpose(weight + blocks_.block(o / kBlock) + tap * shape_.inputs * kBlock,
                               kBlock, shape_.inputs, kBlock,
                               &turned_[tap * pairs() + o * shape_.inputs], shape_.inputs);
        }
    }
    vectors_.winograd_weights(turned_.data(), pairs(), planes_.data(), apart(pairs()));
}

void WinogradGradients::add(ptrdiff_t image, ptrdiff_t images, const float* x, const float* dy,
                            float* dx, float* memory, float* sums) const {
    const ptrdiff_t place = image % together_;
    const bool full = place + 1 == together_ || image + 1 == images;
    for (ptrdiff_t first = 0; first < shape_.tiles.h; first += band()) {
        WinogradShape part = shape_;
        part.tiles.h = std::min(band(), shape_.tiles.h - first), part.goes_on = first > 0;
        const ptrdiff_t row = first * kWinogradTile;
        part.output.h -= row;
        add_band(part, place, full, x + row * shape_.row,
                 dy + row * shape_.output.w * shape_.outputs, dx ? dx + row * shape_.row : nullptr,
                 memory, sums);
    }
}

void WinogradGradients::add_band(const WinogradShape& band, ptrdiff_t place, bool full,
                                 const float* x, const float* dy, float* dx, float* memory,
                                 float* sums) const {
    const ptrdiff_t count = band.tiles.h * band.tiles.w;
    const ptrdiff_t inputs = shape_.inputs, outputs = shape_.outputs;
    const ptrdiff_t x_plane = apart(together_ * tiles() * inputs),
                    dy_plane = apart(together_ * tiles() * outputs),
                    product_plane = apart(tiles() * inputs), plane = apart(pairs());
    float *slopes = memory + kWinogradPlanes * x_plane, *of = slopes + place * count * outputs;
    vectors_.winograd_input(band, x, memory + place * count * inputs, x_plane);
    vectors_.winograd_slopes(band, dy, of, dy_plane, sums + kWinogradPlanes * plane);
    MatrixProduct weights = {}, back = {};
    weights.a_row = 1, weights.a_step = inputs, weights.b_step = weights.c_row = outputs;
    weights.b_vector = weights.c_vector = back.b_vector = back.c_vector = vectors_.lanes;
    weights.rows = inputs, weights.columns = outputs, weights.span = (place + 1) * count;
    weights.add = true, weights.runs = back.runs = 1;
    back.a_row = outputs, back.a_step = 1, back.b_step = back.c_row = inputs;
    back.rows = count, back.columns = inputs, back.span = outputs;
    float* products = slopes + kWinogradPlanes * dy_plane;
    for (ptrdiff_t k = 0; k < kWinogradPlanes; ++k) {
        if (full) {
            weights.a = memory + k * x_plane, weights.b = slopes + k * dy_plane;
            weights.c = sums + k * plane;
            vectors_.multiply(weights);
        }
        if (dx) {
            back.a = of + k * dy_plane, back.b = &planes_[k * plane];
            back.c = products + k * product_plane;
            vectors_.multiply(back);
        }
    }
    if (dx) vectors_.winograd_back(band, products, product_plane, dx);
}

void WinogradGradients::finish(const float* sums, bool add, float* gradient) {
    turned_.resize(kTaps * pairs());
    vectors_.winograd_sums(sums, apart(pairs()), pairs(), turned_.data());
    for (ptrdiff_t row = 0; row < kTaps * shape_.inputs; ++row) {
        for (ptrdiff_t o = 0; o < shape_.outputs; o += kBlock) {
            const float* from = &turned_[row * shape_.outputs + o];
            float* to = gradient + blocks_.block(o / kBlock) + row * kBlock;
            for (ptrdiff_t k = 0; k < kBlock; ++k) to[k] = add ? to[k] + from[k] : from[k];
        }
    }
    const float* totals = sums + kWinogradPlanes * apart(pairs());
    for (ptrdiff_t o = 0; blocks_.bias && o < shape_.outputs; ++o) {
        float& to = gradient[blocks_.weights() + o];
        to = add ? to + totals[o] : totals[o];
    }
}

}  // namespace cnnkit
