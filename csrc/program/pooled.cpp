#include "program/pooled.h"

#include <algorithm>
#include <cstring>

#include "program/places.h"

namespace cnnkit {

namespace {

// As the C format's `pool`.
struct Pool {
    int in_h, in_w, channels, out_h, out_w, kernel_h, kernel_w, stride_h, stride_w, pad_h, pad_w,
        end_h, end_w, dilation_h, dilation_w, average;
};

// Whether it takes the largest of 2x2 pixels of what a convolution writes.
bool takes_pairs(const ProgramStep& step, const ConvSizes& c) {
    Pool p;
    if (step.kernel != "pool" || step.fields.size() != sizeof p) return false;
    std::memcpy(&p, step.fields.data(), sizeof p);
    const bool twos = p.kernel_h == 2 && p.kernel_w == 2 && p.stride_h == 2 && p.stride_w == 2;
    const bool plain = !p.average && !p.pad_h && !p.pad_w && p.dilation_h == 1 && p.dilation_w == 1;
    return twos && plain && p.in_h == c.out_h && p.in_w == c.out_w && p.channels == c.out_c &&
           p.out_h == c.out_h / 2 && p.out_w == c.out_w / 2;
}

}  // namespace

std::vector<size_t> find_pools(Program& program, const std::vector<bool>& may) {
    const std::vector<ProgramStep>& steps = program.steps;
    std::vector<size_t> found(steps.size());
    Places places(program);
    for (size_t s = 0; s + 1 < steps.size(); ++s) {
        const ptrdiff_t output = steps[s].output;
        if (steps[s].kernel != "conv" || !may[s] || !may[s + 1] || output == program.result ||
            steps[s + 1].inputs[0] != output || !takes_pairs(steps[s + 1], ConvSizes(steps[s])))
            continue;
        const ptrdiff_t x = steps[s].inputs[2], pooled = steps[s + 1].output;
        const auto use = [&](ptrdiff_t buffer) {
            return [=](const ProgramStep& step) {
                return step.output == buffer ||
                       std::count(step.inputs.begin(), step.inputs.end(), buffer) > 0;
            };
        };
        if (std::count_if(steps.begin(), steps.end(), use(output)) != 2 ||
            std::any_of(steps.begin(), steps.begin() + static_cast<ptrdiff_t>(s) + 1, use(pooled)))
            continue;
        found[s] = s + 1;
        if (x >= 0 && places.meet(x, pooled)) places.move(pooled, s);
    }
    return found;
}

}  // namespace cnnkit
