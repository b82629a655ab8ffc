/* Along one axis, each element as a sum of `taps` elements of x: which ones, and by how much. */
struct resample {
    int outer, in, out, inner, taps;
};

static void resample(const struct resample* r, const float* restrict place,
                     const float* restrict weight, const float* restrict x, float* restrict y) {
    for (int o = 0; o < r->outer; ++o, x += r->in * r->inner) {
        for (int i = 0; i < r->out; ++i, y += r->inner) {
            for (int t = 0; t < r->taps; ++t) {
                const float at = place[i * r->taps + t], w = weight[i * r->taps + t];
                const int from = at >= 0.0f && at < (float)r->in ? (int)at : 0;
                const float* row = x + from * r->inner;
                if (t == 0) {
                    for (int k = 0; k < r->inner; ++k) y[k] = w * row[k];
                } else {
                    for (int k = 0; k < r->inner; ++k) y[k] += w * row[k];
                }
            }
        }
    }
}
