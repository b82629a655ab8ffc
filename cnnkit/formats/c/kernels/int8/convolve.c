/* Weights are [K][row][column][channel in], each K of a multiple of four bytes; what padding adds
 * to the sums is in the bias. Two pixels and two output channels at a time; `room` is for what the
 * windows of two pixels see. `pointwise` is 1 where each sees the pixel in its place alone. */
#ifdef PAIRS_AT_ONCE
/* Tell whether the windows of four pixels share most of their bytes. */
INLINE int are_beside(const struct conv* c) {
    return c->in_c == 1 && c->stride_w == 1 && c->dilation_w == 1 && c->out_w >= 4;
}

/* Of one byte that is left of a row there is one pair; of a single row two, since no sum is of a
 * single pair. */
INLINE int least_of(const struct conv* c) { return c->kernel_h > 1; }

/* Pairs of 16 bits that a window becomes, with each row apart. */
INLINE int pairs_beside(const struct conv* c) {
    const int rest = c->kernel_w % 4;
    return c->kernel_h * (c->kernel_w / 4 * 2 + (rest > 0) + (rest > least_of(c)));
}

/* Two output channels' weights as pairs of 16 bits, beside each other. */
INLINE void widen_weights(const int8_t* w0, const int8_t* w1, int rows, int run, int least,
                          int32_t* to) {
    const int rest = run % 4;
    for (; rows; --rows, w0 += rest, w1 += rest) {
        for (int i = run / 4; i; --i, w0 += 4, w1 += 4) {
            const uint32_t v = four(w0), u = four(w1);
            to = put_two(to, w_even(v), w_even(u));
            to = put_two(to, w_odd(v), w_odd(u));
        }
        if (rest) {
            uint32_t v = 0, u = 0;
            memcpy(&v, w0, (size_t)rest);
            memcpy(&u, w1, (size_t)rest);
            to = put_two(to, w_even(v), w_even(u));
            if (rest > least) to = put_two(to, w_odd(v), w_odd(u));
        }
    }
}

/* What the windows of four pixels beside each other see. What is beyond the image is in `beyond`, a
 * row of it, behind which is room for a row that is partly so. */
INLINE void widen_four(const struct conv* c, const uint8_t* x, int oy, int ox, int32_t* to,
                       uint8_t* beyond) {
    const int left = ox - c->pad_w, seen = c->kernel_w + 3, right = c->in_w - left;
    const int first = left < 0 ? -left : 0, end = right < seen ? right : seen;
    const int partly = first > 0 || end < seen;
    uint8_t* const part = beyond + seen;
    if (partly) memset(part, c->zero, (size_t)seen);
    for (int r = 0; r < c->kernel_h; ++r) {
        const int row = oy * c->stride_h - c->pad_h + r * c->dilation_h, at = row * c->in_w + left;
        const uint8_t* from = beyond;
        if (row >= 0 && row < c->in_h) {
            for (int i = first; partly && i < end; ++i) part[i] = x[at + i];
            from = partly ? part : x + at;
        }
        to = widen_beside(from, c->kernel_w, least_of(c), to);
    }
}

/* What a window sees as pairs of 16 bits, beside three others. */
INLINE void widen_window(const struct conv* c, const uint8_t* x, int oy, int ox, int channels,
                         int32_t* to, uint8_t* bytes) {
    const int top = oy * c->stride_h - c->pad_h, left = ox * c->stride_w - c->pad_w;
    if (channels % 4) { /* a run of four crosses taps */
        copy_window(c, x, oy, ox, channels, bytes);
        widen(bytes, c->kernel_h * c->kernel_w * channels, to);
        return;
    }
    const int joined = is_joined(c, left, channels), taps = joined ? 1 : c->kernel_w;
    const int run = joined ? c->kernel_w * channels : channels;
    const int row_bytes = c->dilation_h * c->in_w * c->in_c;
    int from = (top * c->in_w + left) * c->in_c;
    if (joined && top >= 0 && top + (c->kernel_h - 1) * c->dilation_h < c->in_h) {
        for (int r = 0; r < c->kernel_h; ++r, from += row_bytes) to = widen(x + from, run, to);
        return;
    }
    for (int r = 0; r < c->kernel_h; ++r, from += row_bytes) {
        const int row = top + r * c->dilation_h, outside = row < 0 || row >= c->in_h;
        for (int t = 0; t < taps; ++t) {
            const int column = left + t * c->dilation_w;
            if (outside || column < 0 || column >= c->in_w) {
                for (int i = 0; i < run; i += 4, to += 8) {
                    to[0] = to[4] = c->zero << 16 | c->zero;
                }
            } else {
                to = widen(x + from + t * c->dilation_w * c->in_c, run, to);
            }
        }
    }
}

