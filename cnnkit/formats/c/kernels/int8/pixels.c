/* Raw pixels [C][H][W] as bytes [H][W][C] in the network's scale, by a table for each channel, or
 * one for all (step is 0), or as they are (no table). */
struct pixels {
    int channels, area, step;
};

static void pixels(const struct pixels* p, const uint8_t* table, const uint8_t* restrict raw,
                   uint8_t* restrict y) {
    for (int c = 0; c < p->channels; ++c) {
        for (int i = 0; i < p->area; ++i, ++raw) {
            y[i * p->channels + c] = table ? table[c * p->step + *raw] : *raw;
        }
    }
}
