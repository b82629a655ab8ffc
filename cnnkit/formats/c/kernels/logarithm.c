/* The natural logarithm of x, from 1 up: that of 2 times its exponent, and a series of the rest. */
static float logarithm_of(float x) {
    union {
        float value;
        uint32_t bits;
    } split;
    float n, z, square, sum = 0.0f;
    split.value = x;
    n = (float)((int32_t)(split.bits >> 23) - 127);
    split.bits = (split.bits & 0x7fffffu) | 0x3f800000u;
    z = (split.value - 1.0f) / (split.value + 1.0f);
    square = z * z;
    for (int k = 13; k > 0; k -= 2) sum = 1.0f / (float)k + square * sum;
    return n * 0.693147181f + 2.0f * z * sum;
}
