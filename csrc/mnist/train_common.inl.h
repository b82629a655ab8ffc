// What the vector kernels of training share. Needs common.inl.h and the PoolIndices of a forward
// pass.
//
// Backward is sparse: of every pooling window only the maximum has a gradient, and only where ReLU
// let it through. Images go through forward and backward one by one, so that what forward leaves
// stays in cache.

constexpr int kBlock = 32;  // images whose features wait for the linear layer's gradient

struct alignas(64) State {
    Parameters parameters, mean, square, gradient;
    int64_t steps;
    Weights weights;  // of `parameters`, renewed before every batch
    Activations activations;
    MaxIndices indices;
    float dpooled1[16][16][16];  // as pooled1; zero between images
    float dtiles[16][16];        // gradient of conv1's transformed weights
    float features[kBlock][kFeatures];
    float dlogits[kBlock][16];
};

// For each output channel of block 2 the windows that have a gradient: where the input of the
// maximum lies (bytes from pooled1), and how much.
struct alignas(64) Active {
    float gradient[4][kChunks * 4 + 28];
    int32_t place[4][kChunks * 4 + 28];
    int count[4];
};

inline int tap_offset(int tap) { return tap / 3 * kRow + tap % 3 * kColumn; }

// Loss of one image and d(loss * scale) / d(logits). The label's own entry, p - 1, is taken as
// minus the others' sum, which keeps its digits when p is close to 1.
inline float loss_gradient(const Prediction& prediction, int label, float scale, float* dlogits) {
    alignas(64) float log_probabilities[16];
    store_wide(log_probabilities, prediction.log_probabilities);
    store_wide(dlogits, prediction.probabilities);
    dlogits[label] = 0.0f;
    Wide others = load_wide(dlogits), total = broadcast_sum(others);
    store_wide(dlogits, mul(others, wide(scale)));
    alignas(64) float totals[16];
    store_wide(totals, total);
    dlogits[label] = -totals[0] * scale;
    return -log_probabilities[label];
}

// Likewise with class weights and label smoothing.
inline float weighted_gradient(const Prediction& prediction, const NetLoss& loss, int label,
                               float scale, float* dlogits) {
    alignas(64) float probabilities[16], log_probabilities[16];
    store_wide(probabilities, prediction.probabilities);
    store_wide(log_probabilities, prediction.log_probabilities);
    __builtin_memset(dlogits, 0, 16 * sizeof(float));
    return weighted_loss(loss, kMnistClasses, label, probabilities, log_probabilities, scale,
                         dlogits);
}

// d(features) where ReLU let them through.
inline void features_gradient(const Weights& w, const float* dlogits, const float* features,
                              float* dfeatures) {
    Vec d[kMnistClasses];
    for (int k = 0; k < kMnistClasses; ++k) d[k] = set1(dlogits[k]);
    for (int chunk = 0; chunk < kChunks; ++chunk)
        for (int at = 0; at < 16; at += kLanes) {
            const float (*weight)[16] = w.linear[chunk];
            Vec even = mul(d[0], load_aligned(weight[0] + at)),
                odd = mul(d[1], load_aligned(weight[1] + at));
#pragma GCC unroll 4
            for (int k = 2; k < kMnistClasses; k += 2) {
                even = fma(d[k], load_aligned(weight[k] + at), even);
                odd = fma(d[k + 1], load_aligned(weight[k + 1] + at), odd);
            }
            Mask passed = greater(load_aligned(features + chunk * 16 + at), zero());
            store_aligned(dfeatures + chunk * 16 + at, keep(passed, add(even, odd)));
        }
}

// Adds the gradients of the linear layer over the `n` images that wait.
inline void linear_gradient(State& s, int n) {
    for (int at = 0; at < 16; at += kLanes) {
        Vec bias = load_aligned(s.gradient.bias3 + at);
        for (int i = 0; i < n; ++i) bias = add(bias, load_aligned(s.dlogits[i] + at));
        store_aligned(s.gradient.bias3 + at, bias);
    }
    for (int chunk = 0; chunk < kChunks; ++chunk)
        for (int at = 0; at < 16; at += kLanes) {
            float (*out)[16] = s.gradient.linear[chunk];
            Vec sum[kMnistClasses];
            for (int k = 0; k < kMnistClasses; ++k) sum[k] = load_aligned(out[k] + at);
            for (int i = 0; i < n; ++i) {
                Vec f = load_aligned(s.features[i] + chunk * 16 + at);
#pragma GCC unroll 10
                for (int k = 0; k < kMnistClasses; ++k)
                    sum[k] = fma(f, set1(s.dlogits[i][k]), sum[k]);
            }
            for (int k = 0; k < kMnistClasses; ++k) store_aligned(out[k] + at, sum[k]);
        }
}

inline Vec through_relu(const float* activation, const float* gradient) {
    return keep(greater(load_aligned(activation), zero()), load_aligned(gradient));
}

// G^T x for four rows of anything.
inline void filter_gradient(Vec x0, Vec x1, Vec x2, Vec x3, Vec out[3]) {
    Vec half = set1(0.5f), sum = mul(half, add(x1, x2));
    out[0] = add(x0, sum);
    out[1] = mul(half, sub(x1, x2));
    out[2] = add(sum, x3);
}

inline void conv1_gradient(State& s) {
    for (int at = 0; at < 16; at += kLanes) {
        Vec rows[4][3], out[3];
        const float (*d)[16] = s.dtiles;
        for (int j = 0; j < 4; ++j)
            filter_gradient(load_aligned(d[j] + at), load_aligned(d[4 + j] + at),
                            load_aligned(d[8 + j] + at), load_aligned(d[12 + j] + at), rows[j]);
        for (int y = 0; y < 3; ++y) {
            filter_gradient(rows[0][y], rows[1][y], rows[2][y], rows[3][y], out);
            for (int x = 0; x < 3; ++x) store_aligned(s.gradient.conv1[y * 3 + x] + at, out[x]);
        }
    }
}

// Kingma and Ba 2015 as torch.optim.Adam computes it, with AdamW's decay.
inline void update(State& s, const NetAdam& adam) {
    double steps = static_cast<double>(++s.steps);
    double mean_correction = 1.0 - __builtin_pow(adam.beta1, steps);
    double square_correction = __builtin_sqrt(1.0 - __builtin_pow(adam.beta2, steps));
    Vec decay = set1(static_cast<float>(1.0 - adam.learning_rate * adam.weight_decay));
    Vec step = set1(static_cast<float>(-adam.learning_rate / mean_correction));
    Vec correction = set1(static_cast<float>(square_correction)),
        epsilon = set1(static_cast<float>(adam.epsilon));
    Vec take1 = set1(static_cast<float>(1.0 - adam.beta1)),
        keep2 = set1(static_cast<float>(adam.beta2));
    Vec take2 = set1(static_cast<float>(1.0 - adam.beta2));
    float *parameters = flat(s.parameters), *means = flat(s.mean), *squares = flat(s.square);
    const float* gradients = flat(s.gradient);
    for (int i = 0; i < kFlat; i += kLanes) {
        Vec g = load_aligned(gradients + i);
        Vec mean = fma(take1, sub(g, load_aligned(means + i)), load_aligned(means + i));
        Vec square = fma(mul(take2, g), g, mul(load_aligned(squares + i), keep2));
        Vec divisor = add(div(root(square), correction), epsilon);
        store_aligned(parameters + i,
                      add(mul(load_aligned(parameters + i), decay), div(mul(step, mean), divisor)));
        store_aligned(means + i, mean);
        store_aligned(squares + i, square);
    }
}
