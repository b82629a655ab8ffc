// The SIMD wrappers that the kernels are written in, for NEON on AArch64: 4 floats.
// Included inside an ISA file's anonymous namespace, after <arm_neon.h>.

using Vec = float32x4_t;
struct Mask {
    int first, last;  // lanes first <= i < last
};
using Magnitude = uint32x4_t;  // running maximum of |x| as an integer: NaN > Inf > every number
constexpr int kLanes = 4;
constexpr int kRegisters = 32;

inline Vec zero() { return vdupq_n_f32(0.0f); }
inline Vec set1(float value) { return vdupq_n_f32(value); }
inline Vec broadcast(const float* from) { return vld1q_dup_f32(from); }
inline Vec load(const float* from) { return vld1q_f32(from); }
inline Vec load_once(const float* from) { return load(from); }
inline void store(float* to, Vec v) { vst1q_f32(to, v); }
inline void prefetch(const float* from) { __builtin_prefetch(from); }
// Into the second cache.
inline void prefetch_far(const float* from) { __builtin_prefetch(from, 0, 2); }
inline Vec add(Vec a, Vec b) { return vaddq_f32(a, b); }
inline Vec sub(Vec a, Vec b) { return vsubq_f32(a, b); }
inline Vec mul(Vec a, Vec b) { return vmulq_f32(a, b); }
inline Vec settled(Vec v) { return v; }
inline Vec div(Vec a, Vec b) { return vdivq_f32(a, b); }
inline Vec root(Vec v) { return vsqrtq_f32(v); }
inline Vec max(Vec a, Vec b) { return vmaxq_f32(a, b); }
inline Vec min(Vec a, Vec b) { return vminq_f32(a, b); }
inline Vec max_nan(Vec a, Vec b) { return vmaxq_f32(a, b); }  // FMAX: NaN wins, as PyTorch has it
// a > b ? x : y
inline Vec select_greater(Vec a, Vec b, Vec x, Vec y) { return vbslq_f32(vcgtq_f32(a, b), x, y); }
inline Vec fma(Vec a, Vec b, Vec c) { return vfmaq_f32(c, a, b); }   // c + a b
inline Vec fnma(Vec a, Vec b, Vec c) { return vfmsq_f32(c, a, b); }  // c - a b

// Lanes lo <= i < hi; either end may lie outside the vector.
inline Mask mask_lanes(ptrdiff_t lo, ptrdiff_t hi) {
    return {static_cast<int>(max(lo, ptrdiff_t{0})), static_cast<int>(min(hi, kLanes))};
}
inline Mask both(Mask a, Mask b) {
    return {a.first > b.first ? a.first : b.first, a.last < b.last ? a.last : b.last};
}
// Lanes outside the mask are neither read nor written; reading makes them zero.
inline Vec load_mask(const float* from, Mask m) {
    if (m.first == 0 && m.last == kLanes) return load(from);
    float lanes[kLanes] = {};
    for (int i = m.first; i < m.last; ++i) lanes[i] = from[i];
    return load(lanes);
}
inline void store_mask(float* to, Mask m, Vec v) {
    float lanes[kLanes];
    store(lanes, v);
    for (int i = m.first; i < m.last; ++i) to[i] = lanes[i];
}
// The first `count` lanes.
inline void store_first(float* to, Vec v, ptrdiff_t count) {
    if (count >= kLanes) return store(to, v);
    for (ptrdiff_t i = 0; i < count; ++i) to[i] = v[i];
}
// The first `count` lanes, whole numbers, as bytes.
inline void store_bytes(unsigned char* to, Vec v, ptrdiff_t count) {
    for (ptrdiff_t i = 0; i < count; ++i) to[i] = static_cast<unsigned char>(v[i]);
}

// kLanes bytes as floats.
inline Vec load_bytes(const unsigned char* from) {
    return Vec{static_cast<float>(from[0]), static_cast<float>(from[1]),
               static_cast<float>(from[2]), static_cast<float>(from[3])};
}

// even = a0 a2 b0 b2, odd = a1 a3 b1 b3
inline void deinterleave(Vec a, Vec b, Vec& even, Vec& odd) {
    even = vuzp1q_f32(a, b), odd = vuzp2q_f32(a, b);
}
// low = a0 b0 a1 b1, high = the other half
inline void interleave(Vec a, Vec b, Vec& low, Vec& high) {
    low = vzip1q_f32(a, b);
    high = vzip2q_f32(a, b);
}

inline void transpose(Vec (&r)[kLanes]) {
    const Vec a = vzip1q_f32(r[0], r[2]), b = vzip2q_f32(r[0], r[2]);
    const Vec c = vzip1q_f32(r[1], r[3]), d = vzip2q_f32(r[1], r[3]);
    r[0] = vzip1q_f32(a, c), r[1] = vzip2q_f32(a, c);
    r[2] = vzip1q_f32(b, d), r[3] = vzip2q_f32(b, d);
}

inline Magnitude no_magnitude() { return vdupq_n_u32(0); }
inline Magnitude magnitude(Magnitude most, Vec v) {
    return vmaxq_u32(most, vreinterpretq_u32_f32(vabsq_f32(v)));
}
inline bool below(Magnitude most, float limit) {
    return vminvq_u32(vcgtq_u32(vreinterpretq_u32_f32(vdupq_n_f32(limit)), most)) != 0;
}

// ---- max-pool indices, as in scalar.inl.h ----

using PoolIndices = uint32x4_t;
inline void copy_indices(const unsigned char* from, ptrdiff_t count, unsigned char (&to)[8]) {
    for (ptrdiff_t i = 0; i < kLanes; ++i) to[i] = i < count ? from[i] : kNoIndex;
}
inline PoolIndices load_indices(const unsigned char* from, ptrdiff_t count) {
    unsigned char few[8] = {};
    copy_indices(from, count, few);
    return vmovl_u16(vget_low_u16(vmovl_u8(vld1_u8(few))));
}
inline Vec where_index(PoolIndices i, int k, Vec v) {
    const uint32x4_t same = vceqq_u32(i, vdupq_n_u32(static_cast<unsigned>(k)));
    return vreinterpretq_f32_u32(vandq_u32(vreinterpretq_u32_f32(v), same));
}
inline Vec where_active(PoolIndices i, Vec v) {
    const uint32x4_t none = vceqq_u32(i, vdupq_n_u32(kNoIndex));
    return vreinterpretq_f32_u32(vbicq_u32(vreinterpretq_u32_f32(v), none));
}
inline Vec select_bit(PoolIndices i, int bit, Vec a, Vec b) {
    return vbslq_f32(vtstq_u32(i, vdupq_n_u32(static_cast<unsigned>(bit))), a, b);
}
