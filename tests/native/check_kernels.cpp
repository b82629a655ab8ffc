// Every algorithm of every instruction set of this machine against a plain double loop, on random
// shapes. Without Python, so that emulators and sanitizers can run it.
//
//     check_kernels [ROUNDS [ISA...]]
//
// Fails on a wrong result, and when the instruction sets found are not those named.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "cpu/dispatch.h"
#include "runtime/conv_op.h"
#include "random_case.h"

#if defined(__SSE__)
#include <xmmintrin.h>
#endif

namespace {

using cnnkit::ConvKernel;
using cnnkit::KernelTable;
using cnnkit::Precision;

// How far off an algorithm may be, as a share of the largest sum of magnitudes.
double tolerance(Precision precision) { return precision == Precision::kFast ? 3e-5 : 1e-6; }

bool right(const Case& c, const float* y, ptrdiff_t first, ptrdiff_t count, double share) {
    const ptrdiff_t plane = c.shape.output.h * c.shape.output.w;
    for (ptrdiff_t i = 0; i < count; ++i) {
        const double wanted = c.y[first + i];
        const double error = std::fabs(y[i] - wanted);
        // As a float, which may overflow where the double does not.
        if (std::isnan(wanted) ? std::isnan(y[i]) : y[i] == static_cast<float>(wanted)) continue;
        if (!(error <= share * c.scale[(first + i) / plane % c.shape.channels_out])) {
            std::printf("value %td is %.9g, not %.9g\n", first + i, y[i], wanted);
            return false;
        }
    }
    return true;
}

// The buffers have exactly the sizes that were asked for and begin as NaN: a read of what was never
// written shows in the result, and a step outside shows under the address sanitizer.
cnnkit::Buffer poisoned(size_t bytes) {
    cnnkit::Buffer buffer = cnnkit::allocate(bytes);
    std::memset(buffer.get(), 0xff, bytes);
    return buffer;
}

// Whether `work` reckons with a denormal number, which processors may take 150 cycles for. Only x86
// tells.
template <typename Work>
bool meets_denormals(Work work) {
#if defined(__SSE__)
    constexpr unsigned kDenormal = 2;
    _mm_setcsr(_mm_getcsr() & ~kDenormal);
    work();
    return _mm_getcsr() & kDenormal;
#else
    (void)work;
    return false;
#endif
}

// Memory comes from malloc full of small integers, which are denormal numbers: no kernel may
// compute with them, not even where no result needs it.
bool check_leftovers(const Case& c, const ConvKernel& a) {
    const size_t bytes = a.workspace_bytes(c.shape);
    const cnnkit::Buffer prepared = poisoned(a.prepared_bytes(c.shape));
    const cnnkit::Buffer workspace = cnnkit::allocate(bytes);
    if (!a.prepare(c.shape, c.weight.data(), c.bias_or_null(), prepared.get())) return false;
    std::vector<float> y(c.outputs());
    const ptrdiff_t middle = draw(0, c.shape.output.h);
    for (const Pair rows : {Pair{0, middle}, Pair{middle, c.shape.output.h}}) {
        if (rows.h == rows.w) continue;
        std::fill_n(static_cast<unsigned*>(workspace.get()), bytes / sizeof(unsigned), 0x7fffu);
        if (meets_denormals([&] {
                a.run(c.shape, c.x.data(), prepared.get(), y.data(), nullptr, rows.h, rows.w,
                      workspace.get(), c.residual_or_null(0));
            })) {
            std::puts("reckons with what it never wrote");
            return false;
        }
    }
    return true;
}

// One algorithm, image by image, in row ranges. It may decline special values, and images of a few
// tiles a row.
bool check_algorithm(const Case& c, const ConvKernel& a, Precision precision, bool special) {
    const cnnkit::Buffer prepared = poisoned(a.prepared_bytes(c.shape));
    const cnnkit::Buffer workspace = poisoned(a.workspace_bytes(c.shape));
    if (!a.prepare(c.shape, c.weight.data(), c.bias_or_null(), prepared.get())) return special;
    for (ptrdiff_t image = 0; image < c.images; ++image) {
        std::vector<float> y(c.outputs(), NAN);
        bool done = true;
        for (ptrdiff_t row = 0, end; done && row < c.shape.output.h; row = end) {
            end = one_in(2) ? c.shape.output.h : draw(row + 1, c.shape.output.h);
            done = a.run(c.shape, c.x.data() + image * c.pixels(), prepared.get(), y.data(),
                         nullptr, row, end, workspace.get(), c.residual_or_null(image));
        }
        if (!done && !special && c.shape.input.w >= 3 * c.shape.kernel.w) return false;
        const ptrdiff_t first = image * c.outputs();
        if (done && !right(c, y.data(), first, c.outputs(), tolerance(precision))) return false;
    }
    return true;
}

bool same(const std::vector<float>& a, const std::vector<float>& b) {
    return a.size() == b.size() && !std::memcmp(a.data(), b.data(), a.size() * sizeof(float));
}

// The indices are those of the largest values, or kNoIndex where ReLU gave zero.
bool indices_right(const Case& c, const std::vector<float>& y,
                   const std::vector<unsigned char>& indices, double share) {
    const ConvShape& s = c.shape;
    for (size_t i = 0; i < y.size(); ++i) {
        if ((indices[i] == cnnkit::kNoIndex) != (y[i] == 0.0f)) return false;
        if (indices[i] == cnnkit::kNoIndex) continue;
        const ptrdiff_t at = static_cast<ptrdiff_t>(i), plane = at / (s.output.h * s.output.w);
        const ptrdiff_t row = at / s.output.w % s.output.h * s.pool_stride.h - s.pool_padding.h +
                              indices[i] / s.pool_kernel.w;
        const ptrdiff_t column =
            at % s.output.w * s.pool_stride.w - s.pool_padding.w + indices[i] % s.pool_kernel.w;
        if (row < 0 || row >= s.conv.h || column < 0 || column >= s.conv.w) return false;
        const ptrdiff_t o = plane % s.channels_out;
        double magnitude;
        const double value = convolve(c, plane / s.channels_out, o, row, column, magnitude);
        if (std::fabs(value - c.y[i]) > share * c.scale[o]) return false;
    }
    return true;
}

// Sums of `terms` random values, whose rounding error stays where they cancel.
bool near(const std::vector<float>& got, const std::vector<double>& wanted, size_t terms) {
    double largest = 0.1 * std::sqrt(static_cast<double>(terms)), error = 0.0;
    for (size_t i = 0; i < wanted.size(); ++i) {
        largest = std::fmax(largest, std::fabs(wanted[i]));
        // A NaN must count: fmax would drop it.
        const double off = std::fabs(got[i] - wanted[i]);
        if (!(off <= error)) error = off;
    }
    return error <= 5e-6 * largest;
}

// The gradients that belong to the operation's own indices, the same bits for any number of
// threads.
bool check_gradient(const Case& c, const cnnkit::ConvOp& op, double share) {
    std::vector<float> y(c.y.size()), grad(c.y.size());
    std::vector<unsigned char> indices(c.y.size(), 254);
    op.run(c.shape, c.x.data(), c.images, y.data(), indices.data(), 2);
    if (!right(c, y.data(), 0, static_cast<ptrdiff_t>(y.size()), share)) return false;
    if (!indices_right(c, y, indices, share)) {
        std::puts("wrong indices");
        return false;
    }
    for (float& value : grad) value = uniform();
    const Gradients wanted = differentiate(c, grad, indices);
    const auto run = [&](std::vector<float>& dw, std::vector<float>& db, std::vector<float>& dx,
                         int threads) {
        dw.assign(c.weight.size(), NAN), db.assign(c.bias.size(), NAN), dx.assign(c.x.size(), NAN);
        op.backward(c.shape, c.x.data(), grad.data(), indices.data(), c.images, dw.data(),
                    db.data(), dx.data(), threads);
    };
    const size_t terms = indices.size();
    std::vector<float> dw, db, dx, dw3, db3, dx3;
    run(dw, db, dx, 1);
    run(dw3, db3, dx3, 3);
    if (near(dw, wanted.dw, terms) && near(db, wanted.db, terms) && near(dx, wanted.dx, terms) &&
        same(dw, dw3) && same(db, db3) && same(dx, dx3)) {
        return true;
    }
    std::puts("wrong gradients");
    return false;
}

template <typename Call>
bool refuses(Call call) {
    try {
        call();
    } catch (const std::invalid_argument&) {
        return true;
    }
    return false;
}

// Other shapes than plain ones have neither max-pool indices nor gradients, and say so.
bool check_refusals(const Case& c, const cnnkit::ConvOp& op) {
    std::vector<float> y(c.y.size()), dw(c.weight.size()), db(c.bias.size()), dx(c.x.size());
    std::vector<unsigned char> indices(c.y.size());
    const bool good = refuses([&] {
                          op.run(c.shape, c.x.data(), c.images, y.data(), indices.data(), 2,
                                 c.residual_or_null(0));
                      }) &&
                      refuses([&] {
                          op.backward(c.shape, c.x.data(), y.data(), indices.data(), c.images,
                                      dw.data(), db.data(), dx.data(), 2);
                      });
    if (!good) std::puts("takes what only plain shapes have");
    return good;
}

// The whole: choice of an algorithm, fallback where it declines, threads of its own and of the
// caller. Bits do not depend on the number of threads, unless special values make an algorithm
// decline: then only the row range that holds them falls back.
bool check_conv_op(const Case& c, const KernelTable& kernels, Precision precision, bool special) {
    const cnnkit::ConvOp op(kernels, c.shape, precision, c.weight.data(), c.bias_or_null());
    const auto run = [&](std::vector<float>& y, int threads) {
        op.run(c.shape, c.x.data(), c.images, y.data(), nullptr, threads, c.residual_or_null(0));
    };
    const auto is_right = [&](const std::vector<float>& y) {
        return right(c, y.data(), 0, static_cast<ptrdiff_t>(y.size()), tolerance(precision));
    };
    std::vector<float> alone(c.y.size()), y(c.y.size()), other(c.y.size());
    run(alone, 1);
    std::thread beside([&] { run(other, 3); });
    run(y, 2);
    beside.join();
    if (!is_right(alone) || !is_right(y) || !is_right(other)) return false;
    if (special) return true;
    return same(alone, y) && same(alone, other) &&
           (is_plain(c.shape) ? check_gradient(c, op, tolerance(precision))
                              : check_refusals(c, op));
}

void print(const ConvShape& s) {
    std::printf("channels %td to %td, input %tdx%td, kernel %tdx%td, stride %tdx%td, ",
                s.channels_in, s.channels_out, s.input.h, s.input.w, s.kernel.h, s.kernel.w,
                s.stride.h, s.stride.w);
    std::printf("padding %tdx%td, pool %tdx%td, stride %tdx%td, padding %tdx%td\n", s.padding.h,
                s.padding.w, s.pool_kernel.h, s.pool_kernel.w, s.pool_stride.h, s.pool_stride.w,
                s.pool_padding.h, s.pool_padding.w);
    std::printf("groups %td, dilation %tdx%td, extra padding %tdx%td, from %g to %g%s\n", s.groups,
                s.dilation.h, s.dilation.w, s.extra_padding.h, s.extra_padding.w,
                static_cast<double>(s.low), static_cast<double>(s.high),
                s.residual ? ", residual" : "");
}

bool check_round(ptrdiff_t round, std::vector<ptrdiff_t>& runs) {
    const bool special = round % 4 == 3;
    const Case c = draw_case(special);
    size_t counter = 0;
    bool good = true;
    for (const KernelTable* kernels : cnnkit::available_kernels()) {
        for (const Precision precision : {Precision::kDefault, Precision::kFast}) {
            const char* failed =
                check_conv_op(c, *kernels, precision, special) ? nullptr : "ConvOp";
            for (int i = 0; i < kernels->conv_count; ++i) {
                const ConvKernel& a = kernels->conv[i];
                if (!a.fits(c.shape, precision)) continue;
                if (!check_algorithm(c, a, precision, special)) failed = a.name;
                if (!special && !check_leftovers(c, a)) failed = a.name;
            }
            if (failed) {
                std::printf("round %td: %s on %s is wrong: ", round, failed, kernels->name);
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
    const ptrdiff_t rounds = count > 1 ? std::atol(words[1]) : 400;
    std::string found, wanted;
    for (const KernelTable* kernels : cnnkit::available_kernels())
        found += std::string(" ") + kernels->name;
    for (int i = 2; i < count; ++i) wanted += std::string(" ") + words[i];
    if (count > 2 && found != wanted) {
        std::printf("this machine runs%s, not%s\n", found.c_str(), wanted.c_str());
        return 1;
    }
    std::vector<ptrdiff_t> runs(cnnkit::available_kernels().size());
    ptrdiff_t wrong = 0;
    for (ptrdiff_t round = 0; round < rounds; ++round) wrong += !check_round(round, runs);
    for (const ptrdiff_t n : runs) wrong += n == 0;
    std::printf("%td random cases on each of%s: %td wrong\n", rounds, found.c_str(), wrong);
    return wrong != 0;
}
