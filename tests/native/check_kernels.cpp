// Every algorithm of every instruction set of this machine against a plain double loop, on random
// shapes. Without Python, so that emulators and sanitizers can run it.
//
//     check_kernels [ROUNDS [ISA...]]
//
// Fails on a wrong answer, and when the instruction sets found are not those named.
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "../../csrc/dispatch.h"
#include "../../csrc/plan.h"

namespace {

using cnnkit::Algorithm;
using cnnkit::Isa;
using cnnkit::Pair;
using cnnkit::Precision;
using cnnkit::Shape;

std::mt19937 generator(20200513);

// Uniform, both ends included. Own arithmetic: the standard distributions differ between libraries.
long draw(long least, long most) {
    return least + static_cast<long>(generator() % static_cast<unsigned long>(most - least + 1));
}
Pair draw_pair(long least, long most) { return {draw(least, most), draw(least, most)}; }
bool one_in(long n) { return draw(1, n) == 1; }
float uniform() { return static_cast<float>(generator()) / 2147483648.0f - 1.0f; }

Shape draw_shape() {
    for (;;) {
        Shape s = {};
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
        cnnkit::complete(s);
        if (s.conv.h > 0 && s.conv.w > 0 && s.output.h > 0 && s.output.w > 0) return s;
    }
}

struct Case {
    Shape shape;
    long images;
    std::vector<float> x, weight, bias;
    bool has_bias;
    std::vector<double> y;  // the right answer
    std::vector<double>
        scale;  // [channels_out] largest sum of finite magnitudes: errors are shares

