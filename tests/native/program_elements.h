// Random steps that work on elements one by one, or move them, for a program.
#pragma once

#include "program_chain.h"

namespace {

// Element by element, in a buffer of its own or in place.
void add_elementwise(Chain& chain, const char* kernel, std::vector<char> fields, ptrdiff_t x,
                     std::function<double(double)> f) {
    const ptrdiff_t y = one_in(3) ? x : chain.add_buffer(chain.buffers[x]);
    chain.add(kernel, std::move(fields), {x}, y,
              [f](const std::vector<const Floats*>& in, const Floats&) {
                  Wanted wanted;
                  for (const float v : *in[0])
                      wanted.add(f(v), kRounding * std::fmax(1.0, std::fabs(v)));
                  return wanted;
              });
}

void add_activation(Chain& chain, ptrdiff_t x) {
    const Limits limits;
    Fields f;
    f.of({chain.buffers[x].count(), limits.kind}).of_floats({limits.low, limits.high});
    add_elementwise(chain, "activation", f.bytes, x, limits);
}

void add_function(Chain& chain, ptrdiff_t x) {
    const ptrdiff_t kind = draw(0, 5);
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
void add_arithmetic(Chain& chain, ptrdiff_t x) {
    const Size s = chain.buffers[x];
    const ptrdiff_t operation = draw(0, 3), size[] = {1, s.h, s.w, s.c};
    const ptrdiff_t whole[] = {0, s.w * s.c, s.c, 1};
    ptrdiff_t other[4] = {}, z = x, count = 1;
    if (one_in(4) && operation < 2) {
        std::copy(whole, whole + 4, other);
    } else {
        for (int axis = 3; axis > 0; --axis)
            if (one_in(2)) other[axis] = count, count *= size[axis];
        z = chain.add_constant(count, 0.5f, 2);
    }
    const bool swapped = operation < 3 && one_in(3);
    const ptrdiff_t *a = swapped ? other : whole, *b = swapped ? whole : other;
    Fields f;
    f.of({operation}).of({1, s.h, s.w, s.c});
    f.of({a[0], a[1], a[2], a[3]}).of({b[0], b[1], b[2], b[3]});
    const std::vector<ptrdiff_t> steps = {a[1], a[2], a[3], b[1], b[2], b[3]};
    const auto reference = [=](const std::vector<const Floats*>& in, const Floats&) {
        Wanted wanted;
        for (ptrdiff_t i = 0; i < s.count(); ++i) {
            const ptrdiff_t at[] = {i / s.c / s.w, i / s.c % s.w, i % s.c};
            ptrdiff_t from = 0, with = 0;
            for (int axis = 0; axis < 3; ++axis)
                from += at[axis] * steps[axis], with += at[axis] * steps[3 + axis];
            const double p = (*in[0])[from], q = (*in[1])[with];
            const double values[] = {p + q, p - q, p * q, p / q};
            wanted.add(values[operation], kRounding * (std::fabs(p) + std::fabs(q)) * 2);
        }
        return wanted;
    };
    const ptrdiff_t y = one_in(3) ? x : chain.add_buffer(s);
    chain.add("arithmetic", f.bytes, {swapped ? z : x, swapped ? x : z}, y, reference);
}

// Part of x with its axes in any order, somewhere in a larger buffer of one value.
void add_copy(Chain& chain, ptrdiff_t x) {
    const Size s = chain.buffers[x];
    const ptrdiff_t sides[] = {s.h, s.w, s.c}, strides[] = {s.w * s.c, s.c, 1};
    ptrdiff_t axes[] = {0, 1, 2};
    for (int i = 2; i > 0; --i) std::swap(axes[i], axes[draw(0, i)]);
    ptrdiff_t size[3], step[3], before[3], to[3], start_x = 0;
    for (int i = 0; i < 3; ++i) {
        const ptrdiff_t side = sides[axes[i]], skip = one_in(3) ? draw(0, side - 1) : 0;
        const ptrdiff_t every = one_in(4) ? draw(1, 2) : 1;
        size[i] = (side - skip + every - 1) / every, step[i] = strides[axes[i]] * every;
        start_x += skip * strides[axes[i]];
        before[i] = one_in(3) ? draw(0, 2) : 0;
        to[i] = before[i] + size[i] + (one_in(3) ? draw(0, 2) : 0);
    }
    const Size out = {to[0], to[1], to[2]};
    if (out.count() > 4000) return;
    const ptrdiff_t y = chain.add_buffer(out), row = out.w * out.c;
    const ptrdiff_t start_y = before[0] * row + before[1] * out.c + before[2];
    const float value = uniform(-1, 1);
    chain.add("fill", Fields().of({out.count()}).of_floats({value}).bytes, {}, y,
              [=](const std::vector<const Floats*>&, const Floats&) {
                  return Wanted{Doubles(out.count(), value), Doubles(out.count())};
              });
    Fields f;
    f.of({1, 1, size[0], size[1], size[2], 0, 0, step[0], step[1], step[2]});
    f.of({0, 0, row, out.c, 1, start_x, start_y});
    const std::vector<ptrdiff_t> n(size, size + 3), from(step, step + 3);
    chain.add("copy", f.bytes, {x}, y,
              [=](const std::vector<const Floats*>& in, const Floats& old) {
                  Wanted wanted = {Doubles(old.begin(), old.end()), Doubles(old.size())};
                  for (ptrdiff_t i = 0; i < n[0]; ++i)
                      for (ptrdiff_t j = 0; j < n[1]; ++j)
                          for (ptrdiff_t k = 0; k < n[2]; ++k)
                              wanted.values[start_y + i * row + j * out.c + k] =
                                  (*in[0])[start_x + i * from[0] + j * from[1] + k * from[2]];
                  return wanted;
              });
}

}  // namespace
