// What list_pixel computes: the channels of a window whose maxima lie at each of its taps, behind
// the `n` that are listed: gradients, and places in the weights. Gradients of zero pass nothing on,
// and are left out; up to a vector or all channels behind the list's end may be overwritten.

namespace training {

inline int list_pixel(const float* dy, const unsigned char* indices, ptrdiff_t channels,
                      ptrdiff_t taps, int stride, const Pixels& to, int n, int* ends) {
    int at[kLargest + 1] = {};  // the last one takes what is left out
    const auto tap_of = [&](ptrdiff_t o) {
        return dy[o] != 0.0f && indices[o] != kNoIndex ? ptrdiff_t{indices[o]} : taps;
    };
    for (ptrdiff_t o = 0; o < channels; ++o) ++at[tap_of(o)];
    for (ptrdiff_t k = 0; k < taps; ++k) {
        const int count = at[k];
        at[k] = n, n += count, ends[k] = n;
    }
    at[taps] = n;
    for (ptrdiff_t o = 0; o < channels; ++o) {
        const int i = at[tap_of(o)]++;
        to.values[i] = dy[o], to.places[i] = static_cast<int>(o) * stride;
    }
    return n;
}

}  // namespace training
