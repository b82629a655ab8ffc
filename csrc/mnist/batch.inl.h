// The gradient of one batch with the vector kernels. Needs train_common.inl.h and the convolutions'
// gradients: find_active, block2_gradient, block1_gradient.

inline void prefetch_image(const uint8_t* image) {
    for (int byte = 0; byte < kMnistPixels; byte += 64) __builtin_prefetch(image + byte);
}

constexpr int kForwardParts = 3, kParts = 6;

// One image forward and backward, but for the linear layer's gradient. Returns its loss.
inline float image_gradient(State& s, const uint8_t* image, int label, float scale, int waiting,
                            int64_t* correct, const NetLoss* weighted = nullptr,
                            int parts = kParts) {
    alignas(64) float dfeatures[kFeatures];
    Active active;
    Activations& a = s.activations;
    block1<true>(s.weights, image, a, &s.indices);
    if (parts < 2) return 0.0f;
    block2(s.weights, a, s.indices.place2);
    if (parts < kForwardParts) return 0.0f;
    Prediction prediction = softmax(linear(s.weights, a.pooled2));
    *correct += prediction.label == label;
    float loss = weighted
                     ? weighted_gradient(prediction, *weighted, label, scale, s.dlogits[waiting])
                     : loss_gradient(prediction, label, scale, s.dlogits[waiting]);
    if (parts < 4) return loss;
    features_gradient(s.weights, s.dlogits[waiting], a.pooled2, dfeatures);
    __builtin_memcpy(s.features[waiting], a.pooled2, sizeof a.pooled2);
    if (parts < 5) return loss;
    find_active(dfeatures, s.indices.place2, active);
    block2_gradient(s, active);
    if (parts < kParts) return loss;
    block1_gradient(s);
    return loss;
}

// Mean loss of images order[first] .. order[first + n - 1]; leaves its gradient in s.gradient.
inline float batch_gradient(State& s, const NetBatches& data, int64_t first, int64_t n,
                            int64_t* correct) {
    constexpr int ahead = 8;
    double weight = batch_weight(data, first, n);
    float scale = 1.0f / static_cast<float>(weight);
    double loss = 0;
    int waiting = 0;
    make_weights(s.parameters, s.weights);
    __builtin_memset(&s.gradient, 0, sizeof s.gradient);
    __builtin_memset(s.dtiles, 0, sizeof s.dtiles);
    for (int64_t i = first; i < first + n; ++i) {
        if (i + ahead < data.count)
            prefetch_image(data.images + data.order[i + ahead] * kMnistPixels);
        int64_t at = data.order[i];
        loss += image_gradient(s, data.images + at * kMnistPixels, data.labels[at], scale, waiting,
                               correct, data.loss);
        if (++waiting == kBlock || i + 1 == first + n) {
            linear_gradient(s, waiting);
            waiting = 0;
        }
    }
    conv1_gradient(s);
    return static_cast<float>(loss / weight);
}

inline void infer_parts(State& s, const uint8_t* image, int parts) {
    block1<false>(s.weights, image, s.activations, nullptr);
    if (parts < 2) return;
    block2(s.weights, s.activations, nullptr);
    if (parts < kForwardParts) return;
    Prediction prediction = softmax(linear(s.weights, s.activations.pooled2));
    store_wide(s.dlogits[0], prediction.probabilities);
}

void run_parts(void* state, const NetBatches& data, int parts, bool training) {
    State& s = *static_cast<State*>(state);
    int64_t correct = 0;
    make_weights(s.parameters, s.weights);
    for (int64_t i = 0, waiting = 0; i < data.count; ++i) {
        const uint8_t* image = data.images + data.order[i] * kMnistPixels;
        if (!training) {
            infer_parts(s, image, parts);
            continue;
        }
        int label = data.labels[data.order[i]];
        image_gradient(s, image, label, 1.0f, static_cast<int>(waiting), &correct, data.loss,
                       parts);
        waiting = (waiting + 1) % data.batch_size;
        if (parts > kForwardParts && !waiting)
            linear_gradient(s, static_cast<int>(data.batch_size));
    }
    __builtin_memset(s.dpooled1, 0, sizeof s.dpooled1);  // as every image leaves it
}
