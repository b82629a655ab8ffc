// One channel by Winograd's F(2x2, 3x3): sizes, and the input's transform. All of V is made before
// the products begin. After winograd_small_plan.

namespace winograd_small::one {

struct Plan {
    long tiles;  // in a row
    long strip;  // tile rows that are worked on at once
    long plane;  // floats from an element of V to the next: V is [column][row][tile row][tile]
};

// For `rows` tile rows of the output.
inline Plan plan(const Shape& s, long rows) {
    Plan p;
    p.tiles = s.output.w;
    p.strip = min(rows, max(kCache / (16 * 4 * p.tiles), 1));
    // Room for a vector beyond the last row; an odd number of cache lines, so that planes meet in
    // no set of the cache.
    p.plane = round_up(p.strip * p.tiles + kLanes, 32) + 16;
    return p;
}

inline size_t workspace_bytes(const Shape& s) {
    return sizeof(float) * 16 * plan(s, s.output.h).plane;
}

// V of kLanes tiles from column t on of every row. What is stored beyond a row's end belongs to the
// next row, so the vectors at the rows' ends come first. `inner` vectors need no masks.
template <bool inner>
inline Magnitude column(const Shape& s, const Plan& p, const float* x, long top, long rows, long t,
                        float* v, Magnitude most) {
    const long left = 2 * t - 1, width = s.input.w;
    const Mask l0 = mask_lanes(-left, width - left), l1 = mask_lanes(0, width - left - kLanes),
               r0 = mask_lanes(0, width - left - 2), r1 = mask_lanes(0, width - left - 2 - kLanes);
    // A row of pixels, transformed along x.
    const auto transform_row = [&](long y, Vec(&to)[4]) {
        if (y < 0 || y >= s.input.h) {
            for (Vec& lanes : to) lanes = zero();
            return;
        }
        const float *from = x + y * width + left, *next = from + 2;
        const Vec p0 = inner ? load(from) : load_mask(from, l0);
        const Vec p1 = inner ? load(from + kLanes) : load_mask(from + kLanes, l1);
        const Vec q0 = inner ? load(next) : load_mask(next, r0);
        const Vec q1 = inner ? load(next + kLanes) : load_mask(next + kLanes, r1);
        most = magnitude(magnitude(magnitude(magnitude(most, p0), p1), q0), q1);
        Vec a, b, c, d;
        deinterleave(p0, p1, a, b);
        deinterleave(q0, q1, c, d);
        to[0] = sub(a, c), to[1] = add(b, c), to[2] = sub(c, b), to[3] = sub(d, b);
    };
    Vec a[4], b[4], c[4], d[4];
    transform_row(2 * top - 1, a);
    transform_row(2 * top, b);
    for (long r = top; r < top + rows; ++r, v += p.tiles) {
        transform_row(2 * r + 1, c);
        transform_row(2 * r + 2, d);
#pragma GCC unroll 4
        for (int j = 0; j < 4; ++j) {
            float* to = v + j * 4 * p.plane;
            store(to, sub(a[j], c[j]));
            store(to + p.plane, add(b[j], c[j]));
            store(to + 2 * p.plane, sub(c[j], b[j]));
            store(to + 3 * p.plane, sub(d[j], b[j]));
            a[j] = c[j], b[j] = d[j];
        }
    }
    return most;
}

// Tile rows top <= r < top + rows.
inline Magnitude input(const Shape& s, const Plan& p, const float* x, long top, long rows,
                       float* v) {
    // The last vector's lanes that are no tiles: leftovers might be denormal.
    for (int k = 0; k < 16; ++k) store(v + k * p.plane + rows * p.tiles, zero());
    Magnitude most = no_magnitude();
    for (long t = round_up(p.tiles, kLanes) - kLanes; t >= 0; t -= kLanes) {
        if (t > 0 && 2 * (t + kLanes) < s.input.w) {
            most = column<true>(s, p, x, top, rows, t, v + t, most);
        } else {
            most = column<false>(s, p, x, top, rows, t, v + t, most);
        }
    }
    return most;
}

}  // namespace winograd_small::one
