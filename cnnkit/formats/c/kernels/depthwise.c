static void depthwise(const struct conv* c, const float* weight, const float* bias, const float* x,
                      const float* residual, float* y) {
    for (int o = 0; o < c->out_c;) {
        o += next_block(c, &weight, &bias, x + o, residual ? residual + o : 0, y + o, c->out_c - o,
                        1, DEPTHWISE);
    }
}
