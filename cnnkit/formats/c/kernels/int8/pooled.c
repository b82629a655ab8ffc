/* A convolution and a max-pool of its result, of which only the rows of one window exist: the
 * fields of both, those of `struct conv` in its order. */
struct pooled {
    int in_h, in_w, in_c, out_h, out_w, out_c;
    int kernel_h, kernel_w, stride_h, stride_w, pad_h, pad_w, dilation_h, dilation_w, groups;
    int zero, zero_y, block;
    int pool_out_h, pool_out_w, pool_kernel_h, pool_kernel_w;
    int pool_stride_h, pool_stride_w, pool_pad_h, pool_pad_w;
};

static void pooled(const struct pooled* of, const int8_t* weight, const int32_t* bias,
                   const float* factor, const uint8_t* x, uint8_t* band, uint8_t* room,
                   uint8_t* y) {
    struct conv c;
    struct pool p = {0, of->out_w, of->out_c, 1, of->pool_out_w, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 0,
                     0, 0,         0,         0};
    memcpy(&c, of, sizeof c);
    p.kernel_h = of->pool_kernel_h;
    p.kernel_w = of->pool_kernel_w;
    p.stride_h = of->pool_stride_h;
    p.stride_w = of->pool_stride_w;
    p.pad_w = of->pool_pad_w;
    for (int row = 0; row < of->pool_out_h; ++row, y += of->pool_out_w * of->out_c) {
        const int top = row * of->pool_stride_h - of->pool_pad_h, end = top + of->pool_kernel_h;
        const int first = top < 0 ? 0 : top;
        c.out_h = (end < of->out_h ? end : of->out_h) - first;
        c.pad_h = of->pad_h - first * of->stride_h; /* the first row of the band is row 0 */
        convolve(&c, weight, bias, factor, x, room, band, 0);
        p.in_h = c.out_h;
        p.pad_h = first - top;
        pool(&p, band, y);
    }
}
