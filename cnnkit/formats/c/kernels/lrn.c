/* Local response normalisation across the channels of images [H][W][C]: y = x / factor^beta, where
 * factor = bias + alpha / size * the sum of squares of `size` channels around. */
struct lrn {
    int pixels, channels, size;
    float alpha, beta, bias;
};

static void lrn(const struct lrn* n, const float* restrict x, float* restrict y) {
    const int before = (n->size - 1) / 2;
    for (int p = 0; p < n->pixels; ++p, x += n->channels, y += n->channels) {
        for (int c = 0; c < n->channels; ++c) {
            const int first = c > before ? c - before : 0;
            int end = c - before + n->size;
            float sum = 0.0f, factor;
            if (end > n->channels) end = n->channels;
            for (int k = first; k < end; ++k) sum += x[k] * x[k];
            factor = n->bias + n->alpha / (float)n->size * sum;
            /* factor^-beta, in which no power is above 1 */
            y[c] = factor >= 1.0f ? x[c] * power_of_e(-n->beta * logarithm_of(factor))
                                  : x[c] / power_of_e(-n->beta * logarithm_of(1.0f / factor));
        }
    }
}
