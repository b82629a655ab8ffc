/* A pixel of a depthwise convolution: the window begins at x, and goes on by `row` and `tap` bytes.
 */
INLINE void depthwise_pixel(const struct conv* c, const int8_t* weight, const int32_t* bias,
                            const float* factor, const uint8_t* x, int row, int tap, uint8_t* y) {
    const int channels = c->in_c;
#ifdef PAIRS_AT_ONCE
    enum { AT_ONCE = 4 };
    const int whole = channels / AT_ONCE * AT_ONCE;
    for (int k = 0; k < whole; k += AT_ONCE) {
        const int8_t* w = weight + k;
        int32_t s0 = bias[k], s1 = bias[k + 1], s2 = bias[k + 2], s3 = bias[k + 3];
        for (int r = 0; r < c->kernel_h; ++r) {
            const uint8_t* from = x + r * row + k;
            for (int t = 0; t < c->kernel_w; ++t, from += tap, w += channels) {
                const uint32_t a = four(from), v = four(w);
                s0 = __smlabb(x_even(a), w_even(v), s0);
                s2 = __smlatt(x_even(a), w_even(v), s2);
                s1 = __smlabb(x_odd(a), w_odd(v), s1);
                s3 = __smlatt(x_odd(a), w_odd(v), s3);
            }
        }
        y[k] = requantised(s0, factor[k], c->zero_y);
        y[k + 1] = requantised(s1, factor[k + 1], c->zero_y);
        y[k + 2] = requantised(s2, factor[k + 2], c->zero_y);
        y[k + 3] = requantised(s3, factor[k + 3], c->zero_y);
    }
#elif defined(HELIUM)
    enum { AT_ONCE = 8 }; /* even ones and odd ones */
    const int whole = channels / AT_ONCE * AT_ONCE;
    for (int k = 0; k < whole; k += AT_ONCE) {
        const int8_t* w = weight + k;
        int32x4x2_t sums = vld2q_s32(bias + k);
        const float32x4x2_t by = vld2q_f32(factor + k);
        for (int r = 0; r < c->kernel_h; ++r) {
            const uint8_t* from = x + r * row + k;
            for (int t = 0; t < c->kernel_w; ++t, from += tap, w += channels) {
                const int16x8_t a = vreinterpretq_s16_u16(vldrbq_u16(from)), v = vldrbq_s16(w);
                sums.val[0] = vaddq_s32(sums.val[0], vmullbq_int_s16(a, v));
                sums.val[1] = vaddq_s32(sums.val[1], vmulltq_int_s16(a, v));
            }
        }
        const int32x4_t even = requantised_four(sums.val[0], by.val[0], c->zero_y);
        const int32x4_t odd = requantised_four(sums.val[1], by.val[1], c->zero_y);
        vstrbq_u16(y + k, vreinterpretq_u16_s16(vmovntq_s32(vreinterpretq_s16_s32(even), odd)));
    }
#else
    enum { AT_ONCE = 16 };
    const int whole = channels / AT_ONCE * AT_ONCE;
    for (int k = 0; k < whole; k += AT_ONCE) {
        const int8_t* w = weight + k;
        int32_t sums[AT_ONCE];
        for (int i = 0; i < AT_ONCE; ++i) sums[i] = bias[k + i];
        for (int r = 0; r < c->kernel_h; ++r) {
            const uint8_t* from = x + r * row + k;
            for (int t = 0; t < c->kernel_w; ++t, from += tap, w += channels) {
                for (int i = 0; i < AT_ONCE; ++i) sums[i] += (int16_t)from[i] * (int16_t)w[i];
            }
        }
        for (int i = 0; i < AT_ONCE; ++i) y[k + i] = requantised(sums[i], factor[k + i], c->zero_y);
    }
#endif
    for (int k = whole; k < channels; ++k) {
        const int8_t* w = weight + k;
        int32_t sum = bias[k];
        for (int r = 0; r < c->kernel_h; ++r) {
            const uint8_t* from = x + r * row + k;
            for (int t = 0; t < c->kernel_w; ++t, from += tap, w += channels) sum += *from * *w;
        }
        y[k] = requantised(sum, factor[k], c->zero_y);
    }
}

#ifdef PAIRS_AT_ONCE
/* A channel of an image and its padding as 16 bits, in rows of `width`: what is in the image. */
INLINE void fill_plane(const struct conv* c, const uint8_t* x, int rows, int width,
                       uint8_t* plane) {
    const int high = c->in_h < rows - c->pad_h ? c->in_h : rows - c->pad_h;
    const int wide = c->in_w < width - c->pad_w ? c->in_w : width - c->pad_w;
    const int channels = c->in_c, row = c->in_w * channels;
    for (int r = 0; r < high; ++r) {
        const uint8_t* from = x + r * row;
        uint8_t* to = plane + 2 * ((r + c->pad_h) * width + c->pad_w);
        int left = wide;
        for (; left >= 4; left -= 4, to += 8) {
            to[0] = *from, from += channels;
            to[2] = *from, from += channels;
            to[4] = *from, from += channels;
            to[6] = *from, from += channels;
        }
        for (; left; --left, from += channels, to += 2) *to = *from;
    }
}

/* Four pixels beside each other of a channel. Of each row `taps` has the three weights as pairs,
 * for pixels at even places and for pixels at odd ones. */
