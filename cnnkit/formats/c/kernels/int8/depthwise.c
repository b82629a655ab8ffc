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

/* Depthwise: each channel has weights of its own, [row][column][C]; `room` is for a window that
 * reaches beyond the image. */
static void depthwise(const struct conv* c, const int8_t* weight, const int32_t* bias,
                      const float* factor, const uint8_t* x, uint8_t* room, uint8_t* y) {
    const int high = (c->kernel_h - 1) * c->dilation_h, wide = (c->kernel_w - 1) * c->dilation_w;
#ifdef PAIRS_AT_ONCE
    if (high == 2 && wide == 2 && c->kernel_h == 3 && c->kernel_w == 3 && c->stride_w <= 2) {
        depthwise_3x3(c, weight, bias, factor, x, room, y);
        return;
    }
#endif
    for (int oy = 0; oy < c->out_h; ++oy) {
        const int top = oy * c->stride_h - c->pad_h;
        for (int ox = 0; ox < c->out_w; ++ox, y += c->out_c) {
            const int left = ox * c->stride_w - c->pad_w;
            const int inside =
                top >= 0 && left >= 0 && top + high < c->in_h && left + wide < c->in_w;
            if (!inside) copy_window(c, x, oy, ox, c->in_c, room);
            depthwise_pixel(c, weight, bias, factor,
                            inside ? x + (top * c->in_w + left) * c->in_c : room,
                            inside ? c->dilation_h * c->in_w * c->in_c : c->kernel_w * c->in_c,
                            inside ? c->dilation_w * c->in_c : c->in_c, y);
        }
    }
}
