// Softmax and the negative log-likelihood of one image's logits [K].
#pragma once

#include <cmath>

namespace cnnkit {

// The first of the largest logits; NaN counts as the largest, as in PyTorch.
inline long best_class(const float* logits, long classes) {
    long best = 0;
    for (long k = 1; k < classes; ++k) {
        if (logits[k] > logits[best] || (std::isnan(logits[k]) && !std::isnan(logits[best])))
            best = k;
    }
    return best;
}

// Writes log-probabilities [K] and probabilities [K].
inline void softmax(const float* logits, long classes, float* log_probabilities,
                    float* probabilities) {
    const float top = logits[best_class(logits, classes)];
    float total = 0.0f;
    for (long k = 0; k < classes; ++k) total += std::exp(logits[k] - top);
    const float log_total = std::log(total);
    for (long k = 0; k < classes; ++k) {
        const float shifted = logits[k] - top;
        log_probabilities[k] = shifted - log_total;
        probabilities[k] = std::exp(shifted) / total;
    }
}

}  // namespace cnnkit
