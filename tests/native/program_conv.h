// Random convolutions for a program.
#pragma once

#include "program_chain.h"

namespace {

// Channels in whole blocks: of 16, the last one of 8 where that is enough.
ptrdiff_t width_of_block(ptrdiff_t left) { return left > 8 ? 16 : 8; }

struct Conv {
    Size in, out;
    ptrdiff_t kernel_h = draw(1, 5), kernel_w = draw(1, 5), stride_h = draw(1, 3),
              stride_w = draw(1, 3), pad_h = draw(0, 4), pad_w = draw(0, 4),
              dilation_h = draw(1, 3), dilation_w = draw(1, 3), groups = 1;
    bool depthwise = false;
    Limits limits;

    ptrdiff_t in_each() const { return in.c / groups; }
    ptrdiff_t out_each() const { return out.c / groups; }
    double weight(const Floats& w, ptrdiff_t o, ptrdiff_t i, ptrdiff_t k, ptrdiff_t l) const {
        return w[((o * in_each() + i) * kernel_h + k) * kernel_w + l];
    }
    // [group][block][row][column][channel in][channel of the block]; depthwise, one group.
    Floats packed(const Floats& w) const {
        Floats result;
        const ptrdiff_t each = depthwise ? out.c : out_each(), parts = depthwise ? 1 : groups;
        for (ptrdiff_t g = 0; g < parts; ++g)
            for (ptrdiff_t first = 0; first < each;) {
                const ptrdiff_t width = width_of_block(each - first);
                for (ptrdiff_t k = 0; k < kernel_h; ++k)
                    for (ptrdiff_t l = 0; l < kernel_w; ++l)
                        for (ptrdiff_t i = 0; i < in_each(); ++i)
                            for (ptrdiff_t o = first; o < first + width; ++o)
                                result.push_back(o < each ? weight(w, g * each + o, i, k, l)
                                                          : 0.0f);
                first += width;
            }
        return result;
    }
    Floats packed_bias(const Floats& bias) const {
        Floats result;
        const ptrdiff_t each = depthwise ? out.c : out_each();
        for (ptrdiff_t at = 0; at < out.c; at += each)
            for (ptrdiff_t first = 0; first < each;) {
                const ptrdiff_t width = width_of_block(each - first);
                for (ptrdiff_t o = first; o < first + width; ++o)
                    result.push_back(o < each ? bias[at + o] : 0.0f);
                first += width;
            }
        return result;
    }
    std::vector<char> fields() const {
        Fields f;
        f.of({in.h, in.w, in.c, out.h, out.w, out.c, kernel_h, kernel_w, stride_h, stride_w});
        f.of({pad_h, pad_w, dilation_h, dilation_w, groups, limits.kind});
        return f.of_floats({limits.low, limits.high}).bytes;
    }
    Wanted wanted(const Floats& w, const Floats& bias, const Floats& x,
                  const Floats* residual) const {
        Wanted result;
        for (ptrdiff_t at = 0; at < out.count(); ++at) {
            const ptrdiff_t o = at % out.c, ox = at / out.c % out.w, oy = at / out.c / out.w;
            double sum = bias[o], size = std::fabs(sum);
            for (ptrdiff_t k = 0; k < kernel_h; ++k)
                for (ptrdiff_t l = 0; l < kernel_w; ++l) {
                    const ptrdiff_t y = oy * stride_h - pad_h + k * dilation_h;
                    const ptrdiff_t q = ox * stride_w - pad_w + l * dilation_w;
                    if (y < 0 || y >= in.h || q < 0 || q >= in.w) continue;
                    for (ptrdiff_t i = 0; i < in_each(); ++i) {
                        const ptrdiff_t c = o / out_each() * in_each() + i;
                        const double term = weight(w, o, i, k, l) * x[(y * in.w + q) * in.c + c];
                        sum += term, size += std::fabs(term);
                    }
                }
            if (residual) sum += (*residual)[at], size += std::fabs((*residual)[at]);
            result.add(limits(sum), kRounding * size);
        }
        return result;
    }
};

Floats drawn(ptrdiff_t count, float least, float most) {
    Floats values;
    for (ptrdiff_t i = 0; i < count; ++i) values.push_back(uniform(least, most));
    return values;
}

void add_conv(Chain& chain, ptrdiff_t x, bool depthwise) {
    Conv c;
    c.in = chain.buffers[x], c.depthwise = depthwise;
    if (depthwise)
        c.groups = c.in.c;
    else if (one_in(3))
        for (c.groups = draw(1, 6); c.in.c % c.groups;) --c.groups;
    const bool plain = one_in(depthwise ? 2 : 3);  // what has algorithms of its own
    if (plain) {
        c.groups = depthwise ? c.in.c : 1;
        c.kernel_h = c.kernel_w = depthwise && one_in(2) ? 5 : 3;
        c.stride_h = c.stride_w = depthwise ? draw(1, 2) : 1;
        c.pad_h = draw(0, 2), c.pad_w = draw(0, c.kernel_w / 2);
        c.dilation_h = c.dilation_w = 1;
        if (depthwise && one_in(4)) {  // a batch normalisation
            c.kernel_h = c.kernel_w = c.stride_h = c.stride_w = 1;
            c.pad_h = c.pad_w = 0;
        }
    }
    const bool five = !plain && !depthwise && one_in(3);  // rows, with algorithms of their own
    if (five) c.groups = 1, c.kernel_h = 5, c.stride_h = c.dilation_h = c.dilation_w = 1;
    const bool ten = five && c.in.c == 1 && one_in(2);  // with stride 2
    if (five && c.in.c == 1 && !ten) c.stride_w = 1;
    if (ten) c.kernel_h = 10, c.stride_h = 2;
    const auto size = [=](ptrdiff_t in, ptrdiff_t pad, ptrdiff_t kernel, ptrdiff_t dilation,
                          ptrdiff_t stride) {
        const ptrdiff_t room = in + pad + (plain ? pad : draw(0, 4)) - (kernel - 1) * dilation - 1;
        return room < 0 ? 0 : room / stride + 1;
    };
    c.out.h = size(c.in.h, c.pad_h, c.kernel_h, c.dilation_h, c.stride_h);
    c.out.w = size(c.in.w, c.pad_w, c.kernel_w, c.dilation_w, c.stride_w);
    if (plain && one_in(4) && c.out.h > 2) c.out.h = 2;  // tiles of four rows waste the half of it
    c.out.c = depthwise ? c.in.c : c.groups * draw(1, c.groups > 1 ? 6 : 40);
    if (five && c.in.c == 1 && !ten) c.out.c = draw(1, 12);
    if (plain && !depthwise) c.out.c = c.in.c == 1 ? draw(1, 12) : 8 * draw(2, 5);
    if (c.out.h < 1 || c.out.w < 1 || c.out.count() > 4000) return;
    const float most = 1.0f / std::sqrt(static_cast<float>(c.in_each() * c.kernel_h * c.kernel_w));
    const Floats w = drawn(c.out.c * c.in_each() * c.kernel_h * c.kernel_w, -most, most);
    const Floats bias = drawn(c.out.c, -0.5f, 0.5f);
    const ptrdiff_t output = chain.add_buffer(c.out);
    ptrdiff_t residual = -1;
    if (one_in(3)) residual = chain.add_constant(c.out.count(), -1, 1);
    if (residual < -1 && one_in(2)) {  // the residual is overwritten
        const ptrdiff_t count = c.out.count();
        chain.add("copy",
                  Fields().of({1, 1, 1, 1, count, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0}).bytes,
                  {residual}, output, [](const std::vector<const Floats*>& in, const Floats&) {
                      return Wanted{Doubles(in[0]->begin(), in[0]->end()), Doubles(in[0]->size())};
                  });
        residual = output;
    }
    chain.add(
        depthwise ? "depthwise" : "conv", c.fields(),
        {chain.add_constant(c.packed(w)), chain.add_constant(c.packed_bias(bias)), x, residual},
        output, [=](const std::vector<const Floats*>& in, const Floats&) {
            return c.wanted(w, bias, *in[2], in[3]);
        });
}

}  // namespace
