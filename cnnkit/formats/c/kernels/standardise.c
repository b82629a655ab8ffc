/* Rows less their means, by the root of their variances and epsilon. */
struct standardise {
    int rows, count;
    float epsilon;
};

static void standardise(const struct standardise* s, const float* restrict x, float* restrict y) {
    for (int r = 0; r < s->rows; ++r, x += s->count, y += s->count) {
        const float mean = sum_of(x, s->count) / (float)s->count;
        float factor;
        for (int i = 0; i < s->count; ++i) y[i] = (x[i] - mean) * (x[i] - mean);
        factor = 1.0f / square_root(sum_of(y, s->count) / (float)s->count + s->epsilon);
        for (int i = 0; i < s->count; ++i) y[i] = (x[i] - mean) * factor;
    }
}
