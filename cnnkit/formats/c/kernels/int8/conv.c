/* Weights are [K][row][column][channel in], each K of a multiple of four bytes; what padding adds
 * to the sums is in the bias. Two pixels and two output channels at a time; `room` is for what the
 * windows of two pixels see. */
#ifdef PAIRS_AT_ONCE
typedef const int32_t* rows; /* of two pixels, widened */

INLINE void widen_window(const struct conv* c, const uint8_t* x, int pixel, int channels,
                         int32_t* to, uint8_t* bytes) {
    const int oy = pixel / c->out_w, ox = pixel % c->out_w;
    const int top = oy * c->stride_h - c->pad_h, left = ox * c->stride_w - c->pad_w;
    if (channels % 4) { /* a run of four crosses taps */
        copy_window(c, x, oy, ox, channels, bytes);
        widen(bytes, c->kernel_h * c->kernel_w * channels, to);
        return;
    }
    for (int r = 0; r < c->kernel_h; ++r) {
        const int row = top + r * c->dilation_h;
        for (int t = 0; t < c->kernel_w; ++t) {
            const int column = left + t * c->dilation_w;
            if (row < 0 || row >= c->in_h || column < 0 || column >= c->in_w) {
                for (int i = 0; i < channels; i += 4, to += 4) {
                    to[0] = to[1] = c->zero << 16 | c->zero;
                }
            } else {
                to = widen(x + (row * c->in_w + column) * c->in_c, channels, to);
            }
        }
    }
}

INLINE rows rows_of(const struct conv* c, const uint8_t* x, int pixel, int two, int channels,
                    uint8_t* room) {
    const int count = c->kernel_h * c->kernel_w * channels, row = (count + 3) / 4 * 4;
    int32_t* const wide = (int32_t*)(void*)(room + (-(uintptr_t)room & 3));
    uint8_t* const bytes = room + 4 * row + 4;
    widen_window(c, x, pixel, channels, wide, bytes);
    if (two) widen_window(c, x, pixel + 1, channels, wide + 2, bytes);
    return wide;
}

#define PRODUCTS(x, w0, w1, count, row, sums) products_2x2(x, w0, w1, row, sums)
#else
struct rows {
    const uint8_t *first, *second;
};
typedef struct rows rows;

INLINE rows rows_of(const struct conv* c, const uint8_t* x, int pixel, int two, int channels,
                    uint8_t* room) {
    const int count = c->kernel_h * c->kernel_w * channels;
    const int moves = c->stride_h != 1 || c->stride_w != 1 || c->pad_h || c->pad_w;
    rows found;
    if (count == channels && !moves && c->in_h == c->out_h && c->in_w == c->out_w) {
        found.first = x + pixel * c->in_c; /* pixels are read where they are */
        found.second = found.first + two * c->in_c;
        return found;
    }
    copy_window(c, x, pixel / c->out_w, pixel % c->out_w, channels, room);
    found.first = found.second = room;
    if (two) {
        found.second = room + count;
        copy_window(c, x, (pixel + 1) / c->out_w, (pixel + 1) % c->out_w, channels, room + count);
    }
    return found;
}

#define PRODUCTS(x, w0, w1, count, row, sums) \
    products_2x2((x).first, (x).second, w0, w1, count, sums)
#endif

static void conv(const struct conv* c, const int8_t* weight, const int32_t* bias,
                 const float* factor, const uint8_t* x, uint8_t* room, uint8_t* y) {
    const int in = c->in_c / c->groups, out = c->out_c / c->groups;
    const int count = c->kernel_h * c->kernel_w * in, row = (count + 3) / 4 * 4;
    const int pixels = c->out_h * c->out_w;
    for (int g = 0; g < c->groups; ++g) {
        for (int p = 0; p < pixels; p += 2) {
            const int two = p + 1 < pixels;
            const rows seen = rows_of(c, x + g * in, p, two, in, room);
            uint8_t *y0 = y + p * c->out_c, *y1 = y0 + two * c->out_c;
            for (int o = 0; o < out; o += 2) {
                const int k = g * out + o, next = k + (o + 1 < out);
                int32_t sums[4];
                PRODUCTS(seen, weight + k * row, weight + next * row, count, row, sums);
                if (two) {
                    y1[next] = requantised(sums[3] + bias[next], factor[next], c->zero_y);
                    y1[k] = requantised(sums[2] + bias[k], factor[k], c->zero_y);
                }
                y0[next] = requantised(sums[1] + bias[next], factor[next], c->zero_y);
                y0[k] = requantised(sums[0] + bias[k], factor[k], c->zero_y);
            }
        }
    }
}
