// The shapes that every kernel but the general one is for. Included inside an ISA file's anonymous
// namespace, and in that of who chooses kernels.

// ReLU and max-pool, one group, the same padding on both sides, no dilation and no residual.
inline bool is_plain(const ConvShape& s) {
    return s.groups == 1 && s.dilation.h == 1 && s.dilation.w == 1 && s.extra_padding.h == 0 &&
           s.extra_padding.w == 0 && s.low == 0.0f && s.high == __builtin_inff() && !s.residual;
}
