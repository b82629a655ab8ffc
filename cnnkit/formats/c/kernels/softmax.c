/* Softmax of rows, or its logarithm. */
struct softmax {
    int rows, count, logarithm;
};

static void softmax(const struct softmax* s, const float* restrict x, float* restrict y) {
    for (int r = 0; r < s->rows; ++r, x += s->count, y += s->count) {
        float largest = x[0], sum = 0.0f;
        for (int i = 1; i < s->count; ++i) largest = x[i] > largest ? x[i] : largest;
        for (int i = 0; i < s->count; ++i) {
            y[i] = power_of_e(x[i] - largest);
            sum += y[i];
        }
        if (s->logarithm) {
            const float shift = largest + logarithm_of(sum);
            for (int i = 0; i < s->count; ++i) y[i] = x[i] - shift;
        } else {
            for (int i = 0; i < s->count; ++i) y[i] /= sum;
        }
    }
}
