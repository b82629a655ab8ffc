// The forms of Winograd's algorithm that conv.inl.h computes with, each a pair of
// one-dimensional transforms. After the SIMD wrappers.

namespace winograd {

constexpr int kPanel = kRegisters >= 32 ? 8 : 4;  // output channels of a register block

// F(kH x kW, kT x kT): tiles of kH x kW outputs, a kernel of kT x kT taps.
template <int kH, int kW, int kT>
struct Form {
    static constexpr int kTileH = kH, kTileW = kW, kTaps = kT;
    static constexpr int kRows = kH + kT - 1, kColumns = kW + kT - 1, kPlanes = kRows * kColumns;
    static constexpr int kMore = kT - 1;  // columns that a tile reads beyond its own
};

// Four points are 0, 1, -1 and infinity. Six are 0, a, -a, b, -b and infinity with a = 1/b =
// sqrt(1/2): a quarter of the rounding error of 0, 1, -1, 2, -2. What belongs to a and -a is
// multiplied by a^2, to b and -b by b^2, on the side of the weights.
constexpr double kA = 0.70710678118654752440, kB = 1.41421356237309504880;

// Numbers of kPanel output channels, in double: a weight is rounded once.
typedef double Doubles __attribute__((vector_size(sizeof(double) * kPanel)));
typedef float Floats __attribute__((vector_size(sizeof(float) * kPanel)));

// One direction of the weights' transform.
inline void weights_1d(const Doubles (&w)[3], Doubles (&t)[4]) {
    t[0] = w[0], t[3] = w[2];
    t[1] = (w[0] + w[1] + w[2]) * 0.5;
    t[2] = (w[0] - w[1] + w[2]) * 0.5;
}
inline void weights_at_points(Doubles even_a, Doubles odd_a, Doubles even_b, Doubles odd_b,
                              Doubles (&t)[6]) {
    t[1] = (even_a + odd_a * kA) * (-1.0 / 3), t[2] = (even_a - odd_a * kA) * (-1.0 / 3);
    t[3] = (even_b + odd_b * kB) * (1.0 / 3), t[4] = (even_b - odd_b * kB) * (1.0 / 3);
}
inline void weights_1d(const Doubles (&w)[3], Doubles (&t)[6]) {
    t[0] = w[0], t[5] = w[2];
    weights_at_points(w[0] + w[2] * 0.5, w[1], w[0] + w[2] * 2.0, w[1], t);
}
inline void weights_1d(const Doubles (&w)[5], Doubles (&t)[6]) {
    t[0] = w[0], t[5] = w[4];
    weights_at_points(w[0] + w[2] * 0.5 + w[4] * 0.25, w[1] + w[3] * 0.5,
                      w[0] + w[2] * 2.0 + w[4] * 4.0, w[1] + w[3] * 2.0, t);
}

// One direction of the input transform, B' d.
inline void input_1d(const Vec (&d)[4], Vec (&t)[4]) {
    t[0] = sub(d[0], d[2]);
    t[1] = add(d[1], d[2]);
    t[2] = sub(d[2], d[1]);
    t[3] = sub(d[1], d[3]);
}
inline void input_1d(const Vec (&d)[6], Vec (&t)[6]) {
    const Vec a = set1(kA), b = set1(kB), half = set1(0.5f), two = set1(2.0f), both = set1(2.5f);
    const Vec even_a = fnma(two, d[2], d[4]), odd_a = fnma(two, d[1], d[3]);
    const Vec even_b = fnma(half, d[2], d[4]), odd_b = fnma(half, d[1], d[3]);
    t[0] = fnma(both, d[2], add(d[0], d[4]));
    t[1] = fma(a, odd_a, even_a);
    t[2] = fnma(a, odd_a, even_a);
    t[3] = fma(b, odd_b, even_b);
    t[4] = fnma(b, odd_b, even_b);
    t[5] = fnma(both, d[3], add(d[1], d[5]));
}

// One direction of the output transform, A' m.
inline void output_1d(const Vec (&m)[4], Vec (&y)[2]) {
    y[0] = add(add(m[0], m[1]), m[2]);
    y[1] = sub(sub(m[1], m[2]), m[3]);
}
inline void output_1d(const Vec (&m)[6], Vec (&y)[2]) {
    const Vec a = set1(kA), b = set1(kB), half = set1(0.5f), two = set1(2.0f);
    y[0] = fma(half, add(m[3], m[4]), fma(two, add(m[1], m[2]), m[0]));
    y[1] = fma(a, sub(m[3], m[4]), fma(b, sub(m[1], m[2]), m[5]));
}
inline void output_1d(const Vec (&m)[6], Vec (&y)[4]) {
    const Vec a = set1(kA), b = set1(kB), half = set1(0.5f), two = set1(2.0f);
    const Vec even_a = add(m[1], m[2]), odd_a = sub(m[1], m[2]);
    const Vec even_b = add(m[3], m[4]), odd_b = sub(m[3], m[4]);
    y[0] = fma(half, even_b, fma(two, even_a, m[0]));
    y[1] = fma(a, odd_b, mul(b, odd_a));
    y[2] = add(even_a, even_b);
    y[3] = fma(b, odd_b, fma(a, odd_a, m[5]));
}

}  // namespace winograd
