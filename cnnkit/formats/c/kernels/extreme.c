/* The larger or the smaller of two with broadcast, as in `arithmetic`; NaN if one of them is. */
struct extreme {
    int smaller;
    int size[4], x[4], z[4];
};

static void extreme(const struct extreme* e, const float* x, const float* z, float* y) {
    for (int i = 0; i < e->size[0]; ++i) {
        for (int j = 0; j < e->size[1]; ++j) {
            for (int k = 0; k < e->size[2]; ++k) {
                const float* row_x = x + i * e->x[0] + j * e->x[1] + k * e->x[2];
                const float* row_z = z + i * e->z[0] + j * e->z[1] + k * e->z[2];
                for (int l = 0; l < e->size[3]; ++l, ++y) {
                    const float a = row_x[l * e->x[3]], b = row_z[l * e->z[3]];
                    const int first = e->smaller ? a < b : a > b;
                    *y = first || a != a ? a : b;
                }
            }
        }
    }
}
