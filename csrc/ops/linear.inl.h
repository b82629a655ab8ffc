// The linear layer and its gradients, over whole vectors; what is left over is masked.

namespace linear {

inline float sum(Vec v) {
    float lanes[kLanes], all = 0.0f;
    store(lanes, v);
    for (int i = 0; i < kLanes; ++i) all += lanes[i];
    return all;
}

// y [outputs] = bias + weight [outputs][inputs] x. Four sums, so that additions do not wait for
// each other.
inline void forward(const float* weight, const float* bias, const float* x, ptrdiff_t inputs,
                    ptrdiff_t outputs, float* y) {
    for (ptrdiff_t k = 0; k < outputs; ++k, weight += inputs) {
        Vec part[4] = {zero(), zero(), zero(), zero()};
        ptrdiff_t f = 0;
        for (; f + 4 * kLanes <= inputs; f += 4 * kLanes) {
            for (int i = 0; i < 4; ++i)
                part[i] = fma(load(weight + f + i * kLanes), load(x + f + i * kLanes), part[i]);
        }
        for (; f < inputs; f += kLanes) {
            const Mask rest = mask_lanes(0, inputs - f);
            part[0] = fma(load_mask(weight + f, rest), load_mask(x + f, rest), part[0]);
        }
        y[k] = bias[k] + sum(add(add(part[0], part[1]), add(part[2], part[3])));
    }
}

// dx [inputs] = dy [outputs] weight
inline void input_gradient(const float* weight, const float* dy, ptrdiff_t inputs,
                           ptrdiff_t outputs, float* dx) {
    for (ptrdiff_t f = 0; f < inputs; f += kLanes) {
        const Mask inside = mask_lanes(0, inputs - f);
        Vec total = zero();
        for (ptrdiff_t k = 0; k < outputs; ++k)
            total = fma(set1(dy[k]), load_mask(weight + k * inputs + f, inside), total);
        store_mask(dx + f, inside, total);
    }
}

// dweight [outputs][inputs] += the sum over n images of dy [n][outputs] times x [n][inputs]; the
// sums of up to `kOutputs` outputs stay in registers.
constexpr int kOutputs = 8;

template <int count>
inline void weight_gradient(const float* x, const float* dy, ptrdiff_t n, ptrdiff_t inputs,
                            ptrdiff_t outputs, float* dweight) {
    for (ptrdiff_t f = 0; f < inputs; f += kLanes) {
        const Mask inside = mask_lanes(0, inputs - f);
        Vec total[count];
        for (int k = 0; k < count; ++k) total[k] = zero();
        for (ptrdiff_t i = 0; i < n; ++i) {
            const Vec feature = load_mask(x + i * inputs + f, inside);
            for (int k = 0; k < count; ++k)
                total[k] = fma(set1(dy[i * outputs + k]), feature, total[k]);
        }
        for (int k = 0; k < count; ++k) {
            float* to = dweight + k * inputs + f;
            store_mask(to, inside, add(load_mask(to, inside), total[k]));
        }
    }
}

inline void weight_gradient(const float* x, const float* dy, ptrdiff_t n, ptrdiff_t inputs,
                            ptrdiff_t outputs, float* dweight) {
    ptrdiff_t k = 0;
    for (; k + kOutputs <= outputs; k += kOutputs)
        weight_gradient<kOutputs>(x, dy + k, n, inputs, outputs, dweight + k * inputs);
    for (; k + 2 <= outputs; k += 2)
        weight_gradient<2>(x, dy + k, n, inputs, outputs, dweight + k * inputs);
    for (; k < outputs; ++k)
        weight_gradient<1>(x, dy + k, n, inputs, outputs, dweight + k * inputs);
}

}  // namespace linear

constexpr LinearKernels kLinearKernels = {linear::forward, linear::input_gradient,
                                          linear::weight_gradient};
