#include "program/tail.h"

namespace cnnkit {

namespace {

constexpr ptrdiff_t kMostOutput = 1 << 14, kMostTail = 1 << 18;  // floats

}  // namespace

Tail find_tail(const Program& program, const std::vector<bool>& products) {
    const std::vector<ProgramStep>& steps = program.steps;
    size_t first = 0;
    for (size_t s = steps.size() - 1; s > 0; --s) {
        if (program.sizes[steps[s].output] > kMostOutput) break;
        if (products[s]) {
            first = s;
        } else if (steps[s].kernel == "conv" || steps[s].kernel == "depthwise") {
            break;
        }
    }
    Tail tail;
    if (!first) return tail;
    tail.offsets.assign(program.sizes.size(), -1);
    std::vector<bool> written(program.sizes.size());
    for (size_t s = 0; s < first; ++s) written[steps[s].output] = true;
    const auto use = [&](ptrdiff_t buffer) {
        if (buffer < 0 || tail.offsets[buffer] >= 0) return;
        tail.offsets[buffer] = tail.floats;
        tail.floats += rounded(program.sizes[buffer]);
        if (written[buffer]) tail.carried.push_back(buffer);
    };
    for (size_t s = first; s < steps.size(); ++s) {
        for (const ptrdiff_t place : steps[s].inputs) use(place);
        use(steps[s].output);
    }
    if (tail.floats <= kMostTail) tail.first = first;
    return tail;
}

}  // namespace cnnkit
