/* Raw pixels [C][H][W] as floats [H][W][C], scaled and shifted. */
struct pixels {
    int channels, area;
};

static void pixels(const struct pixels* p, const float* scale, const float* shift,
                   const uint8_t* restrict raw, float* restrict y) {
    for (int c = 0; c < p->channels; ++c) {
        for (int i = 0; i < p->area; ++i) {
            y[i * p->channels + c] = (float)*raw++ * scale[c] + shift[c];
        }
    }
}
