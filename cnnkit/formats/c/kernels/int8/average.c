/* The average of each channel of an image [H][W][C]. */
struct average {
    int pixels, channels, zero, zero_y;
    float factor;
};

static void average(const struct average* a, const uint8_t* x, uint8_t* y) {
    int k = 0;
#ifdef HELIUM
    for (; k + 4 <= a->channels; k += 4) {
        uint32x4_t sums = vdupq_n_u32((uint32_t)(-a->pixels * a->zero));
        for (int i = 0; i < a->pixels; ++i) {
            sums = vaddq_u32(sums, vldrbq_u32(x + i * a->channels + k));
        }
        vstrbq_s32((int8_t*)(y + k), requantised_four(vreinterpretq_s32_u32(sums),
                                                      vdupq_n_f32(a->factor), a->zero_y));
    }
#endif
    for (; k < a->channels; ++k) {
        int32_t sum = -a->pixels * a->zero;
        for (int i = 0; i < a->pixels; ++i) sum += x[i * a->channels + k];
        y[k] = requantised(sum, a->factor, a->zero_y);
    }
}
