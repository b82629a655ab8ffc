// What list_windows computes: behind the `counts` maxima of each channel that are listed, those of
// the windows first <= w < end, which are also added to each channel's total. Gradients of zero
// pass nothing on, and are left out.

namespace training {

inline void list_windows(const MaximaShape& s, const Maxima& m, const Places& p, const float* dy,
                         const unsigned char* indices, ptrdiff_t first, ptrdiff_t end, int* counts,
                         float* totals) {
    const ptrdiff_t channels = s.pool.channels;
    for (ptrdiff_t o = 0; o < channels; ++o) {
        float* values = m.values + o * m.room;
        int *places = m.places + o * m.room, n = counts[o];
        float total = totals[o];
        for (ptrdiff_t w = first; w < end; ++w) {
            const unsigned char index = indices[w * channels + o];
            unsigned bits;  // of the gradient, without a branch that nobody can foresee
            __builtin_memcpy(&bits, dy + w * channels + o, sizeof bits);
            bits &= (index == kNoIndex) - 1u;
            __builtin_memcpy(values + n, &bits, sizeof bits);
            total += values[n];
            places[n] = m.starts[w] + p.tap[index];
            n += bits << 1 != 0;
        }
        counts[o] = n, totals[o] = total;
    }
}

}  // namespace training
