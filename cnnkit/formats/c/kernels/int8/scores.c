/* The last matrix [K][features]: its sums, as numbers. */
struct scores {
    int features, outputs;
};

static void scores(const struct scores* s, const int8_t* weight, const int32_t* bias,
                   const float* factor, const uint8_t* x, float* y) {
    for (int k = 0; k < s->outputs; k += 2) {
        const int next = k + (k + 1 < s->outputs);
        int32_t sums[2];
        products_1x2(x, weight + k * s->features, weight + next * s->features, s->features, sums);
        y[next] = (float)(sums[1] + bias[next]) * factor[next];
        y[k] = (float)(sums[0] + bias[k]) * factor[k];
    }
}
