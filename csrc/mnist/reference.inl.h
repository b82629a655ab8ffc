// The published network step by step, in plain loops: what the vector kernels must agree with,
// and what runs the pixels and weights that they decline. Needs mnist.h, <math.h>.

// PyTorch's order; the two sizes of the state that import and export copy.
struct alignas(64) Parameters {
    float conv1[16][3][3], bias1[16];
    float conv2[4][16][3][3], bias2[4];
    float linear[kMnistClasses][4 * 7 * 7], bias3[kMnistClasses];
};
constexpr int kFlat = kMnistParameters;

inline float* flat(Parameters& p) { return reinterpret_cast<float*>(&p); }
inline void to_layout(const float* from, Parameters& to) {
    __builtin_memcpy(&to, from, kFlat * sizeof(float));
}
inline void from_layout(const Parameters& from, float* to) {
    __builtin_memcpy(to, &from, kFlat * sizeof(float));
}

// A feature map [C][H][W] and which of the four pixels under its pooling window each pixel was.
template <int C, int S>
struct Map {
    float value[C][S][S];
    uint8_t index[C][S][S];  // row * 2 + column
};

struct alignas(64) Activations {
    Map<1, 28> image;
    Map<16, 14> pooled1;
    Map<4, 7> pooled2;
    float logits[kMnistClasses], probabilities[kMnistClasses], log_probabilities[kMnistClasses];
    int label;
};

struct alignas(64) State {
    Parameters parameters, mean, square, gradient;
    int64_t steps;
    Activations activations;
    Map<16, 14> dpooled1;
    Map<4, 7> dpooled2;
};

inline bool is_nan(float x) { return x != x; }

// The 3x3 convolution with padding 1 at one pixel.
template <int C, int S>
inline float convolve(const Map<C, S>& in, const float (*w)[3][3], float bias, int y, int x) {
    float sum = bias;
    for (int c = 0; c < C; ++c)
        for (int i = 0; i < 3; ++i)
            for (int j = 0; j < 3; ++j) {
                int row = y + i - 1, column = x + j - 1;
                if (row >= 0 && row < S && column >= 0 && column < S)
                    sum += in.value[c][row][column] * w[c][i][j];
            }
    return sum;
}

// max_pool2d(relu(conv2d(in, w, bias, padding=1)), 2); what is not a number stays so.
template <int C, int O, int S>
inline void block(const Map<C, S>& in, const float (*w)[C][3][3], const float* bias,
                  Map<O, S / 2>& out) {
    for (int o = 0; o < O; ++o)
        for (int y = 0; y < S / 2; ++y)
            for (int x = 0; x < S / 2; ++x) {
                float best = 0;
                for (int k = 0; k < 4; ++k) {
                    float value = convolve(in, w[o], bias[o], y * 2 + k / 2, x * 2 + k % 2);
                    if (k == 0 || value > best || is_nan(value))
                        best = value, out.index[o][y][x] = k;
                }
                out.value[o][y][x] = best > 0 || is_nan(best) ? best : 0;
            }
}

// Adds to dw and dbias, and to din unless it is null, given the gradient of what `block` put out.
template <int C, int O, int S>
inline void block_gradient(const Map<C, S>& in, const float (*w)[C][3][3], const Map<O, S / 2>& out,
                           const Map<O, S / 2>& dout, float (*dw)[C][3][3], float* dbias,
                           Map<C, S>* din) {
    for (int o = 0; o < O; ++o)
        for (int y = 0; y < S / 2; ++y)
            for (int x = 0; x < S / 2; ++x) {
                if (!(out.value[o][y][x] > 0)) continue;
                float d = dout.value[o][y][x];
                int top = y * 2 + out.index[o][y][x] / 2, left = x * 2 + out.index[o][y][x] % 2;
                dbias[o] += d;
                for (int c = 0; c < C; ++c)
                    for (int i = 0; i < 3; ++i)
                        for (int j = 0; j < 3; ++j) {
                            int row = top + i - 1, column = left + j - 1;
                            if (row < 0 || row >= S || column < 0 || column >= S) continue;
                            dw[o][c][i][j] += d * in.value[c][row][column];
                            if (din) din->value[c][row][column] += d * w[o][c][i][j];
                        }
            }
}

inline void softmax(Activations& a) {
    a.label = 0;
    for (int k = 1; k < kMnistClasses; ++k)
        if (a.logits[k] > a.logits[a.label]) a.label = k;
    float top = a.logits[a.label], total = 0;
    for (int k = 0; k < kMnistClasses; ++k) total += a.probabilities[k] = expf(a.logits[k] - top);
    for (int k = 0; k < kMnistClasses; ++k) {
        a.probabilities[k] /= total;
        a.log_probabilities[k] = a.logits[k] - top - logf(total);
    }
}

inline void forward(const Parameters& p, Activations& a) {
    block<1, 16, 28>(a.image, reinterpret_cast<const float (*)[1][3][3]>(p.conv1), p.bias1,
                     a.pooled1);
    block<16, 4, 14>(a.pooled1, p.conv2, p.bias2, a.pooled2);
    const float* features = reinterpret_cast<const float*>(a.pooled2.value);
    for (int k = 0; k < kMnistClasses; ++k) {
        a.logits[k] = p.bias3[k];
        for (int f = 0; f < 196; ++f) a.logits[k] += p.linear[k][f] * features[f];
    }
    softmax(a);
}

