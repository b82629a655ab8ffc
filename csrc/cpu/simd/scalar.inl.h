// The SIMD wrappers that the kernels are written in, for one lane: plain C++.
// Included inside an ISA file's anonymous namespace.

using Vec = float;
using Mask = bool;
using Magnitude = unsigned;  // running maximum of |x| as an integer: NaN > Inf > every number
constexpr int kLanes = 1;
constexpr int kRegisters = 16;

inline Vec zero() { return 0.0f; }
inline Vec set1(float value) { return value; }
inline Vec broadcast(const float* from) { return *from; }
inline Vec load(const float* from) { return *from; }
inline void store(float* to, Vec v) { *to = v; }
inline void prefetch(const float* from) { __builtin_prefetch(from); }
// Into the second cache.
inline void prefetch_far(const float* from) { __builtin_prefetch(from, 0, 2); }
inline Vec add(Vec a, Vec b) { return a + b; }
inline Vec sub(Vec a, Vec b) { return a - b; }
inline Vec mul(Vec a, Vec b) { return a * b; }
inline Vec settled(Vec v) { return v; }
inline Vec div(Vec a, Vec b) { return a / b; }
inline Vec root(Vec v) { return __builtin_sqrtf(v); }
// a > b ? x : y
inline Vec select_greater(Vec a, Vec b, Vec x, Vec y) { return a > b ? x : y; }
inline Vec fma(Vec a, Vec b, Vec c) { return c + a * b; }
inline Vec fnma(Vec a, Vec b, Vec c) { return c - a * b; }
inline Vec max(Vec a, Vec b) { return a > b ? a : b; }
// The maximum as PyTorch has it: NaN wins.
inline Vec max_nan(Vec a, Vec b) { return a > b || a != a ? a : b; }

inline Mask mask_lanes(ptrdiff_t lo, ptrdiff_t hi) { return lo <= 0 && hi > 0; }
inline Vec load_mask(const float* from, Mask m) { return m ? *from : 0.0f; }
inline void store_mask(float* to, Mask m, Vec v) {
    if (m) *to = v;
}
inline void store_first(float* to, Vec v, ptrdiff_t) { *to = v; }
inline void store_bytes(unsigned char* to, Vec v, ptrdiff_t) {
    *to = static_cast<unsigned char>(v);
}

inline void deinterleave(Vec a, Vec b, Vec& even, Vec& odd) { even = a, odd = b; }

inline void transpose(Vec (&)[kLanes]) {}

inline unsigned magnitude_bits(float value) {
    unsigned bits;
    __builtin_memcpy(&bits, &value, sizeof bits);
    return bits & 0x7fffffffu;
}
inline Magnitude no_magnitude() { return 0; }
inline Magnitude magnitude(Magnitude most, Vec v) {
    const unsigned bits = magnitude_bits(v);
    return bits > most ? bits : most;
}
inline bool below(Magnitude most, float limit) { return most < magnitude_bits(limit); }

// ---- max-pool indices ----

// where_index(i, k, v) is v where the index is k, else 0; where_active(i, v) where it is any, not
// kNoIndex; select_bit(i, bit, a, b) is a where the index has this bit, b where it has not (and
// either, where it is kNoIndex).
using PoolIndices = int;
inline PoolIndices load_indices(const unsigned char* from, ptrdiff_t) { return *from; }
inline Vec where_index(PoolIndices i, int k, Vec v) { return i == k ? v : 0.0f; }
inline Vec where_active(PoolIndices i, Vec v) { return i == kNoIndex ? 0.0f : v; }
inline Vec select_bit(PoolIndices i, int bit, Vec a, Vec b) { return i & bit ? a : b; }
