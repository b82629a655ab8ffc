/* A sum of blocks, which rounds less than one of elements. */
static float sum_of(const float* x, int count) {
    float sum = 0.0f;
    for (int first = 0; first < count; first += 64) {
        const int end = count - first < 64 ? count : first + 64;
        float block = 0.0f;
        for (int i = first; i < end; ++i) block += x[i];
        sum += block;
    }
    return sum;
}
