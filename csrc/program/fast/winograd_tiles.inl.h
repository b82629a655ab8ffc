// What Winograd's algorithm does to one tile: its input is gathered and transformed, its products
// become outputs. See winograd.inl.h.

namespace fast {
namespace by_winograd {

// What a tile reads, with zeros outside the image.
template <typename F>
void gather(const Conv& c, const float* x, ptrdiff_t top, ptrdiff_t left, float* patch) {
    const ptrdiff_t row = static_cast<ptrdiff_t>(c.in_w) * c.in_c;
    const ptrdiff_t floats = static_cast<ptrdiff_t>(F::kColumns) * c.in_c;
    for (ptrdiff_t r = 0; r < F::kRows; ++r) {
        float* to = patch + r * floats;
        const ptrdiff_t first = max(0, -left), end = min(F::kColumns, c.in_w - left);
        const bool inside = top + r >= 0 && top + r < c.in_h && end > first;
        for (ptrdiff_t i = 0; i < (inside ? first * c.in_c : floats); ++i) to[i] = 0.0f;
        if (!inside) continue;
        __builtin_memcpy(to + first * c.in_c, x + (top + r) * row + (left + first) * c.in_c,
                         sizeof(float) * (end - first) * c.in_c);
        for (ptrdiff_t i = end * c.in_c; i < floats; ++i) to[i] = 0.0f;
    }
}

// The next of several arrays. Opaque, because GCC otherwise computes all their addresses before the
// loop, for which there are no registers.
template <typename Float>
inline Float* next(Float* p, ptrdiff_t step) {
    p += step;
    asm("" : "+r"(p));
    return p;
}

// The rows and columns of a tile that lie in the image.
struct Inside {
    ptrdiff_t top, bottom, left, right;
};

// B' d B of the channels of a tile; `plane` floats lie from one of V's planes to the next. What is
// not inside the image is zero, at an edge.
template <typename F, bool edge>
void transform_input(const float* x, ptrdiff_t row, const Inside& inside, ptrdiff_t channels,
                     float* v, ptrdiff_t plane) {
    const Mask none = mask_lanes(0, 0);
    for (ptrdiff_t at = 0; at < channels; at += kLanes) {
        const Mask lanes = mask_lanes(0, channels - at);
        Mask rows[F::kRows];
        for (int i = 0; i < (edge ? F::kRows : 0); ++i)
            rows[i] = i >= inside.top && i < inside.bottom ? lanes : none;
        Vec columns[F::kColumns][F::kRows];
        const float* first = x + at;
#pragma GCC unroll 8
        for (int j = 0; j < F::kColumns; ++j, first = next(first, channels)) {
            const Mask column = j >= inside.left && j < inside.right ? lanes : none;
            Vec d[F::kRows];
            const float* from = first;
#pragma GCC unroll 8
            for (int i = 0; i < F::kRows; ++i, from = next(from, row))
                d[i] = load_some(from, edge ? both(rows[i], column) : lanes);
            winograd::input_1d(d, columns[j]);
        }
        float* to = v + at;
#pragma GCC unroll 8
        for (int i = 0; i < F::kRows; ++i) {
            Vec d[F::kColumns], t[F::kColumns];
#pragma GCC unroll 8
            for (int j = 0; j < F::kColumns; ++j) d[j] = columns[j][i];
            winograd::input_1d(d, t);
#pragma GCC unroll 8
            for (int j = 0; j < F::kColumns; ++j, to = next(to, plane)) store_some(to, lanes, t[j]);
        }
    }
}

// Where a tile's outputs go: `rows` x `columns` of them are in the image.
struct Outputs {
    const float *bias, *residual;
    float* y;
    ptrdiff_t rows, columns, row, column, channels;  // floats from one row and column to the next
    Limits limits;
};

// A' m A, bias, residual and activation; `whole` where all outputs are in the image.
template <typename F, bool whole>
void transform_output(const float* m, ptrdiff_t plane, const Outputs& to) {
    for (ptrdiff_t at = 0; at < to.channels; at += kLanes) {
        const Vec bias = load(to.bias + at);
        Vec rows[F::kRows][F::kTileW];
        const float* from = m + at;
#pragma GCC unroll 8
        for (int i = 0; i < F::kRows; ++i) {
            Vec d[F::kColumns];
#pragma GCC unroll 8
            for (int j = 0; j < F::kColumns; ++j, from = next(from, plane)) d[j] = load(from);
            winograd::output_1d(d, rows[i]);
        }
#pragma GCC unroll 8
        for (int j = 0; j < F::kTileW; ++j) {
            Vec d[F::kRows], y[F::kTileH];
#pragma GCC unroll 8
            for (int i = 0; i < F::kRows; ++i) d[i] = rows[i][j];
            winograd::output_1d(d, y);
#pragma GCC unroll 8
            for (int i = 0; i < F::kTileH; ++i) {
                if (!whole && (i >= to.rows || j >= to.columns)) continue;
                const ptrdiff_t place = i * to.row + j * to.column + at;
                put(to.y + place, add(y[i], bias), to.residual ? to.residual + place : nullptr,
                    to.channels - at, to.limits);
            }
        }
    }
}

}  // namespace by_winograd
}  // namespace fast
