// Random programs of the general engine: a chain of steps whose arguments are constants and earlier
// buffers, and each step's right result by plain loops in double.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <random>
#include <vector>

#include "program/session.h"

namespace {

using cnnkit::ProgramStep;
using Floats = std::vector<float>;
using Doubles = std::vector<double>;

std::mt19937 generator(20200513);

// Uniform, both ends included. Own arithmetic: the standard distributions differ between libraries.
long draw(long least, long most) {
    return least + static_cast<long>(generator() % static_cast<unsigned long>(most - least + 1));
}
bool one_in(long n) { return draw(1, n) == 1; }
float uniform(float least, float most) {
    return least + (most - least) * (static_cast<float>(generator() >> 8) / 16777216.0f);
}

struct Size {
    long h, w, c;
    long count() const { return h * w * c; }
};

// What a step should write, and how far from it rounding may lead.
struct Wanted {
    Doubles values, near;
    void add(double value, double error) { values.push_back(value), near.push_back(error); }
};

// Makes what is right from the arguments, nullptr for one that is missing.
using Reference = std::function<Wanted(const std::vector<const Floats*>& in, const Floats& y)>;

struct Step {
    ProgramStep call;
    Reference reference;
};

struct Chain {
    Size image;
    std::vector<Step> steps;
    std::vector<Floats> constants;
    std::vector<Size> buffers;

    long add_constant(Floats values) {
        constants.push_back(std::move(values));
        return -1 - static_cast<long>(constants.size());
    }
    long add_constant(long count, float least, float most) {
        Floats values;
        for (long i = 0; i < count; ++i) values.push_back(uniform(least, most));
        return add_constant(values);
    }
    long add_buffer(const Size& size) {
        buffers.push_back(size);
        return static_cast<long>(buffers.size()) - 1;
    }
    void add(const char* kernel, std::vector<char> fields, std::vector<long> inputs, long output,
             Reference reference) {
        steps.push_back({{kernel, std::move(fields), std::move(inputs), output}, reference});
    }
};

// The bytes of a kernel's structure of ints and floats.
struct Fields {
    std::vector<char> bytes;
    Fields& of(std::initializer_list<long> values) {
        for (const long value : values) append(static_cast<int>(value));
        return *this;
    }
    Fields& of_floats(std::initializer_list<float> values) {
        for (const float value : values) append(value);
        return *this;
    }
    template <typename Value>
    void append(Value value) {
        char raw[sizeof value];
        std::memcpy(raw, &value, sizeof value);
        for (const char byte : raw) bytes.push_back(byte);
    }
};

constexpr double kRounding = 4e-6;

struct Limits {
    long kind = draw(0, 2);
    float low = uniform(-1, 0), high = uniform(0, 2);
    double operator()(double v) const {
        if (kind > 0 && v < low) v = low;
        return kind > 1 && v > high ? high : v;
    }
};

void add_pixels(Chain& chain) {
    const Size s = chain.image;
    const long scale = chain.add_constant(s.c, 0.002f, 0.006f),
               shift = chain.add_constant(s.c, -1, 1);
    const auto raw = [s](const std::vector<const Floats*>& in, const Floats&) {
        Wanted wanted;  // the raw pixels as floats
        for (long p = 0; p < s.h * s.w; ++p)
            for (long c = 0; c < s.c; ++c) {
                const double v = (*in[2])[c * s.h * s.w + p];
                wanted.add(v * (*in[0])[c] + (*in[1])[c], kRounding);
            }
        return wanted;
    };
    chain.add("pixels", Fields().of({s.c, s.h * s.w}).bytes, {scale, shift, -1},
              chain.add_buffer(s), raw);
}

// Channels in whole blocks: of 16, the last one of 8 where that is enough.
long width_of_block(long left) { return left > 8 ? 16 : 8; }

struct Conv {
    Size in, out;
    long kernel_h = draw(1, 5), kernel_w = draw(1, 5), stride_h = draw(1, 3), stride_w = draw(1, 3),
         pad_h = draw(0, 4), pad_w = draw(0, 4), dilation_h = draw(1, 3), dilation_w = draw(1, 3),
         groups = 1;
    bool depthwise = false;
    Limits limits;