INLINE void plane_pixels(const uint8_t* plane, int width, const int32_t* taps, int32_t bias,
                         int32_t sums[4]) {
    const int32_t* x = (const int32_t*)(const void*)plane;
    const int next_row = width / 2 - 2;
    int32_t s0 = bias, s1 = bias, s2 = bias, s3 = bias, a, b, third, v, u;
#define THREE_TAPS            \
    next_two(&x, &a, &b);     \
    third = (int32_t)four(x); \
    next_two(&taps, &v, &u);  \
    add_two(&s0, a, v);       \
    add_two(&s0, b, u);       \
    add_two(&s2, b, v);       \
    add_two(&s2, third, u);   \
    next_two(&taps, &v, &u);  \
    add_two(&s1, a, v);       \
    add_two(&s1, b, u);       \
    add_two(&s3, b, v);       \
    add_two(&s3, third, u)
    THREE_TAPS;
    x += next_row;
    THREE_TAPS;
    x += next_row;
    THREE_TAPS;
    sums[0] = s0;
    sums[1] = s1;
    sums[2] = s2;
    sums[3] = s3;
}

/* One pixel at an even place. */
INLINE int32_t plane_pixel(const uint8_t* plane, int width, const int32_t* taps, int32_t sum) {
    for (int r = 0; r < 3; ++r, plane += 2 * width, taps += 2) {
        const int32_t* x = (const int32_t*)(const void*)plane;
        int32_t a, b, v, u;
        next_two(&x, &a, &b);
        next_two(&taps, &v, &u); /* and past the pairs for odd places */
        add_two(&sum, a, v);
        add_two(&sum, b, u);
    }
    return sum;
}

/* The pixels of a channel that has its plane. */
INLINE void plane_channel(const struct conv* c, const uint8_t* plane, int width,
                          const int32_t* taps, int32_t bias, float factor, uint8_t* y) {
    const int channels = c->out_c, zero = c->zero_y, out_w = c->out_w, step = c->stride_w;
    for (int oy = 0; oy < c->out_h; ++oy, plane += 2 * c->stride_h * width) {
        const uint8_t* from = plane;
        if (step > 1) {
            for (int ox = 0; ox < out_w; ++ox, from += 2 * step, y += channels) {
                *y = requantised(plane_pixel(from, width, taps, bias), factor, zero);
            }
            continue;
        }
        for (int left = out_w / 4; left; --left, from += 8) {
            int32_t s[4];
            plane_pixels(from, width, taps, bias, s);
            requantise_two(s[0], s[1], factor, factor, zero, y, y + channels);
            y += 2 * channels;
            requantise_two(s[2], s[3], factor, factor, zero, y, y + channels);
            y += 2 * channels;
        }
        if (out_w % 4) {
            int32_t s[4];
            plane_pixels(from, width, taps, bias, s);
            for (int i = 0; i < out_w % 4; ++i, y += channels) {
                *y = requantised(s[i], factor, zero);
            }
        }
    }
}

/* Windows of 3x3, channel by channel: `room` is for one channel with its padding. */
INLINE void depthwise_3x3(const struct conv* c, const int8_t* weight, const int32_t* bias,
                          const float* factor, const uint8_t* x, uint8_t* room, uint8_t* y) {
    const int rows = (c->out_h - 1) * c->stride_h + 3;
    const int width =
        c->stride_w == 1 ? (c->out_w + 3) / 4 * 4 + 2 : (c->out_w - 1) * c->stride_w + 4;
    int32_t* const plane = (int32_t*)(void*)(room + (-(uintptr_t)room & 3));
    for (int i = 0; i < rows * width / 2; ++i) plane[i] = c->zero << 16 | c->zero;
    for (int k = 0; k < c->out_c; ++k) {
        int32_t taps[12];
        for (int r = 0; r < 3; ++r) {
            const int8_t* w = weight + 3 * r * c->out_c + k;
            const int32_t first = w[0], second = w[c->out_c], third = w[2 * c->out_c];
            taps[4 * r] = (first & 0xFFFF) | second * 65536;
            taps[4 * r + 1] = third & 0xFFFF;
            taps[4 * r + 2] = first * 65536;
            taps[4 * r + 3] = (second & 0xFFFF) | third * 65536;
        }
        fill_plane(c, x + k, rows, width, (uint8_t*)plane);
        plane_channel(c, (const uint8_t*)plane, width, taps, bias[k], factor[k], y + k);
    }
}
#endif

/* Depthwise: each channel has weights of its own, [row][column][C]; `room` is for a window that
 * reaches beyond the image. */
static void depthwise(const struct conv* c, const int8_t* weight, const int32_t* bias,
                      const float* factor, const uint8_t* x, uint8_t* room, uint8_t* y) {
    const int high = (c->kernel_h - 1) * c->dilation_h, wide = (c->kernel_w - 1) * c->dilation_w;
#ifdef PAIRS_AT_ONCE
    if (high == 2 && wide == 2 && c->kernel_h == 3 && c->kernel_w == 3 &&
        (c->stride_w == 1 || c->stride_w % 2 == 0)) {
        depthwise_3x3(c, weight, bias, factor, x, room, y);
        return;
    }
#endif
    for (int oy = 0; oy < c->out_h; ++oy) {
        const int top = oy * c->stride_h - c->pad_h;
        for (int ox = 0; ox < c->out_w; ++ox, y += c->out_c) {
            const int left = ox * c->stride_w - c->pad_w;
            if (top >= 0 && left >= 0 && top + high < c->in_h && left + wide < c->in_w) {
                depthwise_pixel(c, weight, bias, factor, x + (top * c->in_w + left) * c->in_c,
                                c->dilation_h * c->in_w * c->in_c, c->dilation_w * c->in_c, y);
            } else {
                copy_window(c, x, oy, ox, c->in_c, room);
                depthwise_pixel(c, weight, bias, factor, room, c->kernel_w * c->in_c, c->in_c, y);
            }
        }
    }
}
