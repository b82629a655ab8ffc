// The vector words that the kernels are written in, for AVX2 with FMA: 8 floats.
// Included inside an ISA file's anonymous namespace, after <immintrin.h>.

using Vec = __m256;
constexpr int kLanes = 8;
constexpr int kRegisters = 16;

inline Vec zero() { return _mm256_setzero_ps(); }
inline Vec set1(float value) { return _mm256_set1_ps(value); }
inline Vec broadcast(const float* from) { return _mm256_broadcast_ss(from); }
inline Vec load(const float* from) { return _mm256_loadu_ps(from); }
inline void store(float* to, Vec v) { _mm256_storeu_ps(to, v); }
inline Vec fma(Vec a, Vec b, Vec c) { return _mm256_fmadd_ps(a, b, c); }  // c + a b
// The maximum as PyTorch has it: NaN wins. (The instruction returns b where either is NaN.)
inline Vec max_nan(Vec a, Vec b) {
    return _mm256_blendv_ps(_mm256_max_ps(a, b), a, _mm256_cmp_ps(a, a, _CMP_UNORD_Q));
}
