/* Convolutions of images [H][W][C]. Output channels are taken in blocks of 16, and of 8 at the end;
 * weights are [block][row][column][channel in][channel of the block], or without channels in if
 * each output channel has one of its own. A tile is a few pixels of a row by a block: its sums
 * stay in registers. */
struct conv {
    int in_h, in_w, in_c, out_h, out_w, out_c;
    int kernel_h, kernel_w, stride_h, stride_w, pad_h, pad_w, dilation_h, dilation_w, groups;
    int activation;
    float low, high;
};

/* Sums of a block that are made at once, as many as there are registers for. */
enum { AT_ONCE = LANES > 1 ? 2 * LANES : 4, MOST_VECS = AT_ONCE / LANES, MOST_PIXELS = 8 };

/* What the first pixel of a tile reads: rows x taps runs of `span` floats, and their weights. */
struct window {
    const float *x, *w;
    int rows, taps, span;
    int x_row, x_tap, w_row, w_tap; /* floats from one to the next */
};

/* Where a tile goes; the other pixels are `step` further on in x, and out_c in y. */
struct target {
    const float *bias, *residual;
    float* y;
    int step, channels;
};

/* Residual and activation, for `count` of the sums of a pixel. */
INLINE void finish(const struct conv* c, const vec* sum, int vecs, int count, const float* residual,
                   float* y) {
    float done[AT_ONCE];
    UNROLL
    for (int v = 0; v < vecs; ++v) store(done + v * LANES, sum[v]);
    if (count >= vecs * LANES) count = vecs * LANES;
    if (residual) {
        for (int o = 0; o < count; ++o) done[o] += residual[o];
    }
    for (int o = 0; o < count; ++o) y[o] = limited(done[o], c->activation, c->low, c->high);
}

INLINE void finish_tile(const struct conv* c, vec sum[][MOST_VECS], int vecs, int pixels, int o,
                        const struct target* to) {
    UNROLL
    for (int p = 0; p < pixels; ++p) {
        const int at = p * c->out_c + o;
        finish(c, sum[p], vecs, to->channels - o, to->residual ? to->residual + at : 0, to->y + at);
    }
}

INLINE void conv_tile(const struct conv* c, const struct window* from, const struct target* to,
                      int width, int pixels) {
    const int at_once = width < AT_ONCE ? width : AT_ONCE, vecs = at_once / LANES;
    for (int o = 0; o < width && o < to->channels; o += at_once) {
        vec sum[MOST_PIXELS][MOST_VECS];
        UNROLL
        for (int p = 0; p < pixels; ++p) {
            UNROLL
            for (int v = 0; v < vecs; ++v) sum[p][v] = load(to->bias + o + v * LANES);
        }
        for (int r = 0; r < from->rows; ++r) {
            for (int t = 0; t < from->taps; ++t) {
                const float* x = from->x + r * from->x_row + t * from->x_tap;
                const float* w = from->w + r * from->w_row + t * from->w_tap + o;
                for (int i = 0; i < from->span; ++i, w += width) {
                    UNROLL
                    for (int p = 0; p < pixels; ++p) {
                        const float pixel = x[p * to->step + i];
                        UNROLL
                        for (int v = 0; v < vecs; ++v) sum[p][v] += pixel * load(w + v * LANES);
                    }
                }
            }
        }
        finish_tile(c, sum, vecs, pixels, o, to);
    }
}

/* A single pixel: every fourth float of a run goes to the same sums, to keep the adders busy. */
INLINE void conv_pixel(const struct conv* c, const struct window* from, const struct target* to,
                       int width) {
    const int at_once = width < AT_ONCE ? width : AT_ONCE, vecs = at_once / LANES;
    for (int o = 0; o < width && o < to->channels; o += at_once) {
        vec sum[4][MOST_VECS];
        UNROLL
        for (int v = 0; v < vecs; ++v) {
            sum[0][v] = load(to->bias + o + v * LANES);
            sum[1][v] = sum[2][v] = sum[3][v] = sum[0][v] - sum[0][v];
        }
        for (int r = 0; r < from->rows; ++r) {
            for (int t = 0; t < from->taps; ++t) {
                const float* x = from->x + r * from->x_row + t * from->x_tap;
                const float* w = from->w + r * from->w_row + t * from->w_tap + o;
                int i = 0;
                for (; i + 4 <= from->span; i += 4) {
                    UNROLL
                    for (int k = 0; k < 4; ++k, w += width) {
                        UNROLL
                        for (int v = 0; v < vecs; ++v) sum[k][v] += x[i + k] * load(w + v * LANES);
                    }
                }
                for (; i < from->span; ++i, w += width) {
                    UNROLL
                    for (int v = 0; v < vecs; ++v) sum[0][v] += x[i] * load(w + v * LANES);
                }
            }
        }
        UNROLL
        for (int v = 0; v < vecs; ++v) sum[0][v] += sum[1][v] + (sum[2][v] + sum[3][v]);
        finish_tile(c, sum, vecs, 1, o, to);
    }
}

/* The taps of a window that lie in the image, along one axis: from `first` on, `count` of them. */
struct taps {
    int first, count;
};

INLINE struct taps inside(int start, int size, int kernel, int dilation) {
    struct taps found;
    int end = size > start ? (size - start + dilation - 1) / dilation : 0;
    found.first = start < 0 ? (dilation - 1 - start) / dilation : 0;
    if (end > kernel) end = kernel;
    found.count = end > found.first ? end - found.first : 0;
    return found;
}