/* One output channel, as two of which the other is none. */
INLINE void run_single(struct tile t) {
    const int32_t bias[2] = {t.bias[0], t.bias[0]};
    const float factor[2] = {t.factor[0], t.factor[0]};
    uint8_t results[8], *const y = t.y;
    const int step = t.step;
    t.bias = bias, t.factor = factor, t.y = results, t.step = 2;
    run_tile(&t);
    for (int i = 3; i >= 0; --i) y[i * step] = results[2 * i];
}

/* Four pixels, the last ones of an image together with those before them, so that some are made
 * twice, and where their windows are beside each other those of a row; of an image of fewer than
 * four, one. */
INLINE void convolve(const struct conv* c, const int8_t* weight, const int32_t* bias,
                     const float* factor, const uint8_t* x, uint8_t* room, uint8_t* y,
                     int pointwise) {
    const int in = c->in_c / c->groups, out = c->out_c / c->groups;
    const int row = (c->kernel_h * c->kernel_w * in + 3) / 4 * 4;
    const int pixels = c->out_h * c->out_w, together = pixels < 4 ? 1 : 4;
    const int beside = are_beside(c), pairs = beside ? pairs_beside(c) : row / 2;
    int32_t* const windows = (int32_t*)(void*)(room + (-(uintptr_t)room & 3));
    int32_t* const weights = windows + 4 * pairs;
    uint8_t* const bytes = (uint8_t*)(weights + (c->block + c->block % 2) * pairs);
    struct tile t;
    if (beside) memset(bytes, c->zero, (size_t)(c->kernel_w + 3));
    t.zero = c->zero_y;
    t.step = together == 4 ? c->out_c : 0;
    t.windows = windows;
    t.windows_end = weights;
    t.skipped = skipped_of(pairs);
    for (int k = 0, count; k < c->out_c; k += count) {
        const int left = out - k % out;
        const uint8_t* const seen = x + k / out * in;
        count = left < c->block ? left : c->block;
        for (int o = 0; o < count; o += 2) {
            const int8_t* const rows = weight + (k + o) * row;
            widen_weights(rows, rows + (o + 1 < count) * row, beside ? c->kernel_h : 1,
                          beside ? c->kernel_w : row, least_of(c), weights + o * pairs);
        }
        for (int p = 0, oy = 0, ox = 0; p < pixels; p += together) {
            if (beside && ox + 4 > c->out_w) {
                p -= ox + 4 - c->out_w;
                ox = c->out_w - 4;
            } else if (p + together > pixels) {
                p = pixels - together;
                oy = p / c->out_w;
                ox = p % c->out_w;
            }
            if (beside) {
                widen_four(c, seen, oy, ox, windows, bytes);
                ox += 4;
                if (ox == c->out_w) ox = 0, ++oy;
            } else if (pointwise && together == 4 && in % 4 == 0) {
                widen_pixels(seen + p * c->in_c, c->in_c, in, windows);
            } else {
                for (int i = 0; i < together; ++i) {
                    widen_window(c, seen, oy, ox, in, windows + i, bytes);
                    if (++ox == c->out_w) ox = 0, ++oy;
                }
            }
            t.bias = bias + k;
            t.factor = factor + k;
            t.y = y + p * c->out_c + k;
            t.weights = weights;
            t.weights_end = weights + count / 2 * 2 * pairs;
            if (count > 1) run_tile(&t);
            if (count % 2) {
                t.bias += count - 1;
                t.factor += count - 1;
                t.y += count - 1;
                t.weights = t.weights_end;
                t.weights_end += 2 * pairs;
                run_single(t);
            }
        }
    }
}
#elif defined(HELIUM)
/* Four pixels, and channels in pairs, whose biases have what is lost with flipped windows. */
INLINE void convolve(const struct conv* c, const int8_t* weight, const int32_t* bias,
                     const float* factor, const uint8_t* x, uint8_t* room, uint8_t* y,
                     int pointwise) {
    const int in = c->in_c / c->groups, out = c->out_c / c->groups, zero = c->zero_y;
    const int seen = c->kernel_h * c->kernel_w * in, row = (seen + 3) / 4 * 4;
    const int last = c->out_h * c->out_w - 1, most = c->block + c->block % 2;
    (void)pointwise; /* windows are copied, since their bits are flipped */
    int32_t* const biases = (int32_t*)(void*)(room + (-(uintptr_t)room & 3));
    int32_t* const sums = biases + most;
    uint8_t* const windows = (uint8_t*)(sums + 4 * most);
    for (int k = 0, count; k < c->out_c; k += count) {
        const int left = out - k % out;
        const int8_t* const rows = weight + k * row;
        count = left < c->block ? left : c->block;
        for (int o = 0; o < count; o += 2) {
            const int both = o + 1 < count;
            biases[o] = bias[k + o];
            biases[o + 1] = bias[k + o + both];
            add_flips(rows + o * row, rows + (o + both) * row, seen, biases + o);
        }
        for (int p = 0, oy = 0, ox = 0; p <= last; p += 4) {
            const int pixels = last - p < 3 ? last - p + 1 : 4;
            for (int i = 0; i < pixels; ++i) {
                copy_window_by(c, x + k / out * in, oy, ox, in, FLIP, windows + i * row);
                if (++ox == c->out_w) ox = 0, ++oy;
            }
            for (int o = 0; o < count; o += 2) {
                const int8_t* const w = rows + o * row;
                for (int i = 0; i < pixels; i += 2) {
                    const uint8_t* const first = windows + i * row;
                    int32_t* const to = sums + i * most + o;
                    flipped_2x2(first, first + row, w, w + (o + 1 < count) * row, seen, biases + o,
                                to, to + most);
                }
            }
            for (int i = 0; i < pixels; ++i) {
                requantise_all(sums + i * most, factor + k, zero, count,
                               y + (p + i) * c->out_c + k);
            }
        }
    }
}
#else
struct rows {
    const uint8_t *first, *second;
};
typedef struct rows rows;

