/* The average of each channel of an image [H][W][C]. */
struct average {
    int pixels, channels, zero, zero_y;
    float factor;
};

static void average(const struct average* a, const uint8_t* x, uint8_t* y) {
    for (int k = 0; k < a->channels; ++k) {
        int32_t sum = -a->pixels * a->zero;
        for (int i = 0; i < a->pixels; ++i) sum += x[i * a->channels + k];
        y[k] = requantised(sum, a->factor, a->zero_y);
    }
}
