// One direction of the forms of Winograd's algorithm with eight points: 0, 1, -1, 2, -2, 1/2, -1/2
// and infinity. After transforms.inl.h. The rounding error of four outputs of five taps is 2.6
// times that of direct sums, of two outputs with the six points there 1.4 times.

namespace winograd {

inline void weights_1d(const Doubles (&w)[5], Doubles (&t)[8]) {
    t[0] = w[0], t[7] = w[4];
    const Doubles even_1 = w[0] + w[2] + w[4], odd_1 = w[1] + w[3];
    const Doubles even_2 = w[0] + w[2] * 4.0 + w[4] * 16.0, odd_2 = w[1] * 2.0 + w[3] * 8.0;
    const Doubles even_h = w[0] + w[2] * 0.25 + w[4] * 0.0625, odd_h = w[1] * 0.5 + w[3] * 0.125;
    t[1] = (even_1 + odd_1) * (-2.0 / 9), t[2] = (even_1 - odd_1) * (-2.0 / 9);
    t[3] = (even_2 + odd_2) * (1.0 / 90), t[4] = (even_2 - odd_2) * (1.0 / 90);
    t[5] = (even_h + odd_h) * (32.0 / 45), t[6] = (even_h - odd_h) * (32.0 / 45);
}

// B' d.
inline void input_1d(const Vec (&d)[8], Vec (&t)[8]) {
    const Vec quarter = set1(0.25f), half = set1(0.5f), two = set1(2.0f), four = set1(4.0f);
    const Vec five = set1(5.0f), fifth = set1(1.25f), outer = set1(5.25f), inner = set1(4.25f);
    t[0] = fma(outer, sub(d[4], d[2]), sub(d[0], d[6]));
    t[7] = fma(outer, sub(d[3], d[5]), sub(d[7], d[1]));
    const Vec even_1 = fnma(inner, d[4], add(d[2], d[6]));
    const Vec odd_1 = fnma(inner, d[3], add(d[1], d[5]));
    t[1] = add(even_1, odd_1);
    t[2] = sub(even_1, odd_1);
    const Vec even_2 = fnma(fifth, d[4], fma(quarter, d[2], d[6]));
    const Vec odd_2 = fnma(fifth, d[3], fma(quarter, d[1], d[5]));
    t[3] = fma(two, odd_2, even_2);
    t[4] = fnma(two, odd_2, even_2);
    const Vec even_h = fnma(five, d[4], fma(four, d[2], d[6]));
    const Vec odd_h = fnma(five, d[3], fma(four, d[1], d[5]));
    t[5] = fma(half, odd_h, even_h);
    t[6] = fnma(half, odd_h, even_h);
}

// A' m.
inline void output_1d(const Vec (&m)[8], Vec (&y)[4]) {
    const Vec quarter = set1(0.25f), half = set1(0.5f), eighth = set1(0.125f);
    const Vec two = set1(2.0f), four = set1(4.0f), eight = set1(8.0f);
    const Vec even_1 = add(m[1], m[2]), odd_1 = sub(m[1], m[2]);
    const Vec even_2 = add(m[3], m[4]), odd_2 = sub(m[3], m[4]);
    const Vec even_h = add(m[5], m[6]), odd_h = sub(m[5], m[6]);
    y[0] = add(add(m[0], even_h), add(even_1, even_2));
    y[1] = fma(two, odd_2, fma(half, odd_h, odd_1));
    y[2] = fma(four, even_2, fma(quarter, even_h, even_1));
    y[3] = fma(eight, odd_2, fma(eighth, odd_h, add(m[7], odd_1)));
}

}  // namespace winograd
