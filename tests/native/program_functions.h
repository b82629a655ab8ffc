// Random steps of elementary functions, extremes, resampling and what is computed of rows.
#pragma once

#include "program_elements.h"

namespace {

double elementary_reference(ptrdiff_t kind, double v, double alpha) {
    const double root = std::sqrt(0.5), gate = 0.7978845608028654 * (v + 0.044715 * v * v * v);
    switch (kind) {
        case 0:
            return std::exp(v);
        case 3:
            return std::fabs(v);
        case 4:
            return -v;
        case 5:
            return v > 0 ? 1.0 : v < 0 ? -1.0 : 0.0;
        case 10:
            return std::erf(v);
        case 11:
            return std::fmax(v, 0.0) + std::log1p(std::exp(-std::fabs(v)));
        case 12:
            return v / (1.0 + std::fabs(v));
        case 13:
            return v * std::tanh(std::fmax(v, 0.0) + std::log1p(std::exp(-std::fabs(v))));
        case 14:
            return 0.5 * v * std::erfc(-root * v);
        case 15:
            return 0.5 * v * (1.0 + std::tanh(gate));
        default:  // 16
            return v / (1.0 + std::exp(-alpha * v));
    }
}

void add_elementary(Chain& chain, ptrdiff_t x) {
    const ptrdiff_t kinds[] = {0, 3, 4, 5, 10, 11, 12, 13, 14, 15, 16}, kind = kinds[draw(0, 10)];
    const float alpha = uniform(0.5f, 2);
    Fields f;
    f.of({chain.buffers[x].count(), kind}).of_floats({alpha});
    const ptrdiff_t y = one_in(3) ? x : chain.add_buffer(chain.buffers[x]);
    const auto reference = [=](const std::vector<const Floats*>& in, const Floats&) {
        Wanted wanted;
        for (const float v : *in[0]) {
            const double right = elementary_reference(kind, v, alpha);
            wanted.add(right,
                       kRounding * std::fmax(1.0, std::fmax(std::fabs(v), std::fabs(right))));
        }
        return wanted;
    };
    chain.add("elementary", f.bytes, {x}, y, reference);
}

// With a constant that repeats along some axes.
void add_extreme(Chain& chain, ptrdiff_t x) {
    const Size s = chain.buffers[x];
    const ptrdiff_t size[] = {1, s.h, s.w, s.c}, smaller = draw(0, 1);
    ptrdiff_t other[4] = {}, count = 1;
    for (int axis = 3; axis > 0; --axis)
        if (one_in(2)) other[axis] = count, count *= size[axis];
    const ptrdiff_t z = chain.add_constant(count, -1, 1);
    Fields f;
    f.of({smaller, 1, s.h, s.w, s.c}).of({0, s.w * s.c, s.c, 1});
    f.of({0, other[1], other[2], other[3]});
    const std::vector<ptrdiff_t> steps = {other[1], other[2], other[3]};
    const auto reference = [=](const std::vector<const Floats*>& in, const Floats&) {
        Wanted wanted;
        for (ptrdiff_t i = 0; i < s.count(); ++i) {
            const ptrdiff_t with =
                i / s.c / s.w * steps[0] + i / s.c % s.w * steps[1] + i % s.c * steps[2];
            const double a = (*in[0])[i], b = (*in[1])[with];
            wanted.add(smaller ? std::fmin(a, b) : std::fmax(a, b), 0.0);
        }
        return wanted;
    };
    chain.add("extreme", f.bytes, {x, z}, one_in(3) ? x : chain.add_buffer(s), reference);
}

// Of the buffer and a constant, by a constant condition of the channels.
void add_chosen(Chain& chain, ptrdiff_t x) {
    const Size s = chain.buffers[x];
    Floats conditions;
    for (ptrdiff_t i = 0; i < s.c; ++i) conditions.push_back(one_in(2) ? uniform(-2, 2) : 0.0f);
    const ptrdiff_t condition = chain.add_constant(conditions), z = chain.add_constant(1, -1, 1);
    Fields f;
    f.of({1, s.h, s.w, s.c}).of({0, 0, 0, 1}).of({0, s.w * s.c, s.c, 1}).of({0, 0, 0, 0});
    const auto reference = [=](const std::vector<const Floats*>& in, const Floats&) {
        Wanted wanted;
        for (ptrdiff_t i = 0; i < s.count(); ++i) {
            const bool first = (*in[0])[i % s.c] != 0.0f;
            wanted.add(first ? (*in[1])[i] : (*in[2])[0], 0.0);
        }
        return wanted;
    };
    chain.add("chosen", f.bytes, {condition, x, z}, one_in(3) ? x : chain.add_buffer(s), reference);
}

// Rows of the image, each a sum of some of its rows.
void add_resample(Chain& chain, ptrdiff_t x) {
    const Size s = chain.buffers[x], to = {draw(1, 2 * s.h), s.w, s.c};
    const ptrdiff_t taps = draw(1, 3);
    if (to.count() > 4000) return;
    Floats places;
    for (ptrdiff_t i = 0; i < to.h * taps; ++i)
        places.push_back(static_cast<float>(draw(0, s.h - 1)));
    const ptrdiff_t place = chain.add_constant(places);
    const ptrdiff_t weight = chain.add_constant(to.h * taps, -0.5f, 0.5f);
    const auto reference = [=](const std::vector<const Floats*>& in, const Floats&) {
        Wanted wanted;
        const ptrdiff_t row = s.w * s.c;
        for (ptrdiff_t at = 0; at < to.count(); ++at) {
            double sum = 0.0, size = 0.0;
            for (ptrdiff_t t = 0; t < taps; ++t) {
                const ptrdiff_t tap = at / row * taps + t;
                const ptrdiff_t from = static_cast<ptrdiff_t>((*in[0])[tap]) * row + at % row;
                const double term = static_cast<double>((*in[1])[tap]) * (*in[2])[from];
                sum += term, size += std::fabs(term);
            }
            wanted.add(sum, kRounding * size);
        }
        return wanted;
    };
    chain.add("resample", Fields().of({1, s.h, to.h, s.w * s.c, taps}).bytes, {place, weight, x},
              chain.add_buffer(to), reference);
}

// What the channels of each pixel add up to, the largest, the smallest, or their standard scores.
void add_summary(Chain& chain, ptrdiff_t x) {
    const Size s = chain.buffers[x];
    const ptrdiff_t kind = draw(0, 3);
    const float epsilon = uniform(0.5f, 1);
    const auto reference = [=](const std::vector<const Floats*>& in, const Floats&) {
        Wanted wanted;
        for (ptrdiff_t row = 0; row < s.count(); row += s.c) {
            double sum = 0.0, size = 0.0, top = -INFINITY, low = INFINITY, squares = 0.0;
            for (ptrdiff_t i = row; i < row + s.c; ++i) {
                const double v = (*in[0])[i];
                sum += v, size += std::fabs(v), top = std::fmax(top, v), low = std::fmin(low, v);
            }
            for (ptrdiff_t i = row; i < row + s.c; ++i)
                squares += std::pow((*in[0])[i] - sum / s.c, 2.0);
            if (kind < 3) wanted.add(kind == 0 ? sum : kind == 1 ? top : low, kRounding * size);
            for (ptrdiff_t i = row; i < row + s.c && kind == 3; ++i)
                wanted.add(((*in[0])[i] - sum / s.c) / std::sqrt(squares / s.c + epsilon),
                           2 * kRounding * std::fmax(1.0, size));
        }
        return wanted;
    };
    if (kind < 3) {
        chain.add("reduce", Fields().of({s.h * s.w, s.c, kind}).bytes, {x},
                  chain.add_buffer({s.h, s.w, 1}), reference);
    } else {
        chain.add("standardise", Fields().of({s.h * s.w, s.c}).of_floats({epsilon}).bytes, {x},
                  chain.add_buffer(s), reference);
    }
}

}  // namespace
