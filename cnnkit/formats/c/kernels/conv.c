static void conv(const struct conv* c, const float* weight, const float* bias, const float* x,
                 const float* residual, float* y) {
    const int in = c->in_c / c->groups, out = c->out_c / c->groups;
    for (int g = 0; g < c->groups; ++g) {
        for (int o = 0; o < out;) {
            const int at = g * out + o;
            o += next_block(c, &weight, &bias, x + g * in, residual ? residual + at : 0, y + at,
                            out - o, in, DENSE);
        }
    }
}
