// Sizes, as the kernels reckon with them. Included inside an ISA file's anonymous namespace: the
// standard library's templates would be merged by the linker across ISA files.

inline long min(long a, long b) { return a < b ? a : b; }
inline long max(long a, long b) { return a > b ? a : b; }
constexpr long round_up(long n, long to) { return (n + to - 1) / to * to; }

// The block of which a Winograd tile is a pool window: 3x3, stride 1, padding 1, and a 2x2 pool.
inline bool is_block3x3(const Shape& s) {
    return s.kernel.h == 3 && s.kernel.w == 3 && s.stride.h == 1 && s.stride.w == 1 &&
           s.padding.h == 1 && s.padding.w == 1 && s.pool_kernel.h == 2 && s.pool_kernel.w == 2 &&
           s.pool_stride.h == 2 && s.pool_stride.w == 2 && s.pool_padding.h == 0 &&
           s.pool_padding.w == 0;
}
