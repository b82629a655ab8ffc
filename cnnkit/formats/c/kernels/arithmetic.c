/* Arithmetic with broadcast: steps of x and z along each axis, 0 where one repeats. y may be one of
 * them where that has the same shape. */
struct arithmetic {
    int operation; /* 0 adds, 1 subtracts, 2 multiplies, 3 divides */
    int size[4], x[4], z[4];
};

INLINE float combined(float x, float z, int operation) {
    return operation == 0 ? x + z : operation == 1 ? x - z : operation == 2 ? x * z : x / z;
}

INLINE void combine_row(const struct arithmetic* a, const float* x, const float* z, float* y,
                        int operation) {
    const int count = a->size[3], step_x = a->x[3], step_z = a->z[3];
    if (step_x == 1 && step_z == 1) {
        for (int i = 0; i < count; ++i) y[i] = combined(x[i], z[i], operation);
    } else {
        for (int i = 0; i < count; ++i) y[i] = combined(x[i * step_x], z[i * step_z], operation);
    }
}

static void arithmetic(const struct arithmetic* a, const float* x, const float* z, float* y) {
    for (int i = 0; i < a->size[0]; ++i) {
        for (int j = 0; j < a->size[1]; ++j) {
            for (int k = 0; k < a->size[2]; ++k, y += a->size[3]) {
                const float* row_x = x + i * a->x[0] + j * a->x[1] + k * a->x[2];
                const float* row_z = z + i * a->z[0] + j * a->z[1] + k * a->z[2];
                switch (a->operation) {
                    case 0:
                        combine_row(a, row_x, row_z, y, 0);
                        break;
                    case 1:
                        combine_row(a, row_x, row_z, y, 1);
                        break;
                    case 2:
                        combine_row(a, row_x, row_z, y, 2);
                        break;
                    default:
                        combine_row(a, row_x, row_z, y, 3);
                }
            }
        }
    }
}
