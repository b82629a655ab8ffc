// Softmax and the negative log-likelihood of one image's logits [K].
#pragma once

#include <cmath>
#include <cstddef>

namespace cnnkit {

// The first of the largest logits; NaN counts as the largest, as in PyTorch.
inline ptrdiff_t best_class(const float* logits, ptrdiff_t classes) {
    ptrdiff_t best = 0;
    for (ptrdiff_t k = 1; k < classes; ++k) {
        if (logits[k] > logits[best] || (std::isnan(logits[k]) && !std::isnan(logits[best])))
            best = k;
    }
    return best;
}

// Writes log-probabilities [K] and probabilities [K].
inline void softmax(const float* logits, ptrdiff_t classes, float* log_probabilities,
                    float* probabilities) {
    const float top = logits[best_class(logits, classes)];
    float total = 0.0f;
    for (ptrdiff_t k = 0; k < classes; ++k) total += std::exp(logits[k] - top);
    const float log_total = std::log(total);
    for (ptrdiff_t k = 0; k < classes; ++k) {
        const float shifted = logits[k] - top;
        log_probabilities[k] = shifted - log_total;
        probabilities[k] = std::exp(shifted) / total;
    }
}

}  // namespace cnnkit
