/* A function of each element; x and y may be the same. */
struct function {
    int count;
    int kind; /* 0 sigmoid, 1 tanh, 2 hard sigmoid, 3 hard swish, 4 leaky ReLU, 5 ELU */
    float alpha, beta;
};

/* 1 / (1 + e^-x); only powers up to 1 are needed. */
INLINE float sigmoid(float x) {
    const float power = power_of_e(x < 0 ? x : -x);
    return (x < 0 ? power : 1.0f) / (1.0f + power);
}

INLINE float hard_sigmoid(float x, float alpha, float beta) {
    return limited(alpha * x + beta, 2, 0.0f, 1.0f);
}

/* e^x - 1 for x below 0: near 0, where a difference would lose digits, by its series. */
INLINE float power_less_one(float x) {
    float sum = 0.0f;
    if (x < -0.5f) return power_of_e(x) - 1.0f;
    for (int k = 8; k > 0; --k) sum = (sum + 1.0f) * x / (float)k;
    return sum;
}

INLINE float hyperbolic_tangent(float x) {
    const float rest = power_less_one(x < 0 ? 2.0f * x : -2.0f * x);
    const float size = -rest / (2.0f + rest);
    return x < 0 ? -size : size;
}

static void function(const struct function* f, const float* x, float* y) {
    for (int i = 0; i < f->count; ++i) {
        const float v = x[i];
        switch (f->kind) {
            case 0:
                y[i] = sigmoid(v);
                break;
            case 1:
                y[i] = hyperbolic_tangent(v);
                break;
            case 2:
                y[i] = hard_sigmoid(v, f->alpha, f->beta);
                break;
            case 3:
                y[i] = v * hard_sigmoid(v, 1.0f / 6.0f, 0.5f);
                break;
            case 4:
                y[i] = v < 0 ? f->alpha * v : v;
                break;
            default:
                y[i] = v < 0 ? f->alpha * power_less_one(v) : v;
        }
    }
}
