/* Weights are [K][row][column][channel in]; what padding adds to the sums is in the bias. Two
 * pixels and two output channels at a time; `room` is for the windows of two pixels, unless a
 * window is one pixel of the image, which is read where it is. */
static void conv(const struct conv* c, const int8_t* weight, const int32_t* bias,
                 const float* factor, const uint8_t* x, uint8_t* room, uint8_t* y) {
    const int in = c->in_c / c->groups, out = c->out_c / c->groups;
    const int count = c->kernel_h * c->kernel_w * in, pixels = c->out_h * c->out_w;
    for (int g = 0; g < c->groups; ++g) {
        for (int p = 0; p < pixels; p += 2) {
            const int two = p + 1 < pixels;
            const uint8_t *x0 = x + p * c->in_c + g * in, *x1 = x0 + two * c->in_c;
            uint8_t *y0 = y + p * c->out_c, *y1 = y0 + two * c->out_c;
            if (room) {
                copy_window(c, x + g * in, p / c->out_w, p % c->out_w, in, room);
                x0 = x1 = room;
                if (two) {
                    copy_window(c, x + g * in, (p + 1) / c->out_w, (p + 1) % c->out_w, in,
                                room + count);
                    x1 = room + count;
                }
            }
            for (int o = 0; o < out; o += 2) {
                const int k = g * out + o, next = k + (o + 1 < out);
                int32_t sums[4];
                products_2x2(x0, x1, weight + k * count, weight + next * count, count, sums);
                y0[next] = requantised(sums[1] + bias[next], factor[next], c->zero_y);
                y0[k] = requantised(sums[0] + bias[k], factor[k], c->zero_y);
                y1[next] = requantised(sums[3] + bias[next], factor[next], c->zero_y);
                y1[k] = requantised(sums[2] + bias[k], factor[k], c->zero_y);
            }
        }
    }
}
