/* Elements of x where a condition is not 0, else of z; steps along each axis as in `arithmetic`. */
struct chosen {
    int size[4], condition[4], x[4], z[4];
};

static void chosen(const struct chosen* c, const float* condition, const float* x, const float* z,
                   float* y) {
    for (int i = 0; i < c->size[0]; ++i) {
        for (int j = 0; j < c->size[1]; ++j) {
            for (int k = 0; k < c->size[2]; ++k) {
                const int* s = c->condition;
                const float* row = condition + i * s[0] + j * s[1] + k * s[2];
                const float* row_x = x + i * c->x[0] + j * c->x[1] + k * c->x[2];
                const float* row_z = z + i * c->z[0] + j * c->z[1] + k * c->z[2];
                for (int l = 0; l < c->size[3]; ++l)
                    *y++ = row[l * s[3]] != 0.0f ? row_x[l * c->x[3]] : row_z[l * c->z[3]];
            }
        }
    }
}
