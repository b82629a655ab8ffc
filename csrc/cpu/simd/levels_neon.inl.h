// Four 32-bit integers made of four bytes, for pixels, for NEON.
// Included inside an ISA file's anonymous namespace, after <arm_neon.h>.

using Four = int32x4_t;

inline Four four(int32_t value) { return vdupq_n_s32(value); }
inline Four add_product(Four sum, const uint8_t* levels, int32_t factor) {
    uint32_t bytes;
    __builtin_memcpy(&bytes, levels, 4);
    const uint16x4_t wide = vget_low_u16(vmovl_u8(vcreate_u8(bytes)));
    return vmlaq_n_s32(sum, vreinterpretq_s32_u32(vmovl_u16(wide)), factor);
}
// The integers over 2^bits, within 0 to 255.
template <int bits>
inline void store_levels(uint8_t* to, Four sum) {
    const uint16x4_t words = vqmovun_s32(vshrq_n_s32(sum, bits));
    const uint8x8_t levels = vqmovn_u16(vcombine_u16(words, words));
    __builtin_memcpy(to, &levels, 4);
}