inline void read_image(const uint8_t* image, Activations& a) {
    float* pixels = reinterpret_cast<float*>(a.image.value);
    for (int i = 0; i < kMnistPixels; ++i)
        pixels[i] = static_cast<float>(image[i]) * (1.0f / 255.0f);
}

inline void read_image(const float* image, Activations& a) {
    __builtin_memcpy(a.image.value, image, sizeof a.image.value);
}

// ---- inference
// -------------------------------------------------------------------------------------

size_t weights_bytes() { return sizeof(Parameters); }
size_t workspace_bytes() { return sizeof(Activations); }
void pack(const float* parameters, void* weights) {
    to_layout(parameters, *static_cast<Parameters*>(weights));
}

template <class Pixel>
inline void infer(const void* weights, const Pixel* images, int64_t n, const NetOutputs& out,
                  void* workspace) {
    Activations& a = *static_cast<Activations*>(workspace);
    Parameters p;
    to_layout(static_cast<const float*>(weights), p);
    for (int64_t i = 0; i < n; ++i) {
        read_image(images + i * kMnistPixels, a);
        forward(p, a);
        const size_t bytes = sizeof a.logits;
        if (out.logits) __builtin_memcpy(out.logits + i * kMnistClasses, a.logits, bytes);
        if (out.probabilities)
            __builtin_memcpy(out.probabilities + i * kMnistClasses, a.probabilities, bytes);
        if (out.log_probabilities)
            __builtin_memcpy(out.log_probabilities + i * kMnistClasses, a.log_probabilities, bytes);
        if (out.label) out.label[i] = a.label;
    }
}

void infer_u8(const void* weights, const uint8_t* images, int64_t n, const NetOutputs& out,
              void* workspace) {
    infer(weights, images, n, out, workspace);
}

void infer_f32(const void* weights, const float* images, int64_t n, const NetOutputs& out,
               void* workspace) {
    infer(weights, images, n, out, workspace);
}

// ---- training
// --------------------------------------------------------------------------------------

// Adds one image's gradient of (loss * scale); returns its loss.
inline float image_gradient(State& s, int label, float scale, const NetLoss* weighted) {
    const Parameters& p = s.parameters;
    Parameters& d = s.gradient;
    Activations& a = s.activations;
    forward(p, a);
    const float* features = reinterpret_cast<const float*>(a.pooled2.value);
    float* dfeatures = reinterpret_cast<float*>(s.dpooled2.value);
    __builtin_memset(&s.dpooled1, 0, sizeof s.dpooled1);
    __builtin_memset(&s.dpooled2, 0, sizeof s.dpooled2);
    float dlogits[kMnistClasses], loss = -a.log_probabilities[label];
    for (int k = 0; k < kMnistClasses; ++k)
        dlogits[k] = (a.probabilities[k] - (k == label ? 1.0f : 0.0f)) * scale;
    if (weighted)
        loss = weighted_loss(*weighted, kMnistClasses, label, a.probabilities, a.log_probabilities,
                             scale, dlogits);
    for (int k = 0; k < kMnistClasses; ++k) {
        float dlogit = dlogits[k];
        d.bias3[k] += dlogit;
        for (int f = 0; f < 196; ++f) {
            d.linear[k][f] += dlogit * features[f];
            dfeatures[f] += dlogit * p.linear[k][f];
        }
    }
    block_gradient<16, 4, 14>(a.pooled1, p.conv2, a.pooled2, s.dpooled2, d.conv2, d.bias2,
                              &s.dpooled1);
    block_gradient<1, 16, 28>(a.image, reinterpret_cast<const float (*)[1][3][3]>(p.conv1),
                              a.pooled1, s.dpooled1, reinterpret_cast<float (*)[1][3][3]>(d.conv1),
                              d.bias1, nullptr);
    return loss;
}

inline float batch_gradient(State& s, const NetBatches& data, int64_t first, int64_t n,
                            int64_t* correct) {
    double loss = 0, weight = batch_weight(data, first, n);
    __builtin_memset(&s.gradient, 0, sizeof s.gradient);
    for (int64_t i = first; i < first + n; ++i) {
        int label = data.labels[data.order[i]];
        read_image(data.images + data.order[i] * kMnistPixels, s.activations);
        loss += image_gradient(s, label, 1.0f / static_cast<float>(weight), data.loss);
        *correct += s.activations.label == label;
    }
    return static_cast<float>(loss / weight);
}

// torch.optim.Adam's formula, with AdamW's decay.
inline void update(State& s, const NetAdam& adam) {
    double steps = static_cast<double>(++s.steps);
    double mean_correction = 1.0 - pow(adam.beta1, steps),
           square_correction = 1.0 - pow(adam.beta2, steps);
    float step = static_cast<float>(-adam.learning_rate / mean_correction);
    float root = static_cast<float>(sqrt(square_correction)),
          epsilon = static_cast<float>(adam.epsilon);
    float decay = static_cast<float>(1.0 - adam.learning_rate * adam.weight_decay);
    float take1 = static_cast<float>(1.0 - adam.beta1),
          take2 = static_cast<float>(1.0 - adam.beta2);
    float keep2 = static_cast<float>(adam.beta2);
    for (int i = 0; i < kFlat; ++i) {
        float g = flat(s.gradient)[i], &p = flat(s.parameters)[i], &mean = flat(s.mean)[i],
              &square = flat(s.square)[i];
        mean += take1 * (g - mean);
        square = square * keep2 + take2 * g * g;
        p = p * decay + step * mean / (sqrtf(square) / root + epsilon);
    }
}
