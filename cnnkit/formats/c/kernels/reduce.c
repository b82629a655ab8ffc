/* The sum, the largest or the smallest element of each row. */
struct reduce {
    int rows, count, kind; /* 0 sum, 1 largest, 2 smallest; NaN if one is */
};

static void reduce(const struct reduce* r, const float* restrict x, float* restrict y) {
    for (int row = 0; row < r->rows; ++row, x += r->count) {
        float found = x[0];
        for (int i = 1; i < r->count; ++i) {
            const int first = r->kind == 1 ? found > x[i] : found < x[i];
            found = first || found != found ? found : x[i];
        }
        y[row] = r->kind == 0 ? sum_of(x, r->count) : found;
    }
}
