// Random cases of the fused convolution and their right results, by plain loops in double.
#pragma once

#include <cmath>
#include <cstddef>
#include <random>
#include <vector>

#include "runtime/conv_op.h"

namespace {

using cnnkit::ConvShape;
using cnnkit::Pair;

#include "conv/plain.inl.h"

std::mt19937 generator(20200513);

// Uniform, both ends included. Own arithmetic: the standard distributions differ between libraries.
ptrdiff_t draw(ptrdiff_t least, ptrdiff_t most) {
    return least + static_cast<ptrdiff_t>(generator() % static_cast<size_t>(most - least + 1));
}
Pair draw_pair(ptrdiff_t least, ptrdiff_t most) { return {draw(least, most), draw(least, most)}; }
bool one_in(ptrdiff_t n) { return draw(1, n) == 1; }
float uniform() { return static_cast<float>(generator()) / 2147483648.0f - 1.0f; }

// What only the general kernel takes.
void generalise(ConvShape& s) {
    if (one_in(2)) {
        s.groups = draw(2, 6);
        s.channels_in = s.groups * (one_in(2) ? 1 : draw(1, 3));
        s.channels_out = s.groups * draw(1, 6);
    }
    if (one_in(3)) s.dilation = draw_pair(1, 4);
    if (one_in(3)) s.extra_padding = {draw(-s.padding.h, 3), draw(-s.padding.w, 3)};
    if (one_in(2)) s.low = one_in(2) ? -INFINITY : -uniform();
    if (one_in(3)) s.high = s.low == -INFINITY ? uniform() : s.low + draw(0, 4);
    if (one_in(2)) s.pool_kernel = s.pool_stride = {1, 1}, s.pool_padding = {0, 0};
    if (one_in(6)) s.kernel = s.stride = {1, 1}, s.padding = s.extra_padding = {0, 0};
    s.residual = one_in(2);
}

ConvShape draw_shape() {
    for (;;) {
        ConvShape s = {};
        s.channels_in = one_in(8) ? draw(16, 40) : draw(1, 9);
        s.channels_out = one_in(8) ? draw(16, 40) : draw(1, 11);
        s.input = {draw(1, 24), draw(1, 70)};
        s.kernel = one_in(2) ? Pair{3, 3} : draw_pair(1, 11);
        s.stride = one_in(2) ? Pair{1, 1} : draw_pair(1, 4);
        s.padding = one_in(2) ? Pair{1, 1} : draw_pair(0, 6);
        s.pool_kernel = one_in(2) ? Pair{2, 2} : draw_pair(1, 5);
        s.pool_stride = one_in(2) ? s.pool_kernel : draw_pair(1, 5);
        if (one_in(2)) {
            s.pool_padding = {draw(0, s.pool_kernel.h / 2), draw(0, s.pool_kernel.w / 2)};
        }
        if (one_in(3)) {  // what the faster algorithms are for
            const ptrdiff_t kernel = one_in(3) ? 5 : 3,
                            padding = one_in(3) ? draw(0, 2) : kernel / 2;
            s.kernel = {kernel, kernel}, s.stride = {1, 1}, s.padding = {padding, padding};
            s.pool_kernel = s.pool_stride = {2, 2}, s.pool_padding = {0, 0};
            if (one_in(2)) s.pool_kernel = {3, 3}, s.pool_padding = draw_pair(0, 1);
            if (one_in(2)) s.channels_in = draw(8, 40), s.channels_out = draw(8, 40);
            if (one_in(4)) {
                s.channels_in = 32 * draw(1, 2) - draw(0, 2), s.channels_out = draw(32, 64);
                s.input = {draw(1, 10), draw(1, 40)};
            }
        }
        if (one_in(2)) generalise(s);
        cnnkit::complete(s);
        if (s.conv.h > 0 && s.conv.w > 0 && s.output.h > 0 && s.output.w > 0) return s;
    }
}

struct Case {
    ConvShape shape;
    ptrdiff_t images;
    std::vector<float> x, weight, bias, residual;
    bool has_bias;
    std::vector<double> y;  // the right result
    std::vector<double>
        scale;  // [channels_out] largest sum of finite magnitudes: errors are shares