    long in_each() const { return in.c / groups; }
    long out_each() const { return out.c / groups; }
    double weight(const Floats& w, long o, long i, long k, long l) const {
        return w[((o * in_each() + i) * kernel_h + k) * kernel_w + l];
    }
    // [group][block][row][column][channel in][channel of the block]; depthwise, one group.
    Floats packed(const Floats& w) const {
        Floats result;
        const long each = depthwise ? out.c : out_each(), parts = depthwise ? 1 : groups;
        for (long g = 0; g < parts; ++g)
            for (long first = 0; first < each;) {
                const long width = width_of_block(each - first);
                for (long k = 0; k < kernel_h; ++k)
                    for (long l = 0; l < kernel_w; ++l)
                        for (long i = 0; i < in_each(); ++i)
                            for (long o = first; o < first + width; ++o)
                                result.push_back(o < each ? weight(w, g * each + o, i, k, l)
                                                          : 0.0f);
                first += width;
            }
        return result;
    }
    Floats packed_bias(const Floats& bias) const {
        Floats result;
        const long each = depthwise ? out.c : out_each();
        for (long at = 0; at < out.c; at += each)
            for (long first = 0; first < each;) {
                const long width = width_of_block(each - first);
                for (long o = first; o < first + width; ++o)
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
        for (long at = 0; at < out.count(); ++at) {
            const long o = at % out.c, ox = at / out.c % out.w, oy = at / out.c / out.w;
            double sum = bias[o], size = std::fabs(sum);
            for (long k = 0; k < kernel_h; ++k)
                for (long l = 0; l < kernel_w; ++l) {
                    const long y = oy * stride_h - pad_h + k * dilation_h;
                    const long q = ox * stride_w - pad_w + l * dilation_w;
                    if (y < 0 || y >= in.h || q < 0 || q >= in.w) continue;
                    for (long i = 0; i < in_each(); ++i) {
                        const long c = o / out_each() * in_each() + i;
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

Floats drawn(long count, float least, float most) {
    Floats values;
    for (long i = 0; i < count; ++i) values.push_back(uniform(least, most));
    return values;
}

void add_conv(Chain& chain, long x, bool depthwise) {
    Conv c;
    c.in = chain.buffers[x], c.depthwise = depthwise;
    if (depthwise)
        c.groups = c.in.c;
    else if (one_in(3))
        for (c.groups = draw(1, 6); c.in.c % c.groups;) --c.groups;
    const auto size = [](long in, long pad, long kernel, long dilation, long stride) {
        const long room = in + pad + draw(0, 4) - (kernel - 1) * dilation - 1;
        return room < 0 ? 0 : room / stride + 1;
    };
    c.out.h = size(c.in.h, c.pad_h, c.kernel_h, c.dilation_h, c.stride_h);
    c.out.w = size(c.in.w, c.pad_w, c.kernel_w, c.dilation_w, c.stride_w);
    c.out.c = depthwise ? c.in.c : c.groups * draw(1, c.groups > 1 ? 6 : 40);
    if (c.out.h < 1 || c.out.w < 1 || c.out.count() > 4000) return;
    const float most = 1.0f / std::sqrt(static_cast<float>(c.in_each() * c.kernel_h * c.kernel_w));
    const Floats w = drawn(c.out.c * c.in_each() * c.kernel_h * c.kernel_w, -most, most);
    const Floats bias = drawn(c.out.c, -0.5f, 0.5f);
    const long output = chain.add_buffer(c.out);
    long residual = -1;
    if (one_in(3)) residual = chain.add_constant(c.out.count(), -1, 1);
    if (residual < -1 && one_in(2)) {  // the residual is overwritten
        const long count = c.out.count();
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

void add_pool(Chain& chain, long x) {
    const Size in = chain.buffers[x];
    const long kernel[] = {draw(1, 4), draw(1, 4)}, stride[] = {draw(1, 3), draw(1, 3)};
    const long dilation[] = {draw(1, 2), draw(1, 2)}, average = draw(0, 2);
    const long pad[] = {draw(0, 2), draw(0, 2)}, end[] = {draw(0, 2), draw(0, 2)};
    const long sides[] = {in.h, in.w};
    long out[2];
    for (int a = 0; a < 2; ++a) {
        const long room = sides[a] + pad[a] + end[a] - (kernel[a] - 1) * dilation[a] - 1;
        out[a] = room < 0 ? 0 : room / stride[a] + 1;
        for (long o = 0; o < out[a]; ++o) {  // no window has only padding
            bool any = false;
            for (long k = 0; k < kernel[a]; ++k) {
                const long at = o * stride[a] - pad[a] + k * dilation[a];
                any = any || (at >= 0 && at < sides[a]);
            }
            if (!any) return;
        }
        if (out[a] < 1) return;
    }
    const Size to = {out[0], out[1], in.c};
    const auto reference = [=](const std::vector<const Floats*>& arguments, const Floats&) {
        Wanted wanted;
        for (long at = 0; at < to.count(); ++at) {
            const long c = at % to.c, ox = at / to.c % to.w, oy = at / to.c / to.w;
            double sum = 0.0, largest = -INFINITY, size = 0.0;
            long inside = 0, padded = 0;
            for (long k = 0; k < kernel[0]; ++k)
                for (long l = 0; l < kernel[1]; ++l) {
                    const long y = oy * stride[0] - pad[0] + k * dilation[0];
                    const long q = ox * stride[1] - pad[1] + l * dilation[1];
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

// Element by element, in a buffer of its own or in place.
void add_elementwise(Chain& chain, const char* kernel, std::vector<char> fields, long x,
                     std::function<double(double)> f) {
    const long y = one_in(3) ? x : chain.add_buffer(chain.buffers[x]);
    chain.add(kernel, std::move(fields), {x}, y,
              [f](const std::vector<const Floats*>& in, const Floats&) {
                  Wanted wanted;
                  for (const float v : *in[0])
                      wanted.add(f(v), kRounding * std::fmax(1.0, std::fabs(v)));
                  return wanted;
              });
}

void add_activation(Chain& chain, long x) {
    const Limits limits;
    Fields f;
    f.of({chain.buffers[x].count(), limits.kind}).of_floats({limits.low, limits.high});
    add_elementwise(chain, "activation", f.bytes, x, limits);
}

void add_function(Chain& chain, long x) {
    const long kind = draw(0, 5);
    const float alpha = uniform(0.05f, 1.5f), beta = uniform(0, 1);
    const auto hard = [](double v) { return std::fmin(std::fmax(v, 0.0), 1.0); };
    const auto reference = [=](double v) {
        switch (kind) {
            case 0:
                return 1.0 / (1.0 + std::exp(-v));
            case 1:
                return std::tanh(v);
            case 2:
                return hard(alpha * v + beta);
            case 3:
                return v * hard(v / 6.0 + 0.5);
            case 4:
                return v < 0 ? alpha * v : v;
            default:
                return v < 0 ? alpha * std::expm1(v) : v;
        }
    };
    Fields f;
    f.of({chain.buffers[x].count(), kind}).of_floats({alpha, beta});
    add_elementwise(chain, "function", f.bytes, x, reference);
}

// With a constant that repeats along some axes, or with itself; the first operand may be the
// constant.
void add_arithmetic(Chain& chain, long x) {
    const Size s = chain.buffers[x];
    const long operation = draw(0, 3), size[] = {1, s.h, s.w, s.c};
    const long whole[] = {0, s.w * s.c, s.c, 1};
    long other[4] = {}, z = x, count = 1;
    if (one_in(4) && operation < 2) {
        std::copy(whole, whole + 4, other);
    } else {
        for (int axis = 3; axis > 0; --axis)
            if (one_in(2)) other[axis] = count, count *= size[axis];
        z = chain.add_constant(count, 0.5f, 2);
    }
    const bool swapped = operation < 3 && one_in(3);
    const long *a = swapped ? other : whole, *b = swapped ? whole : other;
    Fields f;
    f.of({operation}).of({1, s.h, s.w, s.c});
    f.of({a[0], a[1], a[2], a[3]}).of({b[0], b[1], b[2], b[3]});
    const std::vector<long> steps = {a[1], a[2], a[3], b[1], b[2], b[3]};
    const auto reference = [=](const std::vector<const Floats*>& in, const Floats&) {
        Wanted wanted;
        for (long i = 0; i < s.count(); ++i) {
            const long at[] = {i / s.c / s.w, i / s.c % s.w, i % s.c};
            long from = 0, with = 0;
            for (int axis = 0; axis < 3; ++axis)
                from += at[axis] * steps[axis], with += at[axis] * steps[3 + axis];
            const double p = (*in[0])[from], q = (*in[1])[with];
            const double values[] = {p + q, p - q, p * q, p / q};
            wanted.add(values[operation], kRounding * (std::fabs(p) + std::fabs(q)) * 2);
        }
        return wanted;
    };
    const long y = one_in(3) ? x : chain.add_buffer(s);
    chain.add("arithmetic", f.bytes, {swapped ? z : x, swapped ? x : z}, y, reference);
}

// Part of x with its axes in any order, somewhere in a larger buffer of one value.
void add_copy(Chain& chain, long x) {
    const Size s = chain.buffers[x];
    const long sides[] = {s.h, s.w, s.c}, strides[] = {s.w * s.c, s.c, 1};
    long axes[] = {0, 1, 2};
    for (int i = 2; i > 0; --i) std::swap(axes[i], axes[draw(0, i)]);
    long size[3], step[3], before[3], to[3], start_x = 0;
    for (int i = 0; i < 3; ++i) {
        const long side = sides[axes[i]], skip = one_in(3) ? draw(0, side - 1) : 0;
        const long every = one_in(4) ? draw(1, 2) : 1;
        size[i] = (side - skip + every - 1) / every, step[i] = strides[axes[i]] * every;
        start_x += skip * strides[axes[i]];
        before[i] = one_in(3) ? draw(0, 2) : 0;
        to[i] = before[i] + size[i] + (one_in(3) ? draw(0, 2) : 0);
    }
    const Size out = {to[0], to[1], to[2]};
    if (out.count() > 4000) return;
    const long y = chain.add_buffer(out), row = out.w * out.c;
    const long start_y = before[0] * row + before[1] * out.c + before[2];
    const float value = uniform(-1, 1);
    chain.add("fill", Fields().of({out.count()}).of_floats({value}).bytes, {}, y,
              [=](const std::vector<const Floats*>&, const Floats&) {
                  return Wanted{Doubles(out.count(), value), Doubles(out.count())};
              });
    Fields f;
    f.of({1, 1, size[0], size[1], size[2], 0, 0, step[0], step[1], step[2]});
    f.of({0, 0, row, out.c, 1, start_x, start_y});
    const std::vector<long> n(size, size + 3), from(step, step + 3);
    chain.add("copy", f.bytes, {x}, y,
              [=](const std::vector<const Floats*>& in, const Floats& old) {
                  Wanted wanted = {Doubles(old.begin(), old.end()), Doubles(old.size())};
                  for (long i = 0; i < n[0]; ++i)
                      for (long j = 0; j < n[1]; ++j)
                          for (long k = 0; k < n[2]; ++k)
                              wanted.values[start_y + i * row + j * out.c + k] =
                                  (*in[0])[start_x + i * from[0] + j * from[1] + k * from[2]];
                  return wanted;
              });
}

void add_lrn(Chain& chain, long x) {
    const Size s = chain.buffers[x];
    const long size = draw(1, 7);
    const float alpha = uniform(0.001f, 1), beta = uniform(0.3f, 1), bias = uniform(0.5f, 2);
    const auto reference = [=](const std::vector<const Floats*>& in, const Floats&) {
        Wanted wanted;
        for (long at = 0; at < s.count(); ++at) {
            double sum = 0.0;
            for (long k = at % s.c - (size - 1) / 2, n = 0; n < size; ++k, ++n)
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

void add_rows(Chain& chain, long x, bool mean) {
    const Size s = chain.buffers[x];
    const long logarithm = draw(0, 1);
    const auto reference = [=](const std::vector<const Floats*>& in, const Floats&) {
        Wanted wanted;
        for (long row = 0; row < s.count(); row += s.c) {
            double sum = 0.0, size = 0.0, top = -INFINITY, powers = 0.0;
            for (long i = row; i < row + s.c; ++i) {
                const double v = (*in[0])[i];
                sum += v, size += std::fabs(v), top = std::fmax(top, v);
            }
            for (long i = row; i < row + s.c; ++i) powers += std::exp((*in[0])[i] - top);
            if (mean) wanted.add(sum / s.c, kRounding * size);
            for (long i = row; i < row + s.c && !mean; ++i) {
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
void add_matmul(Chain& chain, long x) {
    const Size s = chain.buffers[x], to = {s.h, s.w, draw(1, 20)};
    if (to.count() > 4000) return;
    const long each = s.c * to.c, step = one_in(2) ? each : 0;
    const float most = 1.0f / std::sqrt(static_cast<float>(s.c));
    const long z = chain.add_constant(step ? s.h * each : each, -most, most);
    const auto reference = [=](const std::vector<const Floats*>& in, const Floats&) {
        Wanted wanted;
        for (long at = 0; at < to.count(); ++at) {
            double sum = 0.0, size = 0.0;
            for (long i = 0; i < s.c; ++i) {
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

Chain random_chain() {
    Chain chain;
    chain.image = {draw(1, 14), draw(1, 14), draw(1, 5)};
    add_pixels(chain);
    for (long left = draw(3, 12); left > 0; --left) {
        const long last = static_cast<long>(chain.buffers.size()) - 1;
        const long x = one_in(4) ? draw(0, last) : last;
        switch (draw(0, 10)) {
            case 0:
            case 1:
                add_conv(chain, x, false);
                break;
            case 2:
                add_conv(chain, x, true);
                break;
            case 3:
                add_pool(chain, x);
                break;
            case 4:
                add_activation(chain, x);
                break;
            case 5:
                add_function(chain, x);
                break;
            case 6:
                add_arithmetic(chain, x);
                break;
            case 7:
                add_copy(chain, x);
                break;
            case 8:
                one_in(2) ? add_lrn(chain, x) : add_matmul(chain, x);
                break;
            default:
                add_rows(chain, x, one_in(2));
        }
    }
    return chain;
}

}  // namespace
