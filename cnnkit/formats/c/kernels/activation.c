/* An activation on its own; x and y may be the same. */
struct activation {
    int count, activation;
    float low, high;
};

static void activation(const struct activation* a, const float* x, float* y) {
    for (int i = 0; i < a->count; ++i) y[i] = limited(x[i], a->activation, a->low, a->high);
}
