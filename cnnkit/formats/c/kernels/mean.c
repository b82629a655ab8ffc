/* Means of rows. */
struct mean {
    int rows, count;
};

static void mean(const struct mean* m, const float* restrict x, float* restrict y) {
    for (int r = 0; r < m->rows; ++r, x += m->count) {
        float sum = 0.0f;
        for (int i = 0; i < m->count; ++i) sum += x[i];
        y[r] = sum / (float)m->count;
    }
}