    long pixels() const { return shape.channels_in * shape.input.h * shape.input.w; }
    long outputs() const { return shape.channels_out * shape.output.h * shape.output.w; }
    const float* bias_or_null() const { return has_bias ? bias.data() : nullptr; }
};

void spoil(std::vector<float>& values) {
    const float special[] = {NAN, INFINITY, -INFINITY, -0.0f, 1e-40f, -1e-40f, 1e30f, -1e30f};
    values[generator() % values.size()] = special[generator() % 8];
}

// One convolution value; adds to `magnitude` what its finite terms weigh.
double convolve(const Case& c, long image, long o, long row, long column, double& magnitude) {
    const Shape& s = c.shape;
    double sum = c.has_bias ? c.bias[o] : 0.0;
    magnitude = std::isfinite(sum) ? std::fabs(sum) : 0.0;
    for (long i = 0; i < s.channels_in * s.kernel.h * s.kernel.w; ++i) {
        const long channel = i / (s.kernel.h * s.kernel.w);
        const long h = row * s.stride.h - s.padding.h + i / s.kernel.w % s.kernel.h;
        const long w = column * s.stride.w - s.padding.w + i % s.kernel.w;
        const bool inside = h >= 0 && h < s.input.h && w >= 0 && w < s.input.w;
        const long at = ((image * s.channels_in + channel) * s.input.h + h) * s.input.w + w;
        const double term =
            (inside ? c.x[at] : 0.0) * c.weight[o * s.channels_in * s.kernel.h * s.kernel.w + i];
        sum += term;
        if (std::isfinite(term)) magnitude += std::fabs(term);
    }
    return sum;
}

void solve(Case& c) {
    const Shape& s = c.shape;
    c.scale.assign(s.channels_out, 0.0);
    std::vector<double> conv(s.conv.h * s.conv.w);
    for (long plane = 0; plane < c.images * s.channels_out; ++plane) {
        const long o = plane % s.channels_out;
        for (long i = 0; i < s.conv.h * s.conv.w; ++i) {
            double magnitude;
            conv[i] = convolve(c, plane / s.channels_out, o, i / s.conv.w, i % s.conv.w, magnitude);
            if (magnitude > c.scale[o]) c.scale[o] = magnitude;
        }
        for (long i = 0; i < s.output.h * s.output.w; ++i) {
            double most = 0.0;  // ReLU; windows never lie in padding alone
            for (long k = 0; k < s.pool_kernel.h * s.pool_kernel.w; ++k) {
                const long h =
                    i / s.output.w * s.pool_stride.h - s.pool_padding.h + k / s.pool_kernel.w;
                const long w =
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
    Case c = {draw_shape(), draw(1, 3), {}, {}, {}, !one_in(4), {}, {}};
    const Shape& s = c.shape;
    c.x.resize(c.images * c.pixels());
    c.weight.resize(s.channels_out * s.channels_in * s.kernel.h * s.kernel.w);
    c.bias.resize(s.channels_out);
    for (std::vector<float>* values : {&c.x, &c.weight, &c.bias}) {
        for (float& value : *values) value = uniform();
    }
    if (special) {
        spoil(c.x);
        if (one_in(4)) spoil(c.weight);
        if (one_in(8)) spoil(c.bias);
    }
    solve(c);
    return c;
}

// How far off an algorithm may be, as a share of the largest sum of magnitudes.
double tolerance(Precision precision) { return precision == Precision::kFast ? 3e-5 : 1e-6; }

bool right(const Case& c, const float* y, long first, long count, double share) {
    const long plane = c.shape.output.h * c.shape.output.w;
    for (long i = 0; i < count; ++i) {
        const double wanted = c.y[first + i];
        const double error = std::fabs(y[i] - wanted);
        if (std::isnan(wanted) ? std::isnan(y[i]) : y[i] == wanted) continue;
        if (!(error <= share * c.scale[(first + i) / plane % c.shape.channels_out])) {
            std::printf("value %ld is %.9g, not %.9g\n", first + i, y[i], wanted);
            return false;
        }
    }
    return true;
}

// The buffers have exactly the sizes that were asked for and begin as NaN: a read of what was never
// written shows in the answer, and a step outside shows under the address sanitizer.
cnnkit::Buffer poisoned(size_t bytes) {
    cnnkit::Buffer buffer = cnnkit::allocate(bytes);
    std::memset(buffer.get(), 0xff, bytes);
    return buffer;
}

// One algorithm, image by image, in row ranges. It may decline special values only.
bool check_algorithm(const Case& c, const Algorithm& a, Precision precision, bool special) {
    const cnnkit::Buffer prepared = poisoned(a.prepared_bytes(c.shape));
    const cnnkit::Buffer workspace = poisoned(a.workspace_bytes(c.shape));
    if (!a.prepare(c.shape, c.weight.data(), c.bias_or_null(), prepared.get())) return special;
    for (long image = 0; image < c.images; ++image) {
        std::vector<float> y(c.outputs(), NAN);
        bool done = true;
        for (long row = 0, end; done && row < c.shape.output.h; row = end) {
            end = one_in(2) ? c.shape.output.h : draw(row + 1, c.shape.output.h);
            done = a.run(c.shape, c.x.data() + image * c.pixels(), prepared.get(), y.data(), row,
                         end, workspace.get());
        }
        if (!done && !special) return false;
        const long first = image * c.outputs();
        if (done && !right(c, y.data(), first, c.outputs(), tolerance(precision))) return false;
    }
    return true;
}

// The whole: choice of an algorithm, fallback where it declines, threads of its own and of the
// caller. Bits do not depend on the number of threads, unless special values make an algorithm
// decline: then only the row range that holds them falls back.
bool check_plan(const Case& c, const Isa& isa, Precision precision, bool special) {
    const cnnkit::Plan plan(isa, c.shape, precision, c.weight.data(), c.bias_or_null());
    const auto run = [&](std::vector<float>& y, int threads) {
        plan.run(c.shape, c.x.data(), c.images, y.data(), threads);
    };
    const auto answers_right = [&](const std::vector<float>& y) {
        return right(c, y.data(), 0, static_cast<long>(y.size()), tolerance(precision));
    };
    std::vector<float> alone(c.y.size()), y(c.y.size()), other(c.y.size());
    run(alone, 1);
    std::thread beside([&] { run(other, 3); });
    run(y, 2);
    beside.join();
    if (!answers_right(alone) || !answers_right(y) || !answers_right(other)) return false;
    return special || (!std::memcmp(alone.data(), y.data(), y.size() * sizeof(float)) &&
                       !std::memcmp(alone.data(), other.data(), y.size() * sizeof(float)));
}

void print(const Shape& s) {
    std::printf("channels %ld to %ld, input %ldx%ld, kernel %ldx%ld, stride %ldx%ld, ",
                s.channels_in, s.channels_out, s.input.h, s.input.w, s.kernel.h, s.kernel.w,
                s.stride.h, s.stride.w);
    std::printf("padding %ldx%ld, pool %ldx%ld, stride %ldx%ld, padding %ldx%ld\n", s.padding.h,
                s.padding.w, s.pool_kernel.h, s.pool_kernel.w, s.pool_stride.h, s.pool_stride.w,
                s.pool_padding.h, s.pool_padding.w);
}

bool check_round(long round, std::vector<long>& runs) {
    const bool special = round % 4 == 3;
    const Case c = draw_case(special);
    size_t counter = 0;
    bool good = true;
    for (const Isa* isa : cnnkit::available_isas()) {
        for (const Precision precision : {Precision::kDefault, Precision::kFast}) {
            const char* failed = check_plan(c, *isa, precision, special) ? nullptr : "plan";
            for (int i = 0; i < isa->algorithm_count; ++i) {
                const Algorithm& a = isa->algorithms[i];
                if (!a.fits(c.shape, precision)) continue;
                if (!check_algorithm(c, a, precision, special)) failed = a.name;
            }
            if (failed) {
                std::printf("round %ld: %s on %s is wrong: ", round, failed, isa->name);
                print(c.shape);
                good = false;
            }
        }
        ++runs[counter++];
    }
    return good;
}

}  // namespace

int main(int count, char** words) {
    const long rounds = count > 1 ? std::atol(words[1]) : 400;
    std::string found, wanted;
    for (const Isa* isa : cnnkit::available_isas()) found += std::string(" ") + isa->name;
    for (int i = 2; i < count; ++i) wanted += std::string(" ") + words[i];
    if (count > 2 && found != wanted) {
        std::printf("this machine runs%s, not%s\n", found.c_str(), wanted.c_str());
        return 1;
    }
    std::vector<long> runs(cnnkit::available_isas().size());
    long wrong = 0;
    for (long round = 0; round < rounds; ++round) wrong += !check_round(round, runs);
    for (const long n : runs) wrong += n == 0;
    std::printf("%ld random cases on each of%s: %ld wrong\n", rounds, found.c_str(), wrong);
    return wrong != 0;
}
