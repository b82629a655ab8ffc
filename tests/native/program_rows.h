// Random pools, matrix products and what is computed along channels, for a program.
#pragma once

#include "program_chain.h"

namespace {

void add_pool(Chain& chain, ptrdiff_t x) {
    const Size in = chain.buffers[x];
    const bool whole = one_in(4);            // a global pool
    const bool pairs = !whole && one_in(2);  // what convolutions take as well
    const bool plain = whole || pairs;
    const ptrdiff_t most = plain ? 0 : 2, sides[] = {in.h, in.w};
    const auto side = [&](ptrdiff_t all) { return whole ? all : pairs ? 2 : draw(1, 4); };
    const ptrdiff_t kernel[] = {side(in.h), side(in.w)};
    const ptrdiff_t stride[] = {pairs ? 2 : draw(1, 3), pairs ? 2 : draw(1, 3)};
    const ptrdiff_t average = pairs ? 0 : draw(0, 2);
    const ptrdiff_t dilation[] = {plain ? 1 : draw(1, 2), plain ? 1 : draw(1, 2)};
    const ptrdiff_t pad[] = {draw(0, most), draw(0, most)}, end[] = {draw(0, most), draw(0, most)};
    ptrdiff_t out[2];
    for (int a = 0; a < 2; ++a) {
        const ptrdiff_t room = sides[a] + pad[a] + end[a] - (kernel[a] - 1) * dilation[a] - 1;
        out[a] = room < 0 ? 0 : room / stride[a] + 1;
        for (ptrdiff_t o = 0; o < out[a]; ++o) {  // no window has only padding
            bool any = false;
            for (ptrdiff_t k = 0; k < kernel[a]; ++k) {
                const ptrdiff_t at = o * stride[a] - pad[a] + k * dilation[a];
                any = any || (at >= 0 && at < sides[a]);
            }
            if (!any) return;
        }
        if (out[a] < 1) return;
    }
    const Size to = {out[0], out[1], in.c};
    const auto reference = [=](const std::vector<const Floats*>& arguments, const Floats&) {
        Wanted wanted;
        for (ptrdiff_t at = 0; at < to.count(); ++at) {
            const ptrdiff_t c = at % to.c, ox = at / to.c % to.w, oy = at / to.c / to.w;
            double sum = 0.0, largest = -INFINITY, size = 0.0;
            ptrdiff_t inside = 0, padded = 0;
            for (ptrdiff_t k = 0; k < kernel[0]; ++k)
                for (ptrdiff_t l = 0; l < kernel[1]; ++l) {
                    const ptrdiff_t y = oy * stride[0] - pad[0] + k * dilation[0];
                    const ptrdiff_t q = ox * stride[1] - pad[1] + l * dilation[1];
                    padded += y < in.h + end[0] && q < in.w + end[1];
                    if (y < 0 || y >= in.h || q < 0 || q >= in.w) continue;
                    const double v = (*arguments[0])[(y * in.w + q) * in.c + c];
                    ++inside, sum += v, size += std::fabs(v), largest = std::fmax(largest, v);
                }
            const double count = average == 2 ? padded : inside;
            if (average)
                wanted.add(sum / count, kRounding * size);
            else
                wanted.add(largest, 0.0);
        }
        return wanted;
    };
    Fields f;
    f.of(
        {in.h, in.w, in.c, to.h, to.w, kernel[0], kernel[1], stride[0], stride[1], pad[0], pad[1]});
    f.of({end[0], end[1], dilation[0], dilation[1], average});
    chain.add("pool", f.bytes, {x}, chain.add_buffer(to), reference);
}

void add_lrn(Chain& chain, ptrdiff_t x) {
    const Size s = chain.buffers[x];
    const ptrdiff_t size = draw(1, 7);
    const float alpha = uniform(0.001f, 1), beta = uniform(0.3f, 1), bias = uniform(0.5f, 2);
    const auto reference = [=](const std::vector<const Floats*>& in, const Floats&) {
        Wanted wanted;
        for (ptrdiff_t at = 0; at < s.count(); ++at) {
            double sum = 0.0;
            for (ptrdiff_t k = at % s.c - (size - 1) / 2, n = 0; n < size; ++k, ++n)
                if (k >= 0 && k < s.c) sum += std::pow((*in[0])[at - at % s.c + k], 2.0);
            const double v = (*in[0])[at] / std::pow(bias + alpha / size * sum, beta);
            wanted.add(v, 1e-5 * std::fabs(v));
        }
        return wanted;
    };
    Fields f;
    f.of({s.h * s.w, s.c, size}).of_floats({alpha, beta, bias});
    chain.add("lrn", f.bytes, {x}, chain.add_buffer(s), reference);
}

void add_rows(Chain& chain, ptrdiff_t x, bool mean) {
    const Size s = chain.buffers[x];
    const ptrdiff_t logarithm = draw(0, 1);
    const auto reference = [=](const std::vector<const Floats*>& in, const Floats&) {
        Wanted wanted;
        for (ptrdiff_t row = 0; row < s.count(); row += s.c) {
            double sum = 0.0, size = 0.0, top = -INFINITY, powers = 0.0;
            for (ptrdiff_t i = row; i < row + s.c; ++i) {
                const double v = (*in[0])[i];
                sum += v, size += std::fabs(v), top = std::fmax(top, v);
            }
            for (ptrdiff_t i = row; i < row + s.c; ++i) powers += std::exp((*in[0])[i] - top);
            if (mean) wanted.add(sum / s.c, kRounding * size);
            for (ptrdiff_t i = row; i < row + s.c && !mean; ++i) {
                const double v = (*in[0])[i] - top - std::log(powers);
                wanted.add(logarithm ? v : std::exp(v), kRounding * std::fmax(1.0, size));
            }
        }
        return wanted;
    };
    if (mean) {
        chain.add("mean", Fields().of({s.h * s.w, s.c}).bytes, {x}, chain.add_buffer({s.h, s.w, 1}),
                  reference);
    } else {
        chain.add("softmax", Fields().of({s.h * s.w, s.c, logarithm}).bytes, {x},
                  chain.add_buffer(s), reference);
    }
}

// [H] products of [W][C] by [C][columns].
void add_matmul(Chain& chain, ptrdiff_t x) {
    const Size s = chain.buffers[x], to = {s.h, s.w, draw(1, 20)};
    if (to.count() > 4000) return;
    const ptrdiff_t each = s.c * to.c, step = one_in(2) ? each : 0;
    const float most = 1.0f / std::sqrt(static_cast<float>(s.c));
    const ptrdiff_t z = chain.add_constant(step ? s.h * each : each, -most, most);
    const auto reference = [=](const std::vector<const Floats*>& in, const Floats&) {
        Wanted wanted;
        for (ptrdiff_t at = 0; at < to.count(); ++at) {
            double sum = 0.0, size = 0.0;
            for (ptrdiff_t i = 0; i < s.c; ++i) {
                const double term = static_cast<double>((*in[0])[at / to.c * s.c + i]) *
                                    (*in[1])[at / to.c / s.w * step + i * to.c + at % to.c];
                sum += term, size += std::fabs(term);
            }
            wanted.add(sum, kRounding * size);
        }
        return wanted;
    };
    chain.add("matmul", Fields().of({s.h, s.w, s.c, to.c, s.w * s.c, step}).bytes, {x, z},
              chain.add_buffer(to), reference);
}

}  // namespace
