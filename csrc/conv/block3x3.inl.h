// The block of which a Winograd tile is a pool window: 3x3, stride 1, padding 1, and a 2x2 pool.
inline bool is_block3x3(const ConvShape& s) {
    return is_plain(s) && s.kernel.h == 3 && s.kernel.w == 3 && s.stride.h == 1 &&
           s.stride.w == 1 && s.padding.h == 1 && s.padding.w == 1 && s.pool_kernel.h == 2 &&
           s.pool_kernel.w == 2 && s.pool_stride.h == 2 && s.pool_stride.w == 2 &&
           s.pool_padding.h == 0 && s.pool_padding.w == 0;
}
