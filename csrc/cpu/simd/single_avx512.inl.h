// As single.inl.h, for AVX-512.

// c + a b of one float in every lane. Zen 4 takes a third longer if it is loaded by itself.
inline Vec fma_broadcast(const float* a, Vec b, Vec c) {
    asm("vfmadd231ps %1%{1to16%}, %2, %0" : "+v"(c) : "m"(*a), "v"(b));
    return c;
}
inline __m256 fma_broadcast(const float* a, __m256 b, __m256 c) {
    asm("vfmadd231ps %1%{1to8%}, %2, %0" : "+v"(c) : "m"(*a), "v"(b));
    return c;
}
// The first eight lanes. A masked store takes Zen 4 three times as long.
inline void store_few(float* to, Vec v) { _mm256_storeu_ps(to, _mm512_castps512_ps256(v)); }
