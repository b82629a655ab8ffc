// Sixteen 32-bit sums of bytes by factors, and pixels of four bytes; NEON.
// Included inside an ISA file's anonymous namespace, after <arm_neon.h>.

using Sums = int32x4x4_t;

inline Sums sums_of(int32_t value) {
    const int32x4_t four = vdupq_n_s32(value);
    return {{four, four, four, four}};
}
inline Sums add_products(Sums sums, const uint8_t* levels, int32_t factor) {
    const uint8x16_t bytes = vld1q_u8(levels);
    const int16x8_t low = vreinterpretq_s16_u16(vmovl_u8(vget_low_u8(bytes)));
    const int16x8_t high = vreinterpretq_s16_u16(vmovl_u8(vget_high_u8(bytes)));
    const auto wide = [](int16x4_t words) { return vmovl_s16(words); };
    return {{vmlaq_n_s32(sums.val[0], wide(vget_low_s16(low)), factor),
             vmlaq_n_s32(sums.val[1], wide(vget_high_s16(low)), factor),
             vmlaq_n_s32(sums.val[2], wide(vget_low_s16(high)), factor),
             vmlaq_n_s32(sums.val[3], wide(vget_high_s16(high)), factor)}};
}
// The sums over 2^bits, within 0 to 255.
template <int bits>
inline void store_levels(uint8_t* to, Sums sums) {
    const auto words = [&](int i) { return vqmovun_s32(vshrq_n_s32(sums.val[i], bits)); };
    const uint8x8_t low = vqmovn_u16(vcombine_u16(words(0), words(1)));
    const uint8x8_t high = vqmovn_u16(vcombine_u16(words(2), words(3)));
    vst1q_u8(to, vcombine_u8(low, high));
}

// Pixel i of row r becomes pixel r of row i, four of each; rows are so many bytes apart.
inline void transpose_pixels(const uint8_t* from, ptrdiff_t from_step, uint8_t* to,
                             ptrdiff_t to_step) {
    const auto row = [&](int r) { return vreinterpretq_u32_u8(vld1q_u8(from + r * from_step)); };
    const uint32x4x2_t even = vtrnq_u32(row(0), row(1)), odd = vtrnq_u32(row(2), row(3));
    const auto store_row = [&](int r, uint32x2_t left, uint32x2_t right) {
        vst1q_u8(to + r * to_step, vreinterpretq_u8_u32(vcombine_u32(left, right)));
    };
    store_row(0, vget_low_u32(even.val[0]), vget_low_u32(odd.val[0]));
    store_row(1, vget_low_u32(even.val[1]), vget_low_u32(odd.val[1]));
    store_row(2, vget_high_u32(even.val[0]), vget_high_u32(odd.val[0]));
    store_row(3, vget_high_u32(even.val[1]), vget_high_u32(odd.val[1]));
}
