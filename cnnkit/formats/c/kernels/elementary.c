/* An elementary function of each element, without a library; x and y may be the same. */
struct elementary {
    int count;
    int kind; /* 0 e^x, 1 logarithm, 2 square root, 3 absolute value, 4 negative, 5 sign,
               * 6 reciprocal, 7 floor, 8 ceiling, 9 nearest (the even one of two), 10 error
               * function, 11 softplus, 12 softsign, 13 Mish, 14 GELU, 15 its approximation by tanh,
               * 16 x sigmoid(alpha x), 17 x above alpha, 18 x^alpha */
    float alpha;
};

static float power_of_any(float x) {
    const float power = power_of_e(x > 0.0f ? -0.5f * x : x);
    if (x != x) return x;
    return x > 0.0f ? 1.0f / power * (1.0f / power) : power;
}

static float natural_logarithm(float x) {
    union {
        float value;
        uint32_t bits;
    } split;
    float n = 0.0f, z, sum = 0.0f;
    if (!(x > 0.0f)) return x < 0.0f ? (x - x) / (x - x) : x != x ? x : -1.0f / (x * x);
    if (x > 3.40282347e38f) return x;
    if (x < 1.17549435e-38f) {
        x *= 16777216.0f;
        n = -24.0f;
    }
    split.value = x;
    n += (float)((int32_t)(split.bits >> 23) - 127);
    split.bits = (split.bits & 0x7fffffu) | 0x3f800000u;
    if (split.value > 1.41421356f) {
        split.value *= 0.5f;
        n += 1.0f;
    }
    z = (split.value - 1.0f) / (split.value + 1.0f);
    for (int k = 11; k > 0; k -= 2) sum = 1.0f / (float)k + z * z * sum;
    return n * 0.693147181f + 2.0f * z * sum;
}

/* 1 - erf(x) for x from 2 up, by a continued fraction. */
static float error_complement(float x) {
    const float half = 0.5f / (x * x);
    float fraction = 1.0f;
    for (int k = 24; k > 0; --k) fraction = 1.0f + (float)k * half / fraction;
    return power_of_e(-x * x) / (1.77245385f * x * fraction);
}

static float error_function(float x) {
    const float size = x < 0.0f ? -x : x, square = x * x;
    float sum = 1.0f;
    if (x != x) return x;
    if (size >= 2.0f)
        return x < 0.0f ? error_complement(size) - 1.0f : 1.0f - error_complement(size);
    for (int k = 24; k > 0; --k) sum = 1.0f + 2.0f * square / (float)(2 * k + 1) * sum;
    return 1.12837917f * x * power_of_e(-square) * sum;
}

static float logistic(float x) {
    const float power = power_of_e(x < 0.0f ? x : -x);
    if (x != x) return x;
    return (x < 0.0f ? power : 1.0f) / (1.0f + power);
}

/* log(1 + e^x); the logarithm is that of 1 to 2, by its series. */
static float softplus(float x) {
    const float power = power_of_e(x < 0.0f ? x : -x), z = power / (2.0f + power);
    float sum = 0.0f;
    if (x != x) return x;
    for (int k = 15; k > 0; k -= 2) sum = 1.0f / (float)k + z * z * sum;
    return (x > 0.0f ? x : 0.0f) + 2.0f * z * sum;
}

/* x tanh(log(1 + e^x)), whose tanh is a fraction of powers. */
static float mish(float x) {
    const float p = power_of_e(x < 0.0f ? x : -x), twice = 2.0f * p;
    if (x != x) return x;
    return x < 0.0f ? x * (p * p + twice) / (p * p + twice + 2.0f)
                    : x * ((1.0f + twice) / (1.0f + twice + twice * p));
}

static float gelu(float x) {
    const float scaled = 0.707106781f * x;
    if (scaled <= -2.0f) return 0.5f * x * error_complement(-scaled);
    return 0.5f * x * (1.0f + error_function(scaled));
}

static float next_below(float x) {
    float whole;
    if (!(x > -8388608.0f && x < 8388608.0f)) return x;
    whole = (float)(int32_t)x;
    return whole > x ? whole - 1.0f : whole;
}

static float nearest_whole(float x) {
    const float below = next_below(x), rest = x - below;
    if (rest != 0.5f) return rest > 0.5f ? below + 1.0f : below;
    return below - 2.0f * next_below(0.5f * below) > 0.0f ? below + 1.0f : below;
}

/* A whole exponent by squares, others by the logarithm. */
static float power_of(float x, float exponent) {
    const float size = exponent < 0.0f ? -exponent : exponent;
    if (size <= 64.0f && size == (float)(int32_t)size) {
        float power = 1.0f;
        for (int32_t left = (int32_t)size; left > 0; left >>= 1, x *= x)
            if (left & 1) power *= x;
        return exponent < 0.0f ? 1.0f / power : power;
    }
    if (x == 0.0f) return exponent < 0.0f ? 1.0f / (x * x) : 0.0f;
    return power_of_any(exponent * natural_logarithm(x));
}

static float elementary_of(float x, int kind, float alpha) {
    switch (kind) {
        case 0:
            return power_of_any(x);
        case 1:
            return natural_logarithm(x);
        case 2:
            return square_root(x);
        case 3:
            return x < 0.0f ? -x : x;
        case 4:
            return -x;
        case 5:
            return x > 0.0f ? 1.0f : x < 0.0f ? -1.0f : x;
        case 6:
            return 1.0f / x;
        case 7:
            return next_below(x);
        case 8:
            return -next_below(-x);
        case 9:
            return nearest_whole(x);
        case 10:
            return error_function(x);
        case 11:
            return softplus(x);
        case 12:
            return x / (1.0f + (x < 0.0f ? -x : x));
        case 13:
            return mish(x);
        case 14:
            return gelu(x);
        case 15:
            return x * logistic(1.59576912f * (x + 0.044715f * x * x * x));
        case 16:
            return x * logistic(alpha * x);
        case 17:
            return x > alpha || x != x ? x : 0.0f;
        default:
            return power_of(x, alpha);
    }
}

static void elementary(const struct elementary* e, const float* x, float* y) {
    for (int i = 0; i < e->count; ++i) y[i] = elementary_of(x[i], e->kind, e->alpha);
}
