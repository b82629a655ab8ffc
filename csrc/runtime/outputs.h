// What a session writes of an image's logits.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "runtime/softmax.h"
#include "runtime/types.h"

namespace cnnkit {

// Of image `at` of the call: logits, and what follows from them; null pointers are left out.
inline void write_outputs(const float* logits, ptrdiff_t classes, int64_t at,
                          const NetOutputs& out) {
    thread_local std::vector<float> both;
    if (out.log_probabilities || out.probabilities) {
        both.resize(2 * classes);
        softmax(logits, classes, both.data(), both.data() + classes);
    }
    const auto write = [&](float* where, const float* values) {
        if (where) std::copy_n(values, classes, where + at * classes);
    };
    write(out.logits, logits);
    write(out.log_probabilities, both.data());
    write(out.probabilities, both.data() + classes);
    if (out.label) out.label[at] = best_class(logits, classes);
}

}  // namespace cnnkit
