/* Convolutions of images [H][W][C] of bytes, in which `zero` stands for 0. */
struct conv {
    int in_h, in_w, in_c, out_h, out_w, out_c;
    int kernel_h, kernel_w, stride_h, stride_w, pad_h, pad_w, dilation_h, dilation_w, groups;
    int zero, zero_y, block; /* so many channels' weights are unpacked at once */
};

/* Tell whether what a window sees of a row of the image is one run of bytes. */
INLINE int is_joined(const struct conv* c, int left, int channels) {
    return !SMALL && channels == c->in_c && c->dilation_w == 1 && left >= 0 &&
           left + c->kernel_w <= c->in_w;
}

/* Copy a run of bytes, of which the bits of `flip` change where Helium needs that. */
INLINE void copy_run(uint8_t* restrict to, const uint8_t* restrict from, int count, int flip) {
#ifdef HELIUM
    copy_flipped(to, from, count, flip);
#elif defined(PAIRS_AT_ONCE)
    (void)flip;
    for (; count >= 4; count -= 4, to += 4, from += 4) {
        uint32_t bytes = four(from);
        __asm__("" : "+r"(bytes)); /* else GCC makes it a call of memmove */
        memcpy(to, &bytes, sizeof bytes);
    }
    if (count & 2) memcpy(to, from, 2), to += 2, from += 2;
    if (count & 1) *to = *from;
#else
    (void)flip;
    memcpy(to, from, (size_t)count);
#endif
}

/* Copy what the window of a pixel sees of `channels` channels, beginning at x's: [row][column][C].
 * The bits of `flip` change. */
INLINE void copy_window_by(const struct conv* c, const uint8_t* x, int oy, int ox, int channels,
                           int flip, uint8_t* restrict to) {
    const int top = oy * c->stride_h - c->pad_h, left = ox * c->stride_w - c->pad_w;
    const int joined = is_joined(c, left, channels);
    const int taps = joined ? 1 : c->kernel_w, run = joined ? c->kernel_w * channels : channels;
    const int down = c->dilation_h * c->in_w * c->in_c;
    if (joined && top >= 0 && top + (c->kernel_h - 1) * c->dilation_h < c->in_h) {
        x += (top * c->in_w + left) * c->in_c;
        for (int r = c->kernel_h; r; --r, x += down, to += run) copy_run(to, x, run, flip);
        return;
    }
    for (int r = 0; r < c->kernel_h; ++r) {
        const int row = top + r * c->dilation_h;
        for (int t = 0; t < taps; ++t, to += run) {
            const int column = left + t * c->dilation_w;
            if (row < 0 || row >= c->in_h || column < 0 || column >= c->in_w) {
                memset(to, c->zero ^ flip, (size_t)run);
            } else {
                copy_run(to, x + (row * c->in_w + column) * c->in_c, run, flip);
            }
        }
    }
}

ONCE void copy_window(const struct conv* c, const uint8_t* x, int oy, int ox, int channels,
                      uint8_t* restrict to) {
    copy_window_by(c, x, oy, ox, channels, 0, to);
}
