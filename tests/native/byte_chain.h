// Random programs of integers as a chain of steps, each with its right bytes by plain loops: sums
// are int64, and what is rounded is rounded as ONNX Runtime does, in float, half to even.
#pragma once

#include <cfenv>

#include "program/int8/session.h"
#include "program_chain.h"

namespace {

using Bytes = std::vector<uint8_t>;

struct ByteStep {
    ProgramStep call;
    std::function<Bytes(const std::vector<const Bytes*>& in)> reference;
};

struct ByteChain {
    Size image;
    std::vector<ByteStep> steps;
    std::vector<Bytes> constants;
    std::vector<Size> buffers;

    ptrdiff_t last() const { return static_cast<ptrdiff_t>(buffers.size()) - 1; }
    ptrdiff_t add_buffer(const Size& size) {
        buffers.push_back(size);
        return last();
    }
    template <typename Value>
    ptrdiff_t add_constant(const std::vector<Value>& values) {
        Bytes bytes(values.size() * sizeof(Value));
        std::memcpy(bytes.data(), values.data(), bytes.size());
        constants.push_back(bytes);
        return -1 - static_cast<ptrdiff_t>(constants.size());
    }
};

template <typename Value>
Value at(const Bytes& bytes, ptrdiff_t i) {
    Value value;
    std::memcpy(&value, bytes.data() + i * static_cast<ptrdiff_t>(sizeof value), sizeof value);
    return value;
}

uint8_t byte_of_float(float value, ptrdiff_t zero) {
    const double low = -static_cast<double>(zero), high = 255.0 - static_cast<double>(zero);
    const double whole = std::nearbyint(static_cast<double>(value));
    return static_cast<uint8_t>(std::min(std::max(whole, low), high) + static_cast<double>(zero));
}
uint8_t requantised_sum(int64_t sum, float factor, ptrdiff_t zero) {
    const float product = static_cast<float>(sum) * factor;
    return byte_of_float(product, zero);
}
void append_float(Bytes& to, float value) {
    uint8_t raw[sizeof value];
    std::memcpy(raw, &value, sizeof value);
    to.insert(to.end(), raw, raw + sizeof value);
}

// Mostly 7 bits, as cnnkit makes them; else 8, or with -128.
std::vector<int8_t> random_weights(ptrdiff_t count, ptrdiff_t row, ptrdiff_t padded) {
    const ptrdiff_t kind = draw(0, 5), most = kind < 4 ? 64 : 127, least = kind == 5 ? -128 : -most;
    std::vector<int8_t> weights;
    for (ptrdiff_t i = 0; i < count; ++i) {
        const bool extreme = one_in(3);
        const ptrdiff_t value = extreme ? (one_in(2) ? least : most) : draw(least, most);
        weights.push_back(static_cast<int8_t>(i % padded < row ? value : 0));
    }
    return weights;
}
std::vector<int32_t> random_biases(ptrdiff_t count, ptrdiff_t inputs) {
    std::vector<int32_t> found;
    const ptrdiff_t most = one_in(8) ? 1 << 30 : 2000 * inputs;
    for (ptrdiff_t i = 0; i < count; ++i) found.push_back(static_cast<int32_t>(draw(-most, most)));
    return found;
}
std::vector<float> random_factors(ptrdiff_t count, ptrdiff_t inputs) {
    std::vector<float> found;
    const float size = one_in(8) ? 3.0f : 1.0f / (30.0f * static_cast<float>(inputs));
    for (ptrdiff_t i = 0; i < count; ++i) found.push_back(uniform(size / 4, size));
    return found;
}

void add_byte_pixels(ByteChain& chain) {
    const Size s = chain.image;
    const ptrdiff_t kind = draw(0, 2);  // no table, one, one for each channel
    std::vector<uint8_t> values(kind == 2 ? 256 * s.c : 256);
    for (uint8_t& value : values) value = static_cast<uint8_t>(draw(0, 255));
    const ptrdiff_t table = kind ? chain.add_constant(values) : -1, step = kind == 2 ? 256 : 0;
    const auto right = [s, step](const std::vector<const Bytes*>& in) {
        Bytes y;
        for (ptrdiff_t p = 0; p < s.h * s.w; ++p) {
            for (ptrdiff_t c = 0; c < s.c; ++c) {
                const uint8_t raw = (*in[1])[c * s.h * s.w + p];
                y.push_back(in[0] ? (*in[0])[c * step + raw] : raw);
            }
        }
        return y;
    };
    chain.steps.push_back(
        {{"pixels", Fields().of({s.c, s.h * s.w, step}).bytes, {table, -1}, chain.add_buffer(s)},
         right});
}

struct ByteConv {
    ptrdiff_t in_h, in_w, in_c, out_h, out_w, out_c, kernel_h, kernel_w, stride_h, stride_w, pad_h,
        pad_w, dilation_h, dilation_w, groups, zero, zero_y;
};

Bytes right_conv(const ByteConv& c, bool depthwise, const std::vector<const Bytes*>& in) {
    const ptrdiff_t inputs = c.in_c / c.groups, outputs = c.out_c / c.groups;
    const ptrdiff_t row = (c.kernel_h * c.kernel_w * inputs + 3) / 4 * 4;
    Bytes y;
    for (ptrdiff_t oy = 0; oy < c.out_h; ++oy) {
        for (ptrdiff_t ox = 0; ox < c.out_w; ++ox) {
            for (ptrdiff_t k = 0; k < c.out_c; ++k) {
                int64_t sum = at<int32_t>(*in[1], k);
                for (ptrdiff_t r = 0; r < c.kernel_h; ++r) {
                    for (ptrdiff_t t = 0; t < c.kernel_w; ++t) {
                        const ptrdiff_t iy = oy * c.stride_h - c.pad_h + r * c.dilation_h;
                        const ptrdiff_t ix = ox * c.stride_w - c.pad_w + t * c.dilation_w;
                        const bool inside = iy >= 0 && ix >= 0 && iy < c.in_h && ix < c.in_w;
                        for (ptrdiff_t i = 0; i < inputs; ++i) {
                            const ptrdiff_t channel = k / outputs * inputs + i;
                            const ptrdiff_t x =
                                inside ? (*in[3])[(iy * c.in_w + ix) * c.in_c + channel] : c.zero;
                            const ptrdiff_t tap = r * c.kernel_w + t;
                            sum += x * at<int8_t>(*in[0], depthwise ? tap * c.out_c + k
                                                                    : k * row + tap * inputs + i);
                        }
                    }
                }
                y.push_back(requantised_sum(sum, at<float>(*in[2], k), c.zero_y));
            }
        }
    }
    return y;
}

void add_byte_conv(ByteChain& chain, bool depthwise) {
    const Size s = chain.buffers.back();
    const ptrdiff_t outputs = one_in(6) ? 64 * draw(1, 2) : draw(1, 40);  // whole vectors, too
    ByteConv c = {s.h, s.w, s.c, 0, 0, outputs, 3, 3, 1, 1, 1, 1, 1, 1, 1, 0, 0};
    if (!one_in(3)) {
        c.kernel_h = draw(1, 5), c.kernel_w = one_in(2) ? c.kernel_h : draw(1, 5);
        c.stride_h = draw(1, 2), c.stride_w = one_in(2) ? c.stride_h : draw(1, 3);
        c.pad_h = draw(0, 2), c.pad_w = draw(0, 2);
        if (one_in(4)) c.dilation_h = draw(1, 2), c.dilation_w = draw(1, 2);
    }
    if (depthwise) c.groups = c.out_c = s.c;
    if (!depthwise && s.c % 2 == 0 && one_in(4)) c.groups = 2, c.out_c = 2 * draw(1, 20);
    c.zero = one_in(3) ? 0 : draw(0, 255), c.zero_y = one_in(3) ? 0 : draw(0, 255);
    const ptrdiff_t wide = s.h + 2 * c.pad_h - (c.kernel_h - 1) * c.dilation_h - 1;
    const ptrdiff_t long_ = s.w + 2 * c.pad_w - (c.kernel_w - 1) * c.dilation_w - 1;
    if (wide < 0 || long_ < 0) return;
    c.out_h = wide / c.stride_h + 1, c.out_w = long_ / c.stride_w + 1;
    const ptrdiff_t area = c.kernel_h * c.kernel_w, inputs = s.c / c.groups, count = area * inputs;
    const ptrdiff_t row = (count + 3) / 4 * 4;
    const auto weights =
        depthwise ? random_weights(area * s.c, 1, 1) : random_weights(row * c.out_c, count, row);
    const ptrdiff_t w = chain.add_constant(weights);
    const ptrdiff_t bias = chain.add_constant(random_biases(c.out_c, count));
    const ptrdiff_t factor = chain.add_constant(random_factors(c.out_c, count));
    const ptrdiff_t x = chain.last();
    const ptrdiff_t room = chain.add_buffer({1, 1, depthwise ? area * c.out_c : 5 * row + 4});
    const auto fields = Fields().of({c.in_h, c.in_w, c.in_c, c.out_h, c.out_w, c.out_c, c.kernel_h,
                                     c.kernel_w, c.stride_h, c.stride_w, c.pad_h, c.pad_w,
                                     c.dilation_h, c.dilation_w, c.groups, c.zero, c.zero_y, 0});
    chain.steps.push_back({{depthwise ? "depthwise" : "conv",
                            fields.bytes,
                            {w, bias, factor, x, room},
                            chain.add_buffer({c.out_h, c.out_w, c.out_c})},
                           [c, depthwise](const std::vector<const Bytes*>& in) {
                               return right_conv(c, depthwise, in);
                           }});
}

void add_byte_matrix(ByteChain& chain, bool last) {
    const ptrdiff_t features = chain.buffers.back().count(), outputs = draw(1, 40),
                    x = chain.last();
    const ptrdiff_t zero = draw(0, 255);
    const ptrdiff_t w = chain.add_constant(random_weights(features * outputs, 1, 1));
    const ptrdiff_t bias = chain.add_constant(random_biases(outputs, features));
    const ptrdiff_t factor = chain.add_constant(random_factors(outputs, features));
    Fields fields = Fields().of({features, outputs});
    if (!last) fields.of({zero});
    const auto right = [=](const std::vector<const Bytes*>& in) {
        Bytes y;
        for (ptrdiff_t k = 0; k < outputs; ++k) {
            int64_t sum = at<int32_t>(*in[1], k);
            for (ptrdiff_t i = 0; i < features; ++i)
                sum += static_cast<int64_t>((*in[3])[i]) * at<int8_t>(*in[0], k * features + i);
            const float f = at<float>(*in[2], k);
            if (last) {
                append_float(y, static_cast<float>(sum) * f);
            } else {
                y.push_back(requantised_sum(sum, f, zero));
            }
        }
        return y;
    };
    const ptrdiff_t y = chain.add_buffer({1, 1, last ? 4 * outputs : outputs});
    chain.steps.push_back(
        {{last ? "scores" : "gemm", fields.bytes, {w, bias, factor, x}, y}, right});
}

void add_byte_pool(ByteChain& chain) {
    const Size s = chain.buffers.back();
    const ptrdiff_t kernel = draw(1, 3), stride = draw(1, 3), pad = draw(0, kernel / 2);
    const ptrdiff_t average = one_in(3) ? draw(1, 2) : 0, dilation = one_in(4) ? 2 : 1;
    const ptrdiff_t zero = draw(0, 255), zero_y = draw(0, 255);
    const float scale = static_cast<float>(draw(1, 255)) / 4096.0f;
    const float scale_y = static_cast<float>(draw(1, 255)) / 4096.0f;
    const ptrdiff_t reach = (kernel - 1) * dilation + 1;
    if (s.h + 2 * pad < reach || s.w + 2 * pad < reach) return;
    const Size to = {(s.h + 2 * pad - reach) / stride + 1, (s.w + 2 * pad - reach) / stride + 1,
                     s.c};
    const auto right = [=](const std::vector<const Bytes*>& in) {
        Bytes y;
        for (ptrdiff_t i = 0; i < to.count(); ++i) {
            const ptrdiff_t c = i % s.c, ox = i / s.c % to.w, oy = i / s.c / to.w;
            ptrdiff_t sum = 0, seen = 0, all = 0, most = 0;
            for (ptrdiff_t r = 0; r < kernel * kernel; ++r) {
                const ptrdiff_t iy = oy * stride - pad + r / kernel * dilation;
                const ptrdiff_t ix = ox * stride - pad + r % kernel * dilation;
                all += iy < s.h + pad && ix < s.w + pad;
                if (iy < 0 || ix < 0 || iy >= s.h || ix >= s.w) continue;
                const ptrdiff_t value = (*in[0])[(iy * s.w + ix) * s.c + c];
                sum += value - zero, ++seen, most = std::max(most, value);
            }
            const float count = static_cast<float>(average == 2 ? all : seen);
            const float mean = static_cast<float>(sum) * scale / count / scale_y;
            const float moved = mean + static_cast<float>(zero_y);
            y.push_back(average ? byte_of_float(moved, 0) : static_cast<uint8_t>(most));
        }
        return y;
    };
    Fields fields = Fields().of({s.h, s.w, s.c, to.h, to.w, kernel, kernel, stride, stride, pad,
                                 pad, pad, pad, dilation, dilation, average, zero, zero_y});
    fields.of_floats({scale, scale_y});
    const ptrdiff_t x = chain.last();
    chain.steps.push_back({{"pool", fields.bytes, {x}, chain.add_buffer(to)}, right});
}

void add_byte_average(ByteChain& chain) {
    const Size s = chain.buffers.back();
    const ptrdiff_t zero = draw(0, 255), zero_y = draw(0, 255);
    const float factor = uniform(0.2f, 3.0f) / static_cast<float>(s.h * s.w);
    const auto right = [=](const std::vector<const Bytes*>& in) {
        Bytes y;
        for (ptrdiff_t c = 0; c < s.c; ++c) {
            int64_t sum = 0;
            for (ptrdiff_t p = 0; p < s.h * s.w; ++p) sum += (*in[0])[p * s.c + c] - zero;
            y.push_back(requantised_sum(sum, factor, zero_y));
        }
        return y;
    };
    Fields fields = Fields().of({s.h * s.w, s.c, zero, zero_y});
    fields.of_floats({factor});
    const ptrdiff_t x = chain.last();
    chain.steps.push_back({{"average", fields.bytes, {x}, chain.add_buffer({1, 1, s.c})}, right});
}

// Of the last value and an earlier one of its size, or itself; factors with any digits.
void add_byte_sum(ByteChain& chain) {
    const Size s = chain.buffers.back();
    const ptrdiff_t x = chain.last();
    ptrdiff_t z = x;
    for (const ByteStep& step : chain.steps)
        if (chain.buffers[step.call.output].count() == s.count() && one_in(2)) z = step.call.output;
    const float left = uniform(0.1f, 2.0f), right = uniform(0.1f, 2.0f);
    const float rest = uniform(-200, 200);
    const ptrdiff_t zero = one_in(2) ? 128 : 0;  // what stands for 0 of int8
    const auto sums = [=](const std::vector<const Bytes*>& in) {
        Bytes y;
        for (ptrdiff_t i = 0; i < s.count(); ++i) {
            const auto a = static_cast<float>((*in[0])[i] - zero);
            const auto b = static_cast<float>((*in[1])[i] - zero);
            y.push_back(byte_of_float(std::fma(a, left, std::fma(b, right, rest)), zero));
        }
        return y;
    };
    Fields fields = Fields().of({s.count()});
    fields.of_floats({left, right, rest});
    chain.steps.push_back(
        {{zero ? "signed_add" : "add", fields.bytes, {x, z}, chain.add_buffer(s)}, sums});
}

void add_byte_table(ByteChain& chain) {
    const Size s = chain.buffers.back();
    const ptrdiff_t step = one_in(2) ? 256 : 0, x = chain.last();
    std::vector<uint8_t> values(step ? 256 * s.c : 256);
    for (uint8_t& value : values) value = static_cast<uint8_t>(draw(0, 255));
    const auto right = [=](const std::vector<const Bytes*>& in) {
        Bytes y;
        for (ptrdiff_t i = 0; i < s.count(); ++i)
            y.push_back((*in[0])[i % s.c * step + (*in[1])[i]]);
        return y;
    };
    const ptrdiff_t table = chain.add_constant(values);
    chain.steps.push_back(
        {{"table", Fields().of({s.count(), s.c, step}).bytes, {table, x}, chain.add_buffer(s)},
         right});
}

// [H][W][C] as [C][H][W].
void add_byte_copy(ByteChain& chain) {
    const Size s = chain.buffers.back();
    const ptrdiff_t x = chain.last(), area = s.h * s.w;
    const auto right = [=](const std::vector<const Bytes*>& in) {
        Bytes y;
        for (ptrdiff_t i = 0; i < s.count(); ++i) y.push_back((*in[0])[i % area * s.c + i / area]);
        return y;
    };
    const auto fields = Fields().of({1, 1, 1, s.c, area, 0, 0, 0, 1, s.c, 0, 0, 0, area, 1, 0, 0});
    chain.steps.push_back({{"copy", fields.bytes, {x}, chain.add_buffer(s)}, right});
}

void add_byte_numbers(ByteChain& chain) {
    const ptrdiff_t count = chain.buffers.back().count(), zero = draw(0, 255), x = chain.last();
    const float scale = uniform(0.01f, 1.0f);
    const auto right = [=](const std::vector<const Bytes*>& in) {
        Bytes y;
        for (ptrdiff_t i = 0; i < count; ++i)
            append_float(y, static_cast<float>((*in[0])[i] - zero) * scale);
        return y;
    };
    Fields fields = Fields().of({count, zero});
    fields.of_floats({scale});
    const ptrdiff_t y = chain.add_buffer({1, 1, 4 * count});
    chain.steps.push_back({{"numbers", fields.bytes, {x}, y}, right});
}

ByteChain random_byte_chain() {
    ByteChain chain;
    chain.image = {draw(1, 17), draw(1, 17), draw(1, 5)};
    add_byte_pixels(chain);
    for (ptrdiff_t left = draw(2, 8); left > 0; --left) {
        switch (draw(0, 9)) {
            case 0:
            case 1:
            case 2:
                add_byte_conv(chain, false);
                break;
            case 3:
            case 4:
                add_byte_conv(chain, true);
                break;
            case 5:
                add_byte_pool(chain);
                break;
            case 6:
                add_byte_sum(chain);
                break;
            case 7:
                add_byte_table(chain);
                break;
            case 8:
                add_byte_copy(chain);
                break;
            default:
                if (left == 1) one_in(2) ? add_byte_average(chain) : add_byte_matrix(chain, false);
        }
    }
    one_in(4) ? add_byte_numbers(chain) : add_byte_matrix(chain, true);
    return chain;
}

}  // namespace
