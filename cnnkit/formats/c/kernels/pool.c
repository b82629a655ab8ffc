/* Max-pools and average-pools of images [H][W][C]. */
struct pool {
    int in_h, in_w, channels, out_h, out_w;
    int kernel_h, kernel_w, stride_h, stride_w, pad_h, pad_w, end_h, end_w, dilation_h, dilation_w;
    int average; /* 0 is the largest, 1 an average of what lies in the image, 2 in the padding too
                  */
};

/* The taps of a window that lie in `size` floats, along one axis. */
INLINE int pool_first(int start, int dilation) {
    return start < 0 ? (dilation - 1 - start) / dilation : 0;
}

INLINE int pool_end(int start, int size, int kernel, int dilation) {
    const int end = size > start ? (size - start + dilation - 1) / dilation : 0;
    return end < kernel ? end : kernel;
}

/* The larger of two numbers; NaN if one of them is. */
INLINE float larger(float x, float y) { return x > y || x != x ? x : y; }

static void pool(const struct pool* p, const float* restrict x, float* restrict y) {
    float lowest = -3.402823466e38f;
    lowest += lowest; /* minus infinity */
    for (int oy = 0; oy < p->out_h; ++oy) {
        const int top = oy * p->stride_h - p->pad_h;
        const int r0 = pool_first(top, p->dilation_h);
        const int r1 = pool_end(top, p->in_h, p->kernel_h, p->dilation_h);
        const int high = pool_end(top, p->in_h + p->end_h, p->kernel_h, p->dilation_h);
        for (int ox = 0; ox < p->out_w; ++ox, y += p->channels) {
            const int left = ox * p->stride_w - p->pad_w;
            const int t0 = pool_first(left, p->dilation_w);
            const int t1 = pool_end(left, p->in_w, p->kernel_w, p->dilation_w);
            const int wide = pool_end(left, p->in_w + p->end_w, p->kernel_w, p->dilation_w);
            for (int c = 0; c < p->channels; ++c) y[c] = p->average ? 0.0f : lowest;
            for (int r = r0; r < r1; ++r) {
                for (int t = t0; t < t1; ++t) {
                    const int at = (top + r * p->dilation_h) * p->in_w + left + t * p->dilation_w;
                    const float* from = x + at * p->channels;
                    if (p->average) {
                        for (int c = 0; c < p->channels; ++c) y[c] += from[c];
                    } else {
                        for (int c = 0; c < p->channels; ++c) y[c] = larger(from[c], y[c]);
                    }
                }
            }
            if (p->average) {
                const int count = p->average == 2 ? high * wide : (r1 - r0) * (t1 - t0);
                const float share = 1.0f / (float)count;
                for (int c = 0; c < p->channels; ++c) y[c] *= share;
            }
        }
    }
}
