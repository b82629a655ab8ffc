/* Products of matrices, [rows][inner] by [inner][columns]; a matrix of x or z may repeat. */
struct matmul {
    int count, rows, inner, columns, step_x, step_z;
};

static void matmul(const struct matmul* m, const float* restrict x, const float* restrict z,
                   float* restrict y) {
    for (int n = 0; n < m->count; ++n, x += m->step_x, z += m->step_z) {
        for (int r = 0; r < m->rows; ++r, y += m->columns) {
            for (int k = 0; k < m->columns; ++k) y[k] = 0.0f;
            for (int i = 0; i < m->inner; ++i) {
                const float factor = x[r * m->inner + i];
                for (int k = 0; k < m->columns; ++k) y[k] += factor * z[i * m->columns + k];
            }
        }
    }
}
