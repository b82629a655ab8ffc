/* Bytes as the numbers that they stand for. */
struct numbers {
    int count, zero;
    float scale;
};

static void numbers(const struct numbers* n, const uint8_t* x, float* y) {
    for (int i = 0; i < n->count; ++i) y[i] = (float)(x[i] - n->zero) * n->scale;
}
