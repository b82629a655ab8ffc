/* The square root, by Newton's method from a guess by the exponent. */
static float square_root(float x) {
    union {
        float value;
        uint32_t bits;
    } inverse;
    float scale = 1.0f, root;
    if (!(x > 0.0f) || x > 3.40282347e38f) return x < 0.0f ? (x - x) / (x - x) : x;
    if (x < 1e-30f) {
        x *= 1152921504606846976.0f; /* 2^60 */
        scale = 1.0f / 1073741824.0f;
    }
    inverse.value = x;
    inverse.bits = 0x5f3759dfu - (inverse.bits >> 1);
    for (int i = 0; i < 3; ++i) inverse.value *= 1.5f - 0.5f * x * inverse.value * inverse.value;
    root = x * inverse.value;
    return (root + 0.5f * inverse.value * (x - root * root)) * scale;
}
