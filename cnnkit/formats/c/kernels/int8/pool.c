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

/* The largest of each channel of a window, as many channels at once as the processor can; return
 * how many are done. */
INLINE int largest_of(int channels, const uint8_t* first, struct taps rows, struct taps columns,
                      int down, int across, uint8_t* y) {
    int c = 0;
#ifdef HELIUM
    for (; c < channels; c += 16) {
        const mve_pred16_t some = vctp8q((uint32_t)(channels - c));
        uint8x16_t largest = vdupq_n_u8(0);
        for (int r = 0; r < rows.count; ++r) {
            const uint8_t* from = first + r * down + c;
            for (int t = 0; t < columns.count; ++t, from += across) {
                largest = vmaxq_u8(largest, vldrbq_z_u8(from, some));
            }
        }
        vstrbq_p_u8(y + c, largest, some);
    }
    return channels;
#elif defined(PAIRS_AT_ONCE)
    for (; c + 4 <= channels; c += 4) {
        uint32_t largest = 0;
        for (int r = 0; r < rows.count; ++r) {
            const uint8_t* from = first + r * down + c;
            for (int t = 0; t < columns.count; ++t, from += across) {
                uint32_t less;
                __asm__("usub8 %1, %2, %0\n\tsel %0, %2, %0"
                        : "+r"(largest), "=&r"(less)
                        : "r"(four(from)));
            }
        }
        memcpy(y + c, &largest, sizeof largest);
    }
#else
    (void)channels, (void)first, (void)rows, (void)columns, (void)down, (void)across, (void)y;
#endif
    return c;
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
            int c = 0;
            if (!SMALL && !p->average)
                c = largest_of(p->channels, first, rows, columns, down, across, y);
            for (; c < p->channels; ++c) {
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
