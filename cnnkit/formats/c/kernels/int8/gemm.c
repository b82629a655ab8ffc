/* A matrix [K][features] times features. */
struct gemm {
    int features, outputs, zero_y;
};

static void gemm(const struct gemm* g, const int8_t* weight, const int32_t* bias,
                 const float* factor, const uint8_t* x, uint8_t* y) {
    for (int k = 0; k < g->outputs; k += 2) {
        const int next = k + (k + 1 < g->outputs);
        int32_t sums[2];
        products_1x2(x, weight + k * g->features, weight + next * g->features, g->features, sums);
        y[next] = requantised(sums[1] + bias[next], factor[next], g->zero_y);
        y[k] = requantised(sums[0] + bias[k], factor[k], g->zero_y);
    }
}
