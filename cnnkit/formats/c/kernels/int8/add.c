/* Sums of two values, each in a scale of its own. The factors have few digits, so that nothing is
 * rounded before the end, whatever instructions the compiler chooses. */
struct add {
    int count;
    float left, right, rest;
};

static void add(const struct add* a, const uint8_t* x, const uint8_t* z, uint8_t* y) {
    for (int i = 0; i < a->count; ++i) {
        const float sum = ((float)x[i] * a->left + a->rest) + (float)z[i] * a->right;
        y[i] = (uint8_t)nearest(limited(sum, 0.0f, 255.0f));
    }
}
