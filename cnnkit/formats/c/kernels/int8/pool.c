/* Max-pools and average-pools of images [H][W][C] of bytes. */
struct pool {
    int in_h, in_w, channels, out_h, out_w;
    int kernel_h, kernel_w, stride_h, stride_w, pad_h, pad_w, end_h, end_w, dilation_h, dilation_w;
    int average; /* 0: the largest; 1: an average, in the image; 2: in the padding, too */
    int zero, zero_y;
    float scale, scale_y;
};

/* The average of one channel of a window, of which `seen` places are in the image; only its last
 * steps are rounded. */
INLINE uint8_t average_of(const struct pool* p, int32_t sum, int top, int left, int seen) {
    int count = seen;
    float mean = (float)(sum - seen * p->zero) * p->scale;
    if (p->average == 2) {
        count = reach(top, p->in_h + p->end_h, p->kernel_h, p->dilation_h) *
                reach(left, p->in_w + p->end_w, p->kernel_w, p->dilation_w);
    }
    mean /= (float)count;
    mean /= p->scale_y;
    return saturated(rounded(mean + (float)p->zero_y));
}

static void pool(const struct pool* p, const uint8_t* restrict x, uint8_t* restrict y) {
    const int row = p->in_w * p->channels, down = p->dilation_h * row;
    const int across = p->dilation_w * p->channels;
    for (int oy = 0; oy < p->out_h; ++oy) {
        const int top = oy * p->stride_h - p->pad_h;
        const struct taps rows = inside(top, p->in_h, p->kernel_h, p->dilation_h);
        for (int ox = 0; ox < p->out_w; ++ox, y += p->channels) {
            const int left = ox * p->stride_w - p->pad_w;
            const struct taps columns = inside(left, p->in_w, p->kernel_w, p->dilation_w);
            const uint8_t* first =
                x + top * row + rows.first * down + left * p->channels + columns.first * across;
            for (int c = 0; c < p->channels; ++c) {
                int32_t sum = 0;
                uint8_t largest = 0;
                for (int r = 0; r < rows.count; ++r) {
                    const uint8_t* from = first + r * down + c;
                    for (int t = 0; t < columns.count; ++t, from += across) {
                        sum += *from;
                        largest = *from > largest ? *from : largest;
                    }
                }
                y[c] = p->average ? average_of(p, sum, top, left, rows.count * columns.count)
                                  : largest;
            }
        }
    }
}
