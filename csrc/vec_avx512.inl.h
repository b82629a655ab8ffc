// The vector words that the kernels are written in, for AVX-512 (F, BW, DQ, VL): 16 floats.
// Included inside an ISA file's anonymous namespace, after <immintrin.h>.

using Vec = __m512;
constexpr int kLanes = 16;
constexpr int kRegisters = 32;

inline Vec zero() { return _mm512_setzero_ps(); }
inline Vec set1(float value) { return _mm512_set1_ps(value); }
inline Vec broadcast(const float* from) { return _mm512_set1_ps(*from); }
inline Vec load(const float* from) { return _mm512_loadu_ps(from); }
inline void store(float* to, Vec v) { _mm512_storeu_ps(to, v); }
inline Vec fma(Vec a, Vec b, Vec c) { return _mm512_fmadd_ps(a, b, c); }  // c + a b
// The maximum as PyTorch has it: NaN wins. (The instruction returns b where either is NaN.)
inline Vec max_nan(Vec a, Vec b) {
    return _mm512_mask_mov_ps(_mm512_max_ps(a, b), _mm512_cmp_ps_mask(a, a, _CMP_UNORD_Q), a);
}
