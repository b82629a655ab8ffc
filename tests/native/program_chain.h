// A program of the general engine as a chain of steps, whose arguments are constants and earlier
// buffers, and its first step. Each has its right result by plain loops in double.
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
ptrdiff_t draw(ptrdiff_t least, ptrdiff_t most) {
    return least + static_cast<ptrdiff_t>(generator() % static_cast<size_t>(most - least + 1));
}
bool one_in(ptrdiff_t n) { return draw(1, n) == 1; }
float uniform(float least, float most) {
    return least + (most - least) * (static_cast<float>(generator() >> 8) / 16777216.0f);
}

struct Size {
    ptrdiff_t h, w, c;
    ptrdiff_t count() const { return h * w * c; }
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

    ptrdiff_t add_constant(Floats values) {
        constants.push_back(std::move(values));
        return -1 - static_cast<ptrdiff_t>(constants.size());
    }
    ptrdiff_t add_constant(ptrdiff_t count, float least, float most) {
        Floats values;
        for (ptrdiff_t i = 0; i < count; ++i) values.push_back(uniform(least, most));
        return add_constant(values);
    }
    ptrdiff_t add_buffer(const Size& size) {
        buffers.push_back(size);
        return static_cast<ptrdiff_t>(buffers.size()) - 1;
    }
    void add(const char* kernel, std::vector<char> fields, std::vector<ptrdiff_t> inputs,
             ptrdiff_t output, Reference reference) {
        steps.push_back({{kernel, std::move(fields), std::move(inputs), output}, reference});
    }
};

// The bytes of a kernel's structure of ints and floats.
struct Fields {
    std::vector<char> bytes;
    Fields& of(std::initializer_list<ptrdiff_t> values) {
        for (const ptrdiff_t value : values) append(static_cast<int>(value));
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
    ptrdiff_t kind = draw(0, 2);
    float low = uniform(-1, 0), high = uniform(0, 2);
    double operator()(double v) const {
        if (kind > 0 && v < low) v = low;
        return kind > 1 && v > high ? high : v;
    }
};

void add_pixels(Chain& chain) {
    const Size s = chain.image;
    const ptrdiff_t scale = chain.add_constant(s.c, 0.002f, 0.006f),
                    shift = chain.add_constant(s.c, -1, 1);
    const auto raw = [s](const std::vector<const Floats*>& in, const Floats&) {
        Wanted wanted;  // the raw pixels as floats
        for (ptrdiff_t p = 0; p < s.h * s.w; ++p)
            for (ptrdiff_t c = 0; c < s.c; ++c) {
                const double v = (*in[2])[c * s.h * s.w + p];
                wanted.add(v * (*in[0])[c] + (*in[1])[c], kRounding);
            }
        return wanted;
    };
    chain.add("pixels", Fields().of({s.c, s.h * s.w}).bytes, {scale, shift, -1},
              chain.add_buffer(s), raw);
}

}  // namespace
