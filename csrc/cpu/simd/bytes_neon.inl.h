// As bytes_avx2.inl.h, for NEON; sums of four products take one instruction where there is one.

using Bytes = uint8x16_t;
using Sums = int32x4_t;
constexpr int kBytes = 16, kSums = 4, kRegisters = 32;

inline Bytes load(const void* from) { return vld1q_u8(static_cast<const uint8_t*>(from)); }
inline void store(void* to, Bytes v) { vst1q_u8(static_cast<uint8_t*>(to), v); }
inline void store_some(void* to, Bytes v, ptrdiff_t count) {
    uint8_t all[kBytes];
    store(all, v);
    __builtin_memcpy(to, all, count);
}
inline Sums load_sums(const void* from) { return vld1q_s32(static_cast<const int*>(from)); }
inline Bytes four(const uint8_t* from) {
    uint32_t word;
    __builtin_memcpy(&word, from, sizeof word);
    return vreinterpretq_u8_u32(vdupq_n_u32(word));
}
inline Sums zero() { return vdupq_n_s32(0); }
inline Sums add(Sums a, Sums b) { return vaddq_s32(a, b); }
inline Bytes every(int value) { return vdupq_n_u8(static_cast<uint8_t>(value)); }
inline Bytes no_bytes() { return vdupq_n_u8(0); }
inline Bytes largest(Bytes a, Bytes b) { return vmaxq_u8(a, b); }

// x - 128 by w, so that both have a sign.
struct Quads {
    static constexpr int kShift = 128;
    static bool takes(const int8_t* weight, ptrdiff_t count) {
        for (ptrdiff_t i = 0; i < count; ++i)
            if (weight[i] == -128) return false;  // two such products have 17 bits
        return true;
    }
    static Sums dot(Sums sum, Bytes x, Bytes w) {
        const int8x16_t a = vreinterpretq_s8_u8(veorq_u8(x, vdupq_n_u8(128)));
        const int8x16_t b = vreinterpretq_s8_u8(w);
#if defined(__ARM_FEATURE_DOTPROD)
        return vdotq_s32(sum, a, b);
#else
        const int16x8_t low = vmull_s8(vget_low_s8(a), vget_low_s8(b));
        return vpadalq_s16(sum, vpaddq_s16(low, vmull_high_s8(a, b)));
#endif
    }
};
using WideQuads = Quads;

constexpr int byte_of(int k, int lane) { return 4 * k + lane; }
inline void interleave(const uint8_t* const (&rows)[4], ptrdiff_t at, Bytes (&to)[4]) {
    const Bytes a = load(rows[0] + at), b = load(rows[1] + at);
    const Bytes c = load(rows[2] + at), d = load(rows[3] + at);
    const uint16x8_t ab_low = vreinterpretq_u16_u8(vzip1q_u8(a, b));
    const uint16x8_t ab_high = vreinterpretq_u16_u8(vzip2q_u8(a, b));
    const uint16x8_t cd_low = vreinterpretq_u16_u8(vzip1q_u8(c, d));
    const uint16x8_t cd_high = vreinterpretq_u16_u8(vzip2q_u8(c, d));
    to[0] = vreinterpretq_u8_u16(vzip1q_u16(ab_low, cd_low));
    to[1] = vreinterpretq_u8_u16(vzip2q_u16(ab_low, cd_low));
    to[2] = vreinterpretq_u8_u16(vzip1q_u16(ab_high, cd_high));
    to[3] = vreinterpretq_u8_u16(vzip2q_u16(ab_high, cd_high));
}

inline Sums scaled(Sums sum, const float* factor) {
    return vcvtnq_s32_f32(vmulq_f32(vcvtq_f32_s32(sum), vld1q_f32(factor)));
}
inline void store_scaled(float* to, Sums sum, const float* factor) {
    vst1q_f32(to, vmulq_f32(vcvtq_f32_s32(sum), vld1q_f32(factor)));
}
inline int16x8_t as_words(Sums low, Sums high, const float* factor, int zero) {
    const int16x4_t first = vqmovn_s32(scaled(low, factor));
    const int16x8_t both = vqmovn_high_s32(first, scaled(high, factor + 4));
    return vqaddq_s16(both, vdupq_n_s16(static_cast<short>(zero)));
}
inline Bytes as_bytes(const Sums (&sum)[4], const float* factor, int zero) {
    const int16x8_t low = as_words(sum[0], sum[1], factor, zero);
    return vqmovun_high_s16(vqmovun_s16(low), as_words(sum[2], sum[3], factor + 8, zero));
}

template <int shift>
int32x4_t sum_of(uint32x4_t a, uint32x4_t b, float left, float right, float rest) {
    const int32x4_t middle = vdupq_n_s32(shift);
    const float32x4_t x = vcvtq_f32_s32(vsubq_s32(vreinterpretq_s32_u32(a), middle));
    const float32x4_t z = vcvtq_f32_s32(vsubq_s32(vreinterpretq_s32_u32(b), middle));
    const float32x4_t second = vfmaq_f32(vdupq_n_f32(rest), z, vdupq_n_f32(right));
    return vcvtnq_s32_f32(vfmaq_f32(second, x, vdupq_n_f32(left)));
}
template <int shift>
int16x8_t sum_of(uint16x8_t a, uint16x8_t b, float left, float right, float rest) {
    const int32x4_t low =
        sum_of<shift>(vmovl_u16(vget_low_u16(a)), vmovl_u16(vget_low_u16(b)), left, right, rest);
    const int32x4_t high = sum_of<shift>(vmovl_high_u16(a), vmovl_high_u16(b), left, right, rest);
    return vqaddq_s16(vqmovn_high_s32(vqmovn_s32(low), high), vdupq_n_s16(shift));
}
template <int shift>
Bytes sum_of(Bytes a, Bytes b, float left, float right, float rest) {
    const int16x8_t low =
        sum_of<shift>(vmovl_u8(vget_low_u8(a)), vmovl_u8(vget_low_u8(b)), left, right, rest);
    const int16x8_t high = sum_of<shift>(vmovl_high_u8(a), vmovl_high_u8(b), left, right, rest);
    return vqmovun_high_s16(vqmovun_s16(low), high);
}

constexpr int kVecs = 4, kChains = 1;
constexpr int channel_of(int, int v, int lane) { return kSums * v + lane; }
template <int vecs>
void store_block(uint8_t* to, const Sums (&sum)[vecs], const float* factor, int zero) {
    for (int v = 0; v < vecs; v += 2) {
        const bool two = v + 1 < vecs;
        const int second = two ? v + 1 : v;
        const int16x8_t words = as_words(sum[v], sum[second], factor + kSums * v, zero);
        const uint8x8_t bytes = vqmovun_s16(words);
        if (two) {
            vst1_u8(to + kSums * v, bytes);
        } else {
            vst1_lane_u32(reinterpret_cast<uint32_t*>(to + kSums * v), vreinterpret_u32_u8(bytes),
                          0);
        }
    }
}
