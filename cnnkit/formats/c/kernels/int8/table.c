/* A function of each byte, by its table; `step` is 256 if each channel has one of its own. */
struct table {
    int count, channels, step;
};

static void table(const struct table* t, const uint8_t* values, const uint8_t* x, uint8_t* y) {
    for (int i = 0; i < t->count; ++i) y[i] = values[i % t->channels * t->step + x[i]];
}
