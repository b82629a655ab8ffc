/* Elements put in other places: steps of x and y along each axis, and where y begins. */
struct copy {
    int size[5], x[5], y[5], start_x, start_y;
};

static void copy(const struct copy* c, const uint8_t* restrict x, uint8_t* restrict y) {
    x += c->start_x;
    y += c->start_y;
    for (int i = 0; i < c->size[0]; ++i) {
        for (int j = 0; j < c->size[1]; ++j) {
            for (int k = 0; k < c->size[2]; ++k) {
                for (int l = 0; l < c->size[3]; ++l) {
                    const uint8_t* from = x + i * c->x[0] + j * c->x[1] + k * c->x[2] + l * c->x[3];
                    uint8_t* to = y + i * c->y[0] + j * c->y[1] + k * c->y[2] + l * c->y[3];
                    if (c->x[4] == 1 && c->y[4] == 1) {
                        for (int m = 0; m < c->size[4]; ++m) to[m] = from[m];
                    } else {
                        for (int m = 0; m < c->size[4]; ++m) to[m * c->y[4]] = from[m * c->x[4]];
                    }
                }
            }
        }
    }
}
