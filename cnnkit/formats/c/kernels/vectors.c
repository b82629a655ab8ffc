/* Floats side by side: a vector where the compiler has them, else a single one. */
#if defined(__GNUC__) && defined(__AVX__)
#define LANES 8
#elif defined(__GNUC__) && (defined(__SSE__) || defined(__ARM_NEON) || defined(__wasm_simd128__))
#define LANES 4
#else
#define LANES 1
#endif

#if LANES > 1
typedef float vec __attribute__((vector_size(4 * LANES)));
typedef float vec_in_memory __attribute__((vector_size(4 * LANES), aligned(4), may_alias));
#else
typedef float vec;
typedef float vec_in_memory;
#endif

#if defined(__GNUC__)
#define UNROLL _Pragma("GCC unroll 16")
#define INLINE static inline __attribute__((always_inline))
#else
#define UNROLL
#define INLINE static inline
#endif

INLINE vec load(const float* from) { return *(const vec_in_memory*)from; }

INLINE void store(float* to, vec value) { *(vec_in_memory*)to = value; }

/* An activation: 0 is none, 1 has a lower limit, 2 an upper one as well. NaN stays NaN. */
INLINE float limited(float value, int activation, float low, float high) {
    if (activation > 0 && value < low) value = low;
    if (activation > 1 && value > high) value = high;
    return value;
}
