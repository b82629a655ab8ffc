// The loss with class weights and label smoothing, of one image. Needs runtime/types.h.

// What the loss of images order[first] .. order[first + n - 1] is divided by.
inline double batch_weight(const NetBatches& data, int64_t first, int64_t n) {
    if (!data.loss) return static_cast<double>(n);
    double total = 0.0;
    for (int64_t i = first; i < first + n; ++i)
        total += static_cast<double>(data.loss->weights[data.labels[data.order[i]]]);
    return total;
}

// Returns one image's loss, and d(loss * scale) / d(logits). The label's own entry is taken as
// minus the others' sum, which keeps its digits when its probability is close to 1.
inline float weighted_loss(const NetLoss& loss, ptrdiff_t classes, ptrdiff_t label, const float* p,
                           const float* log_p, float scale, float* dlogits) {
    const float* target = loss.targets + label * classes;
    const float sum = loss.sums[label];
    float total = 0.0f, others = 0.0f;
    for (ptrdiff_t k = 0; k < classes; ++k) {
        if (target[k] != 0.0f) total -= target[k] * log_p[k];
        if (k == label) continue;
        const float d = sum * p[k] - target[k];
        others += d;
        dlogits[k] = d * scale;
    }
    dlogits[label] = -others * scale;
    return total;
}
