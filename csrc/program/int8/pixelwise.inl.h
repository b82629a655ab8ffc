// Results of a tile as bytes, pixel by pixel, for instruction sets whose vectors hold few of them.

namespace fast {

// The first channels of a block, in the order of channels.
template <int vecs>
void store_channels(uint8_t* to, const Sums (&sum)[vecs], const float* factor, int zero,
                    ptrdiff_t count) {
    if (count == vecs * kSums) return store_block(to, sum, factor, zero);
    uint8_t all[vecs * kSums];
    store_block(all, sum, factor, zero);
    __builtin_memcpy(to, all, count);
}

// Neighbouring pixels, `step` bytes apart.
template <int pixels, int vecs>
void store_pixels(uint8_t* to, ptrdiff_t step, const Sums (&sum)[pixels][vecs], const float* factor,
                  int zero, ptrdiff_t count) {
#pragma GCC unroll 12
    for (int p = 0; p < pixels; ++p) store_channels(to + p * step, sum[p], factor, zero, count);
}

}  // namespace fast
