// What list_windows computes: behind the `counts` maxima of each channel that are listed, those of
// the windows first <= w < end, which are also added to each channel's total. Gradients of zero
// pass nothing on, and are left out.

namespace training {

inline void list_windows(const MaximaShape& s, const Maxima& m, const Places& p, const float* dy,
                         const unsigned char* indices, long first, long end, int* counts,
                         float* totals) {
    const long channels = s.pool.channels;
    for (long o = 0; o < channels; ++o) {
        float* values = m.values + o * m.room;
        int *places = m.places + o * m.room, n = counts[o];
        for (long w = first; w < end; ++w) {
            const unsigned char index = indices[w * channels + o];
            const float value = index == kNoIndex ? 0.0f : dy[w * channels + o];
            values[n] = value, places[n] = m.starts[w] + p.tap[index];
            n += value != 0.0f, totals[o] += value;
        }
        counts[o] = n;
    }
}

}  // namespace training