/* The pixels of a row whose windows lie in the image: from `first` on, `count` of them. */
INLINE struct taps whole_windows(const struct conv* c) {
    struct taps found;
    const int room = c->in_w + c->pad_w - (c->kernel_w - 1) * c->dilation_w - 1;
    int end = room < 0 ? 0 : room / c->stride_w + 1;
    found.first = (c->pad_w + c->stride_w - 1) / c->stride_w;
    if (end > c->out_w) end = c->out_w;
    found.count = end > found.first ? end - found.first : 0;
    return found;
}

/* Depthwise: each channel has weights of its own. */
INLINE void depthwise_tile(const struct conv* c, const struct window* from, const struct target* to,
                           int width, int pixels) {
    const int at_once = width < AT_ONCE ? width : AT_ONCE, vecs = at_once / LANES;
    for (int o = 0; o < width; o += at_once) {
        vec sum[MOST_PIXELS][MOST_VECS];
        UNROLL
        for (int p = 0; p < pixels; ++p) {
            UNROLL
            for (int v = 0; v < vecs; ++v) sum[p][v] = load(to->bias + o + v * LANES);
        }
        for (int r = 0; r < from->rows; ++r) {
            for (int t = 0; t < from->taps; ++t) {
                const float* x = from->x + r * from->x_row + t * from->x_tap + o;
                const float* w = from->w + r * from->w_row + t * from->w_tap + o;
                UNROLL
                for (int v = 0; v < vecs; ++v) {
                    const vec weight = load(w + v * LANES);
                    UNROLL
                    for (int p = 0; p < pixels; ++p) {
                        sum[p][v] += load(x + p * to->step + v * LANES) * weight;
                    }
                }
            }
        }
        finish_tile(c, sum, vecs, pixels, o, to);
    }
}

/* A pixel of a block that is not full, of which no whole vector can be read. */
INLINE void depthwise_rest(const struct conv* c, const struct window* from,
                           const struct target* to) {
    for (int o = 0; o < to->channels; ++o) {
        float sum = to->bias[o];
        for (int r = 0; r < from->rows; ++r) {
            for (int t = 0; t < from->taps; ++t) {
                sum += from->x[r * from->x_row + t * from->x_tap + o] *
                       from->w[r * from->w_row + t * from->w_tap + o];
            }
        }
        if (to->residual) sum += to->residual[o];
        to->y[o] = limited(sum, c->activation, c->low, c->high);
    }
}

enum { DENSE, DEPTHWISE };

/* A block of output channels; `in` input channels have weights for it. */
INLINE void conv_block(const struct conv* c, const float* w, const float* x, struct target to,
                       int in, int width, int kind) {
    const int pixels = width / LANES > 1 || LANES == 1 ? 4 : 8;
    const int full = kind == DENSE || to.channels == width;
    const int joined = kind == DENSE && c->groups == 1 && c->dilation_w == 1; /* a row is one run */
    const struct taps whole = whole_windows(c);
    const struct target first = to;
    const int replaces = to.residual == to.y; /* what is written once is no residual any more */
    to.step = c->stride_w * c->in_c;
    for (int oy = 0; oy < c->out_h; ++oy) {
        const int top = oy * c->stride_h - c->pad_h;
        const struct taps rows = inside(top, c->in_h, c->kernel_h, c->dilation_h);
        for (int ox = 0; ox < c->out_w;) {
            const int last = whole.first + whole.count - pixels;
            const int tile = full && last >= whole.first && ox >= whole.first &&
                             ox < (replaces ? last + 1 : last + pixels);
            if (tile && ox > last) ox = last; /* the last tile of a row moves back, to be full */
            const int left = ox * c->stride_w - c->pad_w, at = (oy * c->out_w + ox) * c->out_c;
            const struct taps columns = inside(left, c->in_w, c->kernel_w, c->dilation_w);
            struct window from;
            from.x = x + ((top + rows.first * c->dilation_h) * c->in_w + left +
                          columns.first * c->dilation_w) *
                             c->in_c;
            from.w = w + (rows.first * c->kernel_w + columns.first) * in * width;
            from.rows = rows.count;
            from.taps = joined ? columns.count > 0 : columns.count;
            from.span = joined ? columns.count * in : in;
            from.x_row = c->dilation_h * c->in_w * c->in_c;
            from.x_tap = c->dilation_w * c->in_c;
            from.w_row = c->kernel_w * in * width;
            from.w_tap = in * width;
            to.y = first.y + at;
            to.residual = first.residual ? first.residual + at : 0;
            if (kind == DENSE && tile) {
                conv_tile(c, &from, &to, width, pixels);
            } else if (kind == DENSE) {
                conv_pixel(c, &from, &to, width);
            } else if (tile) {
                depthwise_tile(c, &from, &to, width, pixels);
            } else if (full) {
                depthwise_tile(c, &from, &to, width, 1);
            } else {
                depthwise_rest(c, &from, &to);
            }
            ox += tile ? pixels : 1;
        }
    }
}

/* The next block of `left` output channels: 16 of them, or 8 where no more are left. */
INLINE int next_block(const struct conv* c, const float** w, const float** bias, const float* x,
                      const float* residual, float* y, int left, int in, int kind) {
    const int width = left > 8 ? 16 : 8;
    struct target to;
    to.bias = *bias;
    to.residual = residual;
    to.y = y;
    to.step = 0;
    to.channels = left < width ? left : width;
    if (width == 16) {
        conv_block(c, *w, x, to, in, 16, kind);
    } else {
        conv_block(c, *w, x, to, in, 8, kind);
    }
    *w += c->kernel_h * c->kernel_w * in * width;
    *bias += width;
    return width;
}