    ptrdiff_t pixels() const { return shape.channels_in * shape.input.h * shape.input.w; }
    ptrdiff_t outputs() const { return shape.channels_out * shape.output.h * shape.output.w; }
    ptrdiff_t sums() const { return shape.channels_out * shape.conv.h * shape.conv.w; }
    ptrdiff_t taps() const {  // of an output channel
        return shape.channels_in / shape.groups * shape.kernel.h * shape.kernel.w;
    }
    const float* bias_or_null() const { return has_bias ? bias.data() : nullptr; }
    const float* residual_or_null(ptrdiff_t image) const {
        return shape.residual ? residual.data() + image * sums() : nullptr;
    }
};

void spoil(std::vector<float>& values) {
    const float special[] = {NAN, INFINITY, -INFINITY, -0.0f, 1e-40f, -1e-40f, 1e30f, -1e30f};
    values[generator() % values.size()] = special[generator() % 8];
}

// One convolution value, with its residual; `magnitude` becomes what its finite terms weigh.
double convolve(const Case& c, ptrdiff_t image, ptrdiff_t o, ptrdiff_t row, ptrdiff_t column,
                double& magnitude) {
    const ConvShape& s = c.shape;
    double sum = 0.0;
    magnitude = 0.0;
    const auto add = [&](double term) {
        sum += term;
        if (std::isfinite(term)) magnitude += std::fabs(term);
    };
    if (c.has_bias) add(c.bias[o]);
    const ptrdiff_t first = o / (s.channels_out / s.groups) * (s.channels_in / s.groups);
    for (ptrdiff_t i = 0; i < c.taps(); ++i) {
        const ptrdiff_t channel = first + i / (s.kernel.h * s.kernel.w);
        const ptrdiff_t h =
            row * s.stride.h - s.padding.h + i / s.kernel.w % s.kernel.h * s.dilation.h;
        const ptrdiff_t w = column * s.stride.w - s.padding.w + i % s.kernel.w * s.dilation.w;
        const bool inside = h >= 0 && h < s.input.h && w >= 0 && w < s.input.w;
        const ptrdiff_t at = ((image * s.channels_in + channel) * s.input.h + h) * s.input.w + w;
        add((inside ? c.x[at] : 0.0) * c.weight[o * c.taps() + i]);
    }
    if (s.residual) add(c.residual_or_null(image)[(o * s.conv.h + row) * s.conv.w + column]);
    return sum;
}

double activate(const ConvShape& s, double value) {
    if (value < s.low) value = s.low;
    return value > s.high ? s.high : value;
}

void solve(Case& c) {
    const ConvShape& s = c.shape;
    c.scale.assign(s.channels_out, 0.0);
    std::vector<double> conv(s.conv.h * s.conv.w);
    for (ptrdiff_t plane = 0; plane < c.images * s.channels_out; ++plane) {
        const ptrdiff_t o = plane % s.channels_out;
        for (ptrdiff_t i = 0; i < s.conv.h * s.conv.w; ++i) {
            double magnitude;
            conv[i] = convolve(c, plane / s.channels_out, o, i / s.conv.w, i % s.conv.w, magnitude);
            if (magnitude > c.scale[o]) c.scale[o] = magnitude;
            conv[i] = activate(s, conv[i]);
        }
        for (ptrdiff_t i = 0; i < s.output.h * s.output.w; ++i) {
            double most = -INFINITY;  // windows never lie in padding alone
            for (ptrdiff_t k = 0; k < s.pool_kernel.h * s.pool_kernel.w; ++k) {
                const ptrdiff_t h =
                    i / s.output.w * s.pool_stride.h - s.pool_padding.h + k / s.pool_kernel.w;
                const ptrdiff_t w =
                    i % s.output.w * s.pool_stride.w - s.pool_padding.w + k % s.pool_kernel.w;
                if (h < 0 || h >= s.conv.h || w < 0 || w >= s.conv.w) continue;
                const double value = conv[h * s.conv.w + w];
                if (value > most || std::isnan(value)) most = value;
                if (std::isnan(most)) break;
            }
            c.y.push_back(most);
        }
    }
}

Case draw_case(bool special) {
    Case c = {draw_shape(), draw(1, 3), {}, {}, {}, {}, !one_in(4), {}, {}};
    const ConvShape& s = c.shape;
    c.x.resize(c.images * c.pixels());
    c.weight.resize(s.channels_out * c.taps());
    c.bias.resize(s.channels_out);
    if (s.residual) c.residual.resize(c.images * c.sums());
    for (std::vector<float>* values : {&c.x, &c.weight, &c.bias, &c.residual}) {
        for (float& value : *values) value = uniform();
    }
    if (special) {
        spoil(c.x);
        if (one_in(4)) spoil(c.weight);
        if (one_in(8)) spoil(c.bias);
        if (s.residual && one_in(4)) spoil(c.residual);
    }
    solve(c);
    return c;
}

struct Gradients {
    std::vector<double> dw, db, dx;
};

// The gradients of all images when `indices` are the pool's. Its caller judges the indices.
Gradients differentiate(const Case& c, const std::vector<float>& grad,
                        const std::vector<unsigned char>& indices) {
    const ConvShape& s = c.shape;
    Gradients g = {std::vector<double>(c.weight.size()), std::vector<double>(s.channels_out),
                   std::vector<double>(c.x.size())};
    for (size_t at = 0; at < indices.size(); ++at) {
        if (indices[at] == cnnkit::kNoIndex) continue;
        const ptrdiff_t i = static_cast<ptrdiff_t>(at), plane = i / (s.output.h * s.output.w);
        const ptrdiff_t image = plane / s.channels_out, o = plane % s.channels_out;
        const ptrdiff_t row = i / s.output.w % s.output.h * s.pool_stride.h - s.pool_padding.h +
                              indices[at] / s.pool_kernel.w;
        const ptrdiff_t column =
            i % s.output.w * s.pool_stride.w - s.pool_padding.w + indices[at] % s.pool_kernel.w;
        g.db[o] += grad[at];
        const ptrdiff_t taps = s.kernel.h * s.kernel.w;
        for (ptrdiff_t k = 0; k < s.channels_in * taps; ++k) {
            const ptrdiff_t h = row * s.stride.h - s.padding.h + k / s.kernel.w % s.kernel.h;
            const ptrdiff_t w = column * s.stride.w - s.padding.w + k % s.kernel.w;
            if (h < 0 || h >= s.input.h || w < 0 || w >= s.input.w) continue;
            const ptrdiff_t pixel =
                ((image * s.channels_in + k / taps) * s.input.h + h) * s.input.w + w;
            const ptrdiff_t weight = o * s.channels_in * taps + k;
            g.dw[weight] += static_cast<double>(grad[at]) * c.x[pixel];
            g.dx[pixel] += static_cast<double>(grad[at]) * c.weight[weight];
        }
    }
    return g;
}

}  // namespace