INLINE rows rows_of(const struct conv* c, const uint8_t* x, int pixel, int two, int channels,
                    uint8_t* room, int pointwise) {
    const int count = c->kernel_h * c->kernel_w * channels;
    rows found;
    if (!SMALL && pointwise) {
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

INLINE void convolve(const struct conv* c, const int8_t* weight, const int32_t* bias,
                     const float* factor, const uint8_t* x, uint8_t* room, uint8_t* y,
                     int pointwise) {
    const int in = c->in_c / c->groups, out = c->out_c / c->groups;
    const int count = c->kernel_h * c->kernel_w * in, row = (count + 3) / 4 * 4;
    const int pixels = c->out_h * c->out_w;
    for (int g = 0; g < c->groups; ++g) {
        for (int p = 0; p < pixels; p += 2) {
            const int two = p + 1 < pixels;
            const rows seen = rows_of(c, x + g * in, p, two, in, room, pointwise);
            uint8_t *y0 = y + p * c->out_c, *y1 = y0 + two * c->out_c;
            for (int o = 0; o < out; o += 2) {
                const int k = g * out + o, next = k + (o + 1 < out);
                int32_t sums[4];
                products_2x2(seen.first, seen.second, weight + k * row, weight + next * row, count,
                             sums);
                y1[next] = requantised(sums[3] + bias[next], factor[next], c->zero_y);
                y1[k] = requantised(sums[2] + bias[k], factor[k], c->zero_y);
                y0[next] = requantised(sums[1] + bias[next], factor[next], c->zero_y);
                y0[k] = requantised(sums[0] + bias[k], factor[k], c->zero_y);
            }
        }
    }
}
#endif
