// As near.inl.h, within two units in the last place: AVX-512 has estimates of 14 bits, and the
// divider takes 16 cycles for a vector of either.

namespace adam {

// Of what is not negative; of zero it is 1e-19.
inline Vec near_root(Vec v) {
    v = _mm512_min_ps(set1(0x1.fffffep127f), max(set1(0x1p-126f), v));
    const Vec r = _mm512_rsqrt14_ps(v), s = mul(v, r), half = mul(set1(0.5f), r);
    return fma(fnma(s, half, set1(0.5f)), s, s);
}
// b is from 1e-30 to 1e30.
inline Vec near_quotient(Vec a, Vec b) {
    const Vec r = _mm512_rcp14_ps(b), q = mul(a, r);
    return fma(fnma(b, q, a), r, q);
}

}  // namespace adam
